//! Who and what exists: keys, clients, their accounts, and what can be changed about them.

use std::collections::HashMap;
use std::time::Duration;

use evergrant::clock::later;
use evergrant_sandbox::Backstage;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::allowances::Allowances;
use super::call::Call;
use super::exchange::Exchange;
use super::sessions::Sessions;

/// The password of every client at first.
pub(super) const PASSWORD: &str = "sandbox";
/// The address of the streams. Nothing is played there.
pub(super) const STREAMS: &str = "https://demo-apd.marketdatasystems.com";
/// How many wrong passwords lock an identifier.
const ATTEMPTS: u32 = 5;
/// How long it stays locked.
const LOCKED: Duration = Duration::from_mins(15);

/// Everything a reset makes new.
#[derive(Debug)]
pub(super) struct World {
    pub(super) backstage: Backstage,
    pub(super) keys: Vec<ApiKey>,
    pub(super) clients: Vec<Client>,
    pub(super) sessions: Sessions,
    pub(super) allowances: Allowances,
    pub(super) exchange: Exchange,
    /// `/marketnavigation` is no more, as it may be on the live system (contract, 4.1).
    pub(super) navigation_gone: bool,
    attempts: HashMap<String, Attempts>,
}

/// An API key.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ApiKey {
    pub(super) key: String,
    pub(super) name: &'static str,
    /// The identifier of the client it was made for.
    pub(super) client: &'static str,
    pub(super) status: KeyStatus,
}

/// Whether a key is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum KeyStatus {
    /// It is.
    Enabled,
    /// Not for now.
    Disabled,
    /// Never again.
    Revoked,
}

/// Somebody with a login.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Client {
    pub(super) identifier: &'static str,
    pub(super) password: String,
    pub(super) number: &'static str,
    pub(super) default_account: String,
    /// The password is accepted encrypted only.
    pub(super) encryption_required: bool,
    pub(super) accounts: Vec<Account>,
}

/// An account of a client.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Account {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    /// `CFD`, `SPREADBET` or `PHYSICAL`.
    pub(super) kind: &'static str,
    pub(super) currency: &'static str,
    pub(super) trailing_stops: bool,
}

/// On whose behalf a call is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Who {
    /// The API key.
    pub(super) key: String,
    /// The login.
    pub(super) identifier: String,
    /// The number of the client.
    pub(super) client_id: String,
    /// The account that is meant.
    pub(super) account_id: String,
    /// Its kind: `CFD`, `SPREADBET` or `PHYSICAL`.
    pub(super) account_type: &'static str,
    /// Its currency.
    pub(super) currency: &'static str,
}

#[derive(Debug, Default)]
struct Attempts {
    wrong: u32,
    last: Timestamp,
}

impl World {
    /// The world as it is at first.
    pub(super) fn new(backstage: &Backstage) -> Self {
        let trader = Client::new(
            "trader",
            "133721337",
            vec![
                Account::new("ABC123", "Demo-cfd", "CFD"),
                Account::new("XYZ987", "Demo-SpreadBet", "SPREADBET"),
            ],
        );
        let investor =
            Client::new("investor", "100112233", vec![Account::new("DEF456", "Demo-cfd", "CFD")]);
        Self {
            keys: vec![
                ApiKey::new("sandbox-key", "trader"),
                ApiKey::new("investor-key", "investor"),
            ],
            clients: vec![trader, investor],
            sessions: Sessions::new(backstage),
            allowances: Allowances::default(),
            exchange: Exchange::new(backstage.seed(), backstage.now()),
            navigation_gone: false,
            attempts: HashMap::new(),
            backstage: backstage.clone(),
        }
    }

