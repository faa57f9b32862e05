//! Fernet tokens of another implementation: `fernet_vectors.py` makes them with Python's `cryptography`.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use evergrant::Entropy;
use evergrant::fernet::Fernet;
use evergrant::seal::Ring;
use evergrant::testing::SeededEntropy;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Vector {
    key: String,
    seconds: u64,
    plain: String,
    token: String,
    rotated: bool,
}

fn vectors() -> Vec<Vector> {
    let text = include_str!("../fernet_vectors.json");
    let vectors: Vec<Vector> = serde_json::from_str(text).expect("the vectors");
    assert!(vectors.len() >= 500);
    assert!(vectors.iter().filter(|vector| vector.rotated).count() >= 100);
    vectors
}

#[test]
fn every_token_python_made_opens() {
    for vector in vectors() {
        let fernet = Fernet::from_text(&vector.key).unwrap();
        let plain = fernet.decrypt(&vector.token).unwrap();
        assert_eq!(STANDARD.encode(&*plain), vector.plain, "{}", vector.token);
    }
}

#[test]
fn every_token_python_made_is_made_again_to_the_byte() {
    for vector in vectors() {
        let fernet = Fernet::from_text(&vector.key).unwrap();
        let plain = STANDARD.decode(&vector.plain).unwrap();
        let iv = URL_SAFE.decode(&vector.token).unwrap()[9..25].try_into().unwrap();
        assert_eq!(fernet.encrypt(&plain, vector.seconds, iv), vector.token);
    }
}

#[test]
fn no_token_opens_with_another_key() {
    let vectors = vectors();
    let other = Fernet::from_text(&vectors[0].key).unwrap();
    for vector in vectors.iter().filter(|vector| vector.key != vectors[0].key) {
        assert!(other.decrypt(&vector.token).is_err());
    }
}

/// Leaves tokens for `fernet_vectors.py --check` in the target directory, under `tmp/`.
#[test]
fn tokens_made_here_open_here_and_wait_for_python() {
    let entropy = SeededEntropy::default();
    let mut made = Vec::new();
    for length in (0..200).chain([1_024, 4_095, 4_096]) {
        let key = Ring::generate(&entropy);
        let (mut plain, mut rest) = (vec![0; length], [0; 24]);
        entropy.fill(&mut plain);
        entropy.fill(&mut rest);
        let seconds = u64::from_be_bytes(rest[..8].try_into().unwrap()) >> 24;
        let fernet = Fernet::from_text(key.expose()).unwrap();
        let token = fernet.encrypt(&plain, seconds, rest[8..].try_into().unwrap());
        assert_eq!(fernet.decrypt(&token).unwrap().as_slice(), plain);
        made.push(Vector {
            key: key.expose().to_owned(),
            seconds,
            plain: STANDARD.encode(plain),
            token,
            rotated: false,
        });
    }
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fernet_from_rust.json");
    std::fs::write(path, serde_json::to_vec(&made).unwrap()).unwrap();
}
