//! One call to IG: the version of the operation, the account it acts in, and what comes back.

use std::time::Duration;

use bytes::Bytes;
use evergrant::{Api, CallError, Repeat, Request, Response};
use http::{HeaderValue, Method, header};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::session::{self, is_account_id, is_v2};
use super::{Ig, refusal};

/// How many points of past prices a request asks for, as an extension; they are drawn from the
/// account's allowance for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Points(pub(super) u32);

impl Ig {
    /// Reads, such as `/markets?searchTerm=gold`.
    pub(super) async fn get(
        &self,
        api: &Api,
        version: u8,
        path: &str,
    ) -> Result<Response, CallError> {
        send(api, Self::request(api, Method::GET, version, path, None)?).await
    }

    /// Reads so many points of past prices.
    pub(super) async fn get_points(
        &self,
        api: &Api,
        version: u8,
        path: &str,
        points: u32,
    ) -> Result<Response, CallError> {
        let mut request = Self::request(api, Method::GET, version, path, None)?;
        request.extensions_mut().insert(Points(points));
        send(api, request).await
    }

    /// Changes something that nobody's money depends on.
    pub(super) async fn change(
        &self,
        api: &Api,
        method: Method,
        version: u8,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Response, CallError> {
        send(api, Self::request(api, method, version, path, body)?).await
    }

    /// Deals: sent once, whatever comes back.
    ///
    /// An error with `sent: true`, or an answer that [`json`] cannot read, leaves open whether it was
    /// done; every other error means that it was not.
    pub(super) async fn send_once(
        &self,
        api: &Api,
        method: Method,
        version: u8,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Response, CallError> {
        let mut request = Self::request(api, method, version, path, body)?;
        request.extensions_mut().insert(Repeat::Once);
        let response = api.send(request).await?;
        refusal::meaning_of_deal(&response)?;
        Ok(response)
    }

    fn request(
        api: &Api,
        method: Method,
        version: u8,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Request, CallError> {
        // What is deleted with a body goes as a POST that says so: the body of a DELETE gets lost
        // (contract, section 1).
        let tunneled = method == Method::DELETE && body.is_some();
        let sent_as = if tunneled { Method::POST } else { method };
        let mut request = api
            .request(sent_as, path)?
            .header(header::ACCEPT, session::JSON)
            .header(header::CONTENT_TYPE, session::JSON)
            .header(session::VERSION, u16::from(version));
        if tunneled {
            request = request.header(session::METHOD, "DELETE");
        }
        let account = account(api)?;
        if !is_v2(api.granted()) {
            let account = HeaderValue::from_str(account)
                .map_err(|_| CallError::InvalidPath("an account's id is plain text"))?;
            request = request.header(session::ACCOUNT, account);
        }
        let body = match body {
            Some(body) => {
                serde_json::to_vec(body).map_err(|e| CallError::Unreadable(e.to_string()))?
            }
            None => Vec::new(),
        };
        request
            .body(Bytes::from(body))
            .map_err(|_| CallError::InvalidPath("it does not make an address of the API"))
    }
}

/// The body of a success.
pub(super) fn json<T: DeserializeOwned>(response: &Response) -> Result<T, CallError> {
    serde_json::from_slice(response.body()).map_err(|e| CallError::Unreadable(e.to_string()))
}

/// The account that a call acts in: the one that was chosen, else the integration's own.
///
/// A session with the older pair of tokens is in one account, and another cannot be chosen for a single
/// call (contract, section 2.5): choosing would change it for everybody.
pub(super) fn account(api: &Api) -> Result<&str, CallError> {
    let own = api.account().name.as_str();
    let chosen = api.chosen().unwrap_or(own);
    let invalid = |problem: &str| CallError::Invalid {
        pointer: "/account".to_owned(),
        problem: problem.to_owned(),
    };
    if !is_account_id(chosen) {
        return Err(invalid("is not an id of an account"));
    }
    if chosen != own && is_v2(api.granted()) {
        return Err(invalid(
            "cannot be chosen in a session of version 2; connect again with session_version 3, or \
             with this account_id",
        ));
    }
    Ok(chosen)
}

/// What is read of something in several calls, together within this time.
pub(super) async fn in_time<T>(
    api: &Api,
    time: Duration,
    reads: impl Future<Output = Result<T, CallError>>,
) -> Result<T, CallError> {
    tokio::select! {
        biased;
        read = reads => read,
        () = api.wait(time) => Err(CallError::Unavailable {
            detail: format!("it takes longer than {} seconds", time.as_secs()),
            retry_after: None,
            sent: false,
        }),
    }
}

async fn send(api: &Api, request: Request) -> Result<Response, CallError> {
    let response = api.send(request).await?;
    refusal::meaning(&response)?;
    Ok(response)
}
