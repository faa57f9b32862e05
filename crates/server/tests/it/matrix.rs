//! Who may do what to whose: every operation of the description against every kind of caller. An
//! operation that is not in the table fails the first test.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use evergrant::Clock;
use evergrant_server::principal::Permission;
use evergrant_server::problem::Code;
use evergrant_store::Holder;
use serde_json::{Value, json};

use crate::acme::CALENDAR;
use crate::app::{TestApp, at};
use crate::caller::{Answer, Caller};
use crate::reference::API;
use crate::shelf::segment;

/// One operation, the permission it takes, and a body it accepts: JSON, or the name of a schema whose
/// example it is.
pub(crate) struct Operation {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    permission: Option<Permission>,
    body: Option<&'static str>,
}

const fn operation(
    method: &'static str,
    path: &'static str,
    permission: Option<Permission>,
    body: Option<&'static str>,
) -> Operation {
    Operation { method, path, permission, body }
}

const READ: Option<Permission> = Some(Permission::IntegrationsRead);
const WRITE: Option<Permission> = Some(Permission::IntegrationsWrite);
const CALENDAR_READ: Option<Permission> = Some(Permission::CalendarRead);
const CALENDAR_WRITE: Option<Permission> = Some(Permission::CalendarWrite);
const MAIL_READ: Option<Permission> = Some(Permission::MailRead);
const MAIL_WRITE: Option<Permission> = Some(Permission::MailWrite);
const MAIL_SEND: Option<Permission> = Some(Permission::MailSend);
const MEETINGS_READ: Option<Permission> = Some(Permission::MeetingsRead);
const MEETINGS_WRITE: Option<Permission> = Some(Permission::MeetingsWrite);
const MARKETS_READ: Option<Permission> = Some(Permission::MarketsRead);
const MARKETS_WRITE: Option<Permission> = Some(Permission::MarketsWrite);
const MARKETS_TRADE: Option<Permission> = Some(Permission::MarketsTrade);
/// Or that to read mail: what is copied of each is shown to whoever may read that.
const EITHER: Option<Permission> = CALENDAR_READ;
const OPERATIONS_READ: Option<Permission> = Some(Permission::OperationsRead);
const ONE: &str = "/api/integrations/{id}/";

