//! What IG's error codes mean, as data (contract, section 3): one table for sign-ins and calls.

use evergrant::provider::{Actor, Failure};
use jiff::Timestamp;

use super::Environment;
use crate::dictionary::{Class, Words};

/// What kind of error a code is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The session's tokens are no good: the next ones are fetched.
    Session,
    /// The sign-in is refused and may go better a second time.
    Unexplained,
    /// The sign-in is refused.
    SignIn,
    /// The operator's key is refused.
    Key,
    /// The password must come encrypted.
    Encryption,
    /// This kind of allowance is used up.
    Allowance(&'static str),
    /// The account, or the key, may not do this.
    Forbidden,
    /// What was sent is wrong.
    Input,
    /// There is no such thing.
    NotFound,
    /// It passes.
    Down,
}

/// What some codes mean. A code that ends in `*` stands for all that begin like it.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) codes: &'static [&'static str],
    pub(crate) kind: Kind,
    pub(crate) words: Words,
}

impl Row {
    fn means(&self, code: &str) -> bool {
        self.codes.iter().any(|known| match known.strip_suffix('*') {
            Some(beginning) => code.starts_with(beginning),
            None => *known == code,
        })
    }

    /// Whether a sign-in or a refresh may meet it, so that it is told of a connection.
    pub(crate) fn is_of_sessions(&self) -> bool {
        !matches!(self.kind, Kind::Forbidden | Kind::Input | Kind::NotFound)
            && !matches!(self.kind, Kind::Allowance(TRADING | HISTORY))
    }

    /// Whether a call that is signed in may end with it, so that it is told of that call.
    pub(crate) fn is_of_calls(&self) -> bool {
        !matches!(self.kind, Kind::Session | Kind::Unexplained | Kind::Encryption | Kind::Key)
    }
}

/// The row that means this code.
pub(super) fn find(code: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.means(code))
}

/// The allowance of all calls with one API key.
pub(super) const APPLICATION: &str = "application";
/// The allowance of calls in one account.
pub(super) const ACCOUNT: &str = "account";
/// The allowance of dealing in one account.
pub(super) const TRADING: &str = "trading";
/// The allowance of past prices in one account.
pub(super) const HISTORY: &str = "history";

/// IG's code of a key that is another client's than the one who signed in.
pub(super) const NOT_THIS_CLIENTS_KEY: &str = "unauthorised.clientId.api-key.mismatch";

/// The code of a login that IG has locked.
pub(super) const LOCKED: &str = "login_locked";

/// What a connection ends with whose refresh token has died, and whose login is not kept.
pub(super) const ENDED: Words = words(
    "session_ended",
    Class::Reconnect,
    "The session at IG has ended, as it does after a while without calls, and at weekends.",
    "Connect the account again, and agree that the login is kept if that is too often.",
);

/// A sign-in that IG refuses for a reason that is not in the table.
pub(super) const REFUSED: Words = words(
    "login_refused",
    Class::User,
    "IG refuses the sign-in without saying why.",
    "Sign in on IG's own pages to see what is wrong, then connect the account again.",
);

/// Somebody else signed in than before.
pub(super) const SOMEBODY_ELSE: Words = words(
    "login_of_another",
    Class::Reconnect,
    "The login that was kept belongs to another client of IG now.",
    "Connect the account again with its own login.",
);

const PAGES: &str =
    "Sign in on IG's own pages and do what they ask, then connect the account again.";
const ASK: &str = "Ask IG about the account, and connect it again once it can be used.";
const USED_UP: &str = "What the provider allows this registration is used up for the moment.";
const AGAIN: &str = "It is tried again as soon as the provider allows it.";
const KEY: &str = "The operator sets IG_API_KEY to a key that works; users stay connected.";
const CORRECT: &str = "Correct it and send it again.";
const PASSES: &str = "It is asked again.";

