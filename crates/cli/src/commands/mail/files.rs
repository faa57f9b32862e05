//! The files of messages: out of them and into them.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde_json::json;

use super::super::live::Live;
use super::show;
use super::write::Written;
use crate::output::{Output, UsageError, plain};

pub(super) async fn list(live: &Live, output: Output, message: &str) -> anyhow::Result<()> {
    let found = live.mail()?.attachments(&live.api, message).await?;
    let rows: Vec<_> = found.iter().map(show::file).collect();
    let json = json!({ "results": found, "next": null });
    output.table(&json, &["NAME", "BYTES", "TYPE", "ID"], &rows, "there are no files")
}

/// Saves a file. Its JSON is the file's and says besides where it was saved.
pub(super) async fn save(
    live: &Live,
    output: Output,
    message: &str,
    id: &str,
    to: Option<PathBuf>,
) -> anyhow::Result<()> {
    let mail = live.mail()?;
    let file = mail.attachment(&live.api, message, id).await?;
    let content = mail.content(&live.api, message, &file).await?;
    let path = to.unwrap_or_else(|| own_name(file.name.as_deref().unwrap_or_default()).into());
    write_new(&path, &content)?;
    let mut json = serde_json::to_value(&file)?;
    json["saved_as"] = path.display().to_string().into();
    output.value(&json, &format!("saved {}", plain(&path.display().to_string())))
}

pub(super) async fn attach(
    live: &Live,
    output: Output,
    message: &str,
    written: Written,
) -> anyhow::Result<()> {
    for file in &written.attachments {
        let attached = live.mail()?.attach(&live.api, message, file).await?;
        output.value(&serde_json::to_value(&attached)?, &format!("attached {}", attached.id))?;
    }
    Ok(())
}

/// A name that somebody else gave, as one in this folder: without the parts of a path, and not hidden.
fn own_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let last = plain(last).replace(':', "_");
    let last = last.trim().trim_start_matches('.').trim_start();
    if last.is_empty() { "attachment".to_owned() } else { last.to_owned() }
}

/// Writes a file that was not there.
fn write_new(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let shown = plain(&path.display().to_string());
    let mut file =
        OpenOptions::new().write(true).create_new(true).open(path).map_err(|error| match error
            .kind()
        {
            ErrorKind::AlreadyExists => UsageError(format!(
                "{shown} exists, and nothing is overwritten; name another file with --to"
            )),
            _ => UsageError(format!("cannot write {shown}: {error}")),
        })?;
    file.write_all(content).map_err(|error| anyhow::anyhow!("{shown} is not whole: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_name_never_leads_out_of_the_folder_and_is_never_hidden() {
        for (given, own) in [
            ("notes.txt", "notes.txt"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Windows\\notes.txt", "notes.txt"),
            ("..", "attachment"),
            (".bashrc", "bashrc"),
            ("a/", "attachment"),
            ("", "attachment"),
            ("a\u{1b}[2J:b", "a [2J_b"),
        ] {
            assert_eq!(own_name(given), own, "{given:?}");
        }
    }
}
