//! Markets and trading against the sandbox, which was written from the contract by somebody else.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use evergrant::capability::{
    Cursor, Deal, DealOutcome, HistoryQuery, Markets, Once, Position, PriceQuery, Trading,
};
use evergrant::testing::{SeededEntropy, TestClock};
use evergrant::{Api, Request, Secret, Transport, TransportError};
use evergrant_providers::ig::Settings as Ig;
use evergrant_sandbox::{Courier, InProcess, Stage, StageConfig};
use serde_json::{Value, json};

use super::given;
use crate::graph::Answer;
use crate::ig::office::House;

const BASE: &str = "https://cloud.test";
const EPIC: &str = "CS.D.EURUSD.CFD.IP";

/// A way to the stage on which the answer to one deal gets lost.
struct Lossy {
    inner: InProcess,
    loses: AtomicBool,
}

#[async_trait]
impl Transport for Lossy {
    async fn send(&self, request: Request) -> Answer {
        let deals = request.method() != "GET" && request.uri().path().contains("/otc");
        let answer = self.inner.send(request).await;
        if deals && self.loses.swap(false, Ordering::Relaxed) {
            let host = "cloud.test".to_owned();
            return Err(TransportError::Unanswered { host, detail: "scripted".to_owned() });
        }
        answer
    }
}

struct Play {
    stage: Stage,
    house: House,
    line: Arc<Lossy>,
    api: Api,
}

impl Play {
    /// On a Monday morning.
    async fn new() -> Self {
        let clock = TestClock::at("2026-11-23T10:00:00Z".parse().unwrap());
        let stage = evergrant_providers::sandbox::stage(StageConfig {
            seed: 1,
            strict_rotation: true,
            access_ttl: None,
            clock: Arc::new(clock.clone()),
            entropy: Arc::new(SeededEntropy::default()),
            courier: Courier::default(),
        });
        let inner = InProcess::new(&stage);
        let line = Arc::new(Lossy { inner, loses: AtomicBool::new(false) });
        let ig = Ig {
            api_key: Some("sandbox-key".into()),
            url: Some(format!("{BASE}/gateway/deal").parse().unwrap()),
            ..Ig::default()
        };
        let house = House::new(ig, line.clone(), &clock).await;
        let login = [("identifier", "trader"), ("password", "sandbox"), ("keep_login", "yes")];
        let filled = login.map(|(name, value)| (name.to_owned(), Secret::from(value)));
        let integration = house.connect(filled.into_iter().collect()).await.unwrap();
        let api = house.open(&integration).await;
        Self { stage, house, line, api }
    }

    fn markets(&self) -> &dyn Markets {
        self.api.provider().markets().unwrap()
    }

    fn trading(&self) -> &dyn Trading {
        self.api.provider().trading().unwrap()
    }

    async fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.house.run(work).await
    }

    async fn direct(&self, path: &str, body: Value) {
        let url = format!("{BASE}/_sandbox/world/ig/{path}");
        let request = http::Request::post(url).header("content-type", "application/json");
        let request = request.body(body.to_string().into()).unwrap();
        let answer = InProcess::new(&self.stage).send(request).await.unwrap();
        assert!(answer.status().is_success(), "{path}: {answer:?}");
    }

    /// How often something was sent to deal.
    fn dealt(&self) -> usize {
        let requests = self.stage.ledger().requests();
        requests.iter().filter(|seen| seen.method != "GET" && seen.path.contains("/otc")).count()
    }

    async fn positions(&self) -> Vec<Position> {
        self.run(self.trading().positions(&self.api)).await.unwrap()
    }

    async fn open(&self, once: Once, changes: Value) -> Deal {
        let position = json!({ "epic": EPIC, "direction": "buy", "size": 2.0 });
        let position = given(super::with(position, changes));
        self.run(self.trading().open_position(&self.api, once, &position)).await.unwrap()
    }
}

fn once(seed: u64) -> Once {
    Once::random(&SeededEntropy::new(seed))
}

#[tokio::test]
async fn the_tree_is_walked_to_its_end() {
    let play = Play::new().await;
    let (mut waiting, mut seen, mut epics) = (vec![None], BTreeSet::new(), BTreeSet::new());
    while let Some(node) = waiting.pop() {
        let node: Option<String> = node;
        let read = play.markets().navigate(&play.api, node.as_deref());
        let read = play.run(read).await.unwrap();
        for node in read.nodes {
            assert!(seen.insert(node.id.clone()), "{} twice", node.id);
            waiting.push(Some(node.id));
        }
        epics.extend(read.markets.into_iter().map(|market| market.epic));
    }
    assert!(seen.len() >= 500, "{}", seen.len());
    assert!(epics.contains(EPIC), "{} markets", epics.len());

    // The same markets are there once the tree is gone.
    play.direct("navigation", json!({ "gone": true })).await;
    let root = play.run(play.markets().navigate(&play.api, None)).await.unwrap();
    let mut found = BTreeSet::new();
    for node in root.nodes {
        let read = play.run(play.markets().navigate(&play.api, Some(&node.id))).await.unwrap();
        found.extend(read.markets.into_iter().map(|market| market.epic));
    }
    assert!(found.contains(EPIC), "{} markets", found.len());
}

