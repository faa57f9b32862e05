//! Rounds that are told in unusual ways, and tokens that die (contract, 4.6, rules 4 and 5).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::delta::{direct, folder_of, mirror, page, round};
use super::{Desk, code, id, refusal};
use crate::delta::{Dice, Mirror, no_limits, path_of};
use crate::play::{ADELE, assert_like};

#[tokio::test]
async fn a_mailbox_may_repeat_shuffle_and_pause() {
    let desk = Desk::new().await;
    let folder = folder_of(&desk, "Watched", 60).await;
    let path = format!("/me/mailFolders/{folder}/messages/delta?$select=subject");
    let plain = mirror(&desk, &path, 7).await;
    for seed in 0..5 {
        let habits =
            json!({ "duplicates": true, "reorder": true, "empty_pages": true, "seed": seed });
        direct(&desk, "delta", habits).await;
        let (mut empty, mut twice, mut gone_first, mut replayed) = (0, 0, 0, 0);
        let mut copy = Mirror { link: path.clone(), ..Mirror::default() };
        loop {
            let page = page(&desk, &copy.link.clone(), 7).await;
            let told = page["value"].as_array().unwrap();
            empty += usize::from(told.is_empty() && page["@odata.nextLink"].is_string());
            let ids: BTreeSet<_> = told.iter().map(id).collect();
            twice += usize::from(ids.len() < told.len());
            gone_first += told.iter().filter(|it| it.get("@removed").is_some()).count();
            replayed += ids.iter().filter(|id| copy.items.contains_key(*id)).count();
            if copy.apply(&page) {
                break;
            }
        }
        assert!(empty > 0 && twice > 0 && gone_first > 0 && replayed > 0, "seed {seed}");
        assert_eq!(copy.items, plain.items, "the last word counts: seed {seed}");
        round(&desk, &mut copy, 7).await;
        assert_eq!(copy.items, plain.items, "seed {seed}");
    }
}

#[tokio::test]
async fn any_changes_during_a_round_of_small_pages_arrive() {
    let desk = Desk::new().await;
    no_limits(&desk.play).await;
    for seed in 0..24 {
        let mut dice = Dice(seed);
        let folder = folder_of(&desk, &format!("Watched {seed}"), 5 + dice.roll(12)).await;
        let wild = json!({
            "duplicates": seed % 2 == 1, "reorder": seed % 4 > 1, "empty_pages": seed % 3 == 1, "seed": seed,
        });
        direct(&desk, "delta", wild).await;
        let size = 1 + dice.roll(5);
        let immutable = if seed % 2 == 0 { "" } else { ", IdType=\"ImmutableId\"" };
        let prefer = format!("odata.maxpagesize={size}{immutable}");
        let path = format!("/me/mailFolders/{folder}/messages/delta");
        let mut copy = Mirror { link: path, ..Mirror::default() };
        let mut left = 30;
        // The rounds go on until nothing has changed before one for a while.
        loop {
            let before = left;
            loop {
                let page = desk.get_preferring(&copy.link, &prefer).await.ok();
                if copy.apply(&page) {
                    break;
                }
                for _ in 0..dice.roll(3).min(left) {
                    left -= 1;
                    disturb(&desk, &folder, &mut dice).await;
                }
            }
            if left == 0 && before == 0 {
                break;
            }
            while left > 0 && dice.roll(2) == 0 {
                left -= 1;
                disturb(&desk, &folder, &mut dice).await;
            }
        }
        let list = format!("/me/mailFolders/{folder}/messages?$top=1000");
        let listed = desk.get_preferring(&list, &prefer.replace("odata.maxpagesize", "x")).await;
        let state = |it: &Value| (id(it), it["@odata.etag"].clone());
        let listed: BTreeSet<_> =
            listed.ok()["value"].as_array().unwrap().iter().map(|it| state(it).0).collect();
        let mirrored: BTreeSet<_> = copy.items.values().map(|it| state(it).0).collect();
        assert_eq!(mirrored, listed, "seed {seed}");
        for (id, it) in &copy.items {
            let now = desk.get_preferring(&format!("/me/messages/{id}"), &prefer).await.ok();
            assert_eq!(now["@odata.etag"], it["@odata.etag"], "seed {seed}");
        }
    }
}

