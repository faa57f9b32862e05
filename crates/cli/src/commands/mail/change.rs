//! What is changed about messages and the mailbox.

use evergrant::capability::{
    AutomaticReplies, AutomaticRepliesStatus, Flag, MailboxSettingsChanges, MessageChanges, Patch,
    Zone,
};

use super::super::live::Live;
use super::show;
use crate::output::Output;

#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("marks").args(["read", "unread", "flag", "unflag"]).required(true).multiple(true))]
#[expect(clippy::struct_excessive_bools, reason = "each is an option")]
pub(super) struct Mark {
    /// Its id
    message: String,
    /// It was read
    #[arg(long, conflicts_with = "unread")]
    read: bool,
    /// It was not read
    #[arg(long)]
    unread: bool,
    /// There is something to do
    #[arg(long, conflicts_with = "unflag")]
    flag: bool,
    /// There is nothing to do
    #[arg(long)]
    unflag: bool,
}

impl Mark {
    pub(super) async fn run(self, live: &Live, output: Output) -> anyhow::Result<()> {
        let flag = if self.flag { Flag::Flagged } else { Flag::None };
        let changes = MessageChanges {
            is_read: (self.read || self.unread).then_some(self.read),
            flag: (self.flag || self.unflag).then_some(flag),
            ..MessageChanges::default()
        };
        let mail = live.mail()?;
        let marked = mail.update_message(&live.api, &self.message, &changes, None).await?;
        output.value(&serde_json::to_value(&marked)?, "marked")
    }
}

#[derive(clap::Args)]
pub(super) struct Changes {
    /// The account's time zone, such as Europe/Berlin
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<Zone>,
    /// The account's language and region, such as de-DE
    #[arg(long, value_name = "LANGUAGE")]
    language: Option<String>,
    /// Answer whoever writes with this text; whether people outside the organisation get it stays as
    /// it is
    #[arg(long, value_name = "TEXT")]
    away: Option<String>,
    /// Answer nobody any more
    #[arg(long, conflicts_with = "away")]
    back: bool,
}

impl Changes {
    pub(super) async fn run(self, live: &Live, output: Output) -> anyhow::Result<()> {
        let changes = self.changes();
        let mail = live.mail()?;
        let settings = if changes == MailboxSettingsChanges::default() {
            mail.settings(&live.api).await?
        } else {
            mail.update_settings(&live.api, &changes).await?
        };
        output.value(&serde_json::to_value(&settings)?, &show::settings(&settings))
    }

    fn changes(self) -> MailboxSettingsChanges {
        let replies = self.away.map(|text| {
            let text = html(&text);
            Patch::Set(AutomaticReplies {
                status: AutomaticRepliesStatus::Enabled,
                start_time: None,
                end_time: None,
                internal_message: Some(text.clone()),
                external_message: Some(text),
                external_audience: None,
            })
        });
        let end = if self.back { Patch::Clear } else { Patch::Keep };
        MailboxSettingsChanges {
            time_zone: self.time_zone,
            language: self.language,
            working_hours: None,
            automatic_replies: replies.unwrap_or(end),
        }
    }
}

/// Plain text as HTML.
fn html(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.lines().collect::<Vec<_>>().join("<br>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_for_the_time_away_is_text() {
        assert_eq!(
            html("Back <b>soon</b> & well.\nBye"),
            "Back &lt;b&gt;soon&lt;/b&gt; &amp; well.<br>Bye"
        );
    }
}
