//! What IG's error codes mean, as data (contract, section 3).

use evergrant::provider::{Actor, Failure};

use super::Environment;

/// The integration belongs to the other of IG's two worlds.
pub(super) fn wrong_environment(theirs: &str, ours: Environment) -> Failure {
    let ours = ours.as_str();
    Failure::new(
        "environment_mismatch",
        Actor::Operator,
        format!("The connection was made to IG's {theirs} environment, and {ours} is configured."),
    )
    .remedied_by("The operator sets the environment it was made in, or the user connects anew.")
}
