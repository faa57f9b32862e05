//! Allowances that all processes share: what is drawn, what counts and for how long, what is shut.

use std::sync::Arc;
use std::time::Duration;

use evergrant::id::TurnId;
use evergrant::quota::{Came, Drawn, Left, NamedDraw, Rule};
use futures_util::future::join_all;
use tokio::task::JoinSet;

use crate::bench::{Bench, Database, on_both_databases, on_every_store};

on_every_store!(
    a_window_holds_so_much_and_not_more,
    what_is_more_than_all_of_it_goes_alone,
    several_are_drawn_together_or_none_is,
    what_goes_always_counts_and_only_a_stop_holds_it_back,
    what_was_never_sent_does_not_count,
    what_is_answered_still_counts,
    what_is_shut_stays_shut_for_the_longest_time_that_was_asked,
    what_is_shut_opens_no_sooner_than_it_is_renewed,
    of_what_the_provider_counts_as_much_is_drawn_as_it_said_is_left,
    what_was_not_sent_of_what_the_provider_counts_is_given_back_until_it_speaks_again,
    only_success_takes_of_what_the_provider_counts,
    of_many_who_draw_at_once_no_more_succeed_than_there_is_room_for,
    those_who_draw_on_several_wait_for_nobody_in_a_circle,
);

mod databases {
    use super::*;
    on_both_databases!(
        what_lapsed_is_drawn_again_and_tidied_away,
        a_turn_that_nobody_answered_holds_up_a_window_at_a_time,
        an_answer_is_found_by_its_turn,
        what_was_never_answered_of_what_the_provider_counts_is_given_back_after_a_minute,
    );
}

const MINUTE: Duration = Duration::from_mins(1);

fn turn(t: &Bench) -> TurnId {
    TurnId::from_u128(t.id().as_u128())
}

/// A draw on a minute that holds so much.
fn window(name: &str, amount: u32, most: u32) -> NamedDraw {
    let rule = Rule::Window { most, length: MINUTE };
    NamedDraw { name: name.to_owned(), amount, rule }
}

/// A draw on what the provider counts.
fn counted(amount: u32) -> NamedDraw {
    NamedDraw { name: "points".to_owned(), amount, rule: Rule::Left }
}

async fn draw(t: &Bench, draws: &[NamedDraw]) -> Drawn {
    t.store.draw(turn(t), draws, false).await.unwrap()
}

fn left(amount: u32, minutes: u64) -> Left {
    Left { amount, renewed_in: Duration::from_mins(minutes) }
}

/// Whose turn it is not, and for how long at most; a server's clock goes on between two calls.
#[track_caller]
fn assert_waits(drawn: &Drawn, what: &str, most: Duration, for_a_stop: bool) {
    let Drawn::Wait { name, wait, shut } = drawn else { panic!("{drawn:?}") };
    assert_eq!((name.as_str(), *shut), (what, for_a_stop));
    assert!(*wait <= most && *wait > most.saturating_sub(MINUTE / 2), "{wait:?}");
}

async fn a_window_holds_so_much_and_not_more(t: &Bench) {
    let two = [window("a", 2, 5)];
    assert_eq!(draw(t, &two).await, Drawn::Taken);
    assert_eq!(t.replica.draw(turn(t), &two, false).await.unwrap(), Drawn::Taken);
    // An answer may come at once, and then it takes a window.
    assert_waits(&draw(t, &two).await, "a", MINUTE, false);
    assert_eq!(draw(t, &[window("a", 1, 5)]).await, Drawn::Taken);
    assert_waits(&draw(t, &[window("a", 1, 5)]).await, "a", MINUTE, false);
    assert_eq!(draw(t, &[window("b", 1, 5)]).await, Drawn::Taken);
    // More is allowed than was known.
    assert_eq!(draw(t, &[window("a", 1, 6)]).await, Drawn::Taken);
}

async fn what_is_more_than_all_of_it_goes_alone(t: &Bench) {
    assert_eq!(draw(t, &[window("a", 9, 5)]).await, Drawn::Taken);
    assert_waits(&draw(t, &[window("a", 9, 5)]).await, "a", MINUTE, false);
    assert_waits(&draw(t, &[window("a", 1, 5)]).await, "a", MINUTE, false);
}