    /// The key of a call, if it is good.
    pub(super) fn key_of(&self, call: &Call) -> Result<&ApiKey, &'static str> {
        let key = call.api_key().ok_or("error.security.api-key-missing")?;
        let found = self.keys.iter().find(|found| found.key == key);
        let found = found.ok_or("error.security.api-key-invalid")?;
        match found.status {
            KeyStatus::Enabled => Ok(found),
            KeyStatus::Disabled => Err("error.security.api-key-disabled"),
            KeyStatus::Revoked => Err("error.security.api-key-revoked"),
        }
    }

    /// On whose behalf a call is. `Authorization` counts before `CST` (contract, 6.3).
    pub(super) fn who(&self, call: &Call) -> Result<Who, &'static str> {
        let now = self.backstage.now();
        let key = self.key_of(call)?;
        let (session, account) = if let Some(token) = call.bearer() {
            let session = self.sessions.of_access(token, now);
            (session.ok_or("error.security.oauth-token-invalid")?, call.header("ig-account-id"))
        } else {
            let (session, account) = self.sessions.of_pair(call, now)?;
            (session, Some(account))
        };
        if session.key != key.key {
            return Err("unauthorised.clientId.api-key.mismatch");
        }
        let client = self.client(&session.identifier).ok_or("system.error")?;
        let account = account.unwrap_or(&client.default_account);
        // Another login would not help, so it is not `account-token-invalid`.
        let account = client.account(account).ok_or("error.security.account-access-denied")?;
        Ok(Who {
            key: key.key.clone(),
            identifier: client.identifier.to_owned(),
            client_id: client.number.to_owned(),
            account_id: account.id.to_owned(),
            account_type: account.kind,
            currency: account.currency,
        })
    }

    /// The client with this login.
    pub(super) fn client(&self, identifier: &str) -> Option<&Client> {
        self.clients.iter().find(|client| client.identifier == identifier)
    }

    /// The client with this login, to be changed.
    pub(super) fn client_mut(&mut self, identifier: &str) -> Option<&mut Client> {
        self.clients.iter_mut().find(|client| client.identifier == identifier)
    }

    /// Whether there were too many wrong passwords for `identifier` of late.
    pub(super) fn is_locked(&self, identifier: &str) -> bool {
        let attempts = self.attempts.get(identifier);
        attempts.is_some_and(|attempts| {
            attempts.wrong >= ATTEMPTS && self.backstage.now() < later(attempts.last, LOCKED)
        })
    }

    /// Counts a wrong password.
    pub(super) fn failed(&mut self, identifier: &str) {
        let now = self.backstage.now();
        let attempts = self.attempts.entry(identifier.to_owned()).or_default();
        if attempts.wrong >= ATTEMPTS {
            attempts.wrong = 0;
        }
        attempts.wrong += 1;
        attempts.last = now;
    }

    /// What was changed about the whole world, for a person.
    pub(super) fn switches(&self) -> Value {
        json!({
            "rotation": format!("{:?}", self.sessions.rotation),
            "reuse_ends_session": self.sessions.reuse_ends,
            "logout_ends_refresh": !self.sessions.outlives_logout,
            "claimed_lifetime": self.sessions.claimed,
            "second_login_kills": self.sessions.second_login_kills,
            "navigation_gone": self.navigation_gone,
            "faithful_nulls": self.exchange.faithful_nulls,
        })
    }

    /// Forgets wrong passwords.
    pub(super) fn unlock(&mut self, identifier: &str) {
        self.attempts.remove(identifier);
    }
}

impl ApiKey {
    fn new(key: &str, client: &'static str) -> Self {
        let status = KeyStatus::Enabled;
        Self { key: key.to_owned(), name: "Sandbox", client, status }
    }
}

impl Client {
    fn new(identifier: &'static str, number: &'static str, accounts: Vec<Account>) -> Self {
        let default = accounts.first().map(|account| account.id.to_owned());
        Self {
            identifier,
            password: PASSWORD.to_owned(),
            number,
            default_account: default.unwrap_or_default(),
            encryption_required: false,
            accounts,
        }
    }

    /// The accounts as a v2 login lists them.
    pub(super) fn accounts_listed(&self) -> Vec<Value> {
        let listed = |account: &Account| {
            json!({
                "accountId": account.id,
                "accountName": account.name,
                "preferred": account.id == self.default_account,
                "accountType": account.kind,
            })
        };
        self.accounts.iter().map(listed).collect()
    }

    /// One of the client's accounts.
    pub(super) fn account(&self, id: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.id == id)
    }
}

impl Account {
    fn new(id: &'static str, name: &'static str, kind: &'static str) -> Self {
        Self { id, name, kind, currency: "GBP", trailing_stops: true }
    }
}
