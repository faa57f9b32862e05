//! Graph's words for online meetings, and ours (contract, sections 7 and 13).

type Table = &'static [(&'static str, &'static str)];

pub(super) const ROLES: Table =
    &[("attendee", "attendee"), ("presenter", "presenter"), ("coorganizer", "coorganizer")];

pub(super) const LOBBIES: Table = &[
    ("organizer", "organizer"),
    ("invited", "invited"),
    ("organization", "organization"),
    ("organizationExcludingGuests", "organization_excluding_guests"),
    ("organizationAndFederated", "organization_and_federated"),
    ("everyone", "everyone"),
];

pub(super) const PRESENTERS: Table = &[
    ("everyone", "everyone"),
    ("organization", "organization"),
    ("roleIsPresenter", "role_is_presenter"),
    ("organizer", "organizer"),
];
