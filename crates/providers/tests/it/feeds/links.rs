//! Where links lead, and when a cursor has come to its end.

use evergrant::capability::{Event, Message};
use evergrant::feed::PullError;
use evergrant::{CallError, Denial};
use serde_json::{Value, json};

use super::{
    CALENDAR, EMAIL, Reader, all_mail, december, done, limited, more, page, with_bodies, words,
};
use crate::account::Graph;
use crate::graph::{ROOT, header};

const FOLDER: &str = "AQMkADNkNAAAgEMAAAA=";
const DELTA: &str = "/me/mailFolders/AQMkADNkNAAAgEMAAAA%3D/messages/delta";

fn empty(kind: &str, link: &str) -> Value {
    page(&[], kind, link)
}

fn unreadable<T: std::fmt::Debug>(pulled: &Result<T, PullError>) -> bool {
    matches!(pulled, Err(PullError::Call(CallError::Unreadable(_))))
}

#[tokio::test]
async fn links_are_followed_letter_by_letter_to_the_very_part_in_whatever_form_it_is_written() {
    let links = [
        "/me/mailfolders('AQMkADNkNAAAgEMAAAA=')/messages/delta?$skiptoken=a%2Fb+c'd",
        "/me/mailFolders('AQMkADNkNAAAgEMAAAA%3D')/messages/delta()?$skiptoken=1",
        "/me/mailFolders/AQMkADNkNAAAgEMAAAA%3D/messages/microsoft.graph.delta()?$skiptoken=2",
        "/users('adele@contoso.example')/mailFolders('AQMkADNkNAAAgEMAAAA=')/messages/delta?$skiptoken=3",
    ];
    for link in links {
        let graph = Graph::default().answer(200, &empty("next", link));
        let graph = graph.answer(200, &empty("delta", link));
        let reader = Reader::new(EMAIL, &graph).await;
        let first = reader.pull::<Message>(all_mail(), FOLDER, None).await.unwrap();
        assert_eq!(first.next, more(link));
        let address = format!("{ROOT}{link}");
        let last = reader.pull::<Message>(all_mail(), FOLDER, Some(&address)).await.unwrap();
        assert_eq!(last.next, done(link), "nothing changed: the same cursor is no circle");
        let asked = graph.requests();
        assert_eq!(asked[1].uri().to_string(), address);
        assert_eq!(header(&asked[0], "prefer"), header(&asked[1], "prefer"), "on each page");
    }
}

#[tokio::test]
async fn a_link_that_leads_elsewhere_is_unreadable_and_nothing_is_sent_there() {
    for kind in ["next", "delta"] {
        for link in [
            "https://evil.example/v1.0/me/mailFolders/AQMkADNkNAAAgEMAAAA=/messages/delta?x"
                .to_owned(),
            format!("http://graph.microsoft.com/v1.0{DELTA}?x"),
            format!("https://me@graph.microsoft.com/v1.0{DELTA}?x"),
            format!("https://graph.microsoft.com/beta{DELTA}?x"),
            format!("{ROOT}/me/mailFolders/other/messages/delta?x"),
            format!("{ROOT}/me/mailFolders/AQMkADNkNAAAgEMAAAA=/messages?x"),
            format!("{ROOT}/users/alex@contoso.example/mailFolders('{FOLDER}')/messages/delta?x"),
            format!("{ROOT}{DELTA}/../../../other/messages/delta?x"),
            format!("{ROOT}/me/calendarView/delta?x"),
            "/me/messages".to_owned(),
            String::new(),
        ] {
            let mut said = json!({ "value": [] });
            said[format!("@odata.{kind}Link")] = link.clone().into();
            let graph = Graph::default().answer(200, &said);
            let reader = Reader::new(EMAIL, &graph).await;
            let pulled = reader.pull::<Message>(all_mail(), FOLDER, None).await;
            assert!(unreadable(&pulled), "{link}: {pulled:?}");
            // The same address from a store of other days: the part begins anew.
            let stored = reader.pull::<Message>(all_mail(), FOLDER, Some(&link)).await;
            assert!(matches!(stored, Err(PullError::Expired)), "{link}: {stored:?}");
            assert_eq!(graph.requests().len(), 1, "{link}");
        }
    }
}

