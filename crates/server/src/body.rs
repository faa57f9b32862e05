//! Reads the bodies of requests: no longer than they may be, and no slower.

use std::future::poll_fn;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use evergrant::Clock;
use http::header;

use crate::problem::{Code, Problem};

/// How long a sender may be silent.
const SILENT: Duration = Duration::from_secs(30);
/// How long a whole body may take: the longest, 150 MiB, at 2 Mbit/s.
const WHOLE: Duration = Duration::from_mins(10);

/// How long the body says that it is; if it does not say, as long as it may be.
pub(crate) fn length(request: &Request, limit: usize) -> Result<usize, Problem> {
    let header = request.headers().get(header::CONTENT_LENGTH);
    let told = header.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let Some(told) = told.or_else(|| request.body().size_hint().upper()) else {
        return Ok(limit);
    };
    match usize::try_from(told) {
        Ok(told) if told <= limit => Ok(told),
        _ => Err(too_large(limit)),
    }
}

/// The whole body, of at most `limit` bytes.
pub(crate) async fn read(
    clock: &dyn Clock,
    mut body: Body,
    limit: usize,
) -> Result<Bytes, Problem> {
    let until = clock.uptime() + WHOLE;
    let mut bytes = Vec::new();
    loop {
        let left = until.saturating_sub(clock.uptime());
        let frame = tokio::select! {
            biased;
            frame = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)) => frame,
            () = clock.sleep(SILENT.min(left)) => return Err(too_slow()),
        };
        let Some(frame) = frame else {
            return Ok(bytes.into());
        };
        let frame = frame.map_err(|_| Problem::invalid("", "The body broke off."))?;
        if let Ok(data) = frame.into_data() {
            if data.len() > limit - bytes.len() {
                return Err(too_large(limit));
            }
            bytes.extend_from_slice(&data);
        }
    }
}

/// The body is longer than its operation takes.
fn too_large(limit: usize) -> Problem {
    let limit = limit >> 20;
    Problem::new(Code::BodyTooLarge, format!("The body is longer than {limit} MiB."))
        .remedied_by(format!("Send at most {limit} MiB."))
}

fn too_slow() -> Problem {
    Problem::new(Code::BodyTooSlow, "The request's body did not come to its end in time.")
}

#[cfg(test)]
mod tests {
    use evergrant::testing::TestClock;
    use futures_util::stream;

    use super::*;

    /// A byte each time so much has passed.
    fn dripping(clock: &TestClock, every: Duration) -> Body {
        let clock = clock.clone();
        Body::from_stream(stream::unfold(0_u8, move |n| {
            let clock = clock.clone();
            async move {
                clock.sleep(every).await;
                Some((Ok::<_, std::io::Error>(Bytes::from_static(b"x")), n))
            }
        }))
    }

    /// What becomes of it, and after how long.
    async fn reads(every: Duration, limit: usize) -> (Result<Bytes, Problem>, Duration) {
        let clock = TestClock::default();
        let body = dripping(&clock, every);
        let passes = async {
            loop {
                match clock.next_wakeup() {
                    Some(at) => clock.advance(at.duration_since(clock.now()).unsigned_abs()),
                    None => tokio::task::yield_now().await,
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            read = read(&clock, body, limit) => (read, clock.uptime()),
            () = passes => unreachable!("time passes for ever"),
        }
    }

    #[tokio::test]
    async fn a_silent_sender_is_not_waited_for() {
        let (read, after) = reads(SILENT * 2, 9).await;
        assert_eq!((read.unwrap_err().code(), after), (Code::BodyTooSlow, SILENT));
    }

    #[tokio::test]
    async fn a_body_that_drips_ends_all_the_same() {
        let (read, after) = reads(SILENT / 2, usize::MAX).await;
        assert_eq!((read.unwrap_err().code(), after), (Code::BodyTooSlow, WHOLE));
    }

    #[tokio::test]
    async fn a_body_that_does_not_say_how_long_it_is_ends_at_its_limit() {
        let body = dripping(&TestClock::default(), Duration::ZERO);
        let request = Request::post("/").body(body).unwrap();
        assert_eq!(length(&request, 9).unwrap(), 9);
        let (read, _) = reads(Duration::ZERO, 9).await;
        assert_eq!(read.unwrap_err().code(), Code::BodyTooLarge);
    }
}