#[rustfmt::skip]
pub(crate) const OPERATIONS: &[Operation] = &[
    operation("POST", "/api/integrations/oauth/initiate/", WRITE, Some(r#"{"provider":"acme_calendar"}"#)),
    operation("POST", "/api/integrations/oauth/callback/", WRITE, Some(r#"{"provider":"acme_calendar","state":"x","code":"y"}"#)),
    operation("POST", "/api/integrations/oauth/consent/", WRITE, Some(r#"{"provider":"acme_calendar"}"#)),
    operation("POST", "/api/integrations/import/", WRITE, Some(r#"{"provider":"acme_calendar","refresh_token":"refresh-adele"}"#)),
    operation("POST", "/api/integrations/application/", Some(Permission::ApplicationsConnect), Some(r#"{"provider":"acme_directory"}"#)),
    operation("GET", "/api/integrations/oauth/callback/{provider}/", None, None),
    operation("GET", "/api/integrations/oauth/done/", None, None),
    operation("GET", "/api/integrations/oauth/reconnect/{link}/", None, None),
    operation("GET", "/api/integrations/calendar-events/", CALENDAR_READ, None),
    operation("GET", "/api/integrations/email-messages/", MAIL_READ, None),
    operation("GET", "/api/integrations/changes/", EITHER, None),
    operation("GET", "/api/integrations/", READ, None),
    operation("GET", ONE, READ, None),
    operation("PATCH", ONE, WRITE, Some(r#"{"label":"Work"}"#)),
    operation("POST", "/api/integrations/{id}/sync/", EITHER, Some(r#"{"sync_type":"full"}"#)),
    operation("GET", "/api/integrations/{id}/sync/", EITHER, None),
    operation("GET", "/api/integrations/{id}/sync/{sync}/", EITHER, None),
    operation("GET", "/api/integrations/{id}/profile/", Some(Permission::ProfileRead), None),
    operation("GET", "/api/integrations/{id}/token/", Some(Permission::TokensRead), None),
    operation("POST", "/api/integrations/{id}/token/", Some(Permission::TokensRead), Some(r#"{"refused":"old"}"#)),
    operation("GET", "/health/live", None, None),
    operation("GET", "/health/ready", None, None),
    operation("GET", "/api/integrations/{id}/doctor/", READ, None),
    operation("GET", "/api/registrations/", OPERATIONS_READ, None),
    operation("GET", "/api/notices/", OPERATIONS_READ, None),
    operation("POST", "/api/notifications/{provider}/{secret}/", None, None),
    operation("GET", "/api/integrations/{id}/calendars/", CALENDAR_READ, None),
    operation("GET", "/api/integrations/{id}/calendar-events/", CALENDAR_READ, None),
    operation("POST", "/api/integrations/{id}/calendar-events/", CALENDAR_WRITE, Some("NewEvent")),
    operation("GET", "/api/integrations/{id}/calendar-events/{event}/", CALENDAR_READ, None),
    operation("PATCH", "/api/integrations/{id}/calendar-events/{event}/", CALENDAR_WRITE, Some("EventChanges")),
    operation("POST", "/api/integrations/{id}/calendar-events/{event}/cancel/", CALENDAR_WRITE, Some(r#"{"comment":"No."}"#)),
    operation("POST", "/api/integrations/{id}/calendar-events/{event}/respond/", CALENDAR_WRITE, Some("Answer")),
    operation("DELETE", "/api/integrations/{id}/calendar-events/{event}/", CALENDAR_WRITE, None),
    operation("POST", "/api/integrations/{id}/availability/", CALENDAR_READ, Some("AvailabilityAsk")),
    operation("POST", "/api/integrations/{id}/meeting-times/", CALENDAR_READ, Some("SuggestionsAsk")),
    operation("GET", "/api/integrations/{id}/folders/", MAIL_READ, None),
    operation("GET", "/api/integrations/{id}/email-messages/", MAIL_READ, None),
    operation("POST", "/api/integrations/{id}/email-messages/", MAIL_SEND, Some("NewMessage")),
    operation("GET", "/api/integrations/{id}/email-messages/{message}/", MAIL_READ, None),
    operation("PATCH", "/api/integrations/{id}/email-messages/{message}/", MAIL_WRITE, Some("MessageChanges")),
    operation("POST", "/api/integrations/{id}/email-messages/{message}/send/", MAIL_SEND, None),
    operation("POST", "/api/integrations/{id}/email-messages/{message}/reply/", MAIL_SEND, Some("Reply")),
    operation("POST", "/api/integrations/{id}/email-messages/{message}/forward/", MAIL_SEND, Some("Forward")),
    operation("POST", "/api/integrations/{id}/email-messages/{message}/move/", MAIL_WRITE, Some(r#"{"folder":"archive"}"#)),
    operation("GET", "/api/integrations/{id}/email-messages/{message}/attachments/", MAIL_READ, None),
    operation("POST", "/api/integrations/{id}/email-messages/{message}/attachments/", MAIL_WRITE, Some("NewAttachment")),
    operation("GET", "/api/integrations/{id}/email-messages/{message}/attachments/{attachment}/", MAIL_READ, None),
    operation("DELETE", "/api/integrations/{id}/email-messages/{message}/attachments/{attachment}/", MAIL_WRITE, None),
    operation("DELETE", "/api/integrations/{id}/email-messages/{message}/", MAIL_WRITE, None),
    operation("GET", "/api/integrations/{id}/mailbox-settings/", MAIL_READ, None),
    operation("PATCH", "/api/integrations/{id}/mailbox-settings/", MAIL_WRITE, Some("MailboxSettingsChanges")),
    operation("POST", "/api/integrations/{id}/meetings/", MEETINGS_WRITE, Some(r#"{"subject":"x","start_time":"2026-03-27T09:00:00Z","end_time":"2026-03-27T10:00:00Z"}"#)),
    operation("GET", "/api/integrations/{id}/meetings/{meeting}/", MEETINGS_READ, None),
    operation("PATCH", "/api/integrations/{id}/meetings/{meeting}/", MEETINGS_WRITE, Some("MeetingChanges")),
    operation("POST", "/api/integrations/{id}/meetings/{meeting}/cancel/", MEETINGS_WRITE, Some(r#"{"comment":"No."}"#)),
    operation("DELETE", "/api/integrations/{id}/meetings/{meeting}/", MEETINGS_WRITE, None),
    operation("GET", "/api/integrations/{id}/markets/navigation/", MARKETS_READ, None),
    operation("GET", "/api/integrations/{id}/markets/navigation/{node}/", MARKETS_READ, None),
    operation("GET", "/api/integrations/{id}/markets/", MARKETS_READ, None),
    operation("GET", "/api/integrations/{id}/markets/{epic}/", MARKETS_READ, None),
    operation("GET", "/api/integrations/{id}/markets/{epic}/prices/", MARKETS_READ, None),
    operation("GET", "/api/integrations/{id}/markets/sentiment/", MARKETS_READ, None),
    operation("GET", "/api/integrations/{id}/markets/{market}/related-sentiment/", MARKETS_READ, None),
    operation("GET", "/api/integrations/{id}/watchlists/", MARKETS_READ, None),
    operation("POST", "/api/integrations/{id}/watchlists/", MARKETS_WRITE, Some("NewWatchlist")),
    operation("GET", "/api/integrations/{id}/watchlists/{list}/", MARKETS_READ, None),
    operation("POST", "/api/integrations/{id}/watchlists/{list}/markets/", MARKETS_WRITE, Some(r#"{"epic":"epc/3+a="}"#)),
    operation("DELETE", "/api/integrations/{id}/watchlists/{list}/markets/{epic}/", MARKETS_WRITE, None),
    operation("DELETE", "/api/integrations/{id}/watchlists/{list}/", MARKETS_WRITE, None),
    operation("GET", "/api/integrations/{id}/accounts/", MARKETS_READ, None),
    operation("GET", "/api/integrations/{id}/positions/", MARKETS_READ, None),
    operation("POST", "/api/integrations/{id}/positions/", MARKETS_TRADE, Some("NewPosition")),
    operation("GET", "/api/integrations/{id}/positions/{position}/", MARKETS_READ, None),
    operation("PATCH", "/api/integrations/{id}/positions/{position}/", MARKETS_TRADE, Some("PositionChanges")),
    operation("POST", "/api/integrations/{id}/positions/{position}/close/", MARKETS_TRADE, Some("ClosePosition")),
    operation("DELETE", "/api/integrations/{id}/positions/{position}/", MARKETS_TRADE, None),
    operation("GET", "/api/integrations/{id}/orders/", MARKETS_READ, None),
    operation("POST", "/api/integrations/{id}/orders/", MARKETS_TRADE, Some("NewOrder")),
    operation("PATCH", "/api/integrations/{id}/orders/{order}/", MARKETS_TRADE, Some("OrderChanges")),
    operation("DELETE", "/api/integrations/{id}/orders/{order}/", MARKETS_TRADE, None),
    operation("GET", "/api/integrations/{id}/confirms/{reference}/", MARKETS_READ, None),
    operation("GET", "/api/integrations/{id}/history/", MARKETS_READ, None),
    operation("GET", "/api/integrations/{id}/history/transactions/", MARKETS_READ, None),
    operation("DELETE", ONE, WRITE, None),
];

impl Operation {
    async fn ask(&self, caller: &Caller, id: &str) -> Answer {
        let body: Option<Value> = self.body.map(|body| {
            let schema = || Some(API["components"]["schemas"].get(body)?["example"].clone());
            serde_json::from_str(body).ok().or_else(schema).unwrap()
        });
        let method = self.method.parse().unwrap();
        // What takes an item away, or changes what can be done with it, has one of its own.
        let number = match self.path.rsplit('/').nth(1) {
            _ if self.method == "DELETE" => 2,
            Some("cancel" | "send") => 3,
            _ => 1,
        };
        let path = self.path.replace("{id}", id);
        let items = [
            ("event", "evt"),
            ("message", "msg"),
            ("attachment", "att"),
            ("meeting", "mtg"),
            ("node", "nod"),
            ("epic", "epc"),
            ("market", "mkt"),
            ("list", "lst"),
            ("position", "pos"),
            ("order", "ord"),
            ("reference", "ref"),
        ];
        let path = path.replace("{sync}", "c1e1");
        let path = items.iter().fold(path, |path, (name, kind)| {
            // An attachment is taken from a message that stays.
            let number =
                if *name == "message" && path.ends_with("{attachment}/") { 1 } else { number };
            path.replace(&format!("{{{name}}}"), &segment(kind, number))
        });
        // What says nothing without a parameter.
        let query = match self.path.rsplit_once("{id}/") {
            Some((_, "markets/")) => "?search=Market",
            Some((_, "markets/sentiment/")) => "?markets=mkt",
            _ => "",
        };
        caller.send(method, &format!("{path}{query}"), body.as_ref()).await
    }

    /// Whether it can be asked for with this permission and no other.
    fn takes(&self, permission: Permission) -> bool {
        let either =
            ["changes", "sync"].iter().any(|name| self.path.contains(&format!("/{name}/")));
        Some(permission) == self.permission || either && permission == Permission::MailRead
    }

    /// Those of one integration; the last one ends it.
    fn by_id() -> impl Iterator<Item = &'static Self> {
        OPERATIONS.iter().filter(|o| o.path.contains("{id}"))
    }
}

#[test]
fn every_described_operation_is_in_the_matrix() {
    let api = serde_json::to_value(evergrant_server::openapi()).unwrap();
    let mut described = BTreeMap::new();
    for (path, item) in api["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let secured = operation.get("security").is_some();
            described.insert((method.to_uppercase(), path.clone()), secured);
        }
    }
    let listed: BTreeMap<_, _> = OPERATIONS
        .iter()
        .map(|o| ((o.method.to_owned(), o.path.to_owned()), o.permission.is_some()))
        .collect();
    assert_eq!(described, listed, "(method, path) and whether it takes a key");
}

#[tokio::test]
async fn each_operation_takes_its_own_permission_and_no_other() {
    let t = TestApp::new().await;
    let mut callers = Vec::new();
    for permission in Permission::ALL {
        callers.push((permission, t.key(t.user("alice").await, &[permission]).await.0));
    }
    for operation in OPERATIONS {
        let Some(needed) = operation.permission else {
            continue;
        };
        for (permission, caller) in &callers {
            let id = t.alice.connect("adele").await;
            let answer = operation.ask(caller, &id).await;
            if operation.takes(*permission) {
                assert_ne!(answer.status, 403, "{}", answer.asked);
                assert_ne!(answer.status, 404, "{}", answer.asked);
            } else {
                let problem = answer.problem(Code::Forbidden);
                assert_eq!(problem["permission"], needed.name());
            }
        }
    }
}

/// Ids that are not the asking user's.
async fn strange_ids(t: &TestApp) -> Vec<String> {
    let foreign = t.alice.connect("adele").await;
    let gone = t.alice.connect("gone").await;
    t.alice.delete(&at(&gone, "")).await.expect(204);
    let mut ids = vec![foreign.clone(), gone, "int_0198c5a6b7c8d9e0f1a2b3c4d5e6f708".to_owned()];
    let nil = format!("int_{:032}", 0);
    let malformed = [
        &nil,
        "int_",
        "int_0",
        "x",
        "%00",
        "%FF",
        "%2e%2e",
        "a%2Fb",
        "'%20OR%201=1--",
        "-1",
        "null",
    ];
    ids.extend(malformed.map(str::to_owned));
    ids.push(foreign.to_uppercase());
    ids.push(foreign.replace("int_", "usr_"));
    ids.push(format!("{foreign}%20"));
    ids.push(format!("{foreign}%00"));
    ids
}

#[tokio::test]
async fn no_answer_tells_a_foreign_id_from_one_that_never_was() {
    let t = TestApp::new().await;
    let ids = strange_ids(&t).await;
    let bob = || t.user("bob");
    let (revoked, key) = t.key(bob().await, &Permission::ALL).await;
    t.store.revoke_key(key.id, t.clock.now()).await.unwrap();
    let now = t.clock.now();
    let (expired, _) = t
        .key_with(bob().await, &Permission::ALL, |key| {
            key.expires_at = Some(now);
        })
        .await;
    let (limited, _) = t.key(Holder::Service("limited".to_owned()), &[]).await;
    let callers = [
        ("other user", t.bob.clone(), Code::IntegrationNotFound),
        ("service for the other user", t.service.as_user("bob"), Code::IntegrationNotFound),
        ("no key", t.anon.clone(), Code::Unauthenticated),
        ("revoked key", revoked, Code::Unauthenticated),
        ("expired key", expired, Code::Unauthenticated),
        ("service without user", t.service.clone(), Code::UserRequired),
        ("service for nobody", t.service.as_user("carol"), Code::UserRequired),
        ("service without permission", limited.as_user("alice"), Code::Forbidden),
        ("user without permission", t.key(bob().await, &[]).await.0, Code::Forbidden),
        ("key of another user", t.bob.as_user("alice"), Code::Forbidden),
    ];
    // As if it had just started, with fresh news, and with old ones: memory must not tell either.
    for round in 0..3 {
        if round == 1 {
            t.alice.get(&at(&ids[0], "token/")).await.expect(200);
            t.poll().await;
        }
        for operation in Operation::by_id() {
            for (who, caller, code) in &callers {
                let mut answers = BTreeSet::new();
                for id in &ids {
                    let answer = operation.ask(caller, id).await;
                    answer.problem(*code);
                    answers.insert(answer.anonymous());
                }
                assert_eq!(answers.len(), 1, "{who}: {} {}", operation.method, operation.path);
            }
        }
        t.pass(Duration::from_secs(1));
    }
    // The owner finds her integration untouched, and nobody else's ids either.
    let mine = &ids[0];
    for operation in Operation::by_id() {
        for id in &ids[1..] {
            operation.ask(&t.alice, id).await.problem(Code::IntegrationNotFound);
        }
        let answer = operation.ask(&t.alice, mine).await;
        assert!(answer.status.is_success(), "{}", answer.asked);
    }
}

#[tokio::test]
async fn a_foreign_integration_cannot_be_begun_again() {
    let t = TestApp::new().await;
    let mut answers = BTreeSet::new();
    for id in strange_ids(&t).await {
        let body = json!({ "provider": CALENDAR, "integration": id });
        let answer = t.bob.post("/api/integrations/oauth/initiate/", body).await;
        answer.problem(Code::IntegrationNotFound);
        answers.insert(answer.anonymous());
    }
    assert_eq!(answers.len(), 1);
}
