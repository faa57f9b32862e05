//! What would stop a copy for good if one item, page or folder could: too much, what cannot be read, and what
//! is refused.

use evergrant::capability::{Event, Message};
use evergrant::feed::{Found, Next, PullError, Pulled};
use evergrant::provider::Actor;
use evergrant::{Allowance, CallError, Denial, Request};
use serde_json::{Value, json};

use super::mail::whole;
use super::{CALENDAR, EMAIL, Reader, all_mail, december, done, limited, page, with_bodies, words};
use crate::account::Graph;
use crate::graph::{ROOT, header, query};

const DELTA: &str = "/me/mailFolders/inbox/messages/delta";

fn link() -> String {
    format!("{DELTA}?$deltatoken=1")
}

/// How many items a request wants, and how many MiB may come.
fn wants(request: &Request) -> (String, usize) {
    let prefer = header(request, "prefer");
    let preferred = prefer.split(", ").find_map(|it| it.strip_prefix("odata.maxpagesize="));
    let top = query(request).into_iter().find(|(name, _)| name == "$top").map(|(_, top)| top);
    let allowance = request.extensions().get::<Allowance>().unwrap();
    (preferred.map(str::to_owned).or(top).unwrap(), allowance.body >> 20)
}

fn denied<T: std::fmt::Debug>(pulled: Result<T, PullError>, code: &str) -> bool {
    let Err(PullError::Call(CallError::Denied { denial, failure })) = pulled else {
        panic!("{pulled:?}");
    };
    assert!(!failure.remedy.is_empty() && !failure.message.is_empty());
    denial == Denial::TooLarge && failure.code == code && failure.actor == Actor::User
}

#[tokio::test]
async fn a_page_that_is_too_large_is_asked_for_again_with_less_on_it() {
    let next = format!("{DELTA}?$skiptoken=2");
    for cursor in [None, Some(format!("{ROOT}{}", link()))] {
        let graph = Graph::default()
            .too_large()
            .too_large()
            .answer(200, &page(&[whole("huge")], "next", &next))
            .answer(200, &page(&[], "delta", &link()));
        let reader = Reader::new(EMAIL, &graph).await;
        let scope = with_bodies(all_mail());
        let pulled = reader.pull::<Message>(scope, "inbox", cursor.as_deref()).await.unwrap();
        assert_eq!(words(&pulled.found), ["huge"]);
        let Next::More(on) = pulled.next else { panic!("it goes on") };
        reader.pull::<Message>(scope, "inbox", Some(&on.0)).await.unwrap();
        let asked: Vec<_> = graph.requests().iter().map(wants).collect();
        let sizes: Vec<_> = asked.iter().map(|(size, most)| (size.as_str(), *most)).collect();
        assert_eq!(sizes, [("50", 8), ("7", 8), ("1", 64), ("50", 8)]);
        assert!(graph.requests()[..3].windows(2).all(|two| two[0].uri() == two[1].uri()));
    }
}

#[tokio::test]
async fn a_list_that_is_too_large_is_asked_for_again_with_less_on_it() {
    let next = |top: u8| format!("/me/messages?$select=id&$top={top}&$skip=3");
    let graph = Graph::default()
        .too_large()
        .answer(200, &page(&[whole("a")], "next", &next(51)))
        .too_large()
        .too_large()
        .answer(200, &json!({ "value": [whole("b")] }));
    let reader = Reader::new(EMAIL, &graph).await;
    let scope = limited(all_mail(), 50);
    let pulled = reader.pull::<Message>(scope, "newest", None).await.unwrap();
    let Next::More(on) = pulled.next else { panic!("it goes on") };
    let pulled = reader.pull::<Message>(scope, "newest", Some(&on.0)).await.unwrap();
    assert_eq!((words(&pulled.found), pulled.next), (vec!["b".to_owned()], Next::Done(None)));
    let asked = graph.requests();
    assert_eq!([wants(&asked[0]).0, wants(&asked[1]).0], ["51", "7"]);
    for (request, top) in asked[2..].iter().zip([51, 7, 1]) {
        assert_eq!(request.uri().to_string(), format!("{ROOT}{}", next(top)));
    }
    assert_eq!(wants(&asked[4]).1, 64);
}

#[tokio::test]
async fn one_item_that_is_too_large_is_a_failure_that_says_who_can_do_what() {
    let graph = Graph::default().too_large().too_large().too_large();
    let reader = Reader::new(EMAIL, &graph).await;
    assert!(denied(reader.pull::<Message>(all_mail(), "inbox", None).await, "item_too_large"));
    // The same of what is read by itself.
    let told = json!({ "id": "m", "isRead": true });
    let graph = Graph::default().answer(200, &page(&[told], "delta", &link())).too_large();
    let reader = Reader::new(EMAIL, &graph).await;
    assert!(denied(reader.pull::<Message>(all_mail(), "inbox", None).await, "item_too_large"));
    assert_eq!(graph.left(), 0);
}

