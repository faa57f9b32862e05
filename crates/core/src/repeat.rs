//! Whether a call may be sent again, when, and how often.

use std::time::Duration;

use http::{Method, StatusCode, header};

use crate::budget::{Ask, Budget, Class, TooLong};
use crate::provider::{ProviderKey, Verdict};
use crate::{CallError, Clock, Entropy, Request, Response, TransportError, measure};

/// How often one call is sent at most.
const MOST_TRIES: u32 = 4;
/// The wait before the first repetition where the provider names none; it doubles each time.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// Whether a request may be sent again when nobody knows what became of it; an extension of the
/// request ([`http::Request::extensions_mut`]).
///
/// Without one a request may be repeated if its method is idempotent (RFC 9110, section 9.2.2), which
/// `PATCH` counts as here: it is used to set and not to add. A provider may know better of its own
/// requests ([`Provider::repeat`](crate::provider::Provider::repeat)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// It has its effect once, however often it arrives.
    Safe,
    /// It may have its effect again.
    Never,
    /// It is sent once: whatever comes back, a refused token included, is the caller's to judge. Only
    /// what never left is tried again.
    Once,
}

/// Marks an answer whose request was sent before with an outcome that nobody knows, in its
/// extensions: the effect may have been had already, so that a deletion may now find nothing.
///
/// What was repeated because it certainly had no effect, such as after a 429, is not marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeated;

/// How long an allowance stays shut that an answer called used up, in the answer's extensions: no sooner
/// than the provider said it is renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opens(pub Duration);

/// How long a call may take with all its waits: no repetition begins later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Where somebody waits for the answer.
    pub interactive: Duration,
    /// Where nobody does ([`Api::background`](crate::Api::background)).
    pub background: Duration,
}

impl Patience {
    /// None: no call waits, and none is repeated.
    pub const NONE: Self = Self { interactive: Duration::ZERO, background: Duration::ZERO };

    /// The same, but that somebody waits no less than this, if at all.
    pub(crate) fn at_least(self, least: Duration) -> Self {
        if self == Self::NONE {
            return self;
        }
        Self { interactive: self.interactive.max(least), ..self }
    }

    pub(crate) fn of(self, class: Class) -> Duration {
        match class {
            Class::Interactive => self.interactive,
            Class::Background => self.background,
        }
    }
}

impl Default for Patience {
    /// As long as a browser waits, and as long as the widest window.
    fn default() -> Self {
        Self { interactive: Duration::from_secs(30), background: Duration::from_mins(15) }
    }
}

/// What became of a sending that may be worth another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// The provider turned it away: it had no effect.
    Throttled,
    /// The provider, or something before it, was down: nobody knows.
    Unavailable,
    /// It never left: it had no effect.
    Unsent,
    /// It left, and no answer came: nobody knows.
    Unanswered,
}

impl Trouble {
    fn of(sent: &Sent) -> Option<Self> {
        match sent {
            Ok((_, Verdict::TokenRejected { .. } | Verdict::Misconfigured(_)))
            | Err(TransportError::TooLarge { .. }) => None,
            Ok((_, Verdict::Throttled { .. })) => Some(Self::Throttled),
            Ok((_, Verdict::Unavailable)) => Some(Self::Unavailable),
            // What no adapter needs to say.
            Ok((response, Verdict::Accepted)) => match response.status() {
                StatusCode::TOO_MANY_REQUESTS => Some(Self::Throttled),
                StatusCode::BAD_GATEWAY
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT => Some(Self::Unavailable),
                _ => None,
            },
            Err(TransportError::Unsent { .. }) => Some(Self::Unsent),
            Err(TransportError::Unanswered { .. }) => Some(Self::Unanswered),
        }
    }

    /// Whether the request may have had its effect.
    fn is_unknown(self) -> bool {
        matches!(self, Self::Unavailable | Self::Unanswered)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Unavailable => "unavailable",
            Self::Unsent => "unsent",
            Self::Unanswered => "unanswered",
        }
    }
}

/// Whether a request of this method and with this extension may be sent again after that.
fn may_repeat(method: &Method, repeat: Option<Repeat>, trouble: Trouble) -> bool {
    if repeat == Some(Repeat::Once) {
        return trouble == Trouble::Unsent;
    }
    if !trouble.is_unknown() {
        return true;
    }
    let idempotent =
        [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT, Method::DELETE, Method::PATCH];
    match repeat {
        Some(Repeat::Safe) => true,
        Some(Repeat::Never | Repeat::Once) => false,
        None => idempotent.contains(method),
    }
}

/// How long to wait before the repetition after so many tries: exponential, and between half of it
/// and all, so that those who failed together do not come again together.
fn backoff(tries: u32, entropy: &dyn Entropy) -> Duration {
    let most = FIRST_WAIT * 2_u32.saturating_pow(tries.saturating_sub(1));
    let spread = u32::from(u16::from_be_bytes(crate::entropy::random(entropy)));
    most / 2 + most / 2 * spread / u32::from(u16::MAX)
}

/// What one sending gave.
pub(crate) type Sent = Result<(Response, Verdict), TransportError>;

/// One call with all its repetitions.
pub(crate) struct Tries {
    method: Method,
    repeat: Option<Repeat>,
    /// What each sending asks of its mailbox's budget.
    pub(crate) ask: Ask,
    count: u32,
    /// Whether an earlier sending may have had the effect.
    doubt: bool,
    /// What the last sending gave, for whoever has no patience for another.
    last: Option<Result<Response, CallError>>,
}

