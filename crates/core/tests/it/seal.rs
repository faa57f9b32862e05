//! Sealed values open where they belong, with the keys they need, and nowhere else.

use std::sync::Arc;

use evergrant::Secret;
use evergrant::fernet::InvalidKey;
use evergrant::seal::{Field, Place, Ring, RingError, Seal, SealError};
use evergrant::testing::{SeededEntropy, TestClock};

fn key(seed: u64) -> Secret {
    Ring::generate(&SeededEntropy::new(seed))
}

fn ring(keys: &[&Secret]) -> Ring {
    let list: Vec<_> = keys.iter().map(|key| key.expose()).collect();
    Ring::parse(&list.join(",").into()).expect("keys")
}

fn seal(keys: &[&Secret]) -> Seal {
    let entropy = Arc::new(SeededEntropy::default());
    Seal::new(ring(keys), Arc::new(TestClock::default()), entropy)
}

const HOME: Place<'_> = Place { tenant: "acme", subject: "int_1", field: Field::Grant, epoch: 1 };

#[test]
fn a_value_opens_at_its_own_place_and_at_no_other() {
    let seal = seal(&[&key(1)]);
    let mut places = Vec::new();
    // Texts that run into each other where lengths are forgotten.
    for tenant in ["", "a", "ab"] {
        for subject in ["", "a", "b", "grant", "flow\0"] {
            for field in [Field::Grant, Field::Answer, Field::Flow] {
                for epoch in [0, 1, -1] {
                    places.push(Place { tenant, subject, field, epoch });
                }
            }
        }
    }
    let mut refused = 0;
    for from in &places {
        let sealed = seal.seal(*from, b"secret");
        for to in &places {
            let opened = seal.open(*to, &sealed);
            if from == to {
                assert_eq!(opened.unwrap().as_slice(), b"secret");
            } else {
                assert_eq!(opened, Err(SealError::Misplaced), "{from:?} at {to:?}");
                refused += 1;
            }
        }
    }
    assert!(refused >= 10_000, "{refused}");
}

#[test]
fn the_first_key_encrypts_and_any_decrypts() {
    let (old, new) = (key(1), key(2));
    let before = seal(&[&old]).seal(HOME, b"x");
    let rotating = seal(&[&new, &old]);
    assert_eq!(rotating.open(HOME, &before).unwrap().as_slice(), b"x");
    let after = rotating.seal(HOME, b"y");
    assert_ne!(after.key, before.key);
    let rotated = seal(&[&new]);
    assert_eq!(rotated.open(HOME, &after).unwrap().as_slice(), b"y");
    assert_eq!(rotating.seal(HOME, b"").key, rotated.seal(HOME, b"").key);
}

#[test]
fn an_unknown_key_is_named_by_its_id() {
    let sealed = seal(&[&key(1)]).seal(HOME, b"x");
    let refused = seal(&[&key(2)]).open(HOME, &sealed).unwrap_err();
    assert_eq!(refused, SealError::UnknownKey(sealed.key.as_str().to_owned()));
    assert!(refused.to_string().contains(sealed.key.as_str()));
}

#[test]
fn an_altered_value_and_a_false_key_id_are_refused() {
    let (one, two) = (key(1), key(2));
    let seal = seal(&[&one, &two]);
    let mut altered = seal.seal(HOME, b"x");
    let swapped = altered.token.replace(&altered.token[40..41], "_");
    altered.token = swapped;
    assert_eq!(seal.open(HOME, &altered), Err(SealError::Altered));
    let mut renamed = seal.seal(HOME, b"x");
    renamed.key = super::seal::seal(&[&two]).seal(HOME, b"").key;
    assert_eq!(seal.open(HOME, &renamed), Err(SealError::Altered));
}

#[test]
fn a_value_sealed_twice_looks_different_and_keys_are_never_shown() {
    let secret = key(1);
    let seal = seal(&[&secret]);
    let (one, two) = (seal.seal(HOME, b"x"), seal.seal(HOME, b"x"));
    assert_ne!(one.token, two.token);
    assert!(!format!("{seal:?}").contains(secret.expose()));
}

#[test]
fn a_list_of_keys_is_read_with_commas_and_white_space() {
    let (one, two) = (key(1), key(2));
    let first = |list: &str| {
        let entropy = Arc::new(SeededEntropy::default());
        let ring = Ring::parse(&list.into()).unwrap();
        Seal::new(ring, Arc::new(TestClock::default()), entropy).seal(HOME, b"").key
    };
    let (a, b) = (one.expose(), two.expose());
    assert_eq!(first(&format!(" {a}\n,{b} ")), first(a));
    assert_eq!(first(&format!("{b}\t{a}")), first(b));
    assert_eq!(Ring::parse(&" ,\n".into()).unwrap_err(), RingError::Empty);
    let wrong = RingError::Key { position: 2, source: InvalidKey };
    assert_eq!(Ring::parse(&format!("{a},{}", &b[1..]).into()).unwrap_err(), wrong);
}
