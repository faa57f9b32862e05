//! Changes of messages since a token (contract, 4.6).

use serde_json::{Value, json};

use super::{ALL, Desk, call, code, id, refusal};
use crate::delta::{Mirror, path_of};
use crate::play::{ADELE, ALEX, Play, assert_like, fixture};

pub(super) const INBOX: &str = "/me/mailFolders/inbox/messages/delta";

/// A page as a client with small pages sees it.
pub(super) async fn page(desk: &Desk, link: &str, size: usize) -> Value {
    desk.get_preferring(link, &format!("odata.maxpagesize={size}")).await.ok()
}

/// Goes on until the round ends.
pub(super) async fn round(desk: &Desk, mirror: &mut Mirror, size: usize) {
    for _ in 0..2_000 {
        let link = mirror.link.clone();
        if mirror.apply(&page(desk, &link, size).await) {
            return;
        }
    }
    panic!("a round without an end");
}

/// A whole first round.
pub(super) async fn mirror(desk: &Desk, path: &str, size: usize) -> Mirror {
    let mut mirror = Mirror { link: path.to_owned(), ..Mirror::default() };
    round(desk, &mut mirror, size).await;
    mirror
}

/// What Adele's mailbox does when nobody asked.
pub(super) async fn direct(desk: &Desk, what: &str, body: Value) -> Value {
    desk.play.direct(&format!("microsoft/users/{ADELE}/{what}"), body).await
}

/// A folder with so many messages.
pub(super) async fn folder_of(desk: &Desk, name: &str, count: usize) -> String {
    let folder = id(&direct(desk, "folders", json!({ "name": name })).await);
    direct(desk, "messages/fill", json!({ "count": count, "folder": folder })).await;
    folder
}

/// Where changes of a folder are asked for.
pub(super) fn of(folder: &str) -> String {
    format!("/me/mailFolders/{folder}/messages/delta")
}

#[tokio::test]
async fn every_example_of_changes_of_messages_is_played() {
    let desk = Desk::new().await;
    let example = |name: &str| fixture(&format!("graph/messages.delta.{name}"));
    let request = &example("initial.request")["request"];
    let (_, query) = request["url"].as_str().unwrap().split_once('?').unwrap();
    let prefer = request["headers"]["Prefer"].as_str().unwrap();
    let folder = folder_of(&desk, "Three", 3).await;
    let path = format!("/me/mailfolders('{folder}')/messages/delta?{query}");
    let first = desk.get_preferring(&path, prefer).await;
    assert_like("graph/messages.delta.page1.response", &first);
    assert_eq!(first.header("preference-applied"), prefer);
    let kept = path_of(first.json["@odata.nextLink"].as_str().unwrap());
    assert!(kept.starts_with("/v1.0/me/mailfolders(%27"), "the path as it was asked for: {kept}");
    let last = desk.get(first.json["@odata.nextLink"].as_str().unwrap()).await;
    assert_like("graph/messages.delta.last.response", &last);
    let gone = id(&last.json["value"][0]);
    direct(&desk, &format!("messages/{gone}/permanent-delete"), json!({})).await;
    let other = id(&first.json["value"][0]);
    direct(&desk, &format!("messages/{other}/change"), json!({ "isRead": true })).await;
    let next = desk.get(last.json["@odata.deltaLink"].as_str().unwrap()).await;
    assert_like("graph/messages.delta.nextround.response", &next);
    let told: Vec<_> = next.json["value"].as_array().unwrap().iter().map(id).collect();
    assert_eq!(told, [gone, other]);
}

#[tokio::test]
async fn a_first_round_tells_everything_in_pages() {
    let desk = Desk::new().await;
    for (path, size, pages) in [
        (of(&folder_of(&desk, "None", 0).await), 4, 1),
        (of(&folder_of(&desk, "Even", 8).await), 4, 2),
        (of(&folder_of(&desk, "Odd", 9).await), 4, 3),
    ] {
        let mirror = mirror(&desk, &path, size).await;
        let list = path.replace("/delta", "?$top=100");
        let listed = desk.get(&list).await.ok()["value"].as_array().unwrap().clone();
        assert_eq!((mirror.pages, mirror.items.len()), (pages, listed.len()), "{path}");
        for mut message in listed {
            message["@odata.type"] = json!("#microsoft.graph.message");
            assert_eq!(mirror.items[&id(&message)], message, "as in the list");
        }
    }
    let ten = desk.get(INBOX).await.ok();
    assert_eq!(ten["value"].as_array().unwrap().len(), 10, "without a size");
    let three = desk.get(&format!("{INBOX}?$top=3")).await.ok();
    let next = desk.get(three["@odata.nextLink"].as_str().unwrap()).await.ok();
    for page in [three, next] {
        assert_eq!(page["value"].as_array().unwrap().len(), 3, "$top is of every page");
    }
}

