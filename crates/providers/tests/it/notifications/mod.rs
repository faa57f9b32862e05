//! Change notifications of Microsoft: how they are asked for, and what is made of what comes.

mod calls;
mod reading;
mod rich;

use std::sync::Arc;

use evergrant::provider::Provider;
use evergrant_providers::microsoft::Settings as Microsoft;
use evergrant_providers::{Settings, all};

/// A registration, with a certificate for notifications or without.
fn registration(certificate: Option<&(String, String)>) -> Microsoft {
    Microsoft {
        client_id: Some("app".to_owned()),
        client_secret: Some("secret".into()),
        notification_certificate: certificate.map(|(certificate, _)| certificate.clone()),
        notification_certificate_key: certificate.map(|(_, key)| key.as_str().into()),
        ..Microsoft::default()
    }
}

fn provider(microsoft: Microsoft) -> Arc<dyn Provider> {
    let (providers, _) = all(&Settings { microsoft, ..Settings::default() }).unwrap();
    Arc::clone(providers.find(&"microsoft_outlook".into()).unwrap())
}
