//! Links that let a user begin to reconnect.

use std::time::Duration;

use evergrant::{ConnectError, Secret};

use crate::support::Stage;

#[tokio::test]
async fn a_link_leads_to_its_integration_for_a_day() {
    let (stage, process, id) = Stage::connected().await;
    let link = process.vault.reconnect_link(stage.owner, id);
    let followed = process.vault.follow_link(&link);
    assert_eq!(followed.unwrap(), (stage.owner, id));
    stage.pass(Duration::from_hours(24)).await;
    let followed = process.vault.follow_link(&link);
    assert!(matches!(followed, Err(ConnectError::InvalidState)), "{followed:?}");
}

#[tokio::test]
async fn a_link_that_was_made_up_or_changed_leads_nowhere() {
    let (stage, process, id) = Stage::connected().await;
    let link = process.vault.reconnect_link(stage.owner, id);
    let link = link.expose();
    let grant = stage.row(id).await.unwrap().grant.sealed;
    let mut wrong = vec![
        String::new(),
        "x".to_owned(),
        link[..link.len() / 2].to_owned(),
        format!("{}.{}", grant.key.as_str(), grant.token),
    ];
    for at in (0..link.len()).step_by(7) {
        let other = if &link[at..=at] == "A" { "B" } else { "A" };
        wrong.push(format!("{}{other}{}", &link[..at], &link[at + 1..]));
    }
    for text in wrong {
        let followed = process.vault.follow_link(&Secret::from(text.as_str()));
        assert!(matches!(followed, Err(ConnectError::InvalidState)), "{text:?}");
    }
}
