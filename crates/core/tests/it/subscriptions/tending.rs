//! Subscriptions are made, renewed, and made anew.

use std::time::Duration;

use evergrant::clock::until;
use evergrant::store::SyncStore;
use evergrant::subscriptions::Received;
use evergrant::{CallError, Clock, Denial};

use super::post::{LIFE, Post, denied};
use super::{begin, body, calls, enrol, is_due, note, now, reached_at, rest, row, subscribed};
use crate::support::Stage;

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

#[tokio::test]
async fn an_address_is_known_before_the_provider_is_asked() {
    // The double calls back before it answers, and panics where nobody is there.
    let (stage, _process, _, post, id) = subscribed().await;
    let (made, row) = (post.made().remove(0), row(&stage, id).await);
    assert_eq!(row.subscription.as_deref(), Some(made.id.as_str()));
    assert_eq!(row.attempts, 0);
    assert!(made.address.starts_with("https://grants.test/api/notifications/acme/"));
    assert!(made.address.starts_with(&made.ours));
}

#[tokio::test]
async fn neither_address_nor_state_is_kept_only_their_hashes() {
    let (stage, _process, _, post, id) = subscribed().await;
    let (made, row) = (post.made().remove(0), row(&stage, id).await);
    let kept = format!("{row:?}");
    assert!(!kept.contains(made.secret()) && !kept.contains(&made.state));
    let hash = |text: &str| {
        aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes()).as_ref().to_vec()
    };
    assert_eq!(row.address_hash.unwrap().to_vec(), hash(made.secret()));
    assert_eq!(row.state_hash.unwrap().to_vec(), hash(&made.state));
    // 256 bits each, in base64url.
    assert_eq!((made.state.len(), made.secret().len()), (43, 12 + 43));
}

#[tokio::test]
async fn after_a_subscription_was_made_the_feed_is_read() {
    let (mut stage, post) = (Stage::new(), Post::default());
    let (process, subscriptions) = begin(&mut stage, &[("acme", &post)]).await;
    let id = stage.connect(&process, "ada").await;
    enrol(&stage, &["acme"]).await;
    rest(&stage, id).await;
    process.tasks.spawn_loop(subscriptions.run());
    stage.live(Duration::from_secs(1)).await;
    assert_eq!(post.made().len(), 1);
    assert!(is_due(&stage).await);
}

#[tokio::test]
async fn a_subscription_is_renewed_about_half_way_through_its_life() {
    let (stage, _process, _, post, id) = subscribed().await;
    let end = row(&stage, id).await.expires_at.unwrap();
    let early = LIFE / 2 / 10 * 9;
    stage.live(early.saturating_sub(MINUTE)).await;
    assert!(post.with(|book| book.renewed.is_empty()));
    stage.live(LIFE / 2 / 10 + 2 * MINUTE).await;
    assert_eq!(post.with(|book| book.renewed.clone()), ["s-0"]);
    assert!(row(&stage, id).await.expires_at.unwrap() > end);
    assert_eq!(post.made().len(), 1);
}

#[tokio::test]
async fn one_that_is_gone_is_made_anew_and_its_address_is_forgotten() {
    let (stage, _process, subscriptions, post, id) = subscribed().await;
    let old = post.made().remove(0);
    post.with(|book| book.gone.insert(old.id.clone()));
    // The provider says so, and is asked before it is believed.
    let address = subscriptions.address("acme", old.secret()).await.unwrap().unwrap();
    rest(&stage, id).await;
    let mut removed = note(&old, 1);
    removed["event"] = "removed".into();
    address.receive(None, &body(&[removed])).await.unwrap();
    stage.live(Duration::from_secs(1)).await;
    let new = post.made().pop().unwrap();
    assert_eq!(post.made().len(), 2);
    assert_ne!((&new.address, &new.state), (&old.address, &old.state));
    assert_eq!(new.ours, old.ours);
    assert!(subscriptions.address("acme", old.secret()).await.unwrap().is_none());
    // What the old one tells at the new address is not believed.
    rest(&stage, id).await;
    let address = subscriptions.address("acme", new.secret()).await.unwrap().unwrap();
    let received = address.receive(None, &body(&[note(&old, 2)])).await.unwrap();
    assert_eq!((received, is_due(&stage).await), (Received::Taken, false));
}