/// A page of items as they are written here.
fn written(items: &[&str]) -> String {
    let link = format!("{ROOT}{}", link());
    format!(r#"{{ "value": [{}], "@odata.deltaLink": "{link}" }}"#, items.join(","))
}

#[tokio::test]
async fn an_item_that_cannot_be_read_does_not_cost_its_page() {
    let whole = whole("emoji").to_string().replace(r#""id""#, r#""subject": "\ud83d x", "id""#);
    let body = written(&[
        r#"{ "id": "typed", "subject": { "an": "object" } }"#,
        &whole.replace(r#""subject":""#, r#""was":""#),
        r#"{ "id": 7, "subject": "Whose?" }"#,
        r#"{ "subject": "Whose?" }"#,
        r#"{ "id": "half", "isRead": true }"#,
    ]);
    let graph = Graph::default().text(body).text(r#"{ "id": "half", "isRead": [] }"#.to_owned());
    let reader = Reader::new(EMAIL, &graph).await;
    let pulled: Pulled<Message> = reader.pull(all_mail(), "inbox", None).await.unwrap();
    assert_eq!(words(&pulled.found), ["?typed", "emoji", "?half"]);
    assert_eq!(pulled.next, done(&link()));
    let Found::Item(emoji) = &pulled.found[1] else { panic!("an item") };
    assert_eq!(emoji.subject.as_deref(), Some("\u{fffd} x"));
}

#[tokio::test]
async fn an_event_that_cannot_be_read_stays_as_it_was() {
    let link = "/me/calendarView/delta?$deltatoken=1";
    let told = [
        json!({ "id": "typed", "subject": 7 }),
        json!({ "id": "part", "subject": "s" }),
        json!({ "id": "o1", "type": "occurrence", "seriesMasterId": "s" }),
    ];
    let broken = |id: &str| json!({ "id": id, "isAllDay": "sometimes" });
    let graph = Graph::default()
        .answer(200, &page(&told, "delta", link))
        .answer(200, &broken("part"))
        .answer(200, &json!({ "value": [broken("o1")] }))
        .answer(200, &json!({ "value": [broken("listed")] }));
    let reader = Reader::new(CALENDAR, &graph).await;
    let pulled = reader.pull::<Event>(december(), "view", None).await.unwrap();
    assert_eq!(words(&pulled.found), ["?typed", "?part", "?o1", "s:o1"]);
    let pulled = reader.pull::<Event>(limited(december(), 5), "ahead", None).await.unwrap();
    assert_eq!(words(&pulled.found), ["?listed"]);
}

#[tokio::test]
async fn what_is_wrong_with_an_answer_is_told_without_its_words() {
    let bodies = [json!({ "value": "the secret" }), json!("the secret")];
    for body in bodies {
        let graph = Graph::default().answer(200, &body);
        let reader = Reader::new(EMAIL, &graph).await;
        let error = reader.pull::<Message>(all_mail(), "inbox", None).await.unwrap_err();
        assert!(matches!(error, PullError::Call(CallError::Unreadable(_))), "{error:?}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[tokio::test]
async fn a_series_that_takes_place_more_often_than_there_are_days_is_an_error() {
    let told = [json!({ "id": "s", "type": "seriesMaster" })];
    let occurrence = |n: usize| json!({ "id": format!("o{n}"), "seriesMasterId": "s" });
    let many: Vec<Value> = (0..80).map(occurrence).collect();
    let graph = Graph::default()
        .answer(200, &page(&told, "delta", "/me/calendarView/delta?$deltatoken=1"))
        .answer(200, &json!({ "value": many }));
    let reader = Reader::new(CALENDAR, &graph).await;
    let refused = reader.pull::<Event>(december(), "view", None).await;
    assert!(matches!(refused, Err(PullError::Call(CallError::Unreadable(_)))), "{refused:?}");
}

#[tokio::test]
async fn more_folders_than_can_be_followed_are_a_failure_that_says_who_can_do_what() {
    let folders =
        |n: usize| -> Vec<Value> { (0..n).map(|n| json!({ "id": n.to_string() })).collect() };
    let link = "/me/mailFolders/delta?$deltatoken=1";
    let graph = Graph::default()
        .answer(200, &page(&folders(10_000), "delta", link))
        .answer(200, &page(&folders(10_001), "delta", link));
    let reader = Reader::new(EMAIL, &graph).await;
    assert_eq!(reader.parts::<Message>(all_mail()).await.unwrap().len(), 10_000);
    let refused = reader.parts::<Message>(all_mail()).await.map_err(PullError::Call);
    assert!(denied(refused, "too_many_folders"));
}

#[tokio::test]
async fn a_folder_that_cannot_be_read_stays_a_part() {
    let told = [json!({ "id": "typed", "totalItemCount": "many" }), json!({ "id": "plain" })];
    let link = "/me/mailFolders/delta?$deltatoken=1";
    let graph = Graph::default().answer(200, &page(&told, "delta", link));
    let reader = Reader::new(EMAIL, &graph).await;
    let parts = reader.parts::<Message>(all_mail()).await.unwrap();
    assert_eq!(parts.iter().map(|part| part.id.as_str()).collect::<Vec<_>>(), ["typed", "plain"]);
}

#[tokio::test]
async fn a_folder_that_is_refused_stays_as_it_was_and_a_mailbox_that_is_fails() {
    let cursor = format!("{ROOT}{}", link());
    let denied = "error.403.access_denied";
    let graph = Graph::default().example(denied).example(denied).example(denied);
    let reader = Reader::new(EMAIL, &graph).await;
    let pulled = reader.pull::<Message>(all_mail(), "inbox", Some(&cursor)).await.unwrap();
    assert_eq!((pulled.found.len(), pulled.next), (0, done(&link())));
    let pulled = reader.pull::<Message>(all_mail(), "inbox", None).await.unwrap();
    assert_eq!((pulled.found.len(), pulled.next), (0, Next::Done(None)));
    let refused = reader.parts::<Message>(all_mail()).await;
    let Err(CallError::Denied { denial, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(denial, Denial::Forbidden);
}
