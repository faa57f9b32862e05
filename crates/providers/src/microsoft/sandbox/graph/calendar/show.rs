//! An event as an answer shows it.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::item::{Form, Item};
use super::mailbox::{Mailbox, uid_on};
use super::when::{second, stamp};
use super::zones::Zone;

/// The longest preview of a body (contract 5.3).
const PREVIEW: usize = 255;

/// How answers are to look.
#[derive(Debug, Clone)]
pub(in super::super) struct Look {
    /// The zone of start and end.
    pub(in super::super) zone: Zone,
    /// Bodies as text, instead of HTML.
    pub(in super::super) as_text: bool,
    /// Without bodies: the token reads the basics only (contract 9).
    pub(in super::super) basic: bool,
    /// `originalStart` was asked for, which occurrences do not show by themselves.
    pub(in super::super) selects_original: bool,
    pub(in super::super) now: Timestamp,
}

impl Mailbox {
    /// The event of an answer.
    pub(in super::super) fn show(&self, item: &Item, form: Form, look: &Look) -> Value {
        let Some(content) = item.content(form) else { return Value::Null };
        let mut event = content.members;
        let (kind, change, modified) = match form {
            Form::Whole if item.recurrence.is_some() => {
                ("seriesMaster", item.change, item.modified)
            }
            Form::Whole => ("singleInstance", item.change, item.modified),
            Form::On(day) => match item.exceptions.get(&day) {
                Some(exception) => ("exception", exception.change, exception.modified),
                None => ("occurrence", item.change, item.modified),
            },
        };
        let id = self.id(item, form);
        let change_key = self.change_key(change);
        let is_series = form == Form::Whole;
        let uid = match form {
            Form::Whole => item.uid.clone(),
            Form::On(day) => uid_on(&item.uid, day),
        };
        let master = (!is_series).then(|| self.id(item, Form::Whole));
        let recurrence = item.recurrence.as_ref().filter(|_| is_series);
        let span = &content.span;
        let (start, end) = span.shown(&look.zone);
        let rest = json!({
            "@odata.etag": format!("W/\"{change_key}\""),
            "id": id,
            "changeKey": change_key,
            "createdDateTime": stamp(item.created),
            "lastModifiedDateTime": stamp(modified),
            "transactionId": item.transaction.as_ref().filter(|_| is_series).map(|one| &one.id),
            "originalStartTimeZone": item.original_zones[0],
            "originalEndTimeZone": item.original_zones[1],
            "iCalUId": uid,
            "hasAttachments": false,
            "isAllDay": span.is_all_day,
            "isCancelled": item.is_cancelled,
            "isOrganizer": item.is_organizer,
            "isDraft": false,
            "seriesMasterId": master,
            "type": kind,
            "webLink": web_link(&id),
            "start": start,
            "end": end,
            "recurrence": recurrence.map(super::recurrence::Recurrence::show),
            "organizer": { "emailAddress": item.organizer },
            "isOnlineMeeting": item.online.is_some(),
            "onlineMeetingProvider": if item.online.is_some() { "teamsForBusiness" } else { "unknown" },
            "onlineMeetingUrl": null,
            "onlineMeeting": show_online(item, look),
        });
        event.extend(rest.as_object().cloned().unwrap_or_default());
        show_body(&mut event, look);
        if let Form::On(day) = form {
            if kind == "exception" || look.selects_original {
                let original = second(item.regular(day).span.start.instant());
                event.insert("originalStart".to_owned(), json!(original));
            }
        } else if item.recurrence.is_some() {
            let gone = item.cancelled.iter().map(|day| self.id(item, Form::On(*day)));
            event.insert("cancelledOccurrences".to_owned(), json!(gone.collect::<Vec<_>>()));
        }
        Value::Object(event)
    }
}

/// The online meeting of an event, once its link is there.
fn show_online(item: &Item, look: &Look) -> Value {
    let Some(online) = item.online.as_ref().filter(|online| online.is_ready(look.now)) else {
        return Value::Null;
    };
    let mut shown = json!({ "joinUrl": online.join_url });
    if let Some((conference, toll)) = &online.dial_in {
        shown["conferenceId"] = json!(conference);
        shown["tollNumber"] = json!(toll);
    }
    shown
}

/// Bodies come as HTML unless text is preferred (contract 4.1), wrapped as the service does.
fn show_body(event: &mut Map<String, Value>, look: &Look) {
    let Some(body) = event.get("body").cloned() else { return };
    let content = body["content"].as_str().unwrap_or_default();
    let is_html = body["contentType"] == "html";
    let plain = if is_html { plain_text(content) } else { content.to_owned() };
    event.insert("bodyPreview".to_owned(), json!(plain.chars().take(PREVIEW).collect::<String>()));
    let shown = match (look.as_text, is_html) {
        (true, _) => json!({ "contentType": "text", "content": plain }),
        (false, _) if content.is_empty() => json!({ "contentType": "html", "content": "" }),
        (false, true) => json!({ "contentType": "html", "content": wrapped(content) }),
        (false, false) => {
            let escaped = evergrant_sandbox::escape(content);
            json!({ "contentType": "html", "content": wrapped(&escaped) })
        }
    };
    event.insert("body".to_owned(), shown);
    if look.basic {
        event.remove("body");
        event.remove("bodyPreview");
    }
}

fn wrapped(html: &str) -> String {
    if html.trim_start().to_ascii_lowercase().starts_with("<html") {
        return html.to_owned();
    }
    format!(
        "<html><head>\r\n<meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\"></head>\
         <body>{html}</body></html>"
    )
}

/// The text of HTML, roughly: without tags, with the commonest entities resolved.
fn plain_text(html: &str) -> String {
    let mut text = String::new();
    let mut in_tag = false;
    for letter in html.chars() {
        match letter {
            '<' => in_tag = true,
            '>' if in_tag => in_tag = false,
            letter if !in_tag => text.push(letter),
            _ => {}
        }
    }
    let entities = [
        ("&nbsp;", " "),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&amp;", "&"),
    ];
    entities
        .iter()
        .fold(text, |text, (entity, plain)| text.replace(entity, plain))
        .trim()
        .to_owned()
}

fn web_link(id: &str) -> String {
    let id: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
    format!("https://outlook.office365.com/owa/?itemid={id}&exvsurl=1&path=/calendar/item")
}
