//! A refresh and what may come between its steps: every order of the two is played, and each time the
//! right grant survives.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use evergrant::integration::Status;
use evergrant::{ConnectError, IntegrationId, TokenError};
use futures_util::future::join;
use futures_util::poll;

use crate::support::{Process, Rotation, Stage};

/// The steps of a refresh at which somebody else may come between.
const REFRESH: &[&str] = &["grant", "reserve", "exchange", "answer", "commit"];
/// Those of a reconnect.
const RECONNECT: &[&str] = &["take_flow", "exchange", "find_account", "integration", "reconnect"];
/// Those of a disconnect.
const DISCONNECT: &[&str] = &["disconnect", "claim_debts", "exchange", "settle"];

const ROTATIONS: [Rotation; 3] = [Rotation::Strict, Rotation::NonRevoking, Rotation::Grace(30)];

/// Every order of `ours` steps of one and `theirs` of the other; `true` is one's turn.
fn orders(ours: usize, theirs: usize) -> Vec<Vec<bool>> {
    if ours == 0 || theirs == 0 {
        return vec![[vec![true; ours], vec![false; theirs]].concat()];
    }
    let begin = |first: bool, rest: Vec<Vec<bool>>| {
        rest.into_iter().map(move |rest| [vec![first], rest].concat())
    };
    begin(true, orders(ours - 1, theirs)).chain(begin(false, orders(ours, theirs - 1))).collect()
}

/// Two processes, an account, and a token that has expired.
async fn set_up(rotation: Rotation) -> (Stage, Process, Process, IntegrationId) {
    let mut stage = Stage::with(rotation, 1);
    let (one, two) = (stage.process().await, stage.process().await);
    let id = stage.connect(&one, "ada").await;
    stage.pass(Duration::from_hours(2)).await;
    // What only the first use of a process asks is asked.
    for process in [&one, &two] {
        process.vault.is_copy().await.unwrap();
    }
    (stage, one, two, id)
}

/// Lets the two go on in this order, and then both to their ends.
async fn play<T>(
    stage: &Stage,
    one: &Process,
    two: &Process,
    order: &[bool],
    work: impl Future<Output = T>,
) -> T {
    let mut work = pin!(work);
    let mut done = None;
    for ours in order {
        for _ in 0..16 {
            if done.is_none()
                && let Poll::Ready(outcome) = poll!(&mut work)
            {
                done = Some(outcome);
            }
            tokio::task::yield_now().await;
        }
        if *ours { &one.turnstile } else { &two.turnstile }.turn();
    }
    one.turnstile.open();
    two.turnstile.open();
    match done {
        Some(done) => done,
        None => stage.run(work).await,
    }
}

/// The family of the stored refresh token, and which families have ended.
async fn families(stage: &Stage, process: &Process, id: IntegrationId) -> (usize, Vec<bool>) {
    let stored = stage.stored_refresh(process, id).await;
    stage.world.with(|ledger| {
        let family = ledger.family_of(&stored).unwrap();
        (family, ledger.families.iter().map(|family| family.ended).collect())
    })
}

#[test]
fn every_order_is_made_once() {
    let mut all = orders(5, 4);
    assert_eq!(all.len(), 126);
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 126);
}

#[tokio::test]
async fn a_reconnect_during_a_refresh_wins_in_every_order() {
    for rotation in ROTATIONS {
        for order in orders(REFRESH.len(), RECONNECT.len()) {
            let (stage, one, two, id) = set_up(rotation).await;
            let (flow, proof) = stage.agree(&two, "acme", "ada", Some(id)).await.unwrap();
            one.turnstile.close(REFRESH);
            two.turnstile.close(RECONNECT);
            let both = join(one.token(id), two.finish("acme", &flow, proof));
            let (token, connected) = play(&stage, &one, &two, &order, both).await;
            assert_eq!(connected.unwrap().id, id, "{order:?}");
            assert!(token.is_ok(), "{rotation:?} {order:?}: {token:?}");
            assert_eq!(stage.status(id).await, Status::Active, "{order:?}");
            stage.live(Duration::from_secs(2)).await;
            let (family, ended) = families(&stage, &one, id).await;
            assert_eq!(family, 1, "{rotation:?} {order:?}: the old grant came back");
            assert!(!ended[1], "{rotation:?} {order:?}: the new grant was ended");
            for process in [&one, &two] {
                process.poll_news().await;
                let token = stage.run(process.token(id)).await.unwrap();
                assert!(stage.world.alive(token.secret().expose()), "{order:?}");
            }
            stage.assert_healthy(&two, id).await;
        }
    }
}

