//! Changes of folders, and ids of one kind for ids of another (contract, 4.6 and 4.7).

use serde_json::{Value, json};

use super::delta::{direct, folder_of, mirror, round};
use super::{Desk, code, id, refusal};
use crate::play::{assert_like, assert_same_shape, fixture};

const FOLDERS: &str = "/me/mailFolders/delta";

#[tokio::test]
async fn every_example_of_changes_of_folders_is_played() {
    let desk = Desk::new().await;
    let request = fixture("graph/mailfolders.delta.request");
    let url = request["request"]["url"].as_str().unwrap();
    let path = url.strip_prefix("https://graph.microsoft.com/v1.0").unwrap();
    let all = desk.get_preferring(path, "odata.maxpagesize=100").await;
    assert_like("graph/mailfolders.delta.response", &all);
    let folder = folder_of(&desk, "Short", 1).await;
    let link = all.json["@odata.deltaLink"].as_str().unwrap();
    let begun = desk.get(link).await.ok();
    direct(&desk, &format!("folders/{folder}/permanent-delete"), json!({})).await;
    let after = desk.get(begun["@odata.deltaLink"].as_str().unwrap()).await.ok();
    let gone = fixture("graph/mailfolders.delta.response")["response"]["body"]["value"][1].clone();
    let removed = after["value"].as_array().unwrap().iter().find(|it| it.get("@removed").is_some());
    assert_same_shape("removed", &gone, removed.unwrap());
    assert_eq!(id(removed.unwrap()), folder);
}

#[tokio::test]
async fn a_first_round_tells_all_folders_wherever_they_are() {
    let desk = Desk::new().await;
    let mut mirror = mirror(&desk, &format!("{FOLDERS}?$select=displayName"), 3).await;
    assert_eq!((mirror.items.len(), mirror.pages), (9, 3));
    let named = |mirror: &crate::delta::Mirror, name: &str| {
        mirror.items.values().filter(|it| it["displayName"] == name).count()
    };
    for name in ["Inbox", "Projects", "Sent Items", "Deleted Items"] {
        assert_eq!(named(&mirror, name), 1, "{name}");
    }
    assert_eq!(named(&mirror, "Clutter"), 0, "hidden folders stay so");
    let inner = direct(&desk, "folders", json!({ "name": "Inner", "parent": "archive" })).await;
    round(&desk, &mut mirror, 3).await;
    assert_eq!(named(&mirror, "Inner"), 1);
    let at = format!("folders/{}", id(&inner));
    direct(&desk, &format!("{at}/rename"), json!({ "name": "Outer" })).await;
    direct(&desk, &format!("{at}/move"), json!({ "folder": "inbox" })).await;
    round(&desk, &mut mirror, 3).await;
    assert_eq!((named(&mirror, "Inner"), named(&mirror, "Outer")), (0, 1), "a move is a change");
    direct(&desk, &format!("{at}/delete"), json!({})).await;
    round(&desk, &mut mirror, 3).await;
    assert_eq!(named(&mirror, "Outer"), 1, "it is among the deleted items");
    direct(&desk, &format!("{at}/delete"), json!({})).await;
    round(&desk, &mut mirror, 3).await;
    assert_eq!(named(&mirror, "Outer"), 0);
}

#[tokio::test]
async fn a_message_that_comes_changes_its_folder() {
    let desk = Desk::new().await;
    let begun = mirror(&desk, FOLDERS, 100).await;
    direct(&desk, "messages", json!({ "subject": "x" })).await;
    let told = desk.get(&begun.link).await.ok()["value"].as_array().unwrap().clone();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0], {
        let mut inbox = desk.folder("inbox").await;
        inbox.as_object_mut().unwrap().remove("@odata.context");
        inbox["@odata.type"] = json!("#microsoft.graph.mailFolder");
        inbox
    });
    for option in ["$top=3", "$filter=isHidden eq true", "includeHiddenFolders=true"] {
        assert_eq!(desk.get(&format!("{FOLDERS}?{option}")).await.status, 400, "{option}");
    }
}

#[tokio::test]
async fn folders_repeat_themselves_too() {
    let desk = Desk::new().await;
    let plain = mirror(&desk, FOLDERS, 4).await;
    let habits = json!({ "duplicates": true, "reorder": true, "empty_pages": true, "seed": 3 });
    direct(&desk, "delta", habits).await;
    let wild = mirror(&desk, FOLDERS, 4).await;
    assert_eq!(wild.items, plain.items);
    assert!(wild.pages > plain.pages, "some are empty");
    direct(&desk, "delta", json!({})).await;
    assert_eq!(mirror(&desk, FOLDERS, 4).await.pages, plain.pages, "off again");
}

#[tokio::test]
async fn ids_are_translated_from_one_kind_to_another() {
    let desk = Desk::new().await;
    let message = desk.newest("inbox").await;
    let default = id(&message);
    let path = "/me/mailFolders/inbox/messages?$top=1&$select=id";
    let lasting = id(&desk.get_preferring(path, "IdType=\"ImmutableId\"").await.ok()["value"][0]);
    let translate = async |ids: Vec<String>, from: &str, to: &str| {
        let body = json!({ "inputIds": ids, "sourceIdType": from, "targetIdType": to });
        desk.post("/me/translateExchangeIds", body).await
    };
    let kinds = ["restId", "restImmutableEntryId", "entryId", "immutableEntryId", "ewsId"];
    for kind in kinds {
        let there = translate(vec![default.clone()], "restId", kind).await.ok();
        assert_eq!(there["value"][0]["sourceId"], default.as_str(), "{kind}");
        let other = id_of(&there, 0);
        let back = translate(vec![other], kind, "restId").await.ok();
        assert_eq!(back["value"][0]["targetId"], default.as_str(), "{kind}");
    }
    let same = translate(vec![default.clone()], "restid", "RestImmutableEntryId").await.ok();
    assert_eq!(id_of(&same, 0), lasting);
    direct(&desk, &format!("messages/{lasting}/move"), json!({ "folder": "archive" })).await;
    let stale = translate(vec![default.clone(), lasting.clone()], "restId", "restId").await.ok();
    assert_eq!(stale["value"][0]["errorDetails"]["code"], "ErrorItemNotFound");
    assert!(stale["value"][1]["errorDetails"].is_object(), "an id of another kind");
    let now = translate(vec![lasting], "restImmutableEntryId", "restId").await.ok();
    assert_ne!(id_of(&now, 0), default);
    let folder = id(&desk.folder("inbox").await);
    let container = translate(vec![folder.clone()], "restId", "restImmutableEntryId").await.ok();
    assert_eq!(id_of(&container, 0), folder, "containers have one id for ever");
    let many = translate(vec![default.clone(); 1_001], "restId", "ewsId").await;
    assert_eq!(code(&many), refusal(400, "ErrorInvalidParameter"));
    assert_eq!(translate(vec![default.clone()], "restId", "shoeId").await.status, 400);
    let desk = Desk::with(crate::play::Play::new(), crate::play::ADELE, "Mail.Send").await;
    let mute = desk.post("/me/translateExchangeIds", json!({})).await;
    assert_eq!(code(&mute), refusal(403, "ErrorAccessDenied"));
}

fn id_of(answer: &Value, index: usize) -> String {
    answer["value"][index]["targetId"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}
