//! Lists of stored items: in order, whole, filtered, searched, and nobody else's.

use evergrant::UserId;
use evergrant::feed::FeedKind;
use evergrant::store::{Edit, FeedId, GrantStore as _, Item, SyncStore as _};
use evergrant_store::{ItemCursor, ItemQuery};

use crate::bench::{Database, PROVIDER, on_both_databases};
use crate::copy::{connected, email, ids, listed, message, minutes, run, walked};

on_both_databases!(
    a_list_is_in_order_and_whole_whatever_its_pages,
    a_list_is_whole_and_repeats_nothing_while_items_change,
    events_are_found_by_when_they_take_place,
    messages_are_found_by_what_they_are,
    a_search_finds_what_has_all_words_as_beginnings_of_words,
    what_is_found_everywhere_is_listed_like_what_is_rare,
    no_search_is_a_query,
    a_list_holds_only_the_owners_items,
    nothing_of_a_disconnected_integration_is_listed_from_then_on,
    bodies_come_along_where_they_are_asked_for,
);

fn messages() -> ItemQuery {
    ItemQuery::new(FeedKind::Email)
}

fn events() -> ItemQuery {
    ItemQuery::new(FeedKind::Calendar)
}

async fn a_list_is_in_order_and_whole_whatever_its_pages(d: &Database) {
    let t = &d.bench();
    let (one, two) = (connected(d, t, t.alice).await, connected(d, t, t.alice).await);
    // Many at one moment, in both integrations.
    let some = |range: std::ops::Range<i64>| {
        range.map(|n| message(&format!("m{n:03}"), n / 40, "words")).collect::<Vec<_>>()
    };
    run(d, t, email(one), some(0..120), &[]).await;
    run(d, t, email(two), some(100..243), &[]).await;
    let calendar = FeedId { integration: one, feed: FeedKind::Calendar };
    run(d, t, calendar, some(0..9), &[]).await;

    let in_one = (0..120).map(|n| (n / 40, one, format!("m{n:03}")));
    let in_two = (100..243).map(|n| (n / 40, two, format!("m{n:03}")));
    let mut expected: Vec<_> = in_one.chain(in_two).collect();
    expected.sort();
    expected.reverse();
    let expected: Vec<_> = expected.into_iter().map(|(.., id)| id).collect();
    for limit in [1, 7, 50, 262, 263, 1_000] {
        let all = walked(&d.replica, t.alice, ItemQuery { limit, ..messages() }).await;
        assert_eq!(all, expected, "in pages of {limit}");
    }
    let all = walked(&d.store, t.alice, ItemQuery { limit: 4, ..events() }).await;
    assert_eq!(all, (0..9).map(|n| format!("m{n:03}")).collect::<Vec<_>>());
}

async fn a_list_is_whole_and_repeats_nothing_while_items_change(d: &Database) {
    let t = &d.bench();
    let id = connected(d, t, t.alice).await;
    let items = (0..60).map(|n| message(&format!("m{n:02}"), n, "words")).collect();
    run(d, t, email(id), items, &[]).await;
    let mut query = ItemQuery { limit: 10, ..messages() };
    let mut seen = Vec::new();
    for round in 0.. {
        let page = d.store.items(t.alice, &query).await.unwrap();
        seen.extend(ids(&page));
        let Some(next) = page.next else { break };
        // What the next page begins behind is gone, others change, and newer ones come.
        let last = next.id.clone();
        query.after = Some(next);
        let changed = message("m05", 5, &format!("round {round}"));
        let newer = message(&format!("new{round}"), 100 + round, "words");
        run(d, t, email(id), vec![changed, newer], &[&last]).await;
    }
    let expected: Vec<_> = (0..60).rev().map(|n| format!("m{n:02}")).collect();
    assert_eq!(seen, expected);
    // A cursor that was made up leads somewhere in the same list.
    let at = minutes(30);
    let after = Some(ItemCursor { at, integration: id, id: "zzz".to_owned() });
    let rest = listed(&d.store, t.alice, &ItemQuery { after, limit: 2, ..messages() }).await;
    assert_eq!(rest, ["m29", "m28"]);
}