/// What follows a sending.
pub(crate) enum Next {
    /// That was it.
    Done(Result<(Response, Verdict), CallError>),
    /// It is sent again after this wait.
    Again(Wait),
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// The mailbox's pause, at its next turn.
    Pause,
    /// This long, alone.
    Alone(Duration),
}

impl Tries {
    pub(crate) fn begin(request: &Request, repeat: Option<Repeat>, ask: Ask) -> Self {
        Self { method: request.method().clone(), repeat, ask, count: 0, doubt: false, last: None }
    }

    /// Whether it is sent once, whatever comes back.
    pub(crate) fn once(&self) -> bool {
        self.repeat == Some(Repeat::Once)
    }

    /// What follows what was sent; pauses the mailbox if the provider asks for it.
    pub(crate) fn next(
        &mut self,
        sent: Sent,
        budget: &Budget,
        provider: &ProviderKey,
        clock: &dyn Clock,
        entropy: &dyn Entropy,
    ) -> Next {
        let Some(trouble) = Trouble::of(&sent) else { return Next::Done(self.marked(sent)) };
        self.count += 1;
        let asked = sent
            .as_ref()
            .ok()
            .and_then(|(response, verdict)| asked(response, verdict))
            .filter(|wait| !wait.is_zero());
        let wait = asked.unwrap_or_else(|| backoff(self.count, entropy));
        let pause = asked.is_some() || trouble == Trouble::Throttled;
        // An allowance that is used up is shut by itself, and what draws on others goes on.
        let whole = !matches!(sent, Ok((_, Verdict::Throttled { allowance: Some(_), .. })));
        // Whether or not this call goes on: the others are not to meet the same.
        if pause && whole {
            budget.pause(wait);
            measure::paused(provider);
        }
        let late = clock.uptime() + wait > self.ask.deadline;
        if self.count == MOST_TRIES || late || !may_repeat(&self.method, self.repeat, trouble) {
            return Next::Done(self.marked(sent));
        }
        let cause = trouble.name();
        measure::repeated(provider, cause);
        tracing::debug!(%provider, cause, wait = ?wait, "a call is sent again");
        self.doubt |= trouble.is_unknown();
        self.last = Some(self.marked(sent).map(|(response, _)| response));
        Next::Again(if pause { Wait::Pause } else { Wait::Alone(wait) })
    }

    /// Nobody waits for another turn: what the last sending gave, if there was one.
    pub(crate) fn give_up(self, too_long: TooLong) -> Result<Response, CallError> {
        self.last.unwrap_or(Err(too_long.into()))
    }

    fn marked(&self, sent: Sent) -> Result<(Response, Verdict), CallError> {
        let (mut response, verdict) = sent.map_err(|error| match CallError::from(error) {
            CallError::Unavailable { detail, retry_after, sent } => {
                CallError::Unavailable { detail, retry_after, sent: sent || self.doubt }
            }
            other => other,
        })?;
        if self.doubt {
            response.extensions_mut().insert(Repeated);
        }
        Ok((response, verdict))
    }
}

/// How long an answer asks to wait.
pub(crate) fn asked(response: &Response, verdict: &Verdict) -> Option<Duration> {
    match verdict {
        Verdict::Throttled { retry_after: Some(wait), .. } => Some(*wait),
        _ => retry_after(response),
    }
}

/// The longest `Retry-After` that is believed: a mistake over there must not park us for a day.
const LONGEST_WAIT: Duration = Duration::from_mins(15);

/// How long a `Retry-After` header asks to wait, in seconds or as a date (RFC 9110, section 10.2.3).
///
/// A date is compared with the answer's own `Date`, so that nobody's clock matters. What has passed,
/// or cannot be read, asks for nothing.
pub fn retry_after(response: &Response) -> Option<Duration> {
    let text = |name| Some(response.headers().get(name)?.to_str().ok()?.trim());
    let value = text(header::RETRY_AFTER)?;
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than fit are a very long time.
        let seconds = value.parse().map_or(LONGEST_WAIT, Duration::from_secs);
        return Some(seconds.min(LONGEST_WAIT));
    }
    let date = |text: &str| Some(jiff::fmt::rfc2822::parse(text).ok()?.timestamp());
    let wait = date(value)?.duration_since(date(text(header::DATE)?)?);
    let wait = Duration::try_from(wait).ok().filter(|wait| !wait.is_zero())?;
    Some(wait.min(LONGEST_WAIT))
}

impl From<TooLong> for CallError {
    fn from(TooLong { retry_after }: TooLong) -> Self {
        Self::Throttled { retry_after }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::SeededEntropy;

    #[test]
    fn waits_double_and_are_spread_over_their_second_half_by_the_given_randomness() {
        let waits = |seed| {
            let entropy = SeededEntropy::new(seed);
            (1..MOST_TRIES).map(|count| backoff(count, &entropy)).collect::<Vec<_>>()
        };
        assert_eq!(waits(7), waits(7));
        assert_ne!(waits(7), waits(8));
        for seed in 0..1000 {
            for (wait, most) in waits(seed).into_iter().zip([500, 1000, 2000]) {
                assert!(wait >= Duration::from_millis(most) / 2, "{wait:?}");
                assert!(wait <= Duration::from_millis(most), "{wait:?}");
            }
        }
    }
}
