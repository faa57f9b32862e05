//! Passwords that are sent encrypted (contract, 2.3).

use aws_lc_rs::rsa::{Pkcs1PublicEncryptingKey, PublicEncryptingKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Desk, assert_refused};
use crate::play::Answer;

/// `text` under the public key that the sandbox hands out.
fn encrypted(key: &Value, text: &[u8]) -> String {
    let der = STANDARD.decode(key["encryptionKey"].as_str().unwrap()).unwrap();
    let key = PublicEncryptingKey::from_der(&der).unwrap();
    let key = Pkcs1PublicEncryptingKey::new(key).unwrap();
    let mut room = vec![0; key.ciphertext_size()];
    STANDARD.encode(key.encrypt(text, &mut room).unwrap())
}

async fn log_in(desk: &Desk, version: u32, password: &str, is_encrypted: Value) -> Answer {
    let body = json!({
        "identifier": "trader", "password": password, "encryptedPassword": is_encrypted,
    });
    desk.send("POST", "/session", version, &body).await
}

#[tokio::test]
async fn an_encrypted_password_opens_a_session_of_every_version() {
    let desk = Desk::new();
    let key = desk.get("/session/encryptionKey").await.ok();
    assert!(key["timeStamp"].is_u64());
    let plain = format!("sandbox|{}", key["timeStamp"]);
    let password = encrypted(&key, STANDARD.encode(&plain).as_bytes());
    for version in 1..=3 {
        for flag in [json!(true), json!("true")] {
            let answer = log_in(&desk, version, &password, flag).await;
            assert_eq!(answer.status, 200, "v{version}: {}", answer.text);
        }
    }
    // Clients send the member for plain passwords, too.
    for flag in [json!(null), json!(false), json!("false")] {
        assert_eq!(log_in(&desk, 3, "sandbox", flag).await.status, 200);
    }
}

#[tokio::test]
async fn what_is_not_encrypted_as_documented_is_a_wrong_password() {
    let desk = Desk::new();
    let key = desk.get("/session/encryptionKey").await.ok();
    let plain = format!("sandbox|{}", key["timeStamp"]);
    let without_the_inner_base64 = encrypted(&key, plain.as_bytes());
    let without_a_time = encrypted(&key, STANDARD.encode("sandbox").as_bytes());
    let wrong = encrypted(&key, STANDARD.encode("wrong|1").as_bytes());
    for password in [without_the_inner_base64.as_str(), &without_a_time, &wrong, "sandbox"] {
        let answer = log_in(&desk, 2, password, json!(true)).await;
        assert_refused(&answer, 401, "error.security.invalid-details");
    }
}

#[tokio::test]
async fn a_client_that_must_encrypt_is_told_so() {
    let desk = Desk::new();
    desk.direct("encryption", json!({ "identifier": "trader", "required": true })).await;
    let key = desk.get("/session/encryptionKey").await.ok();
    let plain = format!("sandbox|{}", key["timeStamp"]);
    let password = encrypted(&key, STANDARD.encode(&plain).as_bytes());
    let required = "error.public-api.failure.encryption.required";
    for version in 1..=3 {
        assert_refused(&log_in(&desk, version, "sandbox", json!(false)).await, 400, required);
    }
    assert_refused(&log_in(&desk, 1, &password, json!(true)).await, 400, required);
    for version in [2, 3] {
        assert_eq!(log_in(&desk, version, &password, json!(true)).await.status, 200);
    }
}
