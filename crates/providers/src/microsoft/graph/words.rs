//! What Graph's error codes mean, as data (contract, section 4.2).

use evergrant::provider::{Actor, Failure};
use http::StatusCode;

use super::refusal::GraphError;

/// What kind of refusal a code is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A permission is missing, or the account may not do it.
    Access,
    /// The account may not do it, whatever its permissions.
    Forbidden,
    /// There is no mailbox.
    NoMailbox,
    /// There is no such item.
    NotFound,
    /// The item changed meanwhile.
    Changed,
    /// It cannot be done with the item as it is.
    Conflict,
    /// What was sent is wrong.
    Input,
    /// What was sent is too large.
    TooLarge,
    /// There is no room left.
    Quota,
    /// Too much was sent lately.
    SendingLimit,
}

/// What some codes mean under some statuses.
#[derive(Debug)]
pub(crate) struct Row {
    /// The statuses; all of them if empty.
    pub(crate) statuses: &'static [u16],
    /// The codes in any case; every code, an empty one too, if empty.
    pub(crate) codes: &'static [&'static str],
    pub(crate) kind: Kind,
    /// Its stable name here: [`Failure::code`].
    pub(crate) code: &'static str,
    pub(crate) actor: Actor,
    /// What happened, in one plain sentence.
    pub(crate) message: &'static str,
    /// What the actor does next.
    pub(crate) remedy: &'static str,
}

impl Row {
    pub(super) fn failure(&self) -> Failure {
        Failure::new(self.code, self.actor, self.message).remedied_by(self.remedy)
    }

    fn means(&self, status: StatusCode, error: &GraphError) -> bool {
        let code = |code: &&str| code.eq_ignore_ascii_case(&error.code);
        (self.statuses.is_empty() || self.statuses.contains(&status.as_u16()))
            && (self.codes.is_empty() || self.codes.iter().any(code))
    }
}

/// The first row that means this error, a call's own before those that all share.
pub(super) fn find(
    own: &'static [Row],
    status: StatusCode,
    error: &GraphError,
) -> Option<&'static Row> {
    own.iter().chain(REFUSALS).find(|row| row.means(status, error))
}

/// What all calls share; the first that fits counts.
pub(crate) const REFUSALS: &[Row] = &[
    Row {
        statuses: &[],
        codes: &["MailboxNotEnabledForRESTAPI", "ErrorInvalidUser"],
        kind: Kind::NoMailbox,
        code: "no_mailbox",
        actor: Actor::Administrator,
        message: "The account has no mailbox in the cloud, or it is not in use.",
        remedy: "The organisation's administrator gives the account a mailbox and a licence for it.",
    },
    Row {
        statuses: &[],
        codes: &["ErrorSendAsDenied"],
        kind: Kind::Forbidden,
        code: "send_as_denied",
        actor: Actor::Administrator,
        message: "The account may not write in the name of that sender.",
        remedy: "Leave out the sender, or have its owner or the administrator allow it.",
    },
    Row {
        statuses: &[],
        codes: &["ErrorQuotaExceeded", "quotaLimitReached"],
        kind: Kind::Quota,
        code: "quota_exceeded",
        actor: Actor::User,
        message: "The mailbox is full.",
        remedy: "Remove what is not needed, or ask the administrator for more room.",
    },
    Row {
        statuses: &[],
        codes: &["ErrorExceededMessageLimit", "activityLimitReached"],
        kind: Kind::SendingLimit,
        code: "sending_limit",
        actor: Actor::Nobody,
        message: "The account has sent as many messages as it may for now.",
        remedy: "Wait; the provider counts by the minute and by the day.",
    },
    Row {
        statuses: &[403],
        codes: &[
            "ErrorAccessDenied",
            "accessDenied",
            "Authorization_RequestDenied",
            "Forbidden",
            "",
        ],
        kind: Kind::Access,
        code: "forbidden",
        actor: Actor::Administrator,
        message: "The organisation, or whoever owns it, does not allow this.",
        remedy: "Ask the owner or the organisation's administrator for access.",
    },
    Row {
        statuses: &[412],
        codes: &[],
        kind: Kind::Changed,
        code: "item_changed",
        actor: Actor::User,
        message: "Somebody changed it meanwhile.",
        remedy: "Read it again and decide anew.",
    },
    Row {
        statuses: &[],
        codes: &["ErrorIrresolvableConflict", "resourceModified"],
        kind: Kind::Changed,
        code: "item_changed",
        actor: Actor::User,
        message: "Somebody changed it at the same time.",
        remedy: "Read it again and decide anew.",
    },
    Row {
        statuses: &[],
        codes: &["ErrorDuplicateTransactionId"],
        kind: Kind::Conflict,
        code: "already_used",
        actor: Actor::User,
        message: "The same key was used before for something else.",
        remedy: "Use a new key for what is new.",
    },
    Row {
        statuses: &[409],
        codes: &[],
        kind: Kind::Conflict,
        code: "conflict",
        actor: Actor::User,
        message: "This cannot be done with it as it is now.",
        remedy: "Read it again; perhaps it was done already.",
    },
    Row {
        statuses: &[404],
        codes: &[
            "ErrorItemNotFound",
            "itemNotFound",
            "ResourceNotFound",
            "Request_ResourceNotFound",
            "ErrorSyncFolderNotFound",
            "NotFound",
        ],
        kind: Kind::NotFound,
        code: "item_not_found",
        actor: Actor::User,
        message: "There is no such item, or no longer.",
        remedy: "Look for it anew; it may have been removed.",
    },
    Row {
        statuses: &[413],
        codes: &[],
        kind: Kind::TooLarge,
        code: "too_large",
        actor: Actor::User,
        message: "It is larger than the provider takes.",
        remedy: "Send less, or a link to it.",
    },
    Row {
        statuses: &[],
        codes: &["ErrorMessageSizeExceeded"],
        kind: Kind::TooLarge,
        code: "too_large",
        actor: Actor::User,
        message: "It is larger than the provider takes.",
        remedy: "Send less, or a link to it.",
    },
    Row {
        statuses: &[],
        codes: &["ErrorInvalidRecipients"],
        kind: Kind::Input,
        code: "recipients_invalid",
        actor: Actor::User,
        message: "At least one address is none that mail can be sent to.",
        remedy: "Correct the addresses.",
    },
    Row {
        statuses: &[400],
        codes: &["ErrorInvalidIdMalformed"],
        kind: Kind::Input,
        code: "id_malformed",
        actor: Actor::User,
        message: "The id is none that the provider could have given.",
        remedy: "Take ids as they came, letter by letter.",
    },
    Row {
        statuses: &[400],
        codes: &["TimeZoneNotSupportedException"],
        kind: Kind::Input,
        code: "time_zone_unknown",
        actor: Actor::User,
        message: "The provider does not know the time zone.",
        remedy: "Name a zone by its IANA name.",
    },
    Row {
        statuses: &[400, 422],
        codes: &[
            "BadRequest",
            "ErrorInvalidParameter",
            "ErrorInvalidRequest",
            "invalidRequest",
            "ErrorPropertyValidationFailure",
            "ErrorMimeContentInvalidBase64String",
            "ErrorTimeIntervalTooBig",
        ],
        kind: Kind::Input,
        code: "input_refused",
        actor: Actor::User,
        message: "The provider does not accept what was sent.",
        remedy: "Correct it and send it again.",
    },
];
