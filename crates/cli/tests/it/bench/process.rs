//! A process: what it printed, how it ended, and its end when nobody needs it any more.

use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use super::{PATIENCE, until};

/// A process under way; it is killed when this is dropped.
pub(crate) struct Process {
    child: Child,
    out: Captured,
    err: Captured,
}

/// A process that has ended.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

struct Captured {
    text: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Captured {
    fn read(mut from: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(Vec::new()));
        let written = Arc::clone(&text);
        let reader = tokio::spawn(async move {
            let mut buffer = [0; 8192];
            while let Ok(read @ 1..) = from.read(&mut buffer).await {
                written.lock().unwrap().extend_from_slice(&buffer[..read]);
            }
        });
        Self { text, reader }
    }

    fn text(&self) -> String {
        String::from_utf8(self.text.lock().unwrap().clone()).expect("output is UTF-8")
    }

    /// The first complete line that contains `part`.
    fn line(&self, part: &str) -> Option<String> {
        let text = self.text();
        let complete = &text[..text.rfind('\n')?];
        let line = complete.lines().find(|line| line.contains(part))?;
        Some(line.to_owned())
    }
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::start_with(command, Stdio::null())
    }

    /// Starts it with this as its stdin.
    pub(crate) fn start_with(command: &mut Command, stdin: impl Into<Stdio>) -> Self {
        let mut child = command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the process starts");
        Self {
            out: Captured::read(child.stdout.take().unwrap()),
            err: Captured::read(child.stderr.take().unwrap()),
            child,
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id().expect("the process runs")
    }

    pub(crate) fn stdout(&self) -> String {
        self.out.text()
    }

    pub(crate) fn stderr(&self) -> String {
        self.err.text()
    }

    /// Waits for a line on stdout that contains `part`.
    pub(crate) async fn line_of_stdout(&self, part: &str) -> String {
        until(&format!("{part:?} is printed"), async || self.out.line(part)).await
    }

    /// Waits for a line on stderr that contains `part`.
    pub(crate) async fn line_of_stderr(&self, part: &str) -> String {
        until(&format!("{part:?} is said"), async || self.err.line(part)).await
    }

    /// Waits for its end.
    pub(crate) async fn done(self) -> Done {
        self.done_within(PATIENCE).await
    }

    /// Waits for the end of one that takes its time.
    pub(crate) async fn done_within(mut self, patience: Duration) -> Done {
        let status = tokio::time::timeout(patience, self.child.wait())
            .await
            .expect("the process ends")
            .unwrap();
        for captured in [&mut self.out, &mut self.err] {
            (&mut captured.reader).await.unwrap();
        }
        Done { code: status.code().unwrap_or(-1), out: self.out.text(), err: self.err.text() }
    }

    /// Asks it to stop, as a service manager does.
    pub(crate) async fn terminate(&self) {
        let kill = format!("kill -TERM {}", self.id());
        let sent = Command::new("sh").args(["-c", &kill]).status().await;
        assert!(sent.unwrap().success(), "{kill}");
    }

    /// Kills it outright, as a power cut does; `false` if it had ended by itself before.
    pub(crate) async fn kill(mut self) -> bool {
        if self.child.try_wait().unwrap().is_some() {
            return false;
        }
        self.child.kill().await.unwrap();
        true
    }

    /// Asks it to stop and waits for its end.
    pub(crate) async fn stop(self) -> Done {
        self.terminate().await;
        self.done().await
    }
}

/// The last lines of a text.
fn end(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("--- stdout\n{}", end(&self.stdout()));
            println!("--- stderr\n{}", end(&self.stderr()));
        }
    }
}
