//! Connecting from a terminal: the browser comes back to a port of this machine alone.

use serde_json::json;
use url::Url;

use crate::bench::{ADELE, ALEX, Bench, PROVIDER, Process};

/// A `connect` that waits for the browser: the page to sign in at, and where that leads back to.
async fn begun(bench: &Bench, more: &[&str]) -> (Process, Url, Url) {
    let connecting = bench.start(&[&["connect", PROVIDER, "--no-browser"], more].concat());
    let page = Url::parse(&connecting.line_of_stderr("https://").await).unwrap();
    let back = page.query_pairs().find(|(name, _)| name == "redirect_uri");
    let back = Url::parse(&back.unwrap().1).unwrap();
    (connecting, page, back)
}

/// The addresses that listen on `port`, as the kernel writes them.
fn listeners(port: u16) -> Vec<String> {
    let mut found = Vec::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        for line in std::fs::read_to_string(table).unwrap().lines().skip(1) {
            let fields: Vec<_> = line.split_whitespace().collect();
            let (address, at) = fields[1].split_once(':').unwrap();
            // 0A is the state of a listener.
            if fields[3] == "0A" && u16::from_str_radix(at, 16).unwrap() == port {
                found.push(address.to_owned());
            }
        }
    }
    found
}

#[tokio::test]
async fn the_id_stands_alone_on_stdout_and_the_port_is_open_only_meanwhile() {
    let bench = Bench::new().await;
    let (connecting, page, back) = begun(&bench, &[]).await;
    let port = back.port().unwrap();
    assert_eq!(listeners(port), ["0100007F"], "127.0.0.1 and nothing else");
    assert_eq!(connecting.stdout(), "");
    let redirect = bench.sign_in(page.as_str(), ADELE).await;
    bench.http.get(redirect).send().await.unwrap();
    let done = connecting.done().await;
    assert_eq!(done.code, 0, "{done:?}");
    let id = done.out.strip_suffix('\n').unwrap();
    assert!(id.starts_with("int_") && id.len() == 36, "{done:?}");
    assert!(done.err.contains(ADELE), "{done:?}");
    assert!(listeners(port).is_empty());
    // The same account again is the same integration.
    assert_eq!(bench.connect(&[]).await, id);
}

#[tokio::test]
async fn a_refusal_is_said_and_nothing_is_connected() {
    let bench = Bench::new().await;
    let (connecting, page, _) = begun(&bench, &[]).await;
    let declined = json!({ "aadsts": 65_004 });
    bench.sandbox.fault("microsoft.authorize", 1, declined).await;
    let redirect = bench.sign_in(page.as_str(), ADELE).await;
    assert!(redirect.as_str().contains("error=access_denied"), "{redirect}");
    bench.http.get(redirect).send().await.unwrap();
    let done = connecting.done().await;
    assert_eq!((done.code, done.out.as_str()), (1, ""), "{done:?}");
    assert!(done.err.contains("Start again and agree"), "{done:?}");
    assert_eq!(bench.ok(&["integrations", "--json"]).await, "[]");
}

#[tokio::test]
async fn a_stranger_at_the_port_changes_nothing() {
    let bench = Bench::new().await;
    let (connecting, page, back) = begun(&bench, &[]).await;
    for query in ["code=stolen&state=wrong", "code=stolen", "error=access_denied&state=x", ""] {
        let mut attack = back.clone();
        attack.set_query(Some(query));
        let answer = bench.http.get(attack).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{query}");
        assert!(!answer.text().await.unwrap().contains("stolen"));
    }
    assert_eq!(bench.sandbox.count("codes_refused").await, 0);
    let redirect = bench.sign_in(page.as_str(), ADELE).await;
    assert_eq!(bench.http.get(redirect).send().await.unwrap().status(), 200);
    assert_eq!(connecting.done().await.code, 0);
}

#[tokio::test]
async fn another_account_does_not_take_the_place_of_a_lost_one() {
    let bench = Bench::new().await;
    let id = bench.connect(&[]).await;
    bench.sandbox.revoke_sessions().await;
    assert_eq!(bench.run(&["doctor", &id]).await.code, 3);
    let (connecting, page, _) = begun(&bench, &["--integration", &id]).await;
    // The page asks for the account that was there before; Alex signs in all the same.
    let page = page.as_str().replace(&ADELE.replace('@', "%40"), "");
    let page = page.replace("login_hint=&", "").replace("&login_hint=", "");
    let redirect = bench.sign_in(&page, ALEX).await;
    bench.http.get(redirect).send().await.unwrap();
    let done = connecting.done().await;
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.err.contains(ALEX) && done.err.contains(ADELE), "{done:?}");
    assert_eq!(bench.connect(&["--integration", &id]).await, id);
    bench.ok(&["token", &id]).await;
}

#[tokio::test]
async fn a_token_from_elsewhere_is_read_from_stdin_or_a_file_and_never_repeated() {
    let bench = Bench::new().await;
    let token = "canary-refresh-token";
    std::fs::write(bench.path("token"), token).unwrap();
    let ask: [&[&str]; 2] = [&["import", PROVIDER], &["import", PROVIDER, "--token-file", "token"]];
    for arguments in ask {
        // Nobody issued it, so that nothing is connected.
        let done = bench.run_with(arguments, token).await;
        assert_eq!((done.code, done.out.as_str()), (1, ""), "{done:?}");
        assert!(!done.err.contains(token), "{done:?}");
    }
    assert_eq!(bench.ok(&["integrations", "--json"]).await, "[]");
}

#[tokio::test]
async fn a_provider_without_a_form_takes_no_fields() {
    let bench = Bench::new().await;
    let arguments = ["connect", PROVIDER, "--no-browser", "--field", "login=adele"];
    let done = bench.run(&arguments).await;
    assert_eq!(done.code, 2, "{done:?}");
    assert!(done.err.contains("has no form"), "{done:?}");
}
