//! The rules of turns, each by its name.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use futures_util::poll;
use proptest::prelude::*;

use super::*;
use crate::Tasks;
use crate::testing::TestClock;

const LIMITS: Limits = Limits {
    concurrent: 4,
    calls: 20,
    window: Duration::from_secs(10),
    upload_bytes: 1000,
    upload_window: Duration::from_secs(5),
};

fn budget(limits: Limits) -> (TestClock, Arc<Budget>) {
    let clock = TestClock::default();
    let budget = Budget::new(limits, Arc::new(clock.clone()));
    (clock, Arc::new(budget))
}

fn ask(budget: &Budget, class: Class, bytes: u64, patience: u64) -> Ask {
    let deadline = budget.clock.uptime() + Duration::from_secs(patience);
    Ask { place: budget.place(class), bytes, deadline }
}

/// A turn for an interactive call without a body, and with 30 seconds of patience.
async fn turn(budget: &Arc<Budget>) -> Result<Turn, TooLong> {
    budget.turn(ask(budget, Class::Interactive, 0, 30)).await
}

/// A turn that is there at once, or not.
async fn at_once(budget: &Arc<Budget>, bytes: u64) -> Result<Turn, TooLong> {
    budget.turn(ask(budget, Class::Interactive, bytes, 0)).await
}