async fn several_are_drawn_together_or_none_is(t: &Bench) {
    assert_eq!(draw(t, &[window("b", 1, 1)]).await, Drawn::Taken);
    for _ in 0..3 {
        let both = draw(t, &[window("a", 1, 1), window("b", 1, 1)]).await;
        assert_waits(&both, "b", MINUTE, false);
    }
    assert_eq!(draw(t, &[window("a", 1, 1)]).await, Drawn::Taken);
}

async fn what_goes_always_counts_and_only_a_stop_holds_it_back(t: &Bench) {
    let one = [window("a", 1, 2)];
    for _ in 0..3 {
        assert_eq!(t.store.draw(turn(t), &one, true).await.unwrap(), Drawn::Taken);
    }
    assert_waits(&draw(t, &one).await, "a", MINUTE, false);
    t.store.shut("a", MINUTE * 2).await.unwrap();
    let stopped = t.replica.draw(turn(t), &one, true).await.unwrap();
    assert_waits(&stopped, "a", MINUTE * 2, true);
}

async fn what_was_never_sent_does_not_count(t: &Bench) {
    let (both, unsent) = ([window("a", 1, 1), window("b", 1, 1)], turn(t));
    assert_eq!(t.store.draw(unsent, &both, false).await.unwrap(), Drawn::Taken);
    t.replica.answered(unsent, Came::Unsent).await.unwrap();
    assert_eq!(draw(t, &both).await, Drawn::Taken);
    // Of a turn that nobody knows nothing is given back.
    t.store.answered(unsent, Came::Unsent).await.unwrap();
    t.store.answered(turn(t), Came::Unsent).await.unwrap();
    assert_waits(&draw(t, &both).await, "a", MINUTE, false);
}

async fn what_is_answered_still_counts(t: &Bench) {
    let (one, sent) = ([window("a", 1, 1)], turn(t));
    t.store.draw(sent, &one, false).await.unwrap();
    t.store.answered(sent, Came::Answered).await.unwrap();
    assert_waits(&draw(t, &one).await, "a", MINUTE, false);
}

async fn what_is_shut_stays_shut_for_the_longest_time_that_was_asked(t: &Bench) {
    let one = [window("a", 1, 5)];
    t.store.shut("a", MINUTE * 3).await.unwrap();
    let known = t.replica.shut("a", MINUTE).await.unwrap();
    assert!(known > MINUTE * 2 && known <= MINUTE * 3, "{known:?}");
    assert_waits(&draw(t, &one).await, "a", MINUTE * 3, true);
    assert_eq!(draw(t, &[window("b", 1, 5)]).await, Drawn::Taken);
    t.store.shut("b", Duration::ZERO).await.unwrap();
    assert_eq!(draw(t, &[window("b", 1, 5)]).await, Drawn::Taken);
}

async fn what_is_shut_opens_no_sooner_than_it_is_renewed(t: &Bench) {
    t.store.left("points", left(10, 90)).await.unwrap();
    let known = t.replica.shut("points", MINUTE).await.unwrap();
    assert!(known > MINUTE * 89 && known <= MINUTE * 90, "{known:?}");
    assert_waits(&draw(t, &[counted(1)]).await, "points", MINUTE * 90, true);
    t.store.left("sooner", left(10, 1)).await.unwrap();
    let known = t.store.shut("sooner", MINUTE * 5).await.unwrap();
    assert!(known > MINUTE * 4, "{known:?}");
}

async fn of_what_the_provider_counts_as_much_is_drawn_as_it_said_is_left(t: &Bench) {
    // What it never spoke of has no end.
    assert_eq!(draw(t, &[counted(1_000_000)]).await, Drawn::Taken);
    t.store.left("points", left(10, 90)).await.unwrap();
    for amount in [4, 6] {
        assert_eq!(draw(t, &[counted(amount)]).await, Drawn::Taken);
    }
    assert_waits(&draw(t, &[counted(1)]).await, "points", MINUTE * 90, false);
    t.replica.left("points", left(2, 90)).await.unwrap();
    assert_eq!(draw(t, &[counted(2)]).await, Drawn::Taken);
    // What goes always may leave less than nothing; once it is renewed it has no end again.
    t.store.draw(turn(t), &[counted(5)], true).await.unwrap();
    assert_waits(&draw(t, &[counted(1)]).await, "points", MINUTE * 90, false);
    t.store.left("points", left(0, 0)).await.unwrap();
    assert_eq!(draw(t, &[counted(50)]).await, Drawn::Taken);
}