#[tokio::test]
async fn a_page_that_leads_back_to_itself_or_nowhere_is_unreadable() {
    let link = format!("{DELTA}?$skiptoken=1");
    let cursor = format!("{ROOT}{link}");
    for said in [
        empty("next", &link),
        json!({ "value": [] }),
        json!({}),
        json!({ "value": null, "@odata.deltaLink": cursor }),
        json!({ "@odata.deltaLink": cursor }),
    ] {
        let graph = Graph::default().answer(200, &said);
        let reader = Reader::new(EMAIL, &graph).await;
        let pulled = reader.pull::<Message>(all_mail(), FOLDER, Some(&cursor)).await;
        assert!(unreadable(&pulled), "{said}: {pulled:?}");
    }
    // What lists everything anew has no end without a list, either.
    let graph = Graph::default().answer(200, &json!({})).answer(200, &json!({}));
    let reader = Reader::new(EMAIL, &graph).await;
    assert!(unreadable(&reader.pull::<Message>(limited(all_mail(), 5), "newest", None).await));
    let reader = Reader::new(CALENDAR, &graph).await;
    assert!(unreadable(&reader.pull::<Event>(limited(december(), 5), "ahead", None).await));
}

#[tokio::test]
async fn folders_that_lead_in_a_circle_come_to_an_end() {
    let link = |n: u8| format!("/me/mailFolders/delta?$skiptoken={n}");
    let graph = [1, 2, 1]
        .into_iter()
        .fold(Graph::default(), |graph, n| graph.answer(200, &empty("next", &link(n))));
    let reader = Reader::new(EMAIL, &graph).await;
    let parts = reader.parts::<Message>(all_mail()).await;
    assert!(matches!(parts, Err(CallError::Unreadable(_))), "{parts:?}");
}

/// Every way in which a cursor is said to be dead (contract, section 4.6, rule 5).
fn dead() -> Vec<(u16, Value)> {
    let code = |code: &str| json!({ "error": { "code": code, "message": "m" } });
    let inner = |name: &str| json!({ "error": { "code": "BadRequest", name: { "code": "SyncStateNotFound" } } });
    let mut dead = vec![
        (410, crate::graph::example("error.410.sync_state_not_found")["response"]["body"].clone()),
        (410, code("Gone")),
        (410, code("")),
        (410, Value::Null),
        (410, json!("no error at all")),
        (400, inner("innerError")),
        (400, inner("innererror")),
    ];
    for status in [400, 403, 404, 409] {
        for known in
            ["syncStateNotFound", "SyncStateNotFound", "SYNCSTATEINVALID", "ResyncRequired"]
        {
            dead.push((status, code(known)));
        }
    }
    dead
}

#[tokio::test]
async fn a_dead_cursor_has_expired_and_a_beginning_never_has() {
    let mail = format!("{ROOT}{DELTA}?$deltatoken=1");
    let calendar = format!("{ROOT}/me/calendarView/delta?$skiptoken=1");
    for (status, body) in dead() {
        let graph = Graph::default().answer(status, &body).answer(status, &body);
        let reader = Reader::new(EMAIL, &graph).await;
        let expired = reader.pull::<Message>(all_mail(), FOLDER, Some(&mail)).await;
        assert!(matches!(expired, Err(PullError::Expired)), "{status} {body}: {expired:?}");
        let first = reader.pull::<Message>(all_mail(), FOLDER, None).await;
        assert!(matches!(first, Err(PullError::Call(_))), "{status} {body}: {first:?}");
        let graph = Graph::default().answer(status, &body);
        let reader = Reader::new(CALENDAR, &graph).await;
        let expired = reader.pull::<Event>(december(), "view", Some(&calendar)).await;
        assert!(matches!(expired, Err(PullError::Expired)), "{status} {body}: {expired:?}");
    }
}

