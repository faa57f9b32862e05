//! A sign-in on another device: a code to type there, and patience here (RFC 8628).

use std::time::Duration;

use evergrant::{Clock, ConnectError};
use jiff::Timestamp;
use url::Url;

use crate::output::UsageError;

/// What to do on the other device; the code stands alone, to be read and copied.
pub(super) fn words(code: &str, page: &Url, complete: Option<&Url>) -> String {
    let shortcut = complete.map(|complete| format!("\nor open {complete}"));
    let shortcut = shortcut.unwrap_or_default();
    format!("On any device, go to {page} and type the code\n{code}{shortcut}")
}

/// Asks once in an `interval` until the user has signed in, has refused, or has let the code lapse.
pub(super) async fn wait<T>(
    clock: &dyn Clock,
    mut interval: Duration,
    lapses_at: Timestamp,
    mut ask: impl AsyncFnMut() -> Result<T, ConnectError>,
) -> anyhow::Result<T> {
    loop {
        clock.sleep(interval).await;
        match ask().await {
            // For every question from now on (RFC 8628, section 3.5).
            Err(ConnectError::Pending { slower }) => interval += slower,
            // It is the provider that is away, not the user; the code lapses in any case.
            Err(ConnectError::Unavailable { retry_after, .. }) if clock.now() < lapses_at => {
                clock.sleep(retry_after.saturating_sub(interval)).await;
            }
            Err(ConnectError::InvalidState) if clock.now() >= lapses_at => {
                let why = "nobody signed in before the code lapsed; run the command again";
                return Err(UsageError(why.to_owned()).into());
            }
            done => return Ok(done?),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use evergrant::provider::{Actor, Failure};
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn the_code_stands_on_a_line_of_its_own() {
        let page = Url::parse("https://login.example/device").unwrap();
        let complete = Url::parse("https://login.example/device?code=WDJB-MJHT").unwrap();
        assert_eq!(
            words("WDJB-MJHT", &page, None),
            "On any device, go to https://login.example/device and type the code\nWDJB-MJHT"
        );
        let both = words("WDJB-MJHT", &page, Some(&complete));
        assert!(both.ends_with("WDJB-MJHT\nor open https://login.example/device?code=WDJB-MJHT"));
    }

    /// A clock that jumps to wherever it is asked to wait for.
    #[derive(Default)]
    struct Jumping(Mutex<Duration>);

    #[async_trait]
    impl Clock for Jumping {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH + SignedDuration::try_from(self.uptime()).unwrap()
        }

        fn uptime(&self) -> Duration {
            *self.0.lock().unwrap()
        }

        async fn sleep_until(&self, at: Timestamp) {
            *self.0.lock().unwrap() =
                Duration::try_from(at.duration_since(Timestamp::UNIX_EPOCH)).unwrap();
        }
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// What comes of these answers, and when each was asked for.
    async fn waited(answers: Vec<Result<u8, ConnectError>>) -> (anyhow::Result<u8>, Vec<u64>) {
        let (clock, mut asked) = (Jumping::default(), Vec::new());
        let lapses_at = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(60);
        let mut answers = answers.into_iter();
        let ask = async || {
            asked.push(clock.uptime().as_secs());
            answers.next().unwrap_or(Err(ConnectError::InvalidState))
        };
        let done = wait(&clock, seconds(5), lapses_at, ask).await;
        (done, asked)
    }

    fn pending(slower: u64) -> Result<u8, ConnectError> {
        Err(ConnectError::Pending { slower: seconds(slower) })
    }

    #[tokio::test]
    async fn the_provider_is_asked_once_in_an_interval_and_slower_once_it_says_so() {
        let answers = vec![pending(0), pending(5), pending(0), pending(5), Ok(1)];
        let (done, asked) = waited(answers).await;
        assert_eq!(done.unwrap(), 1);
        assert_eq!(asked, [5, 10, 20, 30, 45]);
    }

    #[tokio::test]
    async fn an_outage_of_the_provider_is_waited_out() {
        let away = |seconds| ConnectError::Unavailable {
            failure: Failure::new("provider_unavailable", Actor::Nobody, "It is away."),
            retry_after: Duration::from_secs(seconds),
        };
        let (done, asked) = waited(vec![Err(away(2)), Err(away(20)), Ok(1)]).await;
        assert_eq!(done.unwrap(), 1);
        assert_eq!(asked, [5, 10, 30]);
        let (done, asked) = waited((0..20).map(|_| Err(away(20))).collect()).await;
        assert!(done.unwrap_err().is::<ConnectError>());
        assert_eq!(asked, [5, 25, 45, 65]);
    }

    #[tokio::test]
    async fn a_refusal_ends_it_at_once() {
        let failure = Failure::new("access_denied", Actor::User, "The user said no.");
        let (done, asked) = waited(vec![pending(0), Err(ConnectError::Rejected(failure))]).await;
        assert!(done.unwrap_err().is::<ConnectError>());
        assert_eq!(asked.len(), 2);
    }

    #[tokio::test]
    async fn a_code_that_lapsed_is_not_asked_about_for_ever() {
        let (done, asked) = waited((0..11).map(|_| pending(0)).collect()).await;
        assert!(done.unwrap_err().is::<UsageError>());
        assert_eq!(asked.last(), Some(&60));
        // Before its time it is another error: somebody used or ended it.
        let (done, _) = waited(vec![Err(ConnectError::InvalidState)]).await;
        assert!(done.unwrap_err().is::<ConnectError>());
    }
}