/// Somebody who has begun to wait.
async fn waiter(
    budget: &Arc<Budget>,
    class: Class,
) -> Pin<Box<dyn Future<Output = Result<Turn, TooLong>> + Send>> {
    let ask = ask(budget, class, 0, 30);
    let budget = Arc::clone(budget);
    let mut waiter = Box::pin(async move { budget.turn(ask).await });
    assert!(poll!(waiter.as_mut()).is_pending());
    waiter
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn never_more_calls_at_a_time_than_allowed_and_none_of_200_is_refused() {
    let limits = Limits { calls: 10_000, ..LIMITS };
    let (_, budget) = budget(limits);
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (tasks, (tell, mut told)) = (Tasks::default(), tokio::sync::mpsc::unbounded_channel());
    for _ in 0..200 {
        let (budget, running, most, tell) =
            (Arc::clone(&budget), Arc::clone(&running), Arc::clone(&most), tell.clone());
        tasks.spawn(async move {
            let turn = turn(&budget).await;
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            for _ in 0..5 {
                tokio::task::yield_now().await;
            }
            running.fetch_sub(1, Ordering::SeqCst);
            tell.send(turn.is_ok()).unwrap();
        });
    }
    for _ in 0..200 {
        assert!(told.recv().await.unwrap());
    }
    assert_eq!(most.load(Ordering::SeqCst), 4);
    assert!(budget.lock().waiting.is_empty());
}

#[tokio::test]
async fn another_mailbox_is_not_slowed() {
    let clock: Arc<dyn Clock> = Arc::new(TestClock::default());
    let limits = BTreeMap::from([("acme".to_owned(), LIMITS)]);
    let budgets = Budgets { clock, limits, mailboxes: Mutex::default() };
    let (ada, ben) = (budgets.of("acme", "ada"), budgets.of("acme", "ben"));
    let _held = join_all((0..4).map(|_| turn(&ada))).await;
    ben.pause(Duration::ZERO);
    ada.pause(Duration::from_secs(20));
    assert!(at_once(&budgets.of("acme", "ada"), 0).await.is_err());
    assert!(at_once(&ben, 0).await.is_ok());
    assert!(at_once(&budgets.of("other", "ada"), 0).await.is_ok());
}

#[tokio::test]
async fn waiting_for_a_window_works_on_the_clock() {
    let (clock, budget) = budget(LIMITS);
    for _ in 0..20 {
        drop(turn(&budget).await.unwrap());
    }
    let mut next = waiter(&budget, Class::Interactive).await;
    clock.advance(Duration::from_millis(9_999));
    assert!(poll!(next.as_mut()).is_pending());
    clock.advance(Duration::from_millis(1));
    assert!(next.await.is_ok());
}

#[tokio::test]
async fn uploads_are_counted_by_their_bytes_and_a_larger_one_than_all_goes_alone() {
    let (clock, budget) = budget(LIMITS);
    let first = at_once(&budget, 600).await.unwrap();
    assert!(at_once(&budget, 401).await.is_err());
    drop(first);
    assert!(at_once(&budget, 401).await.is_err());
    drop(at_once(&budget, 400).await.unwrap());
    drop(at_once(&budget, 0).await.unwrap());
    assert!(at_once(&budget, 5000).await.is_err());
    clock.advance(LIMITS.upload_window);
    let large = at_once(&budget, 5000).await.unwrap();
    assert!(at_once(&budget, 1).await.is_err());
    drop(large);
    clock.advance(LIMITS.upload_window);
    assert!(at_once(&budget, 1).await.is_ok());
}

#[tokio::test]
async fn a_pause_holds_for_the_whole_mailbox() {
    let (clock, budget) = budget(LIMITS);
    budget.pause(Duration::from_secs(7));
    let mut waiters =
        vec![waiter(&budget, Class::Interactive).await, waiter(&budget, Class::Background).await];
    // A shorter one does not end it.
    budget.pause(Duration::from_secs(1));
    clock.advance(Duration::from_millis(6_999));
    for waiter in &mut waiters {
        assert!(poll!(waiter.as_mut()).is_pending());
    }
    clock.advance(Duration::from_millis(1));
    assert!(join_all(waiters).await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn a_wait_longer_than_ones_patience_is_said_at_once() {
    let (clock, budget) = budget(LIMITS);
    budget.pause(Duration::from_secs(20));
    // One who waits already hears of a longer pause, too.
    let mut waiting = pin!(turn(&budget));
    assert!(poll!(waiting.as_mut()).is_pending());
    budget.pause(Duration::from_secs(31));
    let too_long = TooLong { retry_after: Some(Duration::from_secs(31)) };
    assert_eq!(waiting.await.err(), Some(too_long));
    assert!(budget.lock().waiting.is_empty());
    clock.advance(Duration::from_secs(31));
    // How long the others take is not known: then it is the patience that ends.
    let _held = join_all((0..4).map(|_| turn(&budget))).await;
    let mut waiting = pin!(turn(&budget));
    assert!(poll!(waiting.as_mut()).is_pending());
    clock.advance(Duration::from_secs(30));
    assert_eq!(waiting.await.err(), Some(TooLong { retry_after: None }));
}

#[tokio::test]
async fn interactive_calls_go_before_background_ones_and_first_come_first_served() {
    let (_, budget) = budget(Limits { concurrent: 1, ..LIMITS });
    let held = turn(&budget).await.unwrap();
    let order: Arc<Mutex<Vec<&str>>> = Arc::default();
    let mut waiters = Vec::new();
    for (name, class) in [
        ("first in background", Class::Background),
        ("second in background", Class::Background),
        ("first", Class::Interactive),
        ("second", Class::Interactive),
    ] {
        let (waiter, order) = (waiter(&budget, class).await, Arc::clone(&order));
        waiters.push(async move {
            let turn = waiter.await.unwrap();
            order.lock().unwrap().push(name);
            drop(turn);
        });
    }
    drop(held);
    join_all(waiters).await;
    let expected = ["first", "second", "first in background", "second in background"];
    assert_eq!(*order.lock().unwrap(), expected);
}

#[tokio::test]
async fn whoever_stops_waiting_gives_up_the_place_and_leaves_nothing_behind() {
    let (_, budget) = budget(Limits { concurrent: 1, ..LIMITS });
    let held = turn(&budget).await.unwrap();
    let first = waiter(&budget, Class::Interactive).await;
    let mut second = waiter(&budget, Class::Interactive).await;
    drop(held);
    // The head was told, and is dropped before it could take its turn.
    drop(first);
    let taken = poll!(second.as_mut());
    assert!(matches!(taken, std::task::Poll::Ready(Ok(_))));
    drop(taken);
    drop(second);
    let state = budget.lock();
    assert_eq!((state.running, state.waiting.len()), (0, 0));
}

#[tokio::test]
async fn an_idle_mailbox_costs_no_memory_once_its_windows_have_passed() {
    let clock = TestClock::default();
    let limits = BTreeMap::from([("acme".to_owned(), LIMITS)]);
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let budgets = Budgets { clock: shared, limits, mailboxes: Mutex::default() };
    let kept = || {
        budgets.sweep();
        budgets.lock().len()
    };
    let ada = budgets.of("acme", "ada");
    drop(turn(&ada).await.unwrap());
    assert_eq!(kept(), 1);
    drop(ada);
    assert_eq!(kept(), 1);
    clock.advance(LIMITS.window);
    assert_eq!(kept(), 0);
    budgets.of("acme", "ben").pause(Duration::from_secs(3));
    assert_eq!(kept(), 1);
    clock.advance(Duration::from_secs(3));
    assert_eq!(kept(), 0);
    // A busy one keeps few numbers.
    let mut window = Window::new(Duration::from_mins(10));
    for ms in 0..20 * 60_000 {
        window.add(Duration::from_millis(ms), 1);
    }
    assert!(window.parts.len() <= 66, "{}", window.parts.len());
}

#[tokio::test]
async fn a_call_that_was_left_without_an_answer_keeps_its_turn_for_a_second() {
    let (clock, budget) = budget(Limits { concurrent: 1, ..LIMITS });
    let mut left = turn(&budget).await.unwrap();
    left.sent();
    drop(left);
    // Less patience than that is told when it ends, and nobody knows whether an answer comes sooner.
    assert_eq!(at_once(&budget, 0).await.err(), Some(TooLong { retry_after: None }));
    let mut next = waiter(&budget, Class::Interactive).await;
    clock.advance(Duration::from_millis(999));
    assert!(poll!(next.as_mut()).is_pending());
    clock.advance(Duration::from_millis(1));
    let mut lost = next.await.unwrap();
    lost.sent();
    let (host, detail) = (String::new(), String::new());
    lost.end::<()>(&Err(TransportError::Unanswered { host, detail }));
    assert!(at_once(&budget, 0).await.is_err());
    assert!(!budget.is_idle());
    // One who waited before it was left hears of it, too.
    clock.advance(LEFT);
    let mut held = turn(&budget).await.unwrap();
    held.sent();
    let mut next = waiter(&budget, Class::Interactive).await;
    drop(held);
    assert!(poll!(next.as_mut()).is_pending());
    clock.advance(LEFT);
    let mut answered = next.await.unwrap();
    answered.sent();
    answered.answered();
    drop(at_once(&budget, 0).await.unwrap());
    clock.advance(LIMITS.window);
    assert!(budget.is_idle());
}

#[tokio::test]
async fn without_limits_nothing_is_counted() {
    let (_, budget) = budget(Limits::NONE);
    let held = join_all((0..1000).map(|_| at_once(&budget, 1 << 40))).await;
    assert!(held.iter().all(Result::is_ok));
    drop(held);
    assert!(budget.is_idle());
}

/// What happens next in a schedule.
#[derive(Debug, Clone)]
enum Step {
    /// Somebody wants to send so many bytes, now or not at all.
    Call(u64),
    /// The answer to one of the calls under way arrives; the provider counted it some time before.
    Answer(usize, f64),
    /// So many milliseconds pass.
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..700_u64).prop_map(Step::Call),
        4 => (0..100_usize, 0.0..=1.0).prop_map(|(which, when)| Step::Answer(which, when)),
        2 => (0..1500_u64).prop_map(Step::Pass),
    ]
}

/// The most that `counted` holds within any stretch of this length.
fn most_within(length: Duration, counted: &[(Duration, u64)]) -> u64 {
    let from = |first: Duration| {
        let within = counted.iter().filter(|(at, _)| *at >= first && *at < first + length);
        within.map(|(_, amount)| amount).sum()
    };
    counted.iter().map(|(first, _)| from(*first)).max().unwrap_or(0)
}

proptest! {
    #[test]
    fn a_window_is_never_exceeded_wherever_the_provider_counts(
        steps in prop::collection::vec(step(), 1..400)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (clock, budget) = budget(LIMITS);
            let (mut under_way, mut calls, mut bytes) = (Vec::new(), Vec::new(), Vec::new());
            for step in steps {
                match step {
                    Step::Call(size) => {
                        if let Ok(turn) = at_once(&budget, size).await {
                            under_way.push((clock.uptime(), size, turn));
                        }
                    }
                    Step::Answer(which, when) if !under_way.is_empty() => {
                        let which = which % under_way.len();
                        let (began, size, _turn) = under_way.swap_remove(which);
                        let took = clock.uptime().saturating_sub(began);
                        let counted = began + took.mul_f64(when);
                        calls.push((counted, 1));
                        bytes.push((counted, size));
                    }
                    Step::Answer(..) => {}
                    Step::Pass(ms) => clock.advance(Duration::from_millis(ms)),
                }
                assert!(under_way.len() <= LIMITS.concurrent);
            }
            assert!(most_within(LIMITS.window, &calls) <= u64::from(LIMITS.calls));
            assert!(most_within(LIMITS.upload_window, &bytes) <= LIMITS.upload_bytes);
            // And it is not for ever.
            under_way.clear();
            clock.advance(LIMITS.window);
            assert!(at_once(&budget, LIMITS.upload_bytes).await.is_ok());
        });
    }
}