#[tokio::test]
async fn the_next_round_tells_what_changed_and_no_more() {
    let desk = Desk::new().await;
    let folder = folder_of(&desk, "Watched", 5).await;
    let mut mirror = mirror(&desk, &of(&folder), 2).await;
    let quiet = desk.get(&mirror.link).await.ok();
    assert_eq!(quiet["value"], json!([]));
    mirror.apply(&quiet);
    let some = mirror.items.keys().next().unwrap().clone();
    direct(&desk, &format!("messages/{some}/change"), json!({ "subject": "Another" })).await;
    direct(&desk, "messages", json!({ "subject": "New", "folder": folder })).await;
    direct(&desk, "messages", json!({ "subject": "Not here" })).await;
    let page = desk.get(&mirror.link).await.ok();
    let subjects: Vec<_> = page["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["subject"].as_str().unwrap())
        .collect();
    assert_eq!(subjects, ["Another", "New"]);
    let again = desk.get(&mirror.link).await.ok();
    assert_eq!(again["value"], page["value"], "a replay after an old link is legal");
}

#[tokio::test]
async fn what_left_is_removed_for_a_reason_and_can_come_back() {
    let desk = Desk::new().await;
    let folder = folder_of(&desk, "Watched", 3).await;
    let (here, there) = ("odata.maxpagesize=50", "odata.maxpagesize=50, IdType=\"ImmutableId\"");
    for prefer in [here, there] {
        let first = desk.get_preferring(&of(&folder), prefer).await.ok();
        let ids: Vec<_> = first["value"].as_array().unwrap().iter().map(id).collect();
        let [one, two, three] = ids.as_slice() else { panic!("{first}") };
        direct(&desk, &format!("messages/{one}/move"), json!({ "folder": "archive" })).await;
        direct(&desk, &format!("messages/{two}/delete"), json!({})).await;
        direct(&desk, &format!("messages/{three}/permanent-delete"), json!({})).await;
        let link = first["@odata.deltaLink"].as_str().unwrap();
        let next = desk.get_preferring(link, prefer).await.ok();
        let removed = |id: &str, reason: &str| {
            let kind = "#microsoft.graph.message";
            json!({ "@odata.type": kind, "id": id, "@removed": { "reason": reason } })
        };
        let told = [removed(one, "changed"), removed(two, "changed"), removed(three, "deleted")];
        assert_eq!(next["value"], json!(told), "{prefer}");
        let archive = desk.get_preferring("/me/mailFolders/archive/messages?$top=1", prefer).await;
        let moved = id(&archive.ok()["value"][0]);
        assert_eq!(moved == *one, prefer == there, "only a lasting id lasts");
        direct(&desk, &format!("messages/{moved}/move"), json!({ "folder": folder })).await;
        let link = next["@odata.deltaLink"].as_str().unwrap();
        let back = desk.get_preferring(link, prefer).await.ok();
        assert_eq!(back["value"][0]["subject"], first["value"][0]["subject"]);
        direct(&desk, "messages/fill", json!({ "count": 2, "folder": folder })).await;
    }
}

#[tokio::test]
async fn links_are_good_for_both_forms_of_ids() {
    let desk = Desk::new().await;
    let folder = folder_of(&desk, "Watched", 2).await;
    let first = desk.get(&of(&folder)).await.ok();
    let one = id(&first["value"][0]);
    direct(&desk, &format!("messages/{one}/change"), json!({ "isRead": true })).await;
    let link = first["@odata.deltaLink"].as_str().unwrap();
    let lasting = desk.get_preferring(link, "IdType=\"ImmutableId\"").await.ok();
    assert_ne!(id(&lasting["value"][0]), one);
    assert_eq!(id(&desk.get(link).await.ok()["value"][0]), one);
}

#[tokio::test]
async fn nothing_that_changes_during_a_round_is_lost() {
    let desk = Desk::new().await;
    let folder = folder_of(&desk, "Watched", 9).await;
    let mut mirror = Mirror::default();
    mirror.apply(&page(&desk, &of(&folder), 3).await);
    let told: Vec<_> = mirror.items.keys().cloned().collect();
    direct(&desk, &format!("messages/{}/permanent-delete", told[0]), json!({})).await;
    direct(&desk, &format!("messages/{}/change", told[1]), json!({ "subject": "Later" })).await;
    let new = id(&direct(&desk, "messages", json!({ "folder": folder })).await);
    let list = format!("/me/mailFolders/{folder}/messages?$top=100&$select=id");
    let listed = desk.get(&list).await.ok()["value"].as_array().unwrap().clone();
    let ahead = listed.iter().map(id).filter(|id| !told.contains(id) && *id != new);
    let ahead: Vec<_> = ahead.collect();
    direct(&desk, &format!("messages/{}/move", ahead[0]), json!({ "folder": "archive" })).await;
    direct(&desk, &format!("messages/{}/change", ahead[1]), json!({ "subject": "Sooner" })).await;
    round(&desk, &mut mirror, 3).await;
    assert_eq!(mirror.items.len(), 8);
    assert!(!mirror.items.contains_key(&told[0]) && !mirror.items.contains_key(&ahead[0]));
    assert_eq!(mirror.items[&told[1]]["subject"], "Later");
    assert_eq!(mirror.items[&ahead[1]]["subject"], "Sooner");
    assert!(mirror.items.contains_key(&new));
}

#[tokio::test]
async fn a_token_is_good_for_its_own_folder_and_mailbox() {
    let desk = Desk::new().await;
    let first = desk.get(INBOX).await.ok();
    let link = path_of(first["@odata.nextLink"].as_str().unwrap()).to_owned();
    let (path, token) = link.strip_prefix("/v1.0").unwrap().split_once("$skiptoken=").unwrap();
    let path = path.trim_end_matches('?');
    let elsewhere = path.replace("inbox", "archive");
    for wrong in [
        format!("{elsewhere}?$skiptoken={token}"),
        format!("{path}?$deltatoken={token}"),
        format!("/me/mailFolders/delta?$skiptoken={token}"),
    ] {
        assert_eq!(code(&desk.get(&wrong).await), refusal(400, "BadRequest"), "{wrong}");
    }
    let made_up = desk.get(&format!("{path}?$skiptoken={}", token.to_lowercase())).await;
    assert_eq!(code(&made_up), refusal(410, "SyncStateNotFound"));
    let alex = super::token(&desk.play, ALEX, ALL).await;
    let stolen = call(&desk.play, &alex, "GET", &link["/v1.0".len()..], &[], String::new()).await;
    assert_eq!(code(&stolen), refusal(400, "BadRequest"));
    let app = desk.play.app_token(&[]).await.ok()["access_token"].as_str().unwrap().to_owned();
    let list = format!("/users/{ALEX}/mailFolders/inbox/messages/delta");
    let answer = call(&desk.play, &app, "GET", &list, &[], String::new()).await;
    assert_eq!(answer.ok()["value"].as_array().unwrap().len(), 10);
}

#[tokio::test]
async fn basic_reading_tells_no_bodies_and_nothing_tells_nothing() {
    let desk = Desk::with(Play::new(), ADELE, "Mail.ReadBasic").await;
    let first = desk.get(INBOX).await.ok();
    for hidden in ["body", "bodyPreview", "uniqueBody"] {
        assert!(first["value"][0].get(hidden).is_none(), "{hidden}");
    }
    let mute = Desk::with(Play::new(), ADELE, "Mail.Send").await;
    assert_eq!(code(&mute.get(INBOX).await), refusal(403, "ErrorAccessDenied"));
}

#[tokio::test]
async fn a_folder_that_is_gone_has_no_changes() {
    let desk = Desk::new().await;
    let folder = folder_of(&desk, "Gone", 3).await;
    let begun = mirror(&desk, &of(&folder), 2).await;
    direct(&desk, &format!("folders/{folder}/permanent-delete"), json!({})).await;
    assert_eq!(code(&desk.get(&begun.link).await), refusal(404, "ErrorSyncFolderNotFound"));
    assert_eq!(code(&desk.get(&of(&folder)).await), refusal(404, "ErrorItemNotFound"));
}
