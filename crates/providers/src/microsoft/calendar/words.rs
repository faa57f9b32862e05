//! Graph's words for what is in a calendar, and ours (contract, sections 5.3 and 13).

/// Graph's word and ours.
pub(super) type Table = &'static [(&'static str, &'static str)];

pub(super) const KINDS: Table = &[
    ("singleInstance", "single"),
    ("occurrence", "occurrence"),
    ("exception", "exception"),
    ("seriesMaster", "series"),
];

pub(super) const SHOW_AS: Table = &[
    ("free", "free"),
    ("tentative", "tentative"),
    ("busy", "busy"),
    ("oof", "out_of_office"),
    ("workingElsewhere", "working_elsewhere"),
    ("unknown", "unknown"),
];

pub(super) const SENSITIVITIES: Table = &[
    ("normal", "normal"),
    ("personal", "personal"),
    ("private", "private"),
    ("confidential", "confidential"),
];

pub(super) const RESPONSES: Table = &[
    ("none", "none"),
    ("organizer", "organizer"),
    ("notResponded", "not_responded"),
    ("accepted", "accepted"),
    ("tentativelyAccepted", "tentative"),
    ("declined", "declined"),
];

/// The actions with which an invitation is answered.
pub(super) const ANSWERS: Table =
    &[("accept", "accepted"), ("tentativelyAccept", "tentative"), ("decline", "declined")];

pub(super) const ROLES: Table =
    &[("required", "required"), ("optional", "optional"), ("resource", "resource")];
