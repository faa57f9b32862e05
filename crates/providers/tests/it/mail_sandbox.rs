//! Mail against the sandbox, which was written from the contract by somebody else.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use evergrant::capability::{
    Body, BodyFormat, Flag, Forward, MailboxSettingsChanges, Message, MessageChanges, MessageQuery,
    NewAttachment, NewMessage, Once, Person, Reply,
};
use evergrant::gateway::Denial;
use evergrant::testing::{SeededEntropy, TestClock};
use evergrant::vault::Imported;
use evergrant::{Api, CallError, Request, Response, Secret, Transport, TransportError};
use evergrant_providers::microsoft::Settings as Microsoft;
use evergrant_sandbox::{Courier, InProcess, Stage, StageConfig};
use serde_json::Value;

use crate::graph::{MAIL, connect, mail, run, unanswered};
use crate::script::now;

const BASE: &str = "https://cloud.test";
pub(crate) const ADELE: &str = "adele@contoso.example";
pub(crate) const ALEX: &str = "alex@contoso.example";

/// A way to the stage on which the answer to one request is lost, and pages are as small as a test wants.
pub(crate) struct Lossy {
    inner: InProcess,
    state: Mutex<(usize, Option<usize>)>,
    pub(crate) pages: Mutex<Option<usize>>,
}

#[async_trait]
impl Transport for Lossy {
    async fn send(&self, mut request: Request) -> Result<Response, TransportError> {
        let size = *self.pages.lock().unwrap();
        if let (Some(size), Some(prefer)) = (size, request.headers_mut().get_mut("prefer")) {
            let kept = prefer.to_str().unwrap().split(", ");
            let kept: Vec<_> = kept.filter(|one| !one.starts_with("odata.maxpagesize")).collect();
            *prefer = format!("{}, odata.maxpagesize={size}", kept.join(", ")).parse().unwrap();
        }
        let answer = self.inner.send(request).await;
        let mut state = self.state.lock().unwrap();
        let (n, lost) = *state;
        state.0 += 1;
        if lost == Some(n) { Err(unanswered()) } else { answer }
    }
}

pub(crate) struct Play {
    stage: Stage,
    clock: TestClock,
}

pub(crate) struct Account {
    pub(crate) api: Api,
    pub(crate) line: Arc<Lossy>,
}

impl Play {
    pub(crate) fn new() -> Self {
        let clock = TestClock::at(now());
        let stage = evergrant_providers::sandbox::stage(StageConfig {
            seed: 1,
            strict_rotation: false,
            access_ttl: None,
            clock: Arc::new(clock.clone()),
            entropy: Arc::new(SeededEntropy::default()),
            courier: Courier::default(),
        });
        Self { stage, clock }
    }

    pub(crate) async fn run<T>(&self, work: impl Future<Output = T>) -> T {
        run(&self.clock, work).await
    }

    /// Somebody who signed in and granted these permissions.
    async fn account(&self, user: &str, scopes: &str) -> Account {
        self.connected("microsoft_outlook", user, scopes).await
    }

    /// The same, under any provider key.
    pub(crate) async fn connected(&self, key: &str, user: &str, scopes: &str) -> Account {
        let line = InProcess::new(&self.stage);
        let refresh = self.run(sign_in(&line, user, scopes)).await;
        let url = || Some(BASE.parse().unwrap());
        let microsoft = Microsoft {
            client_id: Some("sandbox-client".to_owned()),
            client_secret: Some("sandbox-secret".into()),
            login_url: url(),
            graph_url: url(),
            ..Microsoft::default()
        };
        let line =
            Arc::new(Lossy { inner: line, state: Mutex::default(), pages: Mutex::default() });
        let scopes = scopes.split(' ').map(str::to_owned).collect();
        let import = Imported { provider: key.into(), refresh, scopes: Some(scopes) };
        let api = connect(microsoft, line.clone(), &self.clock, import);
        Account { api: self.run(api).await, line }
    }

    /// What somebody else does; the answer is what was changed. `None` where it cannot be done.
    pub(crate) async fn direct(&self, what: &str, body: &Value) -> Option<Value> {
        let request = http::Request::post(format!("{BASE}/_sandbox/world/microsoft/{what}"));
        let body = Bytes::from(body.to_string());
        let answer = InProcess::new(&self.stage).send(request.body(body).unwrap()).await.unwrap();
        answer.status().is_success().then(|| serde_json::from_slice(answer.body()).unwrap())
    }

