//! The table of failures in `docs/reference` is what the code says. `EVERGRANT_UPDATE=1` writes it anew.

use std::fmt::Write;
use std::path::Path;

use evergrant::provider::Actor;
use evergrant_providers::{denials, failures};

const GRAPH: &str = "\
What a call is refused with although its token is good. The connection stays as it is, and the same call
fails again until somebody acts. The first row that fits counts; where a permission is missing, that is
told instead, as `permission_missing` with its name.";
const IG: &str = "\
What a call is refused with although its token is good; the connection stays as it is. A code that ends in
`*` stands for all that begin like it, and the member it names is told as a JSON pointer. What is used up
or down is waited for first, within the caller's patience.";

#[test]
fn the_table_of_failures_is_current() {
    let mut text = "\
# Failures

Why a provider gave no token, in words. Compare with `code` (`reason` in a problem): it never changes its
meaning. The provider's own numbers stand beside it, with the ids its support asks for.

«Who acts» says whose turn it is, «integration» what becomes of the connection meanwhile, «again» when the
request is repeated, «exit» the exit code of a command that ends with it: 1 failed, 3 the user (or the
administrator, and then the user) must act, 4 try again later, 5 the operator must act.

This page is generated from the tables in `crates/providers/src` (`dictionary/` and each vendor's `words.rs`).
"
    .to_owned();
    let rows = failures();
    let mut source = "";
    for row in &rows {
        if row.source != source {
            source = row.source;
            let head = "| said | code | who acts | what happened | what to do | integration | again | exit |";
            write!(
                text,
                "\n## {source}\n\n{head}\n| --- | --- | --- | --- | --- | --- | --- | --- |\n"
            )
            .unwrap();
        }
        let actor = word(row.class.actor());
        let (class, said) = (row.class, &row.said);
        writeln!(
            text,
            "| {said} | `{}` | {actor} | {} | {} | {} | {} | {} |",
            row.code,
            row.message,
            row.remedy,
            class.integration(),
            class.retry(),
            class.exit_code()
        )
        .unwrap();
    }
    let mut source = "";
    for row in denials() {
        if row.source != source {
            source = row.source;
            let about = if source == "IG" { IG } else { GRAPH };
            write!(text, "\n## Calls to {source}\n\n{about}\n\n").unwrap();
            text.push_str("| code | said | who acts | what happened | what to do |\n");
            text.push_str("| --- | --- | --- | --- | --- |\n");
        }
        let actor = word(row.actor);
        let (code, said) = (row.code, &row.said);
        writeln!(text, "| `{code}` | {said} | {actor} | {} | {} |", row.message, row.remedy)
            .unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/failures.md");
    #[expect(clippy::disallowed_methods, reason = "a developer asks for the file to be written")]
    if std::env::var_os("EVERGRANT_UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == text,
        "docs/reference/failures.md is out of date; EVERGRANT_UPDATE=1 cargo test -p evergrant-providers"
    );
}

fn word(actor: Actor) -> &'static str {
    match actor {
        Actor::User => "user",
        Actor::Administrator => "administrator",
        Actor::Operator => "operator",
        Actor::Nobody => "nobody",
    }
}
