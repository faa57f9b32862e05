//! A connected account whose calls to Graph a test answers.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, OnceLock};

use async_trait::async_trait;
use bytes::Bytes;
use evergrant::capability::Mail;
use evergrant::clock::until;
use evergrant::news::News;
use evergrant::provider::Provider;
use evergrant::seal::{Ring, Seal};
use evergrant::testing::{MemoryDisk, MemoryStore, SeededEntropy, TestClock};
use evergrant::vault::{Imported, Parts};
use evergrant::{
    Api, Clock, Entropy, Gateway, Request, Response, Tasks, Transport, TransportError, UserId,
    Vault,
};
use evergrant_providers::microsoft::Settings as Microsoft;
use evergrant_providers::{Settings, all};
use serde_json::{Value, json};

use crate::microsoft::signed;
use crate::script::now;

/// Where Graph is.
pub(crate) const ROOT: &str = "https://graph.microsoft.com/v1.0";
pub(crate) const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
/// All that mail needs.
pub(crate) const MAIL: &str =
    "Mail.Read Mail.ReadWrite Mail.Send MailboxSettings.Read MailboxSettings.ReadWrite User.Read";
/// How many turns everybody gets before the clock is moved.
const TURNS: usize = 16;

/// What answers a call.
pub(crate) type Answer = Result<Response, TransportError>;
type Answering = Box<dyn FnMut(&Request) -> Answer + Send>;

/// An account that is connected, and its calls so far.
pub(crate) struct Desk {
    pub(crate) api: Api,
    pub(crate) clock: TestClock,
    seen: Arc<Mutex<Vec<Request>>>,
}

struct Line {
    scopes: String,
    seen: Arc<Mutex<Vec<Request>>>,
    answering: Mutex<Answering>,
}

#[async_trait]
impl Transport for Line {
    async fn send(&self, request: Request) -> Answer {
        static SIGNED: OnceLock<(String, String)> = OnceLock::new();
        if request.uri().host() != Some("login.microsoftonline.com") {
            self.seen.lock().unwrap().push(request.clone());
            return (self.answering.lock().unwrap())(&request);
        }
        let (id_token, keys) = SIGNED.get_or_init(|| signed(TENANT));
        let path = request.uri().path();
        let body = if path.ends_with("/token") {
            json!({
                "access_token": "the-token", "refresh_token": "r", "expires_in": 86400,
                "scope": self.scopes, "id_token": id_token,
            })
            .to_string()
        } else if path.ends_with("/openid-configuration") {
            json!({
                "issuer": "https://login.microsoftonline.com/{tenantid}/v2.0",
                "jwks_uri": "https://login.microsoftonline.com/common/discovery/v2.0/keys",
            })
            .to_string()
        } else {
            keys.clone()
        };
        Ok(http::Response::new(Bytes::from(body)))
    }
}

impl Desk {
    /// An account of this provider key that granted these permissions.
    pub(crate) async fn new(
        key: &str,
        scopes: &str,
        answering: impl FnMut(&Request) -> Answer + Send + 'static,
    ) -> Self {
        let microsoft = Microsoft {
            client_id: Some("app".to_owned()),
            client_secret: Some("secret".into()),
            ..Microsoft::default()
        };
        Self::of(microsoft, key, scopes, answering).await
    }

    /// The same of another registration.
    pub(crate) async fn of(
        microsoft: Microsoft,
        key: &str,
        scopes: &str,
        answering: impl FnMut(&Request) -> Answer + Send + 'static,
    ) -> Self {
        let seen = Arc::default();
        let line = Line {
            scopes: scopes.to_owned(),
            seen: Arc::clone(&seen),
            answering: Mutex::new(Box::new(answering)),
        };
        let clock = TestClock::at(now());
        let import = Imported { provider: key.into(), refresh: "theirs".into(), scopes: None };
        let api = connect(microsoft, Arc::new(line), &clock, import).await;
        Self { api, clock, seen }
    }

    /// A mailbox that gives these answers, one after the other.
    pub(crate) async fn scripted(answers: impl IntoIterator<Item = Response>) -> Self {
        let mut answers: VecDeque<Response> = answers.into_iter().collect();
        Self::new("microsoft_outlook", MAIL, move |request| {
            Ok(answers.pop_front().unwrap_or_else(|| panic!("nobody asks {}", request.uri())))
        })
        .await
    }

    /// Everything that was asked of Graph, in order.
    pub(crate) fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    /// Runs `work` to its end, moving the clock whenever everybody waits for it.
    pub(crate) async fn run<T>(&self, work: impl Future<Output = T>) -> T {
        run(&self.clock, work).await
    }
}

/// Runs `work` to its end, moving the clock whenever everybody waits for it.
pub(crate) async fn run<T>(clock: &TestClock, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    loop {
        for _ in 0..TURNS {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = tokio::task::yield_now() => {}
            }
        }
        let next = clock.next_wakeup().unwrap();
        clock.advance(until(clock.now(), next));
    }
}