async fn events_are_found_by_when_they_take_place(d: &Database) {
    let t = &d.bench();
    let id = FeedId { integration: connected(d, t, t.alice).await, feed: FeedKind::Calendar };
    let event =
        |name: &str, from, to| Item { until: Some(minutes(to)), ..message(name, from, "words") };
    let all = vec![event("long", 0, 100), event("early", 10, 20), event("late", 90, 95)];
    run(d, t, id, all, &[]).await;
    for (from, to, expected) in [
        (None, None, &["long", "early", "late"][..]),
        (Some(20), None, &["long", "late"]),
        (Some(19), Some(90), &["long", "early"]),
        (Some(96), Some(97), &["long"]),
        (Some(100), None, &[]),
        (None, Some(0), &[]),
    ] {
        let query = ItemQuery { from: from.map(minutes), to: to.map(minutes), ..events() };
        assert_eq!(listed(&d.store, t.alice, &query).await, expected, "{from:?} to {to:?}");
    }
}

async fn messages_are_found_by_what_they_are(d: &Database) {
    let t = &d.bench();
    let (one, two) = (connected(d, t, t.alice).await, connected(d, t, t.alice).await);
    let read = Item { is_read: Some(true), ..message("read", 1, "words") };
    let filed = Item { folder: Some("archive".to_owned()), ..message("filed", 2, "words") };
    let urgent = Item { importance: Some("high".to_owned()), ..message("urgent", 3, "words") };
    let other = Item {
        sender: Some("eve@example.com".to_owned()),
        people: vec!["eve@example.com".to_owned(), "o'neil+x@example.com".to_owned()],
        ..message("other", 4, "words")
    };
    run(d, t, email(one), vec![read, filed, urgent], &[]).await;
    run(d, t, email(two), vec![other], &[]).await;
    let text = |text: &str| Some(text.to_owned());
    for (query, expected) in [
        (ItemQuery { is_read: Some(true), ..messages() }, &["read"][..]),
        (ItemQuery { is_read: Some(false), ..messages() }, &["other", "urgent", "filed"]),
        (ItemQuery { folder: text("archive"), ..messages() }, &["filed"]),
        (ItemQuery { importance: text("high"), ..messages() }, &["urgent"]),
        (ItemQuery { integration: Some(two), ..messages() }, &["other"]),
        (ItemQuery { provider: Some(PROVIDER.into()), limit: 1, ..messages() }, &["other"]),
        (ItemQuery { provider: Some("acme_mail".into()), ..messages() }, &[]),
        (ItemQuery { sender: text("Eve@Example.com"), ..messages() }, &["other"]),
        (ItemQuery { sender: text("bob.k@example.com"), ..messages() }, &[]),
        (
            ItemQuery { person: text("bob.k@example.com"), ..messages() },
            &["urgent", "filed", "read"],
        ),
        (ItemQuery { person: text("bob.k@example.co"), ..messages() }, &[]),
        (ItemQuery { person: text("bob-k@example.com"), ..messages() }, &[]),
        (ItemQuery { person: text("O'Neil+x@example.com"), ..messages() }, &["other"]),
        (
            ItemQuery { from: Some(minutes(2)), to: Some(minutes(4)), ..messages() },
            &["urgent", "filed"],
        ),
        (ItemQuery { search: text("words"), is_read: Some(true), ..messages() }, &["read"]),
    ] {
        assert_eq!(listed(&d.store, t.alice, &query).await, expected, "{query:?}");
    }
}

async fn a_search_finds_what_has_all_words_as_beginnings_of_words(d: &Database) {
    let t = &d.bench();
    let id = email(connected(d, t, t.alice).await);
    let first = message("first", 1, "Größere Meeting-Notes: https://example.com/a_b 日程 v2.10");
    let second = message("second", 2, "meeting is cancelled, NOTES follow");
    run(d, t, id, vec![first, second], &[]).await;
    let found = async |search: &str| {
        let query = ItemQuery { search: Some(search.to_owned()), ..messages() };
        listed(&d.store, t.alice, &query).await
    };
    for (search, expected) in [
        ("meeting", &["second", "first"][..]),
        ("  MEET note ", &["second", "first"]),
        ("meeting größe", &["first"]),
        ("notes cancelled", &["second"]),
        ("notes absent", &[]),
        ("eeting", &[]),
        ("example.com/a", &["first"]),
        ("日", &["first"]),
        ("v2.10", &["first"]),
        ("v2.1", &[]),
        ("is", &["second"]),
        // No search at all.
        ("", &["second", "first"]),
        (" \t", &["second", "first"]),
        // No word.
        ("!?", &[]),
    ] {
        assert_eq!(found(search).await, expected, "{search:?}");
    }
    // What is no longer said is not found.
    run(d, t, id, vec![message("first", 1, "something else")], &["second"]).await;
    assert!(found("meeting").await.is_empty());
    assert_eq!(found("else").await, ["first"]);
}