    async fn listed(&self, account: &Account, folder: &str, subject: &str) -> Vec<Message> {
        let query =
            MessageQuery { folder: Some(folder.to_owned()), limit: 50, ..MessageQuery::default() };
        let api = &account.api;
        let found = self.run(mail(api.provider()).messages(api, &query, None)).await.unwrap();
        found.results.into_iter().filter(|m| m.subject.as_deref() == Some(subject)).collect()
    }
}

/// The refresh token of a sign-in.
async fn sign_in(line: &InProcess, user: &str, scopes: &str) -> Secret {
    const REDIRECT: &str = "http://localhost:8400/callback";
    let form = |pairs: &[(&str, &str)]| {
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
    };
    let scope = format!("openid profile offline_access {scopes}");
    let query = form(&[
        ("client_id", "sandbox-client"),
        ("response_type", "code"),
        ("redirect_uri", REDIRECT),
        ("scope", &scope),
        ("state", "s"),
        ("nonce", "n"),
        ("prompt", "none"),
        ("login_hint", user),
    ]);
    let page = http::Request::get(format!("{BASE}/common/oauth2/v2.0/authorize?{query}"));
    let answer = line.send(page.body(Bytes::new()).unwrap()).await.unwrap();
    let back = answer.headers()["location"].to_str().unwrap();
    let back = url::Url::parse(back).unwrap();
    let (_, code) = back.query_pairs().find(|(name, _)| name == "code").unwrap();
    let body = form(&[
        ("grant_type", "authorization_code"),
        ("client_id", "sandbox-client"),
        ("client_secret", "sandbox-secret"),
        ("code", &code),
        ("redirect_uri", REDIRECT),
    ]);
    let token = http::Request::post(format!("{BASE}/common/oauth2/v2.0/token"))
        .header("content-type", "application/x-www-form-urlencoded");
    let answer = line.send(token.body(Bytes::from(body)).unwrap()).await.unwrap();
    let answer: Value = serde_json::from_slice(answer.body()).unwrap();
    answer["refresh_token"].as_str().unwrap().into()
}

fn once(seed: u64) -> Once {
    Once::random(&SeededEntropy::new(seed))
}

fn person(email: &str) -> Person {
    Person { name: None, email: Some(email.to_owned()) }
}

fn file(name: &str, bytes: usize) -> NewAttachment {
    let content = Bytes::from(vec![b'x'; bytes]);
    NewAttachment { name: name.to_owned(), content_type: None, content, content_id: None }
}

fn message(subject: &str) -> NewMessage {
    NewMessage {
        to: vec![person(ALEX)],
        subject: subject.to_owned(),
        body: Some(Body { format: BodyFormat::Html, content: "<p>Hello.</p>".to_owned() }),
        attachments: vec![file("a.txt", 100), file("large.bin", 3_700_000)],
        ..NewMessage::default()
    }
}

