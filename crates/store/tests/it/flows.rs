//! Sign-ins under way.

use std::time::Duration;

use evergrant::store::Way;
use futures_util::future::join_all;

use crate::bench::{Bench, PROVIDER, on_every_store};

on_every_store!(
    a_flow_works_once_for_its_owner_alone,
    a_flow_works_for_its_provider_alone,
    a_flow_times_out,
    a_new_flow_sweeps_out_those_that_timed_out,
    a_flow_put_twice_is_there_once,
    of_many_who_bring_the_same_state_one_gets_the_flow,
    a_flow_is_looked_at_on_the_terms_it_is_taken_on,
);

async fn a_flow_works_once_for_its_owner_alone(t: &Bench) {
    let (flow, provider) = (t.flow(), PROVIDER.into());
    t.store.put_flow(&flow, t.now()).await.unwrap();
    let take = async |owner| {
        let taken = t.store.take_flow(&flow.state_hash, &provider, owner, t.now());
        taken.await.unwrap()
    };
    assert_eq!(take(Some(t.bob)).await, None);
    assert_eq!(take(Some(t.alice)).await, Some(flow.clone()));
    assert_eq!(take(Some(t.alice)).await, None);

    let mut fresh = t.flow();
    fresh.integration = None;
    t.store.put_flow(&fresh, t.now()).await.unwrap();
    let taken = t.replica.take_flow(&fresh.state_hash, &provider, None, t.now());
    assert_eq!(taken.await.unwrap(), Some(fresh));
}

async fn a_flow_works_for_its_provider_alone(t: &Bench) {
    let flow = t.flow();
    t.store.put_flow(&flow, t.now()).await.unwrap();
    let take = async |hash, provider: &str| {
        let provider = provider.into();
        t.store.take_flow(hash, &provider, None, t.now()).await.unwrap()
    };
    assert_eq!(take(&flow.state_hash, "other_mail").await, None);
    assert_eq!(take(&[7; 32], PROVIDER).await, None);
    assert!(take(&flow.state_hash, PROVIDER).await.is_some());
}

async fn a_flow_times_out(t: &Bench) {
    let (flow, provider) = (t.flow(), PROVIDER.into());
    t.store.put_flow(&flow, t.now()).await.unwrap();
    let take = |now| t.store.take_flow(&flow.state_hash, &provider, None, now);
    assert_eq!(take(flow.expires_at).await.unwrap(), None);
    let just_before = flow.expires_at - Duration::from_micros(1);
    assert_eq!(take(just_before).await.unwrap(), Some(flow.clone()));
}

async fn a_new_flow_sweeps_out_those_that_timed_out(t: &Bench) {
    let (old, mut young, provider) = (t.flow(), t.flow(), PROVIDER.into());
    young.expires_at = t.in_secs(900);
    t.store.put_flow(&old, t.now()).await.unwrap();
    t.store.put_flow(&young, t.now()).await.unwrap();
    t.store.put_flow(&t.flow(), old.expires_at).await.unwrap();
    // With the clock set back, the one that is still stored would work again.
    let take = |hash| t.store.take_flow(hash, &provider, None, t.now());
    assert_eq!(take(&old.state_hash).await.unwrap(), None);
    assert_eq!(take(&young.state_hash).await.unwrap(), Some(young.clone()));
}

async fn a_flow_put_twice_is_there_once(t: &Bench) {
    let (flow, provider) = (t.flow(), PROVIDER.into());
    t.store.put_flow(&flow, t.now()).await.unwrap();
    t.store.put_flow(&flow, t.now()).await.unwrap();
    let take = || t.store.take_flow(&flow.state_hash, &provider, None, t.now());
    assert_eq!(take().await.unwrap(), Some(flow.clone()));
    assert_eq!(take().await.unwrap(), None);
}

async fn of_many_who_bring_the_same_state_one_gets_the_flow(t: &Bench) {
    let (flow, provider) = (t.flow(), PROVIDER.into());
    t.store.put_flow(&flow, t.now()).await.unwrap();
    let bringers = (0..8).map(|n| {
        let store = if n % 2 == 0 { &t.store } else { &t.replica };
        store.take_flow(&flow.state_hash, &provider, None, t.now())
    });
    let taken = join_all(bringers).await;
    let got = taken.into_iter().filter(|flow| flow.as_ref().unwrap().is_some());
    assert_eq!(got.count(), 1);
}

async fn a_flow_is_looked_at_on_the_terms_it_is_taken_on(t: &Bench) {
    let provider = PROVIDER.into();
    for way in [Way::Direct, Way::Device] {
        let mut flow = t.flow();
        flow.way = way;
        t.store.put_flow(&flow, t.now()).await.unwrap();
        let find = async |hash, provider: &str, owner, now| {
            let provider = provider.into();
            t.replica.find_flow(hash, &provider, owner, now).await.unwrap()
        };
        let hash = &flow.state_hash;
        assert_eq!(find(hash, PROVIDER, Some(t.bob), t.now()).await, None);
        assert_eq!(find(hash, "other_mail", None, t.now()).await, None);
        assert_eq!(find(&[7; 32], PROVIDER, None, t.now()).await, None);
        assert_eq!(find(hash, PROVIDER, None, flow.expires_at).await, None);
        for owner in [Some(t.alice), None, Some(t.alice)] {
            assert_eq!(find(hash, PROVIDER, owner, t.now()).await, Some(flow.clone()));
        }
        let taken = t.store.take_flow(hash, &provider, Some(t.alice), t.now()).await;
        assert_eq!(taken.unwrap(), Some(flow.clone()));
        assert_eq!(find(hash, PROVIDER, None, t.now()).await, None);
    }
}