async fn what_is_found_everywhere_is_listed_like_what_is_rare(d: &Database) {
    let t = &d.bench();
    let (one, two) = (connected(d, t, t.alice).await, connected(d, t, t.alice).await);
    let others = connected(d, t, t.bob).await;
    // Every tenth has not the word; every fortieth has another as well, and is unread.
    let some = |range: std::ops::Range<i64>| {
        let item = |n: i64| match (n % 10, n % 40) {
            (0, _) => message(&format!("m{n:03}"), n, "nothing"),
            (_, 1) => Item {
                is_read: Some(false),
                ..message(&format!("m{n:03}"), n, "everywhere and seldom")
            },
            _ => Item { is_read: Some(true), ..message(&format!("m{n:03}"), n, "everywhere") },
        };
        range.map(item).collect::<Vec<_>>()
    };
    run(d, t, email(one), some(0..320), &[]).await;
    run(d, t, email(two), some(320..640), &[]).await;
    run(d, t, email(others), some(700..710), &[]).await;
    let expected = |keep: &dyn Fn(i64) -> bool| {
        let ids = (0..640).rev().filter(|n| n % 10 != 0 && keep(*n));
        ids.map(|n| format!("m{n:03}")).collect::<Vec<_>>()
    };
    let search = |text: &str| ItemQuery { search: Some(text.to_owned()), ..messages() };
    for (query, expected) in [
        (search("everywh"), expected(&|_| true)),
        (ItemQuery { integration: Some(one), ..search("everywhere") }, expected(&|n| n < 320)),
        (ItemQuery { is_read: Some(false), ..search("everywhere") }, expected(&|n| n % 40 == 1)),
        (search("everywhere seldom"), expected(&|n| n % 40 == 1)),
        (ItemQuery { integration: Some(two), ..search("seldom") }, {
            expected(&|n| n >= 320 && n % 40 == 1)
        }),
    ] {
        assert_eq!(walked(&d.store, t.alice, query.clone()).await, expected, "{query:?}");
    }
    assert_eq!(walked(&d.store, t.bob, search("everywhere")).await.len(), 9);
}

async fn no_search_is_a_query(d: &Database) {
    let t = &d.bench();
    let id = email(connected(d, t, t.alice).await);
    run(d, t, id, vec![message("one", 1, "meeting notes near or and not")], &[]).await;
    for search in [
        "meeting OR absent",
        "meeting NOT notes absent",
        "\"meeting absent\"",
        "words : absent",
        "NEAR(meeting absent)",
        "'absent':* | 'meeting'",
        "meeting') absent",
        "x\\' & absent",
        "absent\0",
    ] {
        let query = ItemQuery { search: Some(search.to_owned()), ..messages() };
        assert!(listed(&d.store, t.alice, &query).await.is_empty(), "{search:?}");
    }
    let long = "meeting ".repeat(100_000);
    for search in ["meeting\" *", "mee:* not", "^meeting", "-notes +near", "(or", "~meeting", &long]
    {
        for field in [0, 1, 2] {
            let mut query = messages();
            let text = Some(search.to_owned());
            match field {
                0 => query.search = text,
                1 => query.sender = text,
                _ => query.person = text,
            }
            let found = listed(&d.store, t.alice, &query).await;
            assert_eq!(found.len(), usize::from(field == 0), "{search:.20?}");
        }
    }
    for query in [
        ItemQuery { folder: Some("in\0box".to_owned()), ..messages() },
        ItemQuery { importance: Some("' OR 1 = 1 --".to_owned()), ..messages() },
    ] {
        assert!(listed(&d.store, t.alice, &query).await.is_empty(), "{query:?}");
    }
    // Nor is what comes from a provider anything but text.
    let nasty = Item {
        id: "n'; DROP TABLE items; --".to_owned(),
        sender: Some("\"; *@' :~".to_owned()),
        folder: Some("$1".to_owned()),
        ..message("nasty", 2, "' \" :* \u{1F4C5} \u{301}e \\ & | !")
    };
    run(d, t, id, vec![nasty], &[]).await;
    let query = ItemQuery { sender: Some("\"; *@' :~".to_owned()), ..messages() };
    assert_eq!(listed(&d.store, t.alice, &query).await, ["nasty"]);
}

