//! Secrets on their way in: typed without being shown, from a file, or from stdin; never as arguments.

use std::io::{BufRead, IsTerminal, Read, Write};
use std::path::Path;

use evergrant::Secret;
use rustix::stdio::stdin;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::output::UsageError;

/// Whether a person can be asked.
pub(crate) fn is_there() -> bool {
    std::io::stdin().is_terminal()
}

/// Words before a question.
pub(crate) fn say(words: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stderr().lock(), "{words}")?)
}

/// The line that is typed at the question; a secret one is not shown.
pub(crate) fn ask(question: &str, secret: bool) -> anyhow::Result<Secret> {
    let mut err = std::io::stderr().lock();
    write!(err, "{question}: ")?;
    err.flush()?;
    let hidden = secret.then(Hidden::begin).transpose()?;
    let mut line = Zeroizing::new(String::new());
    let read = std::io::stdin().lock().read_line(&mut line)?;
    drop(hidden);
    if read == 0 {
        writeln!(err)?;
        return Err(UsageError(format!("nothing was typed for {question}")).into());
    }
    Ok(without_line_end(&line).into())
}

/// What a person types, or what a script sends: one secret.
pub(crate) fn secret(question: &str) -> anyhow::Result<Secret> {
    if is_there() {
        return ask(question, true);
    }
    let mut text = Zeroizing::new(String::new());
    std::io::stdin().lock().read_to_string(&mut text)?;
    Ok(without_line_end(&text).into())
}

/// The secret in a file, without the line end that editors add.
pub(crate) fn secret_file(path: &Path) -> anyhow::Result<Secret> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| UsageError(format!("cannot read {}: {error}", path.display())))?;
    Ok(without_line_end(&Zeroizing::new(text)).into())
}

fn without_line_end(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

/// A terminal that does not show what is typed, until this is dropped. After an interrupt it is the
/// shell that shows again.
struct Hidden(Termios);

impl Hidden {
    fn begin() -> anyhow::Result<Self> {
        let before = tcgetattr(stdin())?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        quiet.local_modes.insert(LocalModes::ECHONL);
        tcsetattr(stdin(), OptionalActions::Flush, &quiet)?;
        Ok(Self(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // There is nobody left to tell if the terminal has gone.
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.0);
    }
}
