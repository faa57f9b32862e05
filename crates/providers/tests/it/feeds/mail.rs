//! Messages: folder by folder without a limit, the newest with one.

use evergrant::capability::{Body, BodyFormat, Message, MessageQuery};
use evergrant::feed::{Found, Next, Part};
use evergrant::{CallError, Denial};
use serde_json::{Value, json};

use super::{EMAIL, Reader, all_mail, limited, more, page, with_bodies, words};
use crate::account::{Graph, example};
use crate::graph::{header, query};

const FOLDER: &str = "AQMkADNkNAAAgEMAAAA";
const LINK: &str = "/me/mailFolders/AQMkADNkNAAAgEMAAAA/messages/delta?$deltatoken=1";

/// A message as the contract's example says it, with another id.
pub(super) fn whole(id: &str) -> Value {
    let mut message = example("message.get.response")["response"]["body"].clone();
    let members = message.as_object_mut().unwrap();
    members.remove("body");
    members.insert("id".to_owned(), id.into());
    message
}

#[tokio::test]
async fn every_folder_is_a_part_but_those_that_hold_nothing_of_their_own() {
    let more = "/me/mailFolders/delta?$skiptoken=1";
    let removed = |id: &str| json!({ "id": id, "@removed": { "reason": "deleted" } });
    let first = [
        json!({ "id": "b", "totalItemCount": 7, "isHidden": true }),
        json!({ "id": "search", "@odata.type": "#microsoft.graph.mailSearchFolder" }),
        json!({ "id": "late", "totalItemCount": 1 }),
        json!({ "id": "b", "totalItemCount": 8, "parentFolderId": "a" }),
    ];
    let graph = Graph::default()
        .answer(200, &page(&first, "next", more))
        .answer(
            200,
            &page(
                &[removed("late"), removed("never")],
                "next",
                "/me/mailFolders/delta?$skiptoken=2",
            ),
        )
        .example("mailfolders.delta.response");
    let reader = Reader::new(EMAIL, &graph).await;
    let parts = reader.parts::<Message>(all_mail()).await.unwrap();
    let part = |id: &str, expected| Part { id: id.to_owned(), expected };
    assert_eq!(parts, [part("b", Some(8)), part("AQMkADYAAAIBDAAAAA==", Some(71))]);
    crate::examples::covers(&graph.requests()[0], "mailfolders.delta.request");
    assert_eq!(graph.asked()[1], format!("GET {more}"));
    let newest = reader.parts::<Message>(limited(all_mail(), 50)).await.unwrap();
    assert_eq!((newest.len(), graph.left()), (1, 0), "no folder is asked for");
}

#[tokio::test]
async fn a_folder_is_read_from_its_beginning_and_then_what_changed() {
    let graph = Graph::default()
        .example("messages.delta.page1.response")
        .answer(200, &whole("AAMkADNkNAAASq35xAAA="))
        .answer(200, &whole("AQMkADNkNAAAVRMKAAAAA=="))
        .example("messages.delta.last.response")
        .answer(200, &whole("AAMkADk0MGFkODE3LWEAAA="))
        .example("messages.delta.nextround.response")
        .answer(200, &whole("AAMkADNkNAAASq35xAAA="));
    let reader = Reader::new(EMAIL, &graph).await;
    let mut cursor: Option<String> = None;
    let mut told = Vec::new();
    for _ in 0..3 {
        let pulled = reader.pull::<Message>(all_mail(), FOLDER, cursor.as_deref()).await.unwrap();
        told.push(words(&pulled.found));
        cursor = match pulled.next {
            Next::More(next) | Next::Done(Some(next)) => Some(next.0),
            Next::Done(None) => panic!("changes go on"),
        };
    }
    assert_eq!(told[0], ["AAMkADNkNAAASq35xAAA=", "AQMkADNkNAAAVRMKAAAAA=="]);
    assert_eq!(told[1], ["AAMkADk0MGFkODE3LWEAAA="]);
    assert_eq!(told[2], ["-AAMkADk0MGFkODE3LWEAAA=", "AAMkADNkNAAASq35xAAA="]);
    let asked = graph.requests();
    crate::examples::covers(&asked[0], "messages.delta.initial.request");
    let links: Vec<_> = ["page1", "last"]
        .iter()
        .map(|name| example(&format!("messages.delta.{name}.response"))["response"]["body"].clone())
        .collect();
    assert_eq!(asked[3].uri().to_string(), links[0]["@odata.nextLink"].as_str().unwrap());
    assert_eq!(asked[5].uri().to_string(), links[1]["@odata.deltaLink"].as_str().unwrap());
}