async fn a_list_holds_only_the_owners_items(d: &Database) {
    let t = &d.bench();
    // Her tokens begin as the other's do: five letters are not all of an id.
    let twin = UserId::from_u128(t.alice.as_u128() ^ 1 << 100);
    let ours = connected(d, t, t.alice).await;
    run(d, t, email(ours), vec![message("ours", 1, "meeting")], &[]).await;
    for other in [t.bob, twin] {
        let theirs = connected(d, t, other).await;
        run(d, t, email(theirs), vec![message("theirs", 2, "meeting")], &[]).await;
        assert!(d.store.ask(t.alice, theirs, &FeedKind::ALL).await.unwrap().is_empty());
        assert!(d.store.feeds(t.alice, Some(theirs)).await.unwrap().is_empty());
        let foreign = ItemQuery { integration: Some(theirs), ..messages() };
        assert!(listed(&d.store, t.alice, &foreign).await.is_empty());
    }
    let text = |text: &str| Some(text.to_owned());
    for query in [
        messages(),
        ItemQuery { search: text("meet"), ..messages() },
        ItemQuery { sender: text("ada@example.com"), ..messages() },
    ] {
        assert_eq!(listed(&d.store, t.alice, &query).await, ["ours"]);
        assert_eq!(listed(&d.store, twin, &query).await, ["theirs"]);
    }
}

async fn nothing_of_a_disconnected_integration_is_listed_from_then_on(d: &Database) {
    let t = &d.bench();
    let (gone, stays) = (connected(d, t, t.alice).await, connected(d, t, t.alice).await);
    run(d, t, email(gone), vec![message("gone", 1, "meeting")], &[]).await;
    run(d, t, email(stays), vec![message("stays", 2, "meeting")], &[]).await;
    let paused = Edit { paused: Some(true), ..Edit::default() };
    d.store.edit(t.alice, stays, &paused, t.now()).await.unwrap();
    d.store.disconnect(t.alice, gone, t.now(), None).await.unwrap();
    // Nobody has looked at the integrations since.
    for search in [None, Some("meeting".to_owned())] {
        let query = ItemQuery { search, ..messages() };
        assert_eq!(listed(&d.replica, t.alice, &query).await, ["stays"]);
    }
    let (changes, _) = crate::copy::changes(&d.store, t.alice, 0).await;
    assert_eq!(changes.iter().map(|change| change.id.as_str()).collect::<Vec<_>>(), ["stays"]);
    let feeds = d.store.feeds(t.alice, None).await.unwrap();
    assert!(feeds.iter().all(|feed| feed.integration_id == stays));
    assert!(d.store.ask(t.alice, gone, &FeedKind::ALL).await.unwrap().is_empty());
}

async fn bodies_come_along_where_they_are_asked_for(d: &Database) {
    let t = &d.bench();
    let id = email(connected(d, t, t.alice).await);
    let bare = Item { body: None, ..message("bare", 1, "words") };
    run(d, t, id, vec![bare, message("whole", 2, "words")], &[]).await;
    let bodies = async |bodies| {
        let page = d.store.items(t.alice, &ItemQuery { bodies, ..messages() }).await.unwrap();
        page.items.into_iter().map(|item| item.body).collect::<Vec<_>>()
    };
    assert_eq!(bodies(false).await, [None, None]);
    assert_eq!(bodies(true).await, [Some("{\"content\":\"words\"}".to_owned()), None]);
}
