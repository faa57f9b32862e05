//! The worst a server can do to a connection, over real sockets.

use std::io::{Read as _, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;

use evergrant::provider::{AuthError, RefreshAsk};
use evergrant::{HttpLimits, HttpTransport};
use evergrant_providers::microsoft::Settings as Microsoft;
use evergrant_providers::{Settings, all};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::script::{grant, now};

/// The most that is read of an answer here; the program reads no more than four times that.
const LIMIT: usize = 1 << 20;
/// What buffers on the way may hold besides, in bytes.
const BUFFERS: u64 = 24 << 20;

/// What a server writes; what it is given says whether the client still takes it.
type Play = fn(&mut dyn FnMut(&[u8]) -> bool);

/// Serves one connection and counts what it took. `play` writes after the request was read.
fn serve<S: std::io::Read + Write>(stream: &mut S, play: Play) -> u64 {
    let mut request = [0; 8192];
    let mut read = 0;
    while !request[..read].windows(4).any(|w| w == b"\r\n\r\n") && read < request.len() {
        match stream.read(&mut request[read..]) {
            Ok(0) | Err(_) => return 0,
            Ok(more) => read += more,
        }
    }
    let head = String::from_utf8_lossy(&request[..read]).to_lowercase();
    assert!(!head.contains("accept-encoding"), "compressed answers are not asked for");
    let mut taken = 0;
    play(&mut |bytes| {
        let done = stream.write_all(bytes).is_ok();
        taken += if done { bytes.len() as u64 } else { 0 };
        done
    });
    taken
}

fn listen(play: Play) -> (String, JoinHandle<u64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        serve(&mut stream, play)
    });
    (url, server)
}

async fn ask(url: &str, roots: Option<&[u8]>) -> (String, bool) {
    let microsoft = Microsoft {
        client_id: Some("app".to_owned()),
        client_secret: Some("secret".into()),
        login_url: Some(url.parse().unwrap()),
        ..Microsoft::default()
    };
    let (providers, _) = all(&Settings { microsoft, ..Settings::default() }).unwrap();
    let limits = HttpLimits { body: LIMIT, ..HttpLimits::default() };
    let http = HttpTransport::new(limits, roots).unwrap();
    let held = grant();
    let provider = providers.find(&"microsoft_outlook".into()).unwrap();
    let answer = provider.refresh(&http, now(), RefreshAsk { grant: &held, claims: None }).await;
    match answer {
        Err(AuthError::Unavailable { failure, sent, .. }) => (failure.code, sent),
        other => panic!("{other:?}"),
    }
}

/// The memory of this process, in bytes.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm.split(' ').nth(1).and_then(|p| p.parse().ok()).unwrap_or_default();
    pages * 4096
}

fn gigabyte(write: &mut dyn FnMut(&[u8]) -> bool) {
    write(b"HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n");
    let chunk = vec![b'a'; 1 << 16];
    for _ in 0..1 << 14 {
        if !write(&chunk) {
            return;
        }
    }
}

fn endless_body(write: &mut dyn FnMut(&[u8]) -> bool) {
    write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
    let mut chunk = b"10000\r\n".to_vec();
    chunk.extend(vec![b'{'; 1 << 16]);
    chunk.extend(b"\r\n");
    for _ in 0..1 << 14 {
        if !write(&chunk) {
            return;
        }
    }
}

/// Deflate in which every 13 bits stand for 258 zeros: half a megabyte that unpacks to 83.
fn gzip_bomb(write: &mut dyn FnMut(&[u8]) -> bool) {
    let mut bits = vec![true, true, false];
    // The literal 0, then «258 bytes, one back» over and over (RFC 1951, section 3.2.6).
    bits.extend([false, false, true, true, false, false, false, false]);
    let again = [1, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0];
    for _ in 0..322_000 {
        bits.extend(again.map(|bit| bit == 1));
    }
    bits.extend([false; 7]);
    let mut body = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    body.extend(bits.chunks(8).map(|byte| {
        byte.iter().enumerate().fold(0_u8, |sum, (n, bit)| sum | (u8::from(*bit) << n))
    }));
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    write(head.as_bytes());
    write(&body);
}

fn endless_headers(write: &mut dyn FnMut(&[u8]) -> bool) {
    write(b"HTTP/1.1 200 OK\r\n");
    let lines = b"x-more: and-more-and-more-and-more\r\n".repeat(1000);
    for _ in 0..1 << 14 {
        if !write(&lines) {
            return;
        }
    }
}

fn cut(write: &mut dyn FnMut(&[u8]) -> bool) {
    write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"access_token\":\"a\"");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_a_server_sends_fills_the_memory_or_passes_for_an_answer() {
    let before = resident();
    let lost = "provider_connection_lost";
    let cases: [(&str, Play, &str); 6] = [
        ("a gigabyte", gigabyte, "provider_answer_too_large"),
        ("a body without end", endless_body, "provider_answer_too_large"),
        ("a gzip bomb", gzip_bomb, "provider_answer_too_large"),
        ("headers without end", endless_headers, lost),
        ("reset in the middle", cut, lost),
        ("closed before the status", |_| {}, lost),
    ];
    for (name, play, code) in cases {
        let (url, server) = listen(play);
        let (found, sent) = ask(&url, None).await;
        let taken = server.join().unwrap();
        assert!(sent, "{name}");
        assert!(taken < BUFFERS, "{name}: {taken} bytes were taken");
        // A small bomb is read to its end and is no JSON.
        let unread = name == "a gzip bomb" && found == "provider_answer_too_large";
        assert!(found == code || unread, "{name}: {found}");
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes more in memory");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_never_left_is_known_to_be_unsent() {
    let gone = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    assert_eq!(ask(&gone, None).await, ("provider_connection_refused".to_owned(), false));
    let nowhere = ask("http://name.invalid", None).await;
    assert_eq!(nowhere, ("provider_name_unresolved".to_owned(), false));
    // Something that is no TLS answers where TLS is spoken.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
        let mut rest = [0; 1024];
        while matches!(stream.read(&mut rest), Ok(1..)) {}
    });
    let (_, sent) = ask(&url, None).await;
    assert!(!sent);
    server.join().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_tls_a_stranger_gets_nothing_and_a_cut_answer_is_lost() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let pem = made.cert.pem();
    for (roots, code, sent) in [
        (None, "provider_tls_failed", false),
        (Some(pem.as_bytes()), "provider_connection_lost", true),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let config = Arc::clone(&config);
        let server = std::thread::spawn(move || {
            let (mut stream, _): (TcpStream, _) = listener.accept().unwrap();
            let mut session = rustls::ServerConnection::new(config).unwrap();
            let mut tls = rustls::Stream::new(&mut session, &mut stream);
            serve(&mut tls, cut)
        });
        let found = ask(&url, roots).await;
        assert_eq!(found, (code.to_owned(), sent));
        server.join().unwrap();
    }
}