/// The samples of Graph's documentation select three members. Real pages have all that is asked for; what
/// has less is read by itself.
#[tokio::test]
async fn what_tells_only_of_a_change_is_read_whole() {
    let told = [
        json!({ "id": "read", "isRead": true }),
        whole("whole"),
        json!({ "id": "moved", "isRead": true, "subject": "x", "parentFolderId": "f" }),
        json!({ "id": "lost", "isRead": false }),
    ];
    let graph = Graph::default()
        .answer(200, &page(&told, "delta", LINK))
        .answer(200, &whole("read"))
        .answer(200, &whole("moved"))
        .example("error.404.item_not_found");
    let reader = Reader::new(EMAIL, &graph).await;
    let pulled = reader.pull::<Message>(all_mail(), FOLDER, None).await.unwrap();
    assert_eq!(words(&pulled.found), ["whole", "read", "moved", "-lost"]);
    let Found::Item(read) = &pulled.found[1] else { panic!("an item") };
    assert!(read.received_at.is_some() && read.folder_id.is_some());
    let asked = graph.asked();
    let alone = asked[1].split_once('?').unwrap();
    assert_eq!(alone.0, "GET /me/messages/read");
    assert!(asked[0].ends_with(alone.1), "the same members are asked for: {asked:?}");
}

#[tokio::test]
async fn a_message_is_the_same_as_in_a_list_and_has_its_body_only_if_wanted() {
    let mut with_body = whole("m");
    with_body["body"] = json!({ "contentType": "text", "content": "Hello" });
    let list = json!({ "value": [whole("m")] });
    let graph = Graph::default()
        .answer(200, &list)
        .answer(200, &page(&[whole("m")], "delta", LINK))
        .answer(200, &page(&[with_body], "delta", LINK));
    let reader = Reader::new(EMAIL, &graph).await;
    let mail = reader.account.api.provider().mail().unwrap();
    let listed = mail.messages(&reader.account.api, &MessageQuery::default(), None).await.unwrap();
    let bare = reader.pull::<Message>(all_mail(), FOLDER, None).await.unwrap();
    assert_eq!(bare.found, [Found::Item(listed.results[0].clone())]);
    let full = reader.pull::<Message>(with_bodies(all_mail()), FOLDER, None).await.unwrap();
    let body = Body { format: BodyFormat::Text, content: "Hello".to_owned() };
    let expected = Message { body: Some(body), ..listed.results[0].clone() };
    assert_eq!(full.found, [Found::Item(expected)]);
    let asked = graph.requests();
    let fields =
        |n: usize| query(&asked[n]).into_iter().find(|(name, _)| name == "$select").unwrap().1;
    assert_eq!(fields(0), fields(1));
    assert_eq!(format!("{},body", fields(1)), fields(2));
    assert!(!header(&asked[1], "prefer").contains("body"));
    assert!(header(&asked[2], "prefer").contains("outlook.body-content-type=\"text\""));
}

#[tokio::test]
async fn a_folder_that_is_no_more_is_at_its_end_without_a_cursor() {
    let cursor = format!("{}{LINK}", crate::graph::ROOT);
    for code in ["ErrorItemNotFound", "errorsyncfoldernotfound", "itemNotFound"] {
        let body = json!({ "error": { "code": code, "message": "m" } });
        let graph = Graph::default().answer(404, &body).answer(404, &body);
        let reader = Reader::new(EMAIL, &graph).await;
        for cursor in [None, Some(cursor.as_str())] {
            let pulled = reader.pull::<Message>(all_mail(), FOLDER, cursor).await.unwrap();
            assert_eq!((pulled.found.len(), pulled.next), (0, Next::Done(None)), "{code}");
        }
    }
    let graph = Graph::default().example("error.404.mailbox_not_enabled");
    let reader = Reader::new(EMAIL, &graph).await;
    let refused = reader.parts::<Message>(all_mail()).await;
    let Err(CallError::Denied { denial, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(denial, Denial::NoMailbox, "a mailbox that is no more is another matter");
}

#[tokio::test]
async fn with_a_limit_the_newest_are_listed_and_one_more() {
    let messages: Vec<_> = ["a", "b", "c", "d"].map(whole).into();
    let next = "/me/messages?$skip=3";
    let graph = Graph::default().answer(200, &page(&messages, "next", next));
    let reader = Reader::new(EMAIL, &graph).await;
    let pulled = reader.pull::<Message>(limited(all_mail(), 2), "newest", None).await.unwrap();
    assert_eq!(words(&pulled.found), ["a", "b", "c"], "one more than is wanted, and no more");
    assert_eq!(pulled.next, Next::Done(None));
    let asked = query(&graph.requests()[0]);
    for (name, value) in [("$orderby", "receivedDateTime desc"), ("$top", "3")] {
        assert!(asked.contains(&(name.to_owned(), value.to_owned())), "{asked:?}");
    }
    // Where a page has less than there is room for, it goes on.
    let graph = Graph::default()
        .answer(200, &page(&messages, "next", next))
        .answer(200, &json!({ "value": [whole("e")] }));
    let reader = Reader::new(EMAIL, &graph).await;
    let scope = limited(all_mail(), 5000);
    let pulled = reader.pull::<Message>(scope, "newest", None).await.unwrap();
    assert_eq!((pulled.found.len(), &pulled.next), (4, &more(next)));
    let cursor = format!("{}{next}", crate::graph::ROOT);
    let pulled = reader.pull::<Message>(scope, "newest", Some(&cursor)).await.unwrap();
    assert_eq!((words(&pulled.found), pulled.next), (vec!["e".to_owned()], Next::Done(None)));
    assert!(query(&graph.requests()[0]).contains(&("$top".to_owned(), "500".to_owned())));
}
