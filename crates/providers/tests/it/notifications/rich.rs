//! Notifications that carry what changed, encrypted: only what can be proven is believed.

use aws_lc_rs::cipher::{AES_256, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{
    KeyPair, KeySize, OAEP_SHA1_MGF1SHA1, OaepPublicEncryptingKey, PublicEncryptingKey,
};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use evergrant::notification::Word;
use evergrant::provider::Provider;
use jiff::SignedDuration;
use rcgen::PublicKeyData as _;
use serde_json::{Value, json};

use super::{provider, registration};
use crate::graph::{TENANT, example};
use crate::script::{Script, now};

const SENDER: &str = "0bf30f3b-4a52-48df-9a82-234910c4a086";
const OTHER: &str = "ccccdddd-0000-cccc-1111-dddd2222eeee";
const ITEM: &str = "AAMkAGUwNjQ4ZjIxLTQ3Y2Y8AAA=";

/// A certificate and its private key, in PEM.
pub(super) fn certificate() -> (String, String) {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let params = rcgen::CertificateParams::new(vec!["grants.example".to_owned()]).unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

/// Who sends notifications, and whoever else signs something.
struct Sender {
    key: KeyPair,
    kid: &'static str,
}

impl Sender {
    fn new(kid: &'static str) -> Self {
        Self { key: KeyPair::generate(KeySize::Rsa2048).unwrap(), kid }
    }

    fn token(&self, claims: &Value) -> String {
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let head = json!({ "typ": "JWT", "alg": "RS256", "kid": self.kid }).to_string();
        let message = format!("{}.{}", part(head.as_bytes()), part(claims.to_string().as_bytes()));
        let mut signature = vec![0; self.key.public_modulus_len()];
        let random = SystemRandom::new();
        self.key.sign(&RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature).unwrap();
        format!("{message}.{}", part(&signature))
    }

    /// The identity platform, which publishes this key.
    fn published(&self) -> Script {
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let (n, e) = (self.key.public_key().modulus(), self.key.public_key().exponent());
        let keys = json!({ "keys": [{
            "kid": self.kid, "kty": "RSA",
            "n": part(n.big_endian_without_leading_zero()),
            "e": part(e.big_endian_without_leading_zero()),
            "issuer": "https://login.microsoftonline.com/{tenantid}/v2.0",
        }]});
        let described = json!({
            "issuer": "https://login.microsoftonline.com/{tenantid}/v2.0",
            "jwks_uri": "https://login.microsoftonline.com/common/discovery/v2.0/keys",
        });
        Script::default()
            .on("/common/v2.0/.well-known/openid-configuration", 200, &described.to_string())
            .on("/common/discovery/v2.0/keys", 200, &keys.to_string())
    }
}

/// The claims as they were recorded, for us and now.
fn claims() -> Value {
    let mut claims = example("validationtoken.decoded")["payload"].clone();
    claims["aud"] = json!("app");
    for (name, ahead) in [("iat", -60), ("nbf", -60), ("exp", 3_600)] {
        claims[name] = json!(now().as_second() + ahead);
    }
    claims
}

/// What is encrypted to a certificate: the contract's steps, backwards.
fn encrypted(pair: &(String, String), thumbprint: &str, plain: &Value) -> Value {
    let key = rcgen::KeyPair::from_pem(&pair.1).unwrap();
    let public = PublicEncryptingKey::from_der(&key.subject_public_key_info()).unwrap();
    let secret: [u8; 32] = std::array::from_fn(|n| u8::try_from(n * 7 % 251).unwrap());
    let oaep = OaepPublicEncryptingKey::new(public).unwrap();
    let mut wrapped = vec![0; oaep.ciphertext_size()];
    oaep.encrypt(&OAEP_SHA1_MGF1SHA1, &secret, &mut wrapped, None).unwrap();
    let iv: [u8; 16] = secret[..16].try_into().unwrap();
    let cipher =
        PaddedBlockEncryptingKey::cbc_pkcs7(UnboundCipherKey::new(&AES_256, &secret).unwrap());
    let mut data = plain.to_string().into_bytes();
    let context = EncryptionContext::Iv128(FixedLength::from(iv));
    cipher.unwrap().less_safe_encrypt(&mut data, context).unwrap();
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), &data);
    json!({
        "data": STANDARD.encode(&data),
        "dataKey": STANDARD.encode(&wrapped),
        "dataSignature": STANDARD.encode(signature.as_ref()),
        "encryptionCertificateId": thumbprint,
        "encryptionCertificateThumbprint": thumbprint,
    })
}