/// The table; the first row that means a code counts.
pub(crate) const ROWS: &[Row] = &[
    row(
        &[
            "error.security.oauth-token-invalid",
            "error.security.client-token-invalid",
            "error.security.account-token-invalid",
            "error.security.client-token-missing",
            "error.security.account-token-missing",
        ],
        Kind::Session,
        ENDED,
    ),
    row(
        &["error.security.invalid-details"],
        Kind::SignIn,
        words(
            "wrong_password",
            Class::User,
            "IG refuses the user name or the password.",
            "Connect the account again with the name and password of IG's own pages; neither an e-mail \
             address nor an account's number is the name.",
        ),
    ),
    row(
        &["error.security.too-many-failed-attempts"],
        Kind::SignIn,
        words(
            LOCKED,
            Class::User,
            "IG has locked this login after too many wrong passwords.",
            "Set a new password on IG's own pages or have IG unlock it, then connect the account again.",
        ),
    ),
    row(
        &["error.security.account-access-denied"],
        Kind::SignIn,
        words("account_denied", Class::User, "IG does not let this login use the account.", ASK),
    ),
    row(
        &[
            "error.security.account-suspended",
            "error.security.all-accounts-suspended",
            "error.security.client-suspended",
        ],
        Kind::SignIn,
        words("account_suspended", Class::User, "IG has suspended the account.", ASK),
    ),
    row(
        &["error.security.account-not-yet-activated", "error.security.all-accounts-pending"],
        Kind::SignIn,
        words("account_pending", Class::User, "The account at IG is not activated yet.", ASK),
    ),
    row(
        &["error.security.account-migrated"],
        Kind::SignIn,
        words(
            "account_migrated",
            Class::User,
            "IG has moved this account to another login.",
            PAGES,
        ),
    ),
    row(
        &["error.security.invalid-application", "error.security.invalid-website"],
        Kind::SignIn,
        words(
            "login_not_for_api",
            Class::User,
            "IG does not let this login in by way of its programming interface.",
            ASK,
        ),
    ),
    row(
        &["authentication.failure.not-a-client-account"],
        Kind::SignIn,
        words("not_a_client", Class::User, "This login is not one of a client of IG.", ASK),
    ),
    row(
        &["error.public-api.failure.kyc.required"],
        Kind::SignIn,
        words("identity_required", Class::User, "IG wants proof of the user's identity.", PAGES),
    ),
    row(
        &["error.public-api.failure.pending.agreements.required"],
        Kind::SignIn,
        words(
            "agreements_required",
            Class::User,
            "IG wants the user to agree to its terms.",
            PAGES,
        ),
    ),
    row(
        &["error.public-api.failure.missing.credentials"],
        Kind::SignIn,
        words(
            "credentials_missing",
            Class::User,
            "IG wants the user to complete the login.",
            PAGES,
        ),
    ),
    row(
        &[
            "error.public-api.failure.preferred.account.disabled",
            "error.public-api.failure.preferred.account.not.set",
        ],
        Kind::SignIn,
        words(
            "default_account_missing",
            Class::User,
            "The login's default account is disabled, or there is none.",
            "Choose a default account on IG's own pages, then connect the account again.",
        ),
    ),
    row(
        &["error.public-api.failure.stockbroking-not-supported"],
        Kind::SignIn,
        words(
            "stockbroking",
            Class::User,
            "The default account deals in shares, which IG's programming interface does not serve.",
            "Choose another default account on IG's own pages, or name another one when connecting again.",
        ),
    ),
    row(&["error.security.generic"], Kind::Unexplained, REFUSED),
    row(
        &["error.security.api-key-missing", "error.security.api-key-invalid"],
        Kind::Key,
        words(
            "api_key_invalid",
            Class::Operator,
            "IG does not know the API key.",
            "The operator sets IG_API_KEY to a key of the environment that IG_ENVIRONMENT names: demo or \
             live; users stay connected.",
        ),
    ),
    row(
        &[
            "error.security.api-key-disabled",
            "error.security.api-key-revoked",
            "error.security.api-key-restricted",
            "unauthorised.api-key.revoked",
        ],
        Kind::Key,
        words("api_key_refused", Class::Operator, "IG has disabled the API key.", KEY),
    ),
    row(
        &[NOT_THIS_CLIENTS_KEY],
        Kind::Key,
        words("api_key_of_another", Class::Operator, "The API key is another client's.", KEY),
    ),
    row(
        &["error.public-api.failure.encryption.required"],
        Kind::Encryption,
        words(
            "encryption_refused",
            Class::User,
            "IG wants the password encrypted, and does not take it encrypted either.",
            "Try it again later; if it lasts, ask IG about the login.",
        ),
    ),
    row(
        &["error.public-api.exceeded-api-key-allowance"],
        Kind::Allowance(APPLICATION),
        words("allowance_used_up", Class::Wait, USED_UP, AGAIN),
    ),
    row(
        &["error.public-api.exceeded-account-allowance"],
        Kind::Allowance(ACCOUNT),
        words("allowance_used_up", Class::Wait, USED_UP, AGAIN),
    ),
    row(
        &["error.public-api.exceeded-account-trading-allowance"],
        Kind::Allowance(TRADING),
        words("allowance_used_up", Class::Wait, USED_UP, AGAIN),
    ),
    row(
        &["error.public-api.exceeded-account-historical-data-allowance"],
        Kind::Allowance(HISTORY),
        words("allowance_used_up", Class::Wait, USED_UP, AGAIN),
    ),
    row(
        &["endpoint.unavailable.for.api-key"],
        Kind::Forbidden,
        words(
            "not_for_this_key",
            Class::Operator,
            "IG does not offer this to the operator's API key.",
            "The operator asks IG to enable it for the key.",
        ),
    ),
    row(
        &["unauthorised.access.to.equity.exception"],
        Kind::Forbidden,
        words(
            "not_entitled",
            Class::User,
            "The account has no access to the prices of this market.",
            "Order access to it on IG's own pages, if IG offers that.",
        ),
    ),
    row(
        &[
            "error.position.notfound",
            "error.public-api.epic-not-found",
            "error.confirms.deal-not-found",
            "error.invalid.watchlist",
            "error.watchlists.management.watchlist-not-found",
            "error.trading.otc.instrument-not-found",
        ],
        Kind::NotFound,
        words(
            "item_not_found",
            Class::User,
            "IG has no such thing, or no longer.",
            "Look for it anew.",
        ),
    ),
    row(
        &["invalid.url"],
        Kind::NotFound,
        words(
            "operation_gone",
            Class::User,
            "IG does not offer this, or no longer.",
            "Look for what took its place.",
        ),
    ),
    row(
        &["error.price-history.io-error", "error.error.price-history.io-error"],
        Kind::Input,
        words(
            "prices_refused",
            Class::User,
            "IG does not give these prices: perhaps they are too many at once, or lie too far back.",
            "Ask for fewer; what was asked for counts all the same.",
        ),
    ),
    row(
        &["error.public-api.too-many-epics", "invalid.input.too.many.markets"],
        Kind::Input,
        words(
            "too_many_markets",
            Class::User,
            "IG does not take so many markets at once.",
            CORRECT,
        ),
    ),
    row(
        &["error.request.invalid.date-range", "error.invalid.daterange", "error.malformed.date"],
        Kind::Input,
        words("dates_refused", Class::User, "IG does not take these dates.", CORRECT),
    ),
    row(
        &["error.unsupported.epic", "error.service.watchlists.add-instrument.invalid-epic"],
        Kind::Input,
        words("market_refused", Class::User, "IG does not offer this for that market.", CORRECT),
    ),
    row(
        &["error.trading.otc.market-orders.not-supported"],
        Kind::Input,
        words(
            "market_orders_refused",
            Class::User,
            "That market takes no orders at whatever price there is.",
            "Name a price.",
        ),
    ),
    row(
        &["error.watchlists.management.duplicate-name"],
        Kind::Input,
        words("name_taken", Class::User, "There is a list of that name.", "Choose another name."),
    ),
    row(
        &["error.watchlists.management.cannot-delete-watchlist"],
        Kind::Forbidden,
        words("list_is_theirs", Class::User, "IG keeps that list itself.", "Leave it as it is."),
    ),
    row(
        &["error.switch.invalid-accountId", "error.switch.accountId-must-be-different"],
        Kind::Input,
        words("account_refused", Class::User, "IG does not take this account.", CORRECT),
    ),
    row(
        &[
            "system.error",
            "error.positions.generic",
            "error.watchlists.management.error",
            "error.switch.cannot-set-default-account",
            "error.security.get.session.timeout",
            "error.security.authentication.timeout",
        ],
        Kind::Down,
        words("provider_unavailable", Class::Wait, "IG cannot answer at the moment.", PASSES),
    ),
    row(
        &[
            "invalid.input",
            "invalid.request",
            "invalid.request.*",
            "validation.*",
            "error.request.invalid.*",
        ],
        Kind::Input,
        words("input_refused", Class::User, "IG does not accept what was sent.", CORRECT),
    ),
];