#[tokio::test]
async fn a_notification_is_a_hint_whatever_it_says() {
    let (stage, _process, subscriptions, post, _) = subscribed().await;
    let made = post.made().remove(0);
    let address = subscriptions.address("acme", made.secret()).await.unwrap().unwrap();
    // It says that it was removed, but that is not so: it is renewed and stays.
    for (n, event) in [(1, "removed"), (2, "expiring")] {
        let mut said = note(&made, n);
        said["event"] = event.into();
        address.receive(None, &body(&[said])).await.unwrap();
        stage.live(Duration::from_secs(1)).await;
    }
    assert_eq!(post.with(|book| book.renewed.clone()), ["s-0", "s-0"]);
    assert_eq!((post.made().len(), post.with(|book| book.ended.len())), (1, 0));
    // Nothing but reading follows from the others.
    let called = calls(&stage);
    let mut missed = note(&made, 3);
    missed["event"] = "missed".into();
    address.receive(None, &body(&[missed, note(&made, 4)])).await.unwrap();
    stage.live(Duration::from_secs(1)).await;
    assert_eq!(calls(&stage), called);
}

#[tokio::test]
async fn one_that_is_told_where_we_are_reached_no_more_is_ended_and_made_anew() {
    let (mut stage, post) = (Stage::new(), Post::default());
    let (process, before) = begin(&mut stage, &[("acme", &post)]).await;
    let id = stage.connect(&process, "ada").await;
    enrol(&stage, &["acme"]).await;
    let mut running = tokio::task::JoinSet::new();
    running.spawn(before.run());
    stage.live(Duration::from_secs(1)).await;
    drop(running);
    assert!(post.made()[0].address.starts_with("https://grants.test/"));
    // The operator gives it another address.
    let after = reached_at(&stage, &process, "https://new.test/api/notifications/");
    post.with(|book| book.door = Some(after.clone()));
    process.tasks.spawn_loop(after.run());
    stage.live(LIFE / 2 + MINUTE).await;
    assert_eq!(post.with(|book| book.ended.clone()), ["s-0"]);
    assert!(post.made()[1].address.starts_with("https://new.test/api/notifications/acme/"));
    assert_eq!(row(&stage, id).await.subscription.as_deref(), Some("s-1"));
    stage.live(LIFE / 2 + MINUTE).await;
    assert_eq!(
        (post.made().len(), post.with(|book| book.renewed.clone())),
        (2, vec!["s-1".into()])
    );
}

#[tokio::test]
async fn one_that_cannot_be_renewed_as_it_is_is_ended_and_made_anew() {
    let (stage, _process, _, post, id) = subscribed().await;
    post.with(|book| book.fails.push_back(denied(Denial::Input)));
    stage.live(LIFE / 2 + MINUTE).await;
    assert_eq!(post.with(|book| book.ended.clone()), ["s-0"]);
    assert_eq!(row(&stage, id).await.subscription.as_deref(), Some("s-1"));
}

#[tokio::test]
async fn a_failure_is_tried_again_ever_less_often_and_a_success_ends_that() {
    let (mut stage, post) = (Stage::new(), Post::default());
    let (process, subscriptions) = begin(&mut stage, &[("acme", &post)]).await;
    let id = stage.connect(&process, "ada").await;
    enrol(&stage, &["acme"]).await;
    let down = CallError::Unreadable("nonsense".to_owned());
    post.with(|book| book.fails.extend(vec![down; 10]));
    process.tasks.spawn_loop(subscriptions.run());
    stage.live(Duration::from_secs(1)).await;
    let mut waits = Vec::new();
    for attempts in 1..=10 {
        let row = row(&stage, id).await;
        assert_eq!(row.attempts, attempts);
        let wait = until(now(&stage).await, row.due_at);
        waits.push(wait.as_secs());
        stage.live(wait + Duration::from_secs(11)).await;
    }
    assert!((4..=30).contains(&waits[0]), "{waits:?}");
    assert!(waits.iter().all(|wait| *wait <= 3_600) && waits[9] >= 1_700, "{waits:?}");
    assert!(waits.windows(3).take(6).all(|w| w[2] > w[0]), "{waits:?}");
    let row = row(&stage, id).await;
    assert_eq!((row.attempts, post.made().len()), (0, 1));
}

