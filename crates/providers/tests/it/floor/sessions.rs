//! Sessions live for as long as somebody uses them, and come back when nobody did.

use std::time::Duration;

use evergrant::{CallError, ConnectError, TokenError};
use futures_util::future::join_all;
use serde_json::json;

use super::{Floor, LOGIN, REFRESH, ROOT};

const CALLERS: usize = 64;

/// The callers of both processes, all at once; none may hear of a token.
async fn everybody(floor: &Floor, processes: &[super::Process; 2], id: evergrant::IntegrationId) {
    let calls = (0..CALLERS).map(|number| processes[number % 2].navigate(id));
    for answer in floor.run(join_all(calls)).await {
        assert!(answer.unwrap() > 0);
    }
}

#[tokio::test]
async fn ten_minutes_of_callers_cost_one_refresh_a_lifetime_and_no_login() {
    let floor = Floor::new();
    let processes = [floor.process().await, floor.process().await];
    let id = floor.kept(&processes[0]).await;
    let logins = floor.count(LOGIN);
    // Tokens live for 60 seconds, and are renewed within their last quarter.
    for _ in 0..120 {
        everybody(&floor, &processes, id).await;
        floor.clock.advance(Duration::from_secs(5));
    }
    assert_eq!(floor.count(LOGIN), logins, "no login after the first");
    let refreshes = floor.answered(REFRESH, 200);
    assert!((10..=13).contains(&refreshes), "{refreshes} refreshes in ten minutes");
    assert_eq!(floor.count(REFRESH), refreshes, "none was refused");
    assert_eq!(floor.answered(ROOT, 401), 0, "no call met an old token");

    floor.clock.advance(Duration::from_mins(11));
    everybody(&floor, &processes, id).await;
    assert_eq!(floor.count(LOGIN), logins + 1, "one login after 11 silent minutes");
    assert_eq!(floor.answered(ROOT, 401), 0);
}

#[tokio::test]
async fn a_session_of_version_2_lives_on_and_comes_back() {
    let floor = Floor::new();
    let process = floor.process().await;
    let fields = [("keep_login", "yes"), ("session_version", "2")];
    let id = floor.connect(&process, &fields).await.unwrap().id;
    for _ in 0..4 {
        floor.run(process.navigate(id)).await.unwrap();
        floor.clock.advance(Duration::from_hours(5));
    }
    assert_eq!(floor.count(LOGIN), 1, "it is extended while it is used");
    floor.change("weekend", &json!({}));
    floor.run(process.navigate(id)).await.unwrap();
    assert_eq!(floor.count(LOGIN), 2);
}

#[tokio::test]
async fn a_thousand_calls_with_a_refused_token_cost_one_refresh_and_one_replay_each() {
    let floor = Floor::new();
    let processes = [floor.process().await, floor.process().await];
    let id = floor.kept(&processes[0]).await;
    everybody(&floor, &processes, id).await;
    let before = floor.count(ROOT);
    floor.change("expire", &json!({}));
    floor.slow(Duration::from_millis(300));
    let calls = (0..1_000).map(|number| processes[number % 2].navigate(id));
    for answer in floor.run(join_all(calls)).await {
        answer.unwrap();
    }
    assert_eq!(floor.count(REFRESH), 1);
    assert_eq!(floor.count(LOGIN), 1);
    let refused = floor.answered(ROOT, 401);
    assert!(refused > 0, "somebody was sent with the old token");
    assert_eq!(floor.count(ROOT) - before, 1_000 + refused, "each was replayed once at most");
}

#[tokio::test]
async fn the_weekend_ends_every_session_and_nobody_hears_of_it() {
    let floor = Floor::new();
    let processes = [floor.process().await, floor.process().await];
    let id = floor.kept(&processes[0]).await;
    everybody(&floor, &processes, id).await;
    floor.change("weekend", &json!({}));
    everybody(&floor, &processes, id).await;
    assert_eq!(floor.count(LOGIN), 2);
}

#[tokio::test]
async fn without_a_kept_login_eleven_silent_minutes_end_the_session_and_the_user_is_asked() {
    let floor = Floor::new();
    let process = floor.process().await;
    let id = floor.connect(&process, &[]).await.unwrap().id;
    floor.run(process.navigate(id)).await.unwrap();
    floor.clock.advance(Duration::from_mins(12));
    for _ in 0..3 {
        let ended = floor.run(process.navigate(id)).await;
        let Err(CallError::Token(TokenError::ReconnectRequired { why, .. })) = ended else {
            panic!("{ended:?}")
        };
        assert_eq!(why.code, "session_ended");
    }
    assert_eq!((floor.count(LOGIN), floor.count(REFRESH)), (1, 1), "nobody asks in vain");
}

#[tokio::test]
async fn a_wrong_password_is_tried_exactly_once() {
    let floor = Floor::new();
    let process = floor.process().await;
    let refused = floor.connect(&process, &[("password", "wrong")]).await;
    let Err(ConnectError::Rejected(why)) = refused else { panic!("{refused:?}") };
    assert_eq!(why.code, "wrong_password");
    assert_eq!(floor.count(LOGIN), 1);

    // The same where the kept one is no longer right.
    let id = floor.kept(&process).await;
    floor.change("password", &json!({ "identifier": "trader", "password": "new" }));
    floor.clock.advance(Duration::from_mins(12));
    let before = floor.count(LOGIN);
    for _ in 0..20 {
        let calls = (0..CALLERS).map(|_| process.navigate(id));
        for answer in floor.run(join_all(calls)).await {
            let Err(CallError::Token(TokenError::ReconnectRequired { why, .. })) = answer else {
                panic!("{answer:?}")
            };
            assert_eq!(why.code, "wrong_password");
        }
        floor.clock.advance(Duration::from_mins(5));
    }
    assert_eq!(floor.count(LOGIN), before + 1);
}