#[tokio::test]
async fn a_disconnect_during_a_refresh_wins_in_every_order() {
    for rotation in ROTATIONS {
        for order in orders(REFRESH.len(), DISCONNECT.len()) {
            let (stage, one, two, id) = set_up(rotation).await;
            one.turnstile.close(REFRESH);
            two.turnstile.close(DISCONNECT);
            let both = join(one.token(id), two.vault.disconnect(stage.owner, id));
            let (_, ended) = play(&stage, &one, &two, &order, both).await;
            ended.unwrap();
            stage.live(Duration::from_secs(2)).await;
            assert!(stage.row(id).await.is_none(), "{order:?}: it came back");
            for process in [&one, &two] {
                process.poll_news().await;
                let refused = stage.run(process.token(id)).await;
                assert!(matches!(refused, Err(TokenError::NotFound)), "{order:?}: {refused:?}");
            }
            let alive = stage.world.with(|ledger| !ledger.families[0].ended);
            assert!(!alive, "{rotation:?} {order:?}: the grant lives on at the provider");
        }
    }
}

#[tokio::test]
async fn a_reconnect_as_somebody_else_during_a_refresh_changes_nothing_in_any_order() {
    for rotation in ROTATIONS {
        for order in orders(REFRESH.len(), RECONNECT.len()) {
            let (stage, one, two, id) = set_up(rotation).await;
            let (flow, proof) = stage.agree(&two, "acme", "bob", Some(id)).await.unwrap();
            one.turnstile.close(REFRESH);
            two.turnstile.close(RECONNECT);
            let both = join(one.token(id), two.finish("acme", &flow, proof));
            let (token, refused) = play(&stage, &one, &two, &order, both).await;
            let mismatch = matches!(refused, Err(ConnectError::AccountMismatch { .. }));
            assert!(mismatch, "{order:?}: {refused:?}");
            assert!(stage.world.alive(token.unwrap().secret().expose()), "{order:?}");
            let (family, ended) = families(&stage, &one, id).await;
            assert_eq!((family, &*ended), (0, &[false, true][..]), "{order:?}");
            stage.assert_healthy(&one, id).await;
        }
    }
}

#[tokio::test]
async fn a_grant_copied_over_anothers_is_refused_and_the_reconnect_mends_it_in_every_order() {
    use evergrant::store::{GrantStore as _, SealedRow, Shelf};
    for order in orders(REFRESH.len(), RECONNECT.len()) {
        let (stage, one, two, id) = set_up(Rotation::Strict).await;
        let other = stage.connect(&one, "bob").await;
        let (theirs, own) = (stage.row(other).await.unwrap(), stage.row(id).await.unwrap());
        let row = SealedRow {
            shelf: Shelf::Grant,
            row: id.to_string(),
            subject: id.to_string(),
            epoch: own.version.epoch,
            sealed: own.grant.sealed,
        };
        assert!(stage.store.reseal(&row, &theirs.grant.sealed).await.unwrap());
        let (flow, proof) = stage.agree(&two, "acme", "ada", Some(id)).await.unwrap();
        one.turnstile.close(REFRESH);
        two.turnstile.close(RECONNECT);
        let both = join(one.token(id), two.finish("acme", &flow, proof));
        let (token, connected) = play(&stage, &one, &two, &order, both).await;
        assert_eq!(connected.unwrap().id, id, "{order:?}");
        // Before the reconnect the copied grant does not open; bob's is never served as ada's.
        if let Ok(token) = token {
            let family = stage.world.with(|l| l.family_of(token.secret().expose()));
            assert_eq!(family, Some(2), "{order:?}");
        }
        one.poll_news().await;
        assert_eq!(families(&stage, &one, id).await.0, 2, "{order:?}");
        assert_eq!(families(&stage, &one, other).await.0, 1, "{order:?}");
        stage.assert_healthy(&one, id).await;
    }
}