async fn what_was_not_sent_of_what_the_provider_counts_is_given_back_until_it_speaks_again(
    t: &Bench,
) {
    t.store.left("points", left(10, 90)).await.unwrap();
    let (unsent, sent, late) = (turn(t), turn(t), turn(t));
    t.store.draw(unsent, &[counted(6)], false).await.unwrap();
    t.store.answered(unsent, Came::Unsent).await.unwrap();
    t.store.answered(unsent, Came::Unsent).await.unwrap();
    assert_eq!(t.store.draw(sent, &[counted(10)], false).await.unwrap(), Drawn::Taken);
    t.store.answered(sent, Came::Answered).await.unwrap();
    assert_waits(&draw(t, &[counted(1)]).await, "points", MINUTE * 90, false);
    t.store.left("points", left(8, 90)).await.unwrap();
    t.store.draw(late, &[counted(4)], false).await.unwrap();
    t.replica.left("points", left(5, 90)).await.unwrap();
    t.store.answered(late, Came::Unsent).await.unwrap();
    assert_waits(&draw(t, &[counted(6)]).await, "points", MINUTE * 90, false);
    assert_eq!(draw(t, &[counted(5)]).await, Drawn::Taken);
}

async fn only_success_takes_of_what_the_provider_counts(t: &Bench) {
    t.store.left("points", left(10, 90)).await.unwrap();
    let both = [window("calls", 1, 50), counted(8)];
    // Each would have used it up for the week.
    for _ in 0..3 {
        let refused = turn(t);
        assert_eq!(t.store.draw(refused, &both, false).await.unwrap(), Drawn::Taken);
        t.replica.answered(refused, Came::Refused).await.unwrap();
        t.store.answered(refused, Came::Refused).await.unwrap();
    }
    // By the window they count all the same.
    assert_eq!(draw(t, &[window("calls", 47, 50)]).await, Drawn::Taken);
    assert_waits(&draw(t, &[window("calls", 1, 50)]).await, "calls", MINUTE, false);
    let done = turn(t);
    t.store.draw(done, &[counted(8)], false).await.unwrap();
    t.store.answered(done, Came::Answered).await.unwrap();
    assert_waits(&draw(t, &[counted(3)]).await, "points", MINUTE * 90, false);
    assert_eq!(draw(t, &[counted(2)]).await, Drawn::Taken);
}

async fn of_many_who_draw_at_once_no_more_succeed_than_there_is_room_for(t: &Bench) {
    for round in 0..5 {
        let name = format!("round {round}");
        let mut tasks = JoinSet::new();
        for n in 0..32 {
            let store = Arc::clone(if n % 2 == 0 { &t.store } else { &t.replica });
            let (draws, turn) = ([window(&name, 1, 10)], turn(t));
            tasks.spawn(async move { store.draw(turn, &draws, false).await.unwrap() });
        }
        let drawn = tasks.join_all().await;
        assert_eq!(drawn.iter().filter(|drawn| **drawn == Drawn::Taken).count(), 10);
    }
}

async fn those_who_draw_on_several_wait_for_nobody_in_a_circle(t: &Bench) {
    let mut tasks = JoinSet::new();
    for n in 0..32 {
        let store = Arc::clone(if n % 2 == 0 { &t.store } else { &t.replica });
        let draws = match n % 3 {
            0 => vec![window("a", 1, 40), window("b", 1, 40)],
            1 => vec![window("b", 1, 40), window("c", 1, 40)],
            _ => vec![window("a", 1, 40), window("c", 1, 40)],
        };
        let turn = turn(t);
        tasks.spawn(async move {
            let outcome = store.draw(turn, &draws, false).await.unwrap();
            store
                .answered(turn, if n % 2 == 0 { Came::Answered } else { Came::Unsent })
                .await
                .unwrap();
            outcome
        });
    }
    let outcomes = tasks.join_all().await;
    assert!(outcomes.iter().all(|drawn| *drawn == Drawn::Taken));
}

