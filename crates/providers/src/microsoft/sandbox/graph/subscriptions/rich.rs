//! Notifications that bring the resource's data, for one reader only (contract, 8.5).

use std::collections::BTreeSet;

use aws_lc_rs::cipher::{AES_256, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::parcel::Change;
use super::store::{Subscription, TokenVersion};
use crate::microsoft::sandbox::MicrosoftAct;
use crate::microsoft::sandbox::world::TENANT_ID;

/// The application that publishes changes.
const PUBLISHER: &str = "0bf30f3b-4a52-48df-9a82-234910c4a086";
/// How long a validation token is good, in seconds.
const TOKEN_SECS: i64 = 29_100;
/// What is annotated with its type.
const TYPES: &[(&str, &str)] = &[
    ("receivedDateTime", "#DateTimeOffset"),
    ("sentDateTime", "#DateTimeOffset"),
    ("createdDateTime", "#DateTimeOffset"),
    ("lastModifiedDateTime", "#DateTimeOffset"),
    ("importance", "#microsoft.graph.importance"),
    ("inferenceClassification", "#microsoft.graph.inferenceClassificationType"),
    ("sensitivity", "#microsoft.graph.sensitivity"),
    ("showAs", "#microsoft.graph.freeBusyStatus"),
    ("type", "#microsoft.graph.eventType"),
];
/// What carries its type within.
const OBJECTS: &[(&str, &str)] = &[
    ("from", "#microsoft.graph.recipient"),
    ("sender", "#microsoft.graph.recipient"),
    ("organizer", "#microsoft.graph.recipient"),
    ("emailAddress", "#microsoft.graph.emailAddress"),
    ("start", "#microsoft.graph.dateTimeTimeZone"),
    ("end", "#microsoft.graph.dateTimeTimeZone"),
    ("location", "#microsoft.graph.location"),
];

impl MicrosoftAct {
    /// The data of a change, for the owner of the subscription's certificate.
    pub(super) fn encrypted(&self, change: &Change, one: &Subscription) -> Option<Value> {
        let certificate = one.terms.certificate.as_ref()?;
        let data = annotated(change.data.as_ref()?).to_string();
        let key: [u8; 32] = self.backstage().key();
        let sealed = encrypt(&key, data.as_bytes())?;
        let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), &sealed);
        Some(json!({
            "data": STANDARD.encode(&sealed),
            "dataKey": STANDARD.encode(certificate.recipient.encrypt(&key).ok()?),
            "dataSignature": STANDARD.encode(signature.as_ref()),
            "encryptionCertificateId": certificate.id,
            "encryptionCertificateThumbprint": certificate.recipient.thumbprint(),
        }))
    }

    /// Tokens by which receivers know who sends, one for each application.
    pub(super) fn validation_tokens<'a>(
        &self,
        applications: impl Iterator<Item = &'a String>,
        version: TokenVersion,
    ) -> Vec<String> {
        let applications: BTreeSet<_> = applications.collect();
        let sign = |application: &&String| {
            let claims = self.publisher_claims(application, version);
            self.keys().sign(Map::new(), &claims, false)
        };
        applications.iter().map(sign).collect()
    }

    fn publisher_claims(&self, application: &str, version: TokenVersion) -> Value {
        let now = self.backstage().now().as_second();
        let issuer = match version {
            TokenVersion::V1 => format!("https://sts.windows.net/{TENANT_ID}/"),
            TokenVersion::V2 => format!("https://login.microsoftonline.com/{TENANT_ID}/v2.0"),
        };
        let mut claims = json!({
            "aud": application,
            "iss": issuer,
            "iat": now,
            "nbf": now,
            "exp": now + TOKEN_SECS,
            "aio": self.backstage().guid(),
            "idp": format!("https://sts.windows.net/{TENANT_ID}/"),
            "tid": TENANT_ID,
            "uti": self.backstage().guid(),
        });
        match version {
            TokenVersion::V1 => {
                claims["appid"] = json!(PUBLISHER);
                claims["appidacr"] = json!("2");
                claims["ver"] = json!("1.0");
            }
            TokenVersion::V2 => {
                claims["azp"] = json!(PUBLISHER);
                claims["azpacr"] = json!("2");
                claims["ver"] = json!("2.0");
            }
        }
        claims
    }
}

/// AES-256 in CBC mode with PKCS #7; the vector is the beginning of the key itself.
fn encrypt(key: &[u8; 32], data: &[u8]) -> Option<Vec<u8>> {
    let vector: [u8; 16] = key.get(..16)?.try_into().ok()?;
    let context = EncryptionContext::Iv128(FixedLength::from(vector));
    let cipher = UnboundCipherKey::new(&AES_256, key).ok()?;
    let cipher = PaddedBlockEncryptingKey::cbc_pkcs7(cipher).ok()?;
    let mut sealed = data.to_vec();
    cipher.less_safe_encrypt(&mut sealed, context).ok()?;
    Some(sealed)
}

/// The selected properties with their types.
fn annotated(entity: &Value) -> Value {
    let mut shown = Map::new();
    for (name, value) in entity.as_object().into_iter().flatten() {
        if name == "id" || name.starts_with('@') {
            continue;
        }
        if let Some((_, kind)) = TYPES.iter().find(|(typed, _)| typed == name)
            && !value.is_null()
        {
            shown.insert(format!("{name}@odata.type"), json!(kind));
        }
        let value = match OBJECTS.iter().find(|(typed, _)| typed == name) {
            Some((_, kind)) if value.is_object() => {
                let mut value = annotated(value);
                value["@odata.type"] = json!(kind);
                value
            }
            _ => value.clone(),
        };
        shown.insert(name.clone(), value);
    }
    Value::Object(shown)
}
