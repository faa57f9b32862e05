//! What comes, whoever sent it: forged, repeated, mixed, and while the database is away.

use std::collections::BTreeSet;
use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use evergrant::entropy::random;
use evergrant::subscriptions::{ReceiveError, Received};
use evergrant::testing::SeededEntropy;
use serde_json::{Value, json};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::post::Made;
use super::{body, calls, is_due, note, rest, row, subscribed};

/// The audit lines.
#[derive(Clone, Default)]
struct Audit(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, "{field}={value:?} ").unwrap();
    }
}

impl Subscriber for Audit {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "evergrant::audit"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Chooses the same each time.
struct Dice(SeededEntropy);

impl Dice {
    fn below(&self, most: u64) -> u64 {
        u64::from_be_bytes(random(&self.0)) % most
    }
}

/// A note of one of ten kinds, and why it is not believed.
fn forged(dice: &Dice, made: &Made, fresh: &mut u64) -> (Value, Option<&'static str>, bool) {
    const STATE: Option<&str> = Some("it does not carry the subscription's state");
    let mut it = note(made, 1_000_000 + dice.below(1_000_000_000));
    let reason = match dice.below(10) {
        0 => {
            *fresh += 1;
            return (note(made, *fresh), None, true);
        }
        1 => return (note(made, dice.below(*fresh + 1)), None, false),
        2 => {
            it["state"] = json!(format!("{:043x}", dice.below(u64::MAX)));
            STATE
        }
        3 => {
            it.as_object_mut().unwrap().remove("state");
            STATE
        }
        4 => {
            it["state"] = json!(&made.state[..made.state.len() - 1]);
            STATE
        }
        5 => {
            it["state"] = json!("");
            STATE
        }
        6 => {
            it["subscription"] = json!(format!("s-{}", 1 + dice.below(99)));
            Some("it is of another subscription")
        }
        7 => {
            it["tenant"] = json!("bob");
            Some("it is of another organisation")
        }
        8 => {
            it["doubt"] = json!(true);
            Some("it is doubted")
        }
        _ => {
            it["event"] = json!("tomorrow");
            None
        }
    };
    (it, reason, false)
}

#[tokio::test]
async fn what_is_not_believed_leaves_an_audit_line_and_no_other_trace() {
    let (stage, _process, subscriptions, post, id) = subscribed().await;
    let (made, before) = (post.made().remove(0), row(&stage, id).await);
    let audit = Audit::default();
    let _listening = tracing::subscriber::set_default(audit.clone());
    let dice = Dice(SeededEntropy::new(20));
    let called = calls(&stage);
    let (mut fresh, mut lines, mut quiet, mut hints) = (0, 0, 0, 0);
    // The first is the one that the others repeat.
    rest(&stage, id).await;
    let address = subscriptions.address("acme", made.secret()).await.unwrap().unwrap();
    address.receive(None, &body(&[note(&made, 0)])).await.unwrap();
    for _ in 0..10_000 {
        rest(&stage, id).await;
        let (mut notes, mut reasons, mut is_new) = (Vec::new(), BTreeSet::new(), false);
        for _ in 0..dice.below(6) {
            let (note, reason, new) = forged(&dice, &made, &mut fresh);
            notes.push(note);
            reasons.extend(reason);
            is_new |= new;
        }
        let address = subscriptions.address("acme", made.secret()).await.unwrap().unwrap();
        let received = address.receive(None, &body(&notes)).await;
        // The answer is the same, whatever was believed.
        assert_eq!(received.unwrap(), Received::Taken);
        assert_eq!(is_due(&stage).await, is_new, "{notes:?}");
        lines += reasons.len();
        quiet += usize::from(!is_new);
        hints += usize::from(is_new);
    }
    assert!(quiet > 5_000 && hints > 1_000 && lines > 5_000, "{quiet} {hints} {lines}");
    let logged = audit.0.lock().unwrap().clone();
    assert_eq!(logged.len(), lines);
    for line in &logged {
        assert!(line.contains(&id.to_string()) && line.contains("acme"), "{line}");
        assert!(!line.contains(&made.state) && !line.contains(made.secret()), "{line}");
    }
    assert_eq!(calls(&stage), called);
    assert_eq!(row(&stage, id).await, before);
}

#[tokio::test]
async fn an_address_that_is_none_is_known_to_nobody() {
    let (stage, _process, subscriptions, post, _) = subscribed().await;
    let made = post.made().remove(0);
    let secret = made.secret();
    let mut other = secret.to_owned();
    other.replace_range(secret.len() - 2..secret.len() - 1, "-");
    for (provider, secret) in [
        ("acme", other.as_str()),
        ("acme", &secret[1..]),
        ("acme", &format!("{secret}=")),
        ("acme", &secret.to_lowercase()),
        ("acme", ""),
        ("other", secret),
        ("ACME", secret),
    ] {
        let found = subscriptions.address(provider, secret).await.unwrap();
        assert!(found.is_none(), "{provider} {secret}");
    }
    // What is no secret at all is not even looked for.
    let asked = stage.store.calls();
    subscriptions.address("acme", &"a".repeat(100_000)).await.unwrap();
    assert_eq!(stage.store.calls(), asked);
}

#[tokio::test]
async fn what_cannot_be_stored_is_not_answered_as_taken() {
    let (stage, _process, subscriptions, post, id) = subscribed().await;
    let made = post.made().remove(0);
    rest(&stage, id).await;
    let notes = body(&[note(&made, 7)]);
    let address = subscriptions.address("acme", made.secret()).await.unwrap().unwrap();
    stage.store.set_available(false);
    let refused = address.receive(None, &notes).await.unwrap_err();
    assert!(matches!(refused, ReceiveError::Unavailable(_)), "{refused:?}");
    assert!(subscriptions.address("acme", made.secret()).await.is_err());
    stage.store.set_available(true);
    assert!(!is_due(&stage).await);
    // The provider sends it again.
    assert_eq!(address.receive(None, &notes).await.unwrap(), Received::Taken);
    assert!(is_due(&stage).await);
}

#[tokio::test]
async fn a_handshake_is_answered_and_what_is_no_word_is_not() {
    let (_stage, _process, subscriptions, post, _) = subscribed().await;
    let made = post.made().remove(0);
    let address = subscriptions.address("acme", made.secret()).await.unwrap().unwrap();
    let shaken = address.receive(Some("shake=<b>me</b>"), &Bytes::new()).await.unwrap();
    assert_eq!(shaken, Received::Handshake("<b>me</b>".to_owned()));
    let refused = address.receive(None, &Bytes::from_static(b"{")).await.unwrap_err();
    assert!(matches!(refused, ReceiveError::NotWord(_)), "{refused:?}");
}

#[tokio::test]
async fn after_a_disconnect_nothing_is_believed() {
    let (stage, process, subscriptions, post, id) = subscribed().await;
    let made = post.made().remove(0);
    let address = subscriptions.address("acme", made.secret()).await.unwrap().unwrap();
    stage.run(process.vault.disconnect(stage.owner, id)).await.unwrap();
    rest(&stage, id).await;
    let received = address.receive(None, &body(&[note(&made, 7)])).await.unwrap();
    assert_eq!((received, is_due(&stage).await), (Received::Taken, false));
    // Once its feeds are gone so is the address.
    super::enrol(&stage, &["acme"]).await;
    assert!(subscriptions.address("acme", made.secret()).await.unwrap().is_none());
}
