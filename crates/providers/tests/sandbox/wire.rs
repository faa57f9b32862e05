//! The sandbox on real sockets.

use std::sync::Arc;

use evergrant::{HttpLimits, HttpTransport, SystemClock, Transport as _, TransportError};
use evergrant_sandbox::{Listen, ListenError, Listening, StageConfig};
use serde_json::json;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::play::{Play, TOKEN, config, encode};

/// A play whose transport is a real client, and the server's end.
struct Wired {
    play: Play,
    plain: String,
    stop: oneshot::Sender<()>,
    server: JoinSet<std::io::Result<()>>,
}

fn wired() -> Wired {
    let stage = evergrant_providers::sandbox::stage(StageConfig {
        clock: Arc::new(SystemClock::default()),
        ..config()
    });
    let any_port = Some(([127, 0, 0, 1], 0).into());
    let listen = Listen { http: any_port, https: any_port, ca: None };
    let listening = Listening::bind(stage.clone(), &listen).unwrap();
    let base = format!("https://localhost:{}", listening.https().unwrap().port());
    let plain = format!("http://localhost:{}", listening.http().unwrap().port());
    let roots = listening.ca_pem().as_bytes();
    let http = HttpTransport::new(HttpLimits::default(), Some(roots)).unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let mut server = JoinSet::new();
    server.spawn(listening.serve(async {
        let _ = stopped.await;
    }));
    let play = Play { stage, http: Box::new(http), base };
    Wired { play, plain, stop, server }
}

#[tokio::test]
async fn a_client_that_trusts_the_authority_goes_all_the_way() {
    let Wired { mut play, plain, stop, mut server } = wired();
    let tokens = play.sign_in().await;
    let token = tokens["access_token"].as_str().unwrap();
    assert_eq!(play.graph("GET", "/v1.0/me", token).await.status, 200);
    let discovery = "/common/v2.0/.well-known/openid-configuration";
    let issuer = play.get(discovery).await.ok()["issuer"].clone();
    assert_eq!(issuer, format!("{}/{{tenantid}}/v2.0", play.base).as_str());

    play.base = plain;
    let issuer = play.get(discovery).await.ok()["issuer"].clone();
    assert_eq!(issuer, format!("{}/{{tenantid}}/v2.0", play.base).as_str(), "no TLS, no https");

    stop.send(()).unwrap();
    server.join_next().await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_client_that_does_not_trust_the_authority_goes_nowhere() {
    let Wired { play, stop: _stop, server: _server, .. } = wired();
    let stranger = HttpTransport::new(HttpLimits::default(), None).unwrap();
    let outcome = stranger.send(play.request("GET", "/", &[], String::new())).await;
    assert!(matches!(outcome, Err(TransportError::Unsent { .. })), "{outcome:?}");
}

#[tokio::test]
async fn the_connection_breaks_without_an_answer_and_the_effect_stays() {
    let Wired { play, stop: _stop, server: _server, .. } = wired();
    let token = play.sign_in().await["refresh_token"].as_str().unwrap().to_owned();
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "sandbox-client"),
        ("client_secret", "sandbox-secret"),
        ("refresh_token", token.as_str()),
    ];
    for (deed, refreshes) in [("drop", 0), ("drop_after_commit", 1)] {
        play.fault(json!({ "where": "microsoft.token", "do": { deed: true } })).await;
        let outcome = play.try_post(TOKEN, &form).await;
        assert!(matches!(outcome, Err(TransportError::Unanswered { .. })), "{deed}: {outcome:?}");
        assert_eq!(play.counts().refreshes, refreshes, "{deed}");
    }
    play.refresh(&token, &[]).await.ok();
}

#[tokio::test]
async fn over_http_1_not_a_byte_comes_back() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let Wired { play, plain, stop: _stop, server: _server } = wired();
    play.fault(json!({ "where": "microsoft.token", "do": { "drop_after_commit": true } })).await;
    let address = plain.trim_start_matches("http://").to_owned();
    let mut socket = tokio::net::TcpStream::connect(&address).await.unwrap();
    let body = encode(&[("grant_type", "nonsense")]);
    let length = body.len();
    let request = format!(
        "POST {TOKEN} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut received = Vec::new();
    socket.read_to_end(&mut received).await.unwrap();
    assert_eq!(received, b"");
    assert_eq!(play.stage.ledger().summary().faults, 1);
}

#[tokio::test]
async fn a_cut_body_promises_more_than_it_holds() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let Wired { play, plain, stop: _stop, server: _server } = wired();
    let deed = json!({ "status": 200, "body": "0123456789", "truncate": 4 });
    play.fault(json!({ "where": "microsoft.token", "times": 2, "do": deed })).await;
    let address = plain.trim_start_matches("http://").to_owned();
    let mut socket = tokio::net::TcpStream::connect(&address).await.unwrap();
    let request = format!("POST {TOKEN} HTTP/1.1\r\nhost: {address}\r\ncontent-length: 0\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut received = String::new();
    // The server may end the connection as roughly as it likes.
    let _ = socket.read_to_string(&mut received).await;
    let (head, body) = received.split_once("\r\n\r\n").unwrap();
    assert!(head.to_lowercase().contains("content-length: 10"), "{head}");
    assert_eq!(body, "0123");
    let outcome = play.try_post(TOKEN, &[("grant_type", "x")]).await;
    assert!(matches!(outcome, Err(TransportError::Unanswered { .. })), "{outcome:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn the_certificate_is_written_for_everybody_to_read() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let stage = evergrant_providers::sandbox::stage(config());
    let listen =
        Listen { https: Some(([127, 0, 0, 1], 0).into()), http: None, ca: Some(file.clone()) };
    let listening = Listening::bind(stage, &listen).unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), listening.ca_pem());
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o644);
}

#[tokio::test]
async fn without_an_address_there_is_nothing_to_serve() {
    let stage = evergrant_providers::sandbox::stage(config());
    let outcome = Listening::bind(stage, &Listen::default());
    assert!(matches!(outcome, Err(ListenError::Nowhere)));
}
