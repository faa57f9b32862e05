//! Notifications with the resource's data (contract, 8.5).

use aws_lc_rs::cipher::{AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rsa::{KeySize, OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Bench, HOUR, id};
use crate::mail::{code, refusal};
use crate::play::{ADELE, assert_same_shape, claims, fixture, part};

const RESOURCE: &str = "me/messages?$select=Subject,bodyPreview,importance,receivedDateTime,from";

/// A key pair of a subscriber.
pub(super) struct Pair {
    private: PrivateDecryptingKey,
    pub(super) certificate: String,
}

impl Pair {
    pub(super) fn new() -> Self {
        let private = PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = private.as_der().unwrap();
        let der = der.as_ref().into();
        let pair =
            rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&der, &rcgen::PKCS_RSA_SHA256).unwrap();
        let certificate = rcgen::CertificateParams::default().self_signed(&pair).unwrap();
        Self { private, certificate: STANDARD.encode(certificate.der()) }
    }

    /// The data of an item, as a subscriber reads it.
    pub(super) fn read(&self, item: &Value) -> Value {
        let content = &item["encryptedContent"];
        let bytes = |name: &str| STANDARD.decode(content[name].as_str().unwrap()).unwrap();
        let private = OaepPrivateDecryptingKey::new(self.private.clone()).unwrap();
        let mut key = vec![0; private.min_output_size()];
        let key = private.decrypt(&OAEP_SHA1_MGF1SHA1, &bytes("dataKey"), &mut key, None).unwrap();
        assert_eq!(key.len(), 32);
        let mut data = bytes("data");
        let mac = hmac::Key::new(hmac::HMAC_SHA256, key);
        hmac::verify(&mac, &data, &bytes("dataSignature")).unwrap();
        let vector: [u8; 16] = key[..16].try_into().unwrap();
        let cipher = UnboundCipherKey::new(&AES_256, key).unwrap();
        let cipher = PaddedBlockDecryptingKey::cbc_pkcs7(cipher).unwrap();
        let start = DecryptionContext::Iv128(FixedLength::from(vector));
        serde_json::from_slice(cipher.decrypt(&mut data, start).unwrap()).unwrap()
    }
}

pub(super) fn with_data(bench: &Bench, pair: &Pair) -> Value {
    json!({
        "resource": RESOURCE,
        "includeResourceData": true,
        "encryptionCertificate": pair.certificate,
        "encryptionCertificateId": "ours",
        "expirationDateTime": bench.later(20 * HOUR),
    })
}

#[tokio::test]
async fn the_data_is_what_the_subscriber_selected_and_nobody_else_reads_it() {
    let bench = Bench::new().await;
    let pair = Pair::new();
    bench.subscribe(with_data(&bench, &pair)).await;
    let message = json!({ "subject": "For your eyes only", "body": { "contentType": "text", "content": "Hi" } });
    bench.arrives(message.clone()).await;
    bench.arrives(message).await;
    bench.flush().await;
    let [got] = &bench.receiver.got()[..] else { panic!("one request") };
    assert!(!got.body.contains("For your eyes only"));
    let items = got.items();
    let data = pair.read(&items[0]);
    assert_eq!(data["subject"], "For your eyes only");
    assert_same_shape(
        "data",
        &fixture("subscriptions/notification.rich.decrypted")["payload"],
        &data,
    );
    let key = |item: &Value| item["encryptedContent"]["dataKey"].clone();
    assert_ne!(key(&items[0]), key(&items[1]), "each has a key of its own");
}

#[tokio::test]
async fn a_new_certificate_counts_from_the_renewal_on() {
    let bench = Bench::new().await;
    let (old, new) = (Pair::new(), Pair::new());
    let made = bench.subscribe(with_data(&bench, &old)).await;
    let rotated = json!({
        "expirationDateTime": bench.later(21 * HOUR),
        "encryptionCertificate": new.certificate,
        "encryptionCertificateId": "next",
    });
    let renewed = bench.desk.patch(&format!("/subscriptions/{}", id(&made)), rotated).await.ok();
    assert_eq!(renewed["encryptionCertificateId"], "next");
    bench.arrives(json!({ "subject": "Hello" })).await;
    bench.flush().await;
    let item = bench.receiver.items().remove(0);
    assert_eq!(item["encryptedContent"]["encryptionCertificateId"], "next");
    assert_eq!(new.read(&item)["subject"], "Hello");
}