#[tokio::test]
async fn a_mailbox_is_used_as_people_use_it() {
    let play = Play::new();
    let adele = play.account(ADELE, MAIL).await;
    let alex = play.account(ALEX, MAIL).await;
    let (api, theirs) = (&adele.api, &alex.api);
    let (mine, other) = (mail(api.provider()), mail(theirs.provider()));
    let folders = play.run(mine.folders(api)).await.unwrap();
    let inbox = folders.iter().find(|folder| folder.name == "Inbox").unwrap();
    assert_eq!(inbox.parent_id, None);

    let sent = play.run(mine.send(api, once(1), &message("Planning"))).await.unwrap();
    let [arrived] = &play.listed(&alex, "inbox", "Planning").await[..] else { panic!("not one") };
    assert_eq!(arrived.message_id, sent.message_id);
    let [out] = &play.listed(&adele, "sentitems", "Planning").await[..] else { panic!("not one") };
    assert_eq!(out.id, sent.id, "ids stay the same");
    let read = play.run(other.message(theirs, &arrived.id, BodyFormat::Text)).await.unwrap();
    let files = read.attachments.unwrap();
    let names: Vec<_> = files.iter().map(|file| file.name.as_deref().unwrap()).collect();
    assert_eq!(names, ["a.txt", "large.bin"]);
    let large = play.run(other.attachment(theirs, &arrived.id, &files[1].id)).await.unwrap();
    let large = play.run(other.content(theirs, &arrived.id, &large)).await.unwrap();
    assert_eq!(large.len(), 3_700_000);
    assert_eq!(read.body.unwrap().content.trim(), "Hello.");

    let reply = Reply {
        body: Some(Body { format: BodyFormat::Html, content: "<p>Yes.</p>".to_owned() }),
        ..Reply::default()
    };
    play.run(other.reply(theirs, once(2), &arrived.id, &reply)).await.unwrap();
    let [answer] = &play.listed(&adele, "inbox", "RE: Planning").await[..] else { panic!("none") };
    let answer = play.run(mine.message(api, &answer.id, BodyFormat::Html)).await.unwrap();
    assert!(answer.body.unwrap().content.contains("<p>Yes.</p>"));
    let forward = Forward { to: vec![person(ADELE)], ..Forward::default() };
    play.run(other.forward(theirs, once(3), &arrived.id, &forward)).await.unwrap();
    let [handed] = &play.listed(&adele, "inbox", "FW: Planning").await[..] else { panic!("none") };
    assert_eq!(play.run(mine.attachments(api, &handed.id)).await.unwrap().len(), 2);

    let changes = MessageChanges {
        is_read: Some(true),
        flag: Some(Flag::Flagged),
        ..MessageChanges::default()
    };
    let version = arrived.version.as_deref();
    let stale = other.update_message(theirs, &arrived.id, &changes, Some("W/\"old\""));
    let stale = play.run(stale).await;
    let told = matches!(stale, Err(CallError::Denied { denial: Denial::ItemChanged, .. }));
    assert!(told, "{stale:?}");
    let after = play.run(other.update_message(theirs, &arrived.id, &changes, version)).await;
    let after = after.unwrap();
    assert_eq!((after.is_read, after.flag), (true, Flag::Flagged));

    for _ in 0..2 {
        play.run(other.delete_message(theirs, &arrived.id, false)).await.unwrap();
        assert_eq!(play.listed(&alex, "deleteditems", "Planning").await.len(), 1);
    }
    play.run(other.delete_message(theirs, &arrived.id, true)).await.unwrap();
    let gone = play.run(other.message(theirs, &arrived.id, BodyFormat::Text)).await;
    let missing = matches!(gone, Err(CallError::Denied { denial: Denial::ItemNotFound, .. }));
    assert!(missing, "{gone:?}");

    let zone = Some("Europe/Berlin".parse().unwrap());
    let changes = MailboxSettingsChanges { time_zone: zone, ..MailboxSettingsChanges::default() };
    let settings = play.run(mine.update_settings(api, &changes)).await.unwrap();
    assert_eq!(settings.time_zone.unwrap().name(), "Europe/Berlin");
}

#[tokio::test]
async fn a_draft_is_made_filled_and_sent() {
    let play = Play::new();
    let adele = play.account(ADELE, MAIL).await;
    let api = &adele.api;
    let mine = mail(api.provider());
    let wanted = message("A draft");
    let draft = play.run(mine.create_draft(api, once(4), &wanted)).await.unwrap();
    let again = play.run(mine.create_draft(api, once(4), &wanted)).await.unwrap();
    assert_eq!((&again.id, again.attachments.map(|files| files.len())), (&draft.id, Some(2)));
    let more = play.run(mine.attach(api, &draft.id, &file("a.txt", 5))).await.unwrap();
    assert_eq!(play.run(mine.attachments(api, &draft.id)).await.unwrap().len(), 3);
    play.run(mine.remove_attachment(api, &draft.id, &more.id)).await.unwrap();
    let changes = MessageChanges {
        subject: Some("Sent".to_owned()),
        to: Some(vec![person(ADELE)]),
        ..MessageChanges::default()
    };
    play.run(mine.update_message(api, &draft.id, &changes, None)).await.unwrap();
    let sent = play.run(mine.send_draft(api, once(9), &draft.id)).await.unwrap();
    assert_eq!(sent.id, draft.id);
    let again = play.run(mine.send_draft(api, once(9), &draft.id)).await;
    let told = matches!(again, Err(CallError::Denied { denial: Denial::Conflict, .. }));
    assert!(told, "{again:?}");
    // Sent to oneself there are two messages of one name; the one in the sent items counts.
    assert_eq!(play.listed(&adele, "inbox", "Sent").await.len(), 1);
    let found = play.run(mine.send(api, once(4), &wanted)).await.unwrap();
    assert_eq!(found.id, sent.id);
    assert_eq!(play.listed(&adele, "sentitems", "Sent").await.len(), 1);
}

