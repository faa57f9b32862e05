//! What is in the mailboxes at first: the same for the same seed, relative to the beginning.
//!
//! Only what is counted and sorted by is made at once; the rest of a message is written when
//! somebody looks at it, so that thousands of messages cost next to nothing.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::text::seconds;
use super::{Attachment, Mailbox, preview};

/// How many messages the users have who have any.
const SIZES: &[(&str, u64)] = &[("adele@contoso.example", 3_000), ("alex@contoso.example", 40)];
/// Between two messages, about.
const GAP: Duration = Duration::from_mins(37);
/// No body is cut to less.
const LEAST: usize = 200;
/// A transparent point.
const PIXEL: &str = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7";
/// The newest messages of a big mailbox that are something special.
const REQUEST: u64 = 3;
const WITH_FILES: u64 = 5;

const PEOPLE: &[(&str, &str)] = &[
    ("Adele Vance", "adele@contoso.example"),
    ("Alex Wilber", "alex@contoso.example"),
    ("Megan Bowen", "megan@contoso.example"),
    ("Dana Swope", "dana@contoso.example"),
    ("Samantha Booth", "samanthab@fabrikam.example"),
    ("Jodie Sharp", "jodie.sharp@fabrikam.example"),
];
const SUBJECTS: &[&str] = &[
    "Concert on Friday",
    "Quarterly numbers",
    "Holiday hours update",
    "Fabric CDN now available",
    "Holiday promotion sale",
    "Did you see last night's game?",
    "Meet for lunch?",
    "Shop opening in Berlin",
    "Invoice for October",
    "Delivery moved to Monday",
    "New cafeteria",
];
const SENTENCES: &[&str] = &[
    "The group represents Nevada.",
    "They were awesome!",
    "The new cafeteria is open.",
    "Would you name the group, please?",
    "The numbers of the third quarter are in the usual place.",
    "Could we move this to the week after next?",
    "I have attached what we spoke about.",
    "Thanks, more tomorrow.",
];

/// Which message of the seed one is: with the seed this decides everything about it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seeded {
    seed: u64,
    /// Counts from the newest, from 0.
    age: u64,
    kind: Kind,
    /// How many bytes its body has at least.
    size: usize,
    /// Whose mailbox it is in.
    me: (&'static str, &'static str),
}