const fn row(codes: &'static [&'static str], kind: Kind, words: Words) -> Row {
    Row { codes, kind, words }
}

const fn words(
    code: &'static str,
    class: Class,
    message: &'static str,
    remedy: &'static str,
) -> Words {
    Words { code, class, message, remedy }
}

/// IG refused the last sign-ins with a name; there is no other before this.
pub(super) fn too_many_attempts(until: Timestamp) -> Failure {
    let until = Timestamp::from_second(until.as_second() + 1).unwrap_or(until);
    Failure::new(
        "too_many_attempts",
        Actor::User,
        format!(
            "IG refused the last sign-ins with this name, and locks a login after a few: none is tried \
             before {until}."
        ),
    )
    .remedied_by(
        "Try name and password on IG's own pages; when they work there, connect the account after that \
         time.",
    )
}

/// The integration belongs to the other of IG's two worlds.
pub(super) fn wrong_environment(theirs: &str, ours: Environment) -> Failure {
    let ours = ours.as_str();
    Failure::new(
        "environment_mismatch",
        Actor::Operator,
        format!("The connection was made to IG's {theirs} environment, and {ours} is configured."),
    )
    .remedied_by(
        "The operator sets IG_ENVIRONMENT to where it was made, or the user connects anew.",
    )
}