#[tokio::test]
async fn who_has_to_mend_something_first_is_left_alone_meanwhile() {
    let (stage, _process, _, post, id) = subscribed().await;
    // Renewals are refused; then the account needs its user.
    post.with(|book| book.fails.push_back(denied(Denial::Forbidden)));
    let due = until(now(&stage).await, row(&stage, id).await.due_at);
    stage.live(due + Duration::from_secs(11)).await;
    let refused = row(&stage, id).await;
    assert_eq!((refused.attempts, refused.subscription.as_deref()), (1, Some("s-0")));
    assert!(until(now(&stage).await, refused.due_at) >= 28 * MINUTE);
    stage.world.end_family(0);
    stage.world.end_access_tokens();
    stage.live(2 * HOUR).await;
    let called = calls(&stage);
    stage.live(24 * HOUR).await;
    assert_eq!(calls(&stage), called);
    assert!(row(&stage, id).await.attempts > 10);
}

#[tokio::test]
async fn one_slow_provider_holds_up_no_other() {
    let (mut stage, slow, quick) = (Stage::new(), Post::default(), Post::default());
    let (process, subscriptions) = begin(&mut stage, &[("acme", &slow), ("quick", &quick)]).await;
    for n in 0..30 {
        stage.sign_in(&process, "acme", &format!("a-{n}"), None).await.unwrap();
        stage.sign_in(&process, "quick", &format!("q-{n}"), None).await.unwrap();
    }
    enrol(&stage, &["acme", "quick"]).await;
    slow.with(|book| book.takes = Duration::from_mins(4));
    process.tasks.spawn_loop(subscriptions.run());
    stage.live(Duration::from_secs(5)).await;
    assert_eq!((slow.made().len(), quick.made().len()), (0, 30));
    // It gets done, too, a few at a time, and nothing twice.
    stage.live(17 * MINUTE).await;
    assert_eq!(slow.made().len(), 30);
}

#[tokio::test]
async fn a_disconnect_ends_subscriptions_first_and_waits_for_nobody() {
    let (mut stage, process, subscriptions, post, id) = subscribed().await;
    let stranger = stage.stranger();
    stage.run(subscriptions.end(stranger, id)).await;
    assert_eq!(post.with(|book| book.ended.len()), 0);
    post.with(|book| book.takes = HOUR);
    let began = stage.clock.uptime();
    stage.run(subscriptions.end(stage.owner, id)).await;
    assert_eq!(stage.clock.uptime().saturating_sub(began), Duration::from_secs(3));
    post.with(|book| book.takes = Duration::ZERO);
    stage.run(subscriptions.end(stage.owner, id)).await;
    assert_eq!(post.with(|book| book.ended.clone()), ["s-0"]);
    // What is disconnected is subscribed to no more.
    stage.run(process.vault.disconnect(stage.owner, id)).await.unwrap();
    enrol(&stage, &["acme"]).await;
    stage.live(24 * HOUR).await;
    assert_eq!(post.made().len(), 1);
}

#[tokio::test]
async fn what_was_being_made_when_its_account_was_disconnected_is_not_kept() {
    let (mut stage, post) = (Stage::new(), Post::default());
    let (process, subscriptions) = begin(&mut stage, &[("acme", &post)]).await;
    stage.connect(&process, "ada").await;
    let id = stage.connect(&process, "bob").await;
    enrol(&stage, &["acme"]).await;
    post.with(|book| book.takes = MINUTE);
    process.tasks.spawn_loop(subscriptions.run());
    stage.live(MINUTE / 2).await;
    stage.run(process.vault.disconnect(stage.owner, id)).await.unwrap();
    enrol(&stage, &["acme"]).await;
    stage.live(5 * MINUTE).await;
    // By then there is no token to end it with: it ends by itself, and what it tells reaches nobody.
    assert_eq!(post.made().len(), 2);
    assert!(stage.store.subscriptions(id).await.unwrap().is_empty());
}