#[tokio::test]
async fn what_is_refused_for_another_reason_has_not_expired() {
    let cursor = format!("{ROOT}{DELTA}?$deltatoken=1");
    for name in [
        "error.400.id_malformed",
        "error.400.malformed_json",
        "error.404.mailbox_not_enabled",
        "error.409.conflict",
    ] {
        let graph = Graph::default().example(name);
        let reader = Reader::new(EMAIL, &graph).await;
        let refused = reader.pull::<Message>(all_mail(), FOLDER, Some(&cursor)).await;
        assert!(matches!(refused, Err(PullError::Call(_))), "{name}: {refused:?}");
    }
    let segment = json!({ "error": { "code": "ResourceNotFound", "message": "segment" } });
    let graph = Graph::default().answer(404, &segment);
    let reader = Reader::new(EMAIL, &graph).await;
    let refused = reader.pull::<Message>(all_mail(), FOLDER, Some(&cursor)).await;
    assert!(matches!(refused, Err(PullError::Call(_))), "{refused:?}");
}

#[tokio::test]
async fn without_the_permission_the_feed_says_which_is_missing() {
    for (key, granted, needed) in
        [(EMAIL, "User.Read", "Mail.Read"), (CALENDAR, "User.Read", "Calendars.Read")]
    {
        let graph = Graph::default().example("error.403.access_denied");
        let account = crate::account::Connected::granted(key, &graph, granted).await;
        let reader = Reader { account };
        let refused = match key {
            EMAIL => reader.pull::<Message>(all_mail(), FOLDER, None).await.map(|_| ()),
            _ => reader.pull::<Event>(december(), "view", None).await.map(|_| ()),
        };
        let Err(PullError::Call(CallError::Denied {
            denial: Denial::MissingScope { needed: told },
            ..
        })) = refused
        else {
            panic!("{key}: {refused:?}");
        };
        assert_eq!(told[0], needed);
    }
}

#[tokio::test]
async fn folders_forgotten_while_they_are_read_are_read_again() {
    let gone = json!({ "error": { "code": "SyncStateNotFound" } });
    let folder = json!({ "id": "inbox", "totalItemCount": 3 });
    let graph = Graph::default()
        .answer(200, &empty("next", "/me/mailFolders/delta?$skiptoken=1"))
        .answer(410, &gone)
        .answer(200, &page(&[folder], "delta", "/me/mailFolders/delta?$deltatoken=1"));
    let reader = Reader::new(EMAIL, &graph).await;
    let parts = reader.parts::<Message>(all_mail()).await.unwrap();
    assert_eq!((parts.len(), parts[0].expected), (1, Some(3)));
    assert_eq!(graph.asked()[2], "GET /me/mailFolders/delta?$select=id,totalItemCount");
}

#[tokio::test]
async fn pages_are_the_same_size_each_time_and_may_be_large() {
    let link = format!("{DELTA}?$deltatoken=1");
    for (scope, size) in [(all_mail(), 500), (with_bodies(all_mail()), 50)] {
        let graph = Graph::default().answer(200, &empty("delta", &link));
        let reader = Reader::new(EMAIL, &graph).await;
        let pulled = reader.pull::<Message>(scope, FOLDER, None).await.unwrap();
        assert!(words(&pulled.found).is_empty());
        let asked = graph.requests().remove(0);
        let prefer = header(&asked, "prefer");
        assert!(prefer.contains(&format!("odata.maxpagesize={size}")), "{prefer}");
        let allowance = asked.extensions().get::<evergrant::Allowance>().unwrap();
        assert_eq!(allowance.body, 8 << 20);
    }
}
