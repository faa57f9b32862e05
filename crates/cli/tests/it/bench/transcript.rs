//! What a person sees at a terminal, ready to be compared.

use std::fmt::Write as _;

use super::Bench;

/// Commands and what they printed, one after the other.
#[derive(Default)]
pub(crate) struct Transcript(String);

impl Transcript {
    /// Runs a command, which must end with `code`; gives what it printed.
    pub(crate) async fn run(&mut self, bench: &Bench, code: i32, arguments: &[&str]) -> String {
        let done = bench.run(arguments).await;
        let shown: Vec<_> = arguments
            .iter()
            .map(|argument| {
                if argument.contains(' ') || argument.is_empty() {
                    format!("'{argument}'")
                } else {
                    (*argument).to_owned()
                }
            })
            .collect();
        let command = shown.join(" ");
        assert_eq!(done.code, code, "evergrant {command}: {done:?}");
        writeln!(self.0, "$ evergrant {command}").unwrap();
        for (name, text) in [("", &done.out), ("! ", &done.err)] {
            for line in text.lines() {
                writeln!(self.0, "{}", format!("{name}{line}").trim_end()).unwrap();
            }
        }
        writeln!(self.0, "[{}]\n", done.code).unwrap();
        done.out
    }

    /// Says what comes next.
    pub(crate) fn remark(&mut self, text: &str) {
        writeln!(self.0, "# {text}").unwrap();
    }

    /// Compares it with the one of the repository; what differs from run to run is masked.
    pub(crate) fn check(&self, name: &str) {
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.set_snapshot_path("../snapshots");
        for (pattern, mask) in [
            (r"(int|usr|key)_[0-9a-f]{32}", "${1}_…"),
            (r"evg_[0-9a-f_]+", "evg_…"),
            (r"/tmp/[A-Za-z0-9._/-]*/", "/FOLDER/"),
            (r"(localhost|127\.0\.0\.1):\d+", "$1:PORT"),
            (r"\d{4}-\d\d-\d\dT[\d:.]+Z?", "TIME"),
            (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID"),
            (r"evg_cli_\w+", "DATABASE"),
            (r"longest has \d+ seconds", "longest has N seconds"),
            (r"\b\d+ ms\b", "N ms"),
            (r"\b[0-9a-f]{16}\b", "KEY"),
            (r"\b[0-9a-f]{32}\b", "NAME"),
            (r"eyJ[\w-]+\.[\w-]+\.[\w-]+", "TOKEN"),
            (r"\bA[AQ][\w+/=-]{40,}", "ITEM"),
            (r"\bMS[\w+/=]{40,}", "MEETING"),
            (r#"https://[\w.]*(teams|outlook)[\w.]*/[^\s"]+"#, "URL"),
            (r"\b\d{12}\b", "NUMBER"),
            (r"data:text/html,[\w%.~-]+", "HTML"),
            (r"((passcode|code) {2,})\w+", "${1}SECRET"),
            (
                r#"("(version|uid|message_id|conversation_id|chat_id|conference_id|passcode|conversationIndex)":)"(\\.|[^"\\])*""#,
                "${1}\"…\"",
            ),
        ] {
            settings.add_filter(pattern, mask);
        }
        settings.bind(|| insta::assert_snapshot!(name, self.0));
    }
}