impl Seeded {
    /// A message of many: `age` tells it from the others, its body has `size` bytes.
    pub(super) fn filler(mailbox: &Mailbox, seed: u64, age: u64, size: usize) -> (Self, bool) {
        let me = (mailbox.name, mailbox.address);
        let is_read = !roll(seed, age).is_multiple_of(3);
        (Self { seed, age, kind: Kind::Received, size, me }, is_read)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Received,
    Sent,
    Request,
}

/// Fills a mailbox, oldest messages first.
pub(super) fn fill(mailbox: &mut Mailbox, seed: u64, began: Timestamp) {
    let size = SIZES.iter().find(|(address, _)| *address == mailbox.address);
    let size = size.map_or(0, |(_, size)| *size);
    if size == 0 {
        return;
    }
    let inbox = mailbox.place("inbox");
    let projects = mailbox.add_folder("Projects".to_owned(), Some(inbox), false);
    for age in (0..size).rev() {
        let dice = roll(seed, age);
        let gap = GAP.as_secs();
        let received = back(began, (age + 1) * gap + dice % (gap / 2));
        let kind = match age {
            REQUEST => Kind::Request,
            WITH_FILES => Kind::Received,
            _ if dice.is_multiple_of(11) => Kind::Sent,
            _ => Kind::Received,
        };
        let folder = match (kind, dice % 13) {
            (Kind::Sent, _) => mailbox.place("sentitems"),
            (Kind::Received, 1) if age > 10 => mailbox.place("deleteditems"),
            (Kind::Received, 2) if age > 10 => mailbox.place("junkemail"),
            (Kind::Received, 3..=5) if age > 10 => mailbox.place("archive"),
            (Kind::Received, 6) if age > 10 => projects,
            _ => inbox,
        };
        let is_read = kind == Kind::Sent || (age > 20 && !dice.is_multiple_of(7));
        let attachments = attachments(age, dice, received);
        let me = (mailbox.name, mailbox.address);
        let seeded = Seeded { seed, age, kind, size: 0, me };
        mailbox.add_seeded(folder, seeded, received, is_read, attachments);
    }
}

/// Writes a message down.
pub(super) fn write(mailbox: u32, seeded: Seeded, received: Timestamp, is_read: bool) -> Value {
    let Seeded { seed, age, kind, size, me } = seeded;
    // Three messages in a row are one conversation.
    let thread = age / 3;
    let talk = roll(seed ^ u64::from(mailbox), thread);
    let dice = roll(seed, age);
    let others: Vec<_> = PEOPLE.iter().copied().filter(|other| *other != me).collect();
    let other = pick(&others, dice).copied().unwrap_or(me);
    let (from, to) = if kind == Kind::Sent { (me, other) } else { (other, me) };
    let topic = pick(SUBJECTS, talk).copied().unwrap_or_default();
    let subject = if age % 3 == 2 { topic.to_owned() } else { format!("RE: {topic}") };
    let start = usize::try_from(dice % 8).unwrap_or_default();
    let sentences: Vec<_> = SENTENCES.iter().cycle().skip(start).take(3).copied().collect();
    let mut text = format!("{} (No. {age})", sentences.join(" "));
    for sentence in SENTENCES.iter().cycle().skip(start) {
        if text.len() >= size {
            break;
        }
        text.push(' ');
        text.push_str(sentence);
    }
    text.truncate(text.len().min(size.max(LEAST)));
    let conversation = conversation_id(mailbox, thread);
    let at = seconds(received);
    let sent = seconds(back(received, 2));
    let every = |count: u64| dice.is_multiple_of(count);
    let copied = recipient(pick(&others, talk).copied().unwrap_or(other));
    let mut content = json!({
        "createdDateTime": at,
        "lastModifiedDateTime": at,
        "categories": if every(29) { vec!["Red category"] } else { Vec::new() },
        "receivedDateTime": at,
        "sentDateTime": sent,
        "internetMessageId": format!("<seed-{mailbox:08x}-{age:05}@contoso.example>"),
        "internetMessageHeaders": [
            { "name": "MIME-Version", "value": "1.0" },
            { "name": "Content-Type", "value": "text/html; charset=utf-8" },
            { "name": "x-custom-header-group-name", "value": "Washington" },
        ],
        "subject": subject,
        "bodyPreview": preview(&text),
        "importance": if every(17) { "high" } else { "normal" },
        "conversationId": conversation.0,
        "conversationIndex": conversation.1,
        "isDeliveryReceiptRequested": null,
        "isReadReceiptRequested": false,
        "isRead": is_read,
        "isDraft": false,
        "inferenceClassification": if every(5) { "other" } else { "focused" },
        "body": { "contentType": "html", "content": format!("<p>{text}</p>") },
        "sender": recipient(from),
        "from": recipient(from),
        "toRecipients": [recipient(to)],
        "ccRecipients": if every(4) { vec![copied] } else { Vec::new() },
        "bccRecipients": [],
        "replyTo": [],
        "flag": { "flagStatus": if every(23) { "flagged" } else { "notFlagged" } },
    });
    if kind == Kind::Request {
        make_request(&mut content, received);
    }
    content
}

/// Makes a message the request for a meeting the day after it.
fn make_request(content: &mut Value, received: Timestamp) {
    let day = received.strftime("%Y-%m-%d");
    let moment = |hour: &str| json!({ "dateTime": format!("{day}T{hour}:00:00.0000000"), "timeZone": "UTC" });
    content["@odata.type"] = json!("#microsoft.graph.eventMessageRequest");
    content["subject"] = json!("Shop opening: who does what");
    content["meetingMessageType"] = json!("meetingRequest");
    content["type"] = json!("singleInstance");
    content["isOutOfDate"] = json!(false);
    content["isAllDay"] = json!(false);
    content["isDelegated"] = json!(false);
    content["startDateTime"] = moment("22");
    content["endDateTime"] = moment("23");
    content["location"] = json!({ "displayName": "Conf Room Rainier", "locationType": "default" });
    content["recurrence"] = Value::Null;
}

fn attachments(age: u64, dice: u64, received: Timestamp) -> Vec<Attachment> {
    let inline = || {
        let bytes = STANDARD.decode(PIXEL).unwrap_or_default();
        file(1, "point.gif", "image/gif", bytes, received, Some("point"))
    };
    match age {
        WITH_FILES => {
            let text = b"mac and cheese today".to_vec();
            vec![inline(), file(2, "menu.txt", "text/plain", text, received, None)]
        }
        age if age > 10 && dice.is_multiple_of(19) => {
            let text = "The numbers of the third quarter.\r\n".repeat(20).into_bytes();
            vec![file(1, "numbers.txt", "text/plain", text, received, None)]
        }
        _ => Vec::new(),
    }
}

fn file(
    serial: u64,
    name: &str,
    content_type: &str,
    bytes: Vec<u8>,
    at: Timestamp,
    inline: Option<&str>,
) -> Attachment {
    let about = json!({
        "@odata.type": "#microsoft.graph.fileAttachment",
        "lastModifiedDateTime": seconds(at),
        "name": name,
        "contentType": content_type,
        "size": bytes.len(),
        "isInline": inline.is_some(),
        "contentId": inline,
        "contentLocation": null,
    });
    let about = about.as_object().cloned().unwrap_or_else(Map::new);
    Attachment { serial, about, bytes: Some(bytes) }
}

/// The id and the index of a conversation.
pub(in super::super) fn conversation_id(mailbox: u32, thread: u64) -> (String, String) {
    let mut bytes = mailbox.to_be_bytes().to_vec();
    bytes.extend(thread.to_be_bytes());
    let code = base64::engine::general_purpose::URL_SAFE.encode(&bytes);
    (
        format!("AAQkADUzN2I0ZjFkAAQA{code}"),
        STANDARD.encode([&[1, 0x1c], bytes.as_slice()].concat()),
    )
}

fn recipient((name, address): (&str, &str)) -> Value {
    json!({ "emailAddress": { "name": name, "address": address } })
}

fn back(at: Timestamp, by: u64) -> Timestamp {
    let by = jiff::SignedDuration::from_secs(i64::try_from(by).unwrap_or_default());
    let second = at.as_second();
    Timestamp::from_second(second).unwrap_or(at).checked_sub(by).unwrap_or(at)
}

fn pick<T>(from: &[T], dice: u64) -> Option<&T> {
    let count = u64::try_from(from.len()).ok().filter(|count| *count > 0)?;
    from.get(usize::try_from((dice >> 8) % count).unwrap_or_default())
}

/// A number that looks random and follows from both.
fn roll(seed: u64, which: u64) -> u64 {
    let mut bits =
        (seed ^ 0x5_EED0).wrapping_add(which.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}