/// A vault behind these parts, and an account in it that was connected so.
pub(crate) async fn connect(
    microsoft: Microsoft,
    http: Arc<dyn Transport>,
    clock: &TestClock,
    import: Imported,
) -> Api {
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::default());
    let store = Arc::new(MemoryStore::new(Arc::clone(&shared)));
    let (providers, _) = all(&Settings { microsoft, ..Settings::default() }).unwrap();
    let ring = Ring::parse(&Ring::generate(&*entropy)).unwrap();
    let vault = Vault::new(Parts {
        news: News::begin(store.clone(), Arc::clone(&shared)).await.unwrap(),
        store,
        spool: Arc::new(MemoryDisk::default().spool(&*shared, &*entropy)),
        providers,
        seal: Seal::new(ring, Arc::clone(&shared), Arc::clone(&entropy)),
        http,
        clock: shared,
        entropy: Arc::clone(&entropy),
        tasks: Tasks::default(),
        tenant: "default".to_owned(),
    });
    let owner = UserId::new(clock, &*entropy);
    let integration = vault.import(owner, import).await.unwrap();
    Gateway::new(vault).open(owner, integration.id).await.unwrap()
}

/// The mailbox of the account.
pub(crate) fn mail(provider: &Arc<dyn Provider>) -> &dyn Mail {
    provider.mail().unwrap()
}

/// A recorded exchange, of Graph or of what it shares with the identity platform.
pub(crate) fn example(name: &str) -> Value {
    let fixtures = format!("{}/src/microsoft/fixtures", env!("CARGO_MANIFEST_DIR"));
    let text = ["/graph", "/subscriptions", ""]
        .iter()
        .find_map(|folder| std::fs::read_to_string(format!("{fixtures}{folder}/{name}.json")).ok());
    serde_json::from_str(&text.unwrap_or_else(|| panic!("no example {name}"))).unwrap()
}

/// A recorded answer.
pub(crate) fn answer(name: &str) -> Response {
    let recorded = example(name);
    let response = &recorded["response"];
    let status = u16::try_from(response["status"].as_u64().unwrap()).unwrap();
    let mut made = http::Response::builder().status(status);
    for (header, value) in response["headers"].as_object().into_iter().flatten() {
        made = made.header(header, value.as_str().unwrap());
    }
    let body = response.get("body").map(Value::to_string).unwrap_or_default();
    made.body(Bytes::from(body)).unwrap()
}

/// An answer of a test's own.
pub(crate) fn said(status: u16, body: &Value) -> Response {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    http::Response::builder().status(status).body(Bytes::from(body)).unwrap()
}

pub(crate) fn unanswered() -> TransportError {
    TransportError::Unanswered {
        host: "graph.microsoft.com".to_owned(),
        detail: "scripted".to_owned(),
    }
}

/// The parameters of a request.
pub(crate) fn query(request: &Request) -> Vec<(String, String)> {
    let query = request.uri().query().unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

pub(crate) fn header<'a>(request: &'a Request, name: &str) -> &'a str {
    request.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

/// Percent-decoded.
pub(crate) fn decoded(path: &str) -> String {
    // A form's way of reading: what is not percent-encoded must not be taken for its syntax.
    let plain = path.replace('+', "%2B").replace('=', "%3D").replace('&', "%26");
    url::form_urlencoded::parse(plain.as_bytes()).map(|(name, _)| name.into_owned()).collect()
}

/// A request is the recorded one, or asks for more: its parameters but those named are the same, so are
/// the headers that matter, and the recorded body is part of its body.
pub(crate) fn assert_asks(request: &Request, name: &str, but: &[&str]) {
    let recorded = example(name);
    let recorded = &recorded["request"];
    let url = url::Url::parse(recorded["url"].as_str().unwrap()).unwrap();
    assert_eq!(request.method().as_str(), recorded["method"], "{name}");
    let (ours, theirs) = (decoded(request.uri().path()), decoded(url.path()));
    assert_eq!(ours, theirs, "{name}");
    assert_eq!(request.uri().host(), url.host_str(), "{name}");
    let ours = query(request);
    for (parameter, value) in url.query_pairs() {
        let found = ours.iter().find(|(name, _)| *name == parameter);
        if !but.contains(&&*parameter) {
            assert_eq!(found.map(|(_, value)| value.as_str()), Some(&*value), "{name} {parameter}");
        }
    }
    assert_eq!(header(request, "authorization"), "Bearer the-token", "{name}");
    assert!(header(request, "prefer").contains("IdType=\"ImmutableId\""), "{name}");
    for (header_name, value) in recorded["headers"].as_object().into_iter().flatten() {
        let (found, value) = (header(request, header_name), value.as_str().unwrap());
        match header_name.as_str() {
            "Authorization" => {}
            "Prefer" => assert!(found.contains(value), "{name}: {found}"),
            _ => assert_eq!(found, value, "{name} {header_name}"),
        }
    }
    if let Some(body) = recorded.get("body") {
        let ours: Value = serde_json::from_slice(request.body()).unwrap();
        assert_within(body, &ours, name);
    }
}

/// What was recorded is part of what is sent. Words are compared in any case, as over there.
pub(crate) fn assert_within(recorded: &Value, ours: &Value, at: &str) {
    match (recorded, ours) {
        (Value::Object(recorded), Value::Object(ours)) => {
            for (name, value) in recorded {
                let at = format!("{at}/{name}");
                assert_within(value, ours.get(name).unwrap_or_else(|| panic!("no {at}")), &at);
            }
        }
        (Value::Array(recorded), Value::Array(ours)) => {
            assert_eq!(recorded.len(), ours.len(), "{at}");
            recorded
                .iter()
                .zip(ours)
                .for_each(|(recorded, ours)| assert_within(recorded, ours, at));
        }
        (Value::String(recorded), Value::String(ours)) => {
            assert!(recorded.eq_ignore_ascii_case(ours), "{at}: {recorded} and {ours}");
        }
        _ => assert_eq!(recorded, ours, "{at}"),
    }
}