/// Somebody does something in the folder, or with what was there.
async fn disturb(desk: &Desk, folder: &str, dice: &mut Dice) {
    let any = async |folder: &str, dice: &mut Dice| {
        let list = format!("/me/mailFolders/{folder}/messages?$top=50&$select=id");
        let all = desk.get(&list).await.ok()["value"].as_array().unwrap().clone();
        (!all.is_empty()).then(|| id(&all[dice.roll(all.len())]))
    };
    let here = any(folder, dice).await;
    let (what, body) = match (dice.roll(8), here) {
        (0 | 1, _) | (_, None) => ("messages".to_owned(), json!({ "folder": folder })),
        (2, Some(id)) => (format!("messages/{id}/change"), json!({ "isRead": dice.roll(2) == 0 })),
        (3, Some(id)) => (format!("messages/{id}/change"), json!({ "subject": "x" })),
        (4, Some(id)) => (format!("messages/{id}/move"), json!({ "folder": "drafts" })),
        (5, Some(id)) => (format!("messages/{id}/delete"), json!({})),
        (6, Some(id)) => (format!("messages/{id}/permanent-delete"), json!({})),
        _ => match any("drafts", dice).await {
            Some(id) => (format!("messages/{id}/move"), json!({ "folder": folder })),
            None => ("messages".to_owned(), json!({ "folder": folder })),
        },
    };
    direct(desk, &what, body).await;
}

#[tokio::test]
async fn every_token_dies_when_told_and_the_place_to_begin_again_may_be_named() {
    let desk = Desk::new().await;
    let folder = folder_of(&desk, "Watched", 3).await;
    let path = format!("/me/mailFolders/{folder}/messages/delta?$select=subject");
    for (status, code_, location) in [
        (410, "SyncStateNotFound", true),
        (410, "resyncRequired", false),
        (400, "syncStateInvalid", false),
        (404, "SyncStateNotFound", true),
    ] {
        let first = page(&desk, &path, 2).await;
        let ended = mirror(&desk, &path, 2).await;
        let how = json!({ "status": status, "code": code_, "location": location });
        direct(&desk, "expire-delta-tokens", how).await;
        for dead in [first["@odata.nextLink"].as_str().unwrap(), &ended.link] {
            let answer = desk.get(dead).await;
            assert_eq!(code(&answer), refusal(status, code_), "{dead}");
            let again = answer.header("location").to_owned();
            assert_eq!(!again.is_empty(), location);
            if location {
                assert!(again.ends_with("?%24select=subject&$deltatoken="), "{again}");
                let anew = desk.get(&again).await.ok();
                assert_eq!(anew["value"].as_array().unwrap().len(), 3, "everything again");
                assert!(anew["value"][0].get("body").is_none(), "with the same options");
            }
            if (status, location) == (410, true) {
                assert_like("graph/error.410.sync_state_not_found", &answer);
            }
        }
        let young = mirror(&desk, &path, 2).await;
        assert_eq!(desk.get(&young.link).await.status, 200, "later tokens live");
    }
    let usual = mirror(&desk, &path, 2).await;
    direct(&desk, "expire-delta-tokens", json!({})).await;
    assert_eq!(code(&desk.get(&usual.link).await), refusal(410, "SyncStateNotFound"));
    desk.play.stage.reset(1);
    let token = super::token(&desk.play, ADELE, super::ALL).await;
    let desk = Desk { play: desk.play, token };
    let answer = desk.get("/me/mailFolders/inbox/messages/delta?$skiptoken=AAAA").await;
    assert_eq!(code(&answer), refusal(410, "SyncStateNotFound"), "of another world");
}

#[tokio::test]
async fn a_scripted_reset_strikes_at_any_page() {
    let desk = Desk::new().await;
    let folder = folder_of(&desk, "Watched", 6).await;
    let path = format!("/me/mailFolders/{folder}/messages/delta?$select=subject");
    let first = page(&desk, &path, 2).await;
    let link = first["@odata.nextLink"].as_str().unwrap();
    let fault = |reset: Value| json!({ "where": "graph", "match": { "path": "*/messages/delta" }, "do": { "delta_reset": reset } });
    desk.play.fault(fault(json!({ "location": true, "code": "resyncRequired" }))).await;
    for _ in 0..2 {
        let struck = desk.get(link).await;
        assert_eq!(code(&struck), refusal(410, "resyncRequired"), "the token stays dead");
        assert!(path_of(struck.header("location")).ends_with("&$deltatoken="));
    }
    assert_eq!(page(&desk, &path, 2).await["value"].as_array().unwrap().len(), 2);
    desk.play.fault(fault(json!(true))).await;
    assert_eq!(code(&desk.get(&path).await), refusal(410, "SyncStateNotFound"), "a first one, too");
    for wrong in [json!(false), json!({ "status": 500 }), json!({ "code": "x" }), json!({ "a": 1 })]
    {
        let answer = desk.play.control("POST", "faults", &fault(wrong.clone())).await;
        assert_eq!(answer.status, 422, "{wrong}");
    }
    for (change, body) in [
        ("expire-delta-tokens", json!({ "status": 500 })),
        ("expire-delta-tokens", json!({ "reason": "x" })),
        ("delta", json!({ "chaos": true })),
    ] {
        let path = format!("world/microsoft/users/{ADELE}/{change}");
        assert_eq!(desk.play.control("POST", &path, &body).await.status, 422, "{body}");
    }
}
