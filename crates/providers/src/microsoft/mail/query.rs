//! Lists of messages (contract, sections 4.5 and 6.3).

use evergrant::capability::{Cursor, Message, MessageQuery, Page};
use evergrant::{Api, CallError};

use super::wire::WireMessage;
use super::{LARGE, READ};
use crate::microsoft::graph::input::address;
use crate::microsoft::graph::{Call, id};

/// What lists are asked for: everything but bodies.
pub(super) const FIELDS: &str = "id,createdDateTime,lastModifiedDateTime,categories,receivedDateTime,\
    sentDateTime,hasAttachments,internetMessageId,subject,bodyPreview,importance,parentFolderId,\
    conversationId,isRead,isDraft,webLink,inferenceClassification,sender,from,toRecipients,\
    ccRecipients,bccRecipients,replyTo,flag";

/// Before everything that was ever received.
const BEGINNING: &str = "1900-01-01T00:00:00Z";

/// The most messages a page may have.
const MOST: u32 = 1000;

/// One page of messages.
///
/// Searching cannot be combined with filtering over there. So where words are searched for, the rest
/// of the query is applied here to each page: it may come out short or empty, and not be the last.
pub(super) async fn messages(
    api: &Api,
    query: &MessageQuery,
    cursor: Option<&Cursor>,
) -> Result<Page<Message>, CallError> {
    if let Some(from) = &query.from {
        address("/from", from)?;
    }
    let path = match &query.folder {
        Some(folder) => format!("/me/mailFolders/{}/messages", id(folder)?),
        None => "/me/messages".to_owned(),
    };
    let mut call = Call::get(api, READ, path)
        .allowing(LARGE)
        .query("$select", FIELDS)
        .query("$top", query.limit.clamp(1, MOST).to_string());
    if let Some(words) = &query.search {
        call = call.query("$search", quoted(words));
    } else {
        if let Some(filter) = filter(query) {
            call = call.query("$filter", filter);
        }
        call = call.query("$orderby", "receivedDateTime desc");
    }
    let page: Page<WireMessage> = call.page(cursor).await?;
    let mut results: Vec<Message> = page.results.into_iter().map(WireMessage::message).collect();
    if query.search.is_some() {
        results.retain(|message| holds(query, message));
    }
    Ok(Page { results, next: page.next })
}

/// The filter, beginning with the property that is ordered by: another order of the two is refused
/// as `InefficientFilter`.
fn filter(query: &MessageQuery) -> Option<String> {
    let mut rest = Vec::new();
    if let Some(read) = query.is_read {
        rest.push(format!("isRead eq {read}"));
    }
    if let Some(from) = &query.from {
        rest.push(format!("from/emailAddress/address eq {}", literal(from)));
    }
    if let Some(with) = query.has_attachments {
        rest.push(format!("hasAttachments eq {with}"));
    }
    let mut all = Vec::new();
    if let Some(since) = query.since {
        all.push(format!("receivedDateTime ge {since}"));
    }
    if let Some(until) = query.until {
        all.push(format!("receivedDateTime lt {until}"));
    }
    if all.is_empty() && !rest.is_empty() {
        all.push(format!("receivedDateTime ge {BEGINNING}"));
    }
    all.extend(rest);
    (!all.is_empty()).then(|| all.join(" and "))
}

/// Whether everything but the words holds for a message.
fn holds(query: &MessageQuery, message: &Message) -> bool {
    let from = message.from.as_ref().and_then(|person| person.email.as_deref());
    query.is_read.is_none_or(|read| message.is_read == read)
        && query.has_attachments.is_none_or(|with| message.has_attachments == with)
        && query.since.is_none_or(|since| message.received_at.is_some_and(|at| at >= since))
        && query.until.is_none_or(|until| message.received_at.is_some_and(|at| at < until))
        && query
            .from
            .as_deref()
            .is_none_or(|wanted| from.is_some_and(|from| from.eq_ignore_ascii_case(wanted)))
}

/// A text in an OData expression: quotes are doubled (OData 4.01, URL conventions, section 5.1.1.6.1).
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Words to search for, as one quoted text: what would end it is escaped.
fn quoted(words: &str) -> String {
    format!("\"{}\"", words.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_begins_with_what_is_ordered_by() {
        let query = MessageQuery {
            is_read: Some(false),
            from: Some("o'neil@example.com".to_owned()),
            has_attachments: Some(true),
            ..MessageQuery::default()
        };
        let all = "receivedDateTime ge 1900-01-01T00:00:00Z and isRead eq false and \
            from/emailAddress/address eq 'o''neil@example.com' and hasAttachments eq true";
        assert_eq!(filter(&query).as_deref(), Some(all));
        let until = MessageQuery {
            until: Some("2026-09-01T00:00:00Z".parse().unwrap()),
            ..MessageQuery::default()
        };
        assert_eq!(filter(&until).as_deref(), Some("receivedDateTime lt 2026-09-01T00:00:00Z"));
        assert_eq!(filter(&MessageQuery::default()), None);
    }

    #[test]
    fn what_is_searched_for_stays_one_quoted_text() {
        assert_eq!(quoted(r#"a "b" \c"#), r#""a \"b\" \\c""#);
    }
}