/// Moves what the database knows of these tables into the past: its clock may be a server's.
async fn pass(d: &Database, by: Duration) {
    let micros = by.as_micros();
    d.meddle(&format!("UPDATE quota_turns SET until = until - {micros}")).await;
    let renewed = format!("renewed_at = renewed_at - {micros}");
    let shut =
        format!("shut_until = CASE WHEN shut_until = 0 THEN 0 ELSE shut_until - {micros} END");
    d.meddle(&format!("UPDATE quotas SET {shut}, {renewed}")).await;
}

/// Fails if there are other than so many rows.
async fn assert_rows(d: &Database, table: &str, count: u32) {
    // A division by zero where they are not.
    let wrong = format!("(SELECT COUNT(*) - {count} FROM {table})");
    d.meddle(&format!(
        "CREATE TABLE checked (fine INTEGER CHECK (fine = 0)); INSERT INTO checked SELECT {wrong}; \
         DROP TABLE checked"
    ))
    .await;
}

async fn what_lapsed_is_drawn_again_and_tidied_away(d: &Database) {
    let t = &d.bench();
    let (one, answered) = ([window("a", 1, 1)], turn(t));
    t.store.draw(answered, &one, false).await.unwrap();
    t.store.answered(answered, Came::Answered).await.unwrap();
    t.store.shut("b", MINUTE).await.unwrap();
    t.store.left("points", left(0, 1)).await.unwrap();
    t.store.shut("longer", MINUTE * 9).await.unwrap();
    t.store.tidy().await.unwrap();
    assert_rows(d, "quota_turns", 1).await;
    pass(d, MINUTE).await;
    t.store.tidy().await.unwrap();
    assert_rows(d, "quota_turns", 0).await;
    assert_rows(d, "quotas", 1).await;
    assert_eq!(draw(t, &one).await, Drawn::Taken);
    assert_eq!(draw(t, &[window("b", 1, 1)]).await, Drawn::Taken);
    assert_eq!(draw(t, &[counted(1)]).await, Drawn::Taken);
    assert_waits(&draw(t, &[window("longer", 1, 1)]).await, "longer", MINUTE * 8, true);
}

async fn a_turn_that_nobody_answered_holds_up_a_window_at_a_time(d: &Database) {
    let t = &d.bench();
    let one = [window("a", 1, 1)];
    assert_eq!(draw(t, &one).await, Drawn::Taken);
    assert_waits(&draw(t, &one).await, "a", MINUTE, false);
    pass(d, MINUTE).await;
    assert_waits(&draw(t, &one).await, "a", MINUTE, false);
    pass(d, MINUTE).await;
    assert_eq!(draw(t, &one).await, Drawn::Taken);
    // What lapsed makes room for what is drawn, and goes.
    assert_rows(d, "quota_turns", 1).await;
}

async fn an_answer_is_found_by_its_turn(d: &Database) {
    let t = &d.bench();
    let turns: Vec<_> = (0..64).map(|_| turn(t)).collect();
    let one = [window("a", 1, 64)];
    let drawn = join_all(turns.iter().map(|turn| t.store.draw(*turn, &one, false))).await;
    assert!(drawn.iter().all(|drawn| *drawn.as_ref().unwrap() == Drawn::Taken));
    let last = turns[63];
    t.replica.answered(last, Came::Unsent).await.unwrap();
    assert_rows(d, "quota_turns", 63).await;
    assert_rows(d, &format!("quota_turns WHERE turn = '{last}'"), 0).await;
}

async fn what_was_never_answered_of_what_the_provider_counts_is_given_back_after_a_minute(
    d: &Database,
) {
    let t = &d.bench();
    t.store.left("points", left(10, 90)).await.unwrap();
    let done = turn(t);
    t.store.draw(done, &[counted(1)], false).await.unwrap();
    t.store.answered(done, Came::Answered).await.unwrap();
    assert_eq!(draw(t, &[counted(9)]).await, Drawn::Taken);
    assert_waits(&draw(t, &[counted(1)]).await, "points", MINUTE * 90, false);
    pass(d, MINUTE).await;
    t.store.tidy().await.unwrap();
    assert_waits(&draw(t, &[counted(10)]).await, "points", MINUTE * 89, false);
    // Once, and not again.
    assert_eq!(draw(t, &[counted(9)]).await, Drawn::Taken);
    assert_waits(&draw(t, &[counted(1)]).await, "points", MINUTE * 89, false);
}
