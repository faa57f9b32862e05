//! What only the double can do: be switched off, and count.

use std::sync::Arc;

use evergrant::store::{GrantStore as _, StoreError};
use evergrant::testing::{MemoryStore, TestClock};

#[tokio::test]
async fn a_double_that_is_switched_off_is_unavailable_and_keeps_what_it_has() {
    let double = MemoryStore::new(Arc::new(TestClock::default()));
    let replica = double.clone();
    assert_eq!(double.revision().await.unwrap(), 0);
    replica.set_available(false);
    for error in
        [double.now().await.err(), double.revision().await.err(), double.next_due().await.err()]
    {
        assert!(matches!(error, Some(StoreError::Unavailable(_))), "{error:?}");
    }
    replica.set_available(true);
    assert_eq!(double.revision().await.unwrap(), 0);
    assert_eq!(replica.calls(), 5);
}
