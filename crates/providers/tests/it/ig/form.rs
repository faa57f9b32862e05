//! The form that connects an account.

use evergrant::provider::{Actor, AuthError, Connect, Evidence};

use super::{form, provider};
use crate::script::{Script, now};

#[test]
fn the_form_asks_for_the_login_and_hides_the_password() {
    let provider = provider();
    let Connect::Form { fields } = &provider.manifest().connect else { panic!() };
    let shown: Vec<_> = fields.iter().map(|f| (f.name.as_str(), f.secret, f.optional)).collect();
    assert_eq!(
        shown,
        [
            ("identifier", false, false),
            ("password", true, false),
            ("account_id", false, true),
            ("session_version", false, true),
            ("keep_login", false, true),
        ]
    );
    assert_eq!(fields[3].choices, ["3", "2"]);
    assert_eq!(fields[4].choices, ["no", "yes"]);
    assert!(fields[4].help.contains("kept"), "agreeing is told what it means");
    assert_eq!(provider.manifest().label, "IG Markets (demo)");
}

#[tokio::test]
async fn a_form_that_is_wrong_is_refused_by_its_field_and_nothing_is_sent() {
    let long = "x".repeat(351);
    for (name, value, named) in [
        ("identifier", "", "identifier"),
        ("identifier", "somebody@example.com", "e-mail"),
        ("identifier", "abcdefghijklmnopqrstuvwxyz01234", "identifier"),
        ("password", "", "password"),
        ("password", "two\nlines", "password"),
        ("password", &long, "password"),
        ("account_id", "ABC 123", "account_id"),
        ("session_version", "1", "session_version"),
        ("keep_login", "maybe", "keep_login"),
        ("pasword", "x", "pasword"),
    ] {
        let filled = form(&[(name, value)]);
        let script = Script::default();
        let refused = provider()
            .redeem(&script, now(), Evidence::Form { fields: filled, previous: None })
            .await;
        let Err(AuthError::Rejected(failure)) = refused else { panic!("{name}: {refused:?}") };
        assert_eq!((failure.code.as_str(), failure.actor), ("form_invalid", Actor::User));
        assert!(failure.message.contains(named), "{name}: {}", failure.message);
        assert!(script.asked().is_empty());
        assert!(!failure.message.contains("two"), "no password is repeated");
    }
}

#[tokio::test]
async fn a_registration_without_a_key_is_not_ready() {
    let (providers, _) =
        evergrant_providers::all(&evergrant_providers::Settings::default()).unwrap();
    let failure = providers.find(&"ig".into()).unwrap().ready().unwrap_err();
    assert_eq!(failure.code, "registration_incomplete");
    assert!(failure.remedy.contains("IG_API_KEY"), "{}", failure.remedy);
}