#[tokio::test]
async fn a_position_is_opened_changed_closed_in_part_and_closed() {
    let play = Play::new().await;
    let deal = play.open(once(1), json!({})).await;
    assert_eq!(deal.outcome, DealOutcome::Done, "{deal:?}");
    let id = deal.deal_id.clone().unwrap();
    let position = play.run(play.trading().position(&play.api, &id)).await.unwrap();
    assert_eq!(position.reference.as_deref(), Some(&*deal.reference));
    assert_eq!((position.size, position.stop_level), (2.0, None));

    let level = position.level.unwrap();
    let changes = json!({ "stop_level": level * 0.9, "limit_level": level * 1.1 });
    let amend = given(changes);
    let amending = play.trading().amend_position(&play.api, once(2), &id, &amend);
    assert_eq!(play.run(amending).await.unwrap().outcome, DealOutcome::Done);
    let amend = given(json!({ "limit_level": null }));
    let amending = play.trading().amend_position(&play.api, once(3), &id, &amend);
    assert_eq!(play.run(amending).await.unwrap().outcome, DealOutcome::Done);
    let position = play.run(play.trading().position(&play.api, &id)).await.unwrap();
    assert!(position.stop_level.is_some(), "what was left out stays");
    assert_eq!(position.limit_level, None);

    for (n, (close, left)) in
        [(json!({ "size": 0.5 }), Some(1.5)), (json!({}), None)].into_iter().enumerate()
    {
        let close = given(close);
        let seed = 10 + u64::try_from(n).unwrap();
        let closing = play.trading().close_position(&play.api, once(seed), &id, &close);
        let deal = play.run(closing).await.unwrap();
        assert_eq!(deal.outcome, DealOutcome::Done, "{deal:?}");
        assert_eq!(play.positions().await.first().map(|position| position.size), left);
    }
    assert_eq!(play.dealt(), 5);

    // All of it is in the past, and so is the money.
    let query = HistoryQuery { limit: Some(10), ..HistoryQuery::default() };
    let (mut past, mut cursor): (Vec<_>, Option<Cursor>) = (Vec::new(), None);
    loop {
        let page = play.trading().activity(&play.api, &query, cursor.as_ref());
        let page = play.run(page).await.unwrap();
        past.extend(page.results);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert!(past.iter().any(|one| one.reference.as_deref() == Some(&*deal.reference)));
    let moved = play.trading().transactions(&play.api, &query, None);
    let moved = play.run(moved).await.unwrap();
    assert!(moved.results.iter().any(|one| one.amount.is_some() && one.at.is_some()), "{moved:?}");
    // Long after its confirmation a deal is still found.
    play.house.clock.advance(Duration::from_mins(5));
    let found = play.run(play.trading().deal(&play.api, &deal.reference)).await.unwrap();
    assert_eq!(found.outcome, DealOutcome::Done, "{found:?}");
}

#[tokio::test]
async fn a_deal_whose_answer_is_lost_is_found_and_made_once() {
    let play = Play::new().await;
    play.line.loses.store(true, Ordering::Relaxed);
    let lost = play.open(once(1), json!({})).await;
    assert_eq!(lost.outcome, DealOutcome::Unknown);
    let again = play.open(once(1).again(), json!({})).await;
    assert_eq!((again.outcome, &again.reference), (DealOutcome::Done, &lost.reference));
    let found = play.run(play.trading().deal(&play.api, &lost.reference)).await.unwrap();
    assert_eq!(found.outcome, DealOutcome::Done);
    // Also once it is confirmed no more.
    play.house.clock.advance(Duration::from_mins(5));
    let found = play.run(play.trading().deal(&play.api, &lost.reference)).await.unwrap();
    assert_eq!(found.outcome, DealOutcome::Done);
    let positions = play.positions().await;
    assert_eq!((positions.len(), play.dealt()), (1, 1));

    // Closed, and the answer lost again.
    let id = &positions[0].id;
    play.line.loses.store(true, Ordering::Relaxed);
    let close = given(json!({}));
    let closing = play.trading().close_position(&play.api, once(2), id, &close);
    let lost = play.run(closing).await.unwrap();
    assert_eq!(lost.outcome, DealOutcome::Unknown);
    let found = play.run(play.trading().deal(&play.api, &lost.reference)).await.unwrap();
    assert_eq!((found.outcome, found.status.as_deref()), (DealOutcome::Done, Some("CLOSED")));
    assert_eq!(play.dealt(), 2);
}

#[tokio::test]
async fn an_order_is_placed_changed_and_cancelled() {
    let play = Play::new().await;
    let market = play.run(play.markets().market(&play.api, EPIC)).await.unwrap();
    let level = market.market.bid.unwrap() * 0.8;
    let order = given(json!({
        "epic": EPIC, "direction": "buy", "type": "limit", "size": 1.0, "level": level,
        "good_till": "2026-11-25T10:00:00Z",
    }));
    let placing = play.trading().place_order(&play.api, once(1), &order);
    let deal = play.run(placing).await.unwrap();
    assert_eq!(deal.outcome, DealOutcome::Done, "{deal:?}");
    let orders = play.run(play.trading().orders(&play.api)).await.unwrap();
    let [order] = &orders[..] else { panic!("{orders:?}") };
    assert_eq!(order.good_till, Some("2026-11-25T10:00:00Z".parse().unwrap()));
    let changes = given(json!({ "good_till": null, "stop_distance": 500.0 }));
    let amending = play.trading().amend_order(&play.api, once(2), &order.id, &changes);
    let deal = play.run(amending).await.unwrap();
    assert_eq!(deal.outcome, DealOutcome::Done, "{deal:?}");
    let orders = play.run(play.trading().orders(&play.api)).await.unwrap();
    assert_eq!((orders[0].good_till, orders[0].level), (None, order.level));
    assert_eq!(orders[0].stop_distance, Some(500.0));

    play.line.loses.store(true, Ordering::Relaxed);
    let cancelling = play.trading().cancel_order(&play.api, once(3), &order.id);
    let lost = play.run(cancelling).await.unwrap();
    assert_eq!(lost.outcome, DealOutcome::Unknown);
    let found = play.run(play.trading().deal(&play.api, &lost.reference)).await.unwrap();
    assert_eq!((found.outcome, found.status.as_deref()), (DealOutcome::Done, Some("DELETED")));
    assert!(play.run(play.trading().orders(&play.api)).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_rejected_deal_says_why() {
    let play = Play::new().await;
    let deal = play.open(once(1), json!({ "size": 1_000_000.0 })).await;
    assert_eq!(deal.outcome, DealOutcome::Rejected, "{deal:?}");
    assert!(deal.reason.is_some() && deal.message.is_some());
    assert!(play.positions().await.is_empty());
}

#[tokio::test]
async fn prices_searches_lists_and_sentiments_are_read() {
    let play = Play::new().await;
    let (markets, api) = (play.markets(), &play.api);
    let found = play.run(markets.search(api, "EUR/USD")).await.unwrap();
    assert!(found.iter().any(|market| market.epic == EPIC), "{found:?}");
    let query: PriceQuery = given(json!({
        "resolution": "hour", "from": "2026-11-19T00:00:00Z", "to": "2026-11-20T00:00:00Z",
        "limit": 7,
    }));
    let (mut prices, mut cursor, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = play.run(markets.prices(api, EPIC, &query, cursor.as_ref())).await.unwrap();
        assert!(page.allowance.is_some());
        prices.extend(page.results);
        (cursor, pages) = (page.next, pages + 1);
        if cursor.is_none() {
            break;
        }
    }
    assert!(pages > 2 && prices.len() > 20, "{pages} {}", prices.len());
    assert!(prices.is_sorted_by_key(|price| price.time), "{prices:?}");
    let details = play.run(markets.market(api, EPIC)).await.unwrap();
    let ids = [details.market_id.unwrap()];
    let sentiment = play.run(markets.sentiment(api, &ids)).await.unwrap();
    assert!((sentiment[0].long_percent + sentiment[0].short_percent - 100.0).abs() < 0.01);
    play.run(markets.related_sentiment(api, &ids[0])).await.unwrap();

    let list = given(json!({ "name": "mine", "epics": [EPIC] }));
    let made = play.run(markets.create_watchlist(api, &list)).await.unwrap();
    assert!(made.complete);
    let ftse = "IX.D.FTSE.CFD.IP";
    play.run(markets.add_to_watchlist(api, &made.id, ftse)).await.unwrap();
    play.run(markets.remove_from_watchlist(api, &made.id, EPIC)).await.unwrap();
    let on_it = play.run(markets.watchlist(api, &made.id)).await.unwrap();
    assert_eq!(on_it.iter().map(|market| &*market.epic).collect::<Vec<_>>(), [ftse]);
    play.run(markets.delete_watchlist(api, &made.id)).await.unwrap();
    let lists = play.run(markets.watchlists(api)).await.unwrap();
    assert!(lists.iter().all(|list| list.id != made.id));
}