#[tokio::test]
async fn data_needs_a_certificate_a_selection_and_a_short_life() {
    let bench = Bench::new().await;
    let pair = Pair::new();
    let usual = with_data(&bench, &pair);
    let long = json!({ "expirationDateTime": bench.later(1441 * 60) });
    for (change, expected) in [
        (
            json!({ "encryptionCertificate": null, "encryptionCertificateId": null }),
            "InvalidRequest",
        ),
        (json!({ "encryptionCertificateId": null }), "InvalidRequest"),
        (json!({ "encryptionCertificateId": "x".repeat(129) }), "InvalidRequest"),
        (json!({ "encryptionCertificate": "MIIC-FAKE" }), "InvalidRequest"),
        (json!({ "resource": "me/messages" }), "InvalidRequest"),
        (json!({ "resource": "me/messages?$select=subject,body" }), "InvalidRequest"),
        (json!({ "resource": "me/messages?$select=subject&$top=1" }), "InvalidRequest"),
        (
            json!({ "resource": "me/messages?$select=subject&$expand=attachments" }),
            "InvalidRequest",
        ),
        (long, "ExtensionError"),
    ] {
        let mut body = usual.clone();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let answer = bench.try_subscribe(body).await;
        assert_eq!(code(&answer), refusal(400, expected), "{change}");
    }
    bench.subscribe(usual).await;
}

#[tokio::test]
async fn validation_tokens_are_signed_and_name_the_publisher() {
    let bench = Bench::new().await;
    bench.subscribe(with_data(&bench, &Pair::new())).await;
    let keys = bench.play().get("/common/discovery/v2.0/keys").await.ok();
    for (version, who, issuer) in [
        ("v1", "appid", "https://sts.windows.net/aaaabbbb-0000-cccc-1111-dddd2222eeee/"),
        (
            "v2",
            "azp",
            "https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0",
        ),
    ] {
        bench.control("notifications", json!({ "hold": true, "validation_tokens": version })).await;
        bench.arrives(json!({ "subject": "Hello" })).await;
        bench.arrives(json!({ "subject": "Hello" })).await;
        bench.flush().await;
        let body = bench.receiver.got()[0].json();
        let [token] = &body["validationTokens"].as_array().unwrap()[..] else { panic!("{body}") };
        let token = token.as_str().unwrap();
        let found = claims(token);
        assert_eq!(found[who], "0bf30f3b-4a52-48df-9a82-234910c4a086");
        assert_eq!((&found["iss"], &found["aud"]), (&json!(issuer), &json!("sandbox-client")));
        let kid = part(token, 0)["kid"].clone();
        assert!(keys["keys"].as_array().unwrap().iter().any(|key| key["kid"] == kid));
        if version == "v1" {
            let example = fixture("subscriptions/validationtoken.decoded");
            assert_same_shape("payload", &example["payload"], &found);
            assert_same_shape("header", &example["header"], &part(token, 0));
        }
    }
}

#[tokio::test]
async fn events_come_with_their_data_and_what_is_deleted_without() {
    let bench = Bench::new().await;
    let pair = Pair::new();
    let mut body = with_data(&bench, &pair);
    body["resource"] = json!("me/events?$select=subject,start,showAs");
    bench.subscribe(body).await;
    let made = bench.control(&format!("users/{ADELE}/events"), crate::calendar::lunch()).await;
    bench.flush().await;
    let item = bench.receiver.items().remove(0);
    let data = pair.read(&item);
    assert_eq!((&data["subject"], &data["start"]["timeZone"]), (&json!("Lunch"), &json!("UTC")));
    assert_eq!(data["showAs@odata.type"], "#microsoft.graph.freeBusyStatus");
    assert_eq!(item["resourceData"]["@odata.type"], "#microsoft.graph.event");
    let path = format!("users/{ADELE}/{}/delete", crate::calendar::event(&made["id"]));
    bench.control(&path, json!({})).await;
    bench.flush().await;
    let item = bench.receiver.items().remove(0);
    assert_eq!(item["changeType"], "deleted");
    assert!(item.get("encryptedContent").is_none());
}