/// SHA-1 of a certificate, as people compare it.
fn thumbprint(pair: &(String, String)) -> String {
    use std::fmt::Write as _;
    let der: String = pair.0.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = STANDARD.decode(der).unwrap();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, &der);
    digest.as_ref().iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02X}").unwrap();
        text
    })
}

/// A delivery as it was recorded, with a content that can be opened and these tokens.
fn delivery(pair: &(String, String), tokens: &[String]) -> Value {
    let mut body = example("notification.rich")["request"]["body"].clone();
    let mut plain = example("notification.rich.decrypted")["payload"].clone();
    plain["id"] = json!(ITEM);
    body["value"][0]["encryptedContent"] = encrypted(pair, &thumbprint(pair), &plain);
    body["validationTokens"] = json!(tokens);
    body
}

async fn doubts(provider: &dyn Provider, http: &Script, body: &Value) -> Vec<Option<&'static str>> {
    let body = Bytes::from(body.to_string());
    match provider.notifications().unwrap().read(http, now(), None, &body, &|_, _| true).await {
        Ok(Word::Notes(notes)) => notes.iter().map(|note| note.doubt).collect(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_its_sender_signed_and_encrypted_to_us_is_believed() {
    let (pair, sender) = (certificate(), Sender::new("k1"));
    let provider = provider(registration(Some(&pair)));
    let http = sender.published();
    let mut newer = claims();
    newer["iss"] = json!(format!("https://login.microsoftonline.com/{TENANT}/v2.0"));
    newer["azp"] = json!(SENDER);
    newer.as_object_mut().unwrap().remove("appid");
    for claims in [claims(), newer] {
        // A token that proves nothing takes nothing away from one that does.
        let tokens = [sender.token(&json!({})), sender.token(&claims), "FAKE".to_owned()];
        let body = delivery(&pair, &tokens);
        assert_eq!(doubts(&*provider, &http, &body).await, [None]);
    }
    // Twice from the key set and its description, however many tokens there were.
    assert_eq!(http.asked().len(), 2);
}

#[tokio::test]
async fn whoever_cannot_prove_it_is_the_sender_is_not_believed() {
    let (pair, sender) = (certificate(), Sender::new("k1"));
    let provider = provider(registration(Some(&pair)));
    let http = sender.published();
    let at = now().as_second();
    for (name, value) in [
        ("aud", json!("other")),
        ("iss", json!(format!("https://sts.windows.net/{OTHER}/"))),
        ("iss", json!("https://sts.windows.net/{tenantid}/")),
        ("iss", json!("https://honest.example/")),
        ("tid", json!(OTHER)),
        ("tid", json!("")),
        ("exp", json!(at - 301)),
        ("nbf", json!(at + 301)),
        ("appid", json!("00001111-aaaa-2222-bbbb-3333cccc4444")),
        ("azp", json!("00001111-aaaa-2222-bbbb-3333cccc4444")),
    ] {
        let mut claims = claims();
        claims[name] = value.clone();
        let body = delivery(&pair, &[sender.token(&claims)]);
        let doubts = doubts(&*provider, &http, &body).await;
        assert_eq!(doubts, [Some("its sender is not proven")], "{name} {value}");
    }
    for name in ["aud", "iss", "exp", "tid", "appid"] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        let body = delivery(&pair, &[sender.token(&claims)]);
        assert!(doubts(&*provider, &http, &body).await[0].is_some(), "without {name}");
    }
    let stranger = Sender::new("k1").token(&claims());
    for tokens in [json!([stranger]), json!([]), json!(null), json!("x"), json!([7])] {
        let mut body = delivery(&pair, &[]);
        body["validationTokens"] = tokens.clone();
        let doubts = doubts(&*provider, &http, &body).await;
        assert_eq!(doubts, [Some("its sender is not proven")], "{tokens}");
    }
    // One that is proven for one organisation is not for another; without content it is the same.
    let mut body = delivery(&pair, &[sender.token(&claims())]);
    let mut other = body["value"][0].clone();
    other["tenantId"] = json!(OTHER);
    let mut bare = other.clone();
    bare.as_object_mut().unwrap().remove("encryptedContent");
    body["value"].as_array_mut().unwrap().extend([other, bare]);
    let unproven = Some("its sender is not proven");
    assert_eq!(doubts(&*provider, &http, &body).await, [None, unproven, unproven]);
}

#[tokio::test]
async fn what_was_changed_on_its_way_is_not_believed_and_spoils_no_other() {
    let (pair, sender) = (certificate(), Sender::new("k1"));
    let provider = provider(registration(Some(&pair)));
    let http = sender.published();
    let mut body = delivery(&pair, &[sender.token(&claims())]);
    let good = body["value"][0].clone();
    let flipped = |pointer: &str| {
        let mut bad = good.clone();
        let value = bad.pointer_mut(pointer).unwrap();
        let mut bytes = STANDARD.decode(value.as_str().unwrap()).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        *value = json!(STANDARD.encode(bytes));
        bad
    };
    let set = |pointer: &str, to: Value| {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = to;
        bad
    };
    let of_other_item = encrypted(&pair, &thumbprint(&pair), &json!({ "id": "another" }));
    let of_none = encrypted(&pair, &thumbprint(&pair), &json!("x"));
    let to_another = encrypted(&certificate(), &thumbprint(&pair), &json!({ "id": ITEM }));
    let bad = [
        flipped("/encryptedContent/data"),
        flipped("/encryptedContent/dataKey"),
        flipped("/encryptedContent/dataSignature"),
        set("/encryptedContent/data", json!("!")),
        set("/encryptedContent/data", json!("")),
        set("/encryptedContent/dataKey", json!("")),
        set("/encryptedContent/dataSignature", json!("")),
        set("/encryptedContent/encryptionCertificateId", json!("another")),
        set("/encryptedContent", json!({})),
        set("/encryptedContent", of_other_item),
        set("/encryptedContent", of_none),
        set("/encryptedContent", to_another),
        set("/resourceData/id", json!("another")),
        set("/resourceData", json!(null)),
        example("notification.rich")["request"]["body"]["value"][0].clone(),
    ];
    let count = bad.len();
    body["value"] = bad.into_iter().flat_map(|bad| [bad, good.clone()]).collect();
    let doubts = doubts(&*provider, &http, &body).await;
    for (n, pair) in doubts.chunks(2).enumerate() {
        assert!(pair[0].is_some() && pair[1].is_none(), "{n}: {pair:?}");
    }
    assert_eq!(doubts.len(), 2 * count);
}

#[tokio::test]
async fn without_a_certificate_nothing_that_carries_something_is_believed() {
    let (pair, sender) = (certificate(), Sender::new("k1"));
    let provider = provider(registration(None));
    let body = delivery(&pair, &[sender.token(&claims())]);
    let doubts = doubts(&*provider, &sender.published(), &body).await;
    assert_eq!(doubts, [Some("what it carries cannot be opened: there is no certificate for it")]);
}

#[tokio::test]
async fn unknown_keys_have_the_published_ones_asked_for_once_in_minutes() {
    let (pair, sender) = (certificate(), Sender::new("k1"));
    let provider = provider(registration(Some(&pair)));
    let http = sender.published();
    let unknown: Vec<_> = (0..50).map(|_| Sender::new("k2").token(&claims())).take(1).collect();
    let good = delivery(&pair, &[sender.token(&claims())]);
    assert_eq!(doubts(&*provider, &http, &good).await, [None]);
    let known = http.asked().len();
    let body = Bytes::from(delivery(&pair, &unknown).to_string());
    let notifications = provider.notifications().unwrap();
    for minute in 0..20 {
        let at = now() + SignedDuration::from_mins(minute);
        for _ in 0..5 {
            notifications.read(&http, at, None, &body, &|_, _| true).await.unwrap();
        }
    }
    // After more than five minutes each: at 6, 12 and 18.
    assert_eq!(http.asked().len() - known, 3);
}

#[test]
fn a_certificate_that_cannot_be_used_is_the_operators_to_see() {
    let (one, other) = (certificate(), certificate());
    let small = rcgen::KeyPair::generate().unwrap();
    let small_certificate = rcgen::CertificateParams::new(vec!["grants.example".to_owned()]);
    let small_certificate = small_certificate.unwrap().self_signed(&small).unwrap().pem();
    let refused = |certificate: Option<&str>, key: Option<&str>| {
        let microsoft = evergrant_providers::microsoft::Settings {
            notification_certificate: certificate.map(str::to_owned),
            notification_certificate_key: key.map(Into::into),
            ..registration(None)
        };
        let settings = evergrant_providers::Settings { microsoft, ..Default::default() };
        evergrant_providers::all(&settings).err().map(|error| error.to_string())
    };
    assert_eq!(refused(Some(&one.0), Some(&one.1)), None);
    for (certificate, key, part) in [
        (Some(&*one.0), None, "notification_certificate_key"),
        (None, Some(&*one.1), "notification_certificate"),
        (Some("nonsense"), Some(&*one.1), "PEM"),
        (Some(&one.0), Some("nonsense"), "RSA"),
        (Some(&one.0), Some(&other.1), "private key"),
        (Some(&small_certificate), Some(&small.serialize_pem()), "RSA"),
    ] {
        let said = refused(certificate, key).unwrap();
        assert!(said.contains(part), "{said}");
    }
}