#[tokio::test]
async fn a_file_of_any_size_around_the_line_between_the_two_ways_is_attached() {
    let play = Play::new();
    let adele = play.account(ADELE, MAIL).await;
    let api = &adele.api;
    let mine = mail(api.provider());
    let plain = NewMessage { attachments: Vec::new(), ..message("Sizes") };
    let draft = play.run(mine.create_draft(api, once(5), &plain)).await.unwrap();
    for size in [2_999_999, 3_000_000, 3_050_000, 3_100_000, 3_145_727, 3_145_728] {
        let name = format!("{size}.bin");
        let made = play.run(mine.attach(api, &draft.id, &file(&name, size))).await;
        let made = made.unwrap_or_else(|error| panic!("{size}: {error:?}"));
        assert_eq!(made.name.as_deref(), Some(&*name));
    }
    assert_eq!(play.run(mine.attachments(api, &draft.id)).await.unwrap().len(), 6);
}

#[tokio::test]
async fn who_has_no_mailbox_is_told_so() {
    let play = Play::new();
    let dana = play.account("dana@contoso.example", MAIL).await;
    let api = &dana.api;
    let refused = play.run(mail(api.provider()).settings(api)).await;
    let told = matches!(refused, Err(CallError::Denied { denial: Denial::NoMailbox, .. }));
    assert!(told, "{refused:?}");
}

#[tokio::test]
async fn lists_are_filtered_searched_and_followed_to_their_end() {
    let play = Play::new();
    let adele = play.account(ADELE, MAIL).await;
    let api = &adele.api;
    let mine = mail(api.provider());
    let mut query = MessageQuery { limit: 700, ..MessageQuery::default() };
    let mut all = Vec::new();
    let mut cursor = None;
    loop {
        let page = play.run(mine.messages(api, &query, cursor.as_ref())).await.unwrap();
        assert!(page.results.len() <= 700);
        all.extend(page.results);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert!(all.len() > 700 && all.is_sorted_by(|a, b| a.received_at >= b.received_at));
    let from = all[0].from.clone().unwrap().email;
    query = MessageQuery { limit: 100, from: from.clone(), is_read: Some(false), ..query };
    query.since = all.last().unwrap().received_at;
    let some = play.run(mine.messages(api, &query, None)).await.unwrap().results;
    let wanted = all.iter().filter(|m| {
        !m.is_read && m.from.as_ref().and_then(|p| p.email.as_deref()) == from.as_deref()
    });
    assert_eq!(some.len(), wanted.count());
    query.search = all[0].subject.clone();
    play.run(mine.messages(api, &query, None)).await.unwrap();
}

/// Sends while the answer to one request is lost, again if that fails, and looks what became of it.
/// Says how many requests there were.
async fn send_losing(lost: Option<usize>) -> usize {
    let play = Play::new();
    let adele = play.account(ADELE, MAIL).await;
    let alex = play.account(ALEX, MAIL).await;
    let api = &adele.api;
    *adele.line.state.lock().unwrap() = (0, lost);
    let wanted = message("Once");
    let mut outcome = play.run(mail(api.provider()).send(api, once(9), &wanted)).await;
    let steps = adele.line.state.lock().unwrap().0;
    if outcome.is_err() {
        outcome = play.run(mail(api.provider()).send(api, once(9), &wanted)).await;
    }
    let sent = outcome.unwrap();
    let inbox = play.listed(&alex, "inbox", "Once").await;
    assert_eq!(inbox.len(), 1, "step {lost:?}");
    let files = mail(alex.api.provider()).attachments(&alex.api, &inbox[0].id);
    assert_eq!(play.run(files).await.unwrap().len(), 2, "step {lost:?}");
    let out = play.listed(&adele, "sentitems", "Once").await;
    assert_eq!((out.len(), &out[0].id), (1, &sent.id), "step {lost:?}");
    assert!(play.listed(&adele, "drafts", "Once").await.is_empty(), "step {lost:?}");
    steps
}

#[tokio::test]
async fn whatever_answer_is_lost_the_sandbox_delivers_once() {
    let steps = send_losing(None).await;
    assert!(steps > 6, "only {steps} steps");
    for step in 0..steps {
        send_losing(Some(step)).await;
    }
}

#[tokio::test]
async fn what_was_not_granted_is_named() {
    let play = Play::new();
    let adele = play.account(ADELE, "Mail.Read User.Read").await;
    let api = &adele.api;
    let refused = play.run(mail(api.provider()).move_message(api, "x", "archive")).await;
    let Err(CallError::Denied { denial, failure }) = refused else { panic!("{refused:?}") };
    assert_eq!(denial, Denial::MissingScope { needed: vec!["Mail.ReadWrite".to_owned()] });
    assert!(failure.trace_id.is_some());
}
