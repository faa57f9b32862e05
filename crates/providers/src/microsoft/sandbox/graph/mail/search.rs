//! `$search` over messages: words and `property:word` terms (contract, 4.5).

use serde_json::Value;

use crate::microsoft::sandbox::graph::odata::at;
use crate::microsoft::sandbox::mailbox::{Message, to_text};

/// The most results there are.
const MOST: usize = 1000;

/// One term: where to look, and the words that must stand there one after another.
struct Term {
    field: Option<String>,
    words: Vec<String>,
    negated: bool,
}

/// The messages that all terms mean, by the date they were sent, newest first.
pub(super) fn search<'a>(text: &str, messages: Vec<&'a Message>) -> Vec<&'a Message> {
    let terms = terms(text);
    let mut found: Vec<_> = messages
        .into_iter()
        .filter(|message| terms.iter().all(|term| term.means(message)))
        .collect();
    let sent = |message: &Message| at(message.content(), "sentDateTime").to_string();
    found.sort_by_key(|message| std::cmp::Reverse(sent(message)));
    found.truncate(MOST);
    found
}

/// The whole search may stand in quotes, and within them a phrase, whose quotes are escaped.
fn terms(text: &str) -> Vec<Term> {
    let text = text.trim();
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let inner = inner.replace("\\\"", "\"");
    let mut terms = Vec::new();
    let mut negated = false;
    for part in pieces(&inner) {
        match part.as_str() {
            "AND" => {}
            "NOT" => negated = true,
            part => {
                let (field, words) = match part.split_once(':') {
                    Some((field, words)) if known(field) => (Some(field.to_lowercase()), words),
                    _ => (None, part),
                };
                let words = words.trim_matches('"').trim_end_matches('*');
                let words = words.to_lowercase().split_whitespace().map(str::to_owned).collect();
                terms.push(Term { field, words, negated });
                negated = false;
            }
        }
    }
    terms
}

fn known(field: &str) -> bool {
    ["subject", "from", "to", "cc", "bcc", "participants", "body", "hasattachment", "attachment"]
        .contains(&field.to_lowercase().as_str())
}

/// Splits at spaces outside quotes.
fn pieces(text: &str) -> Vec<String> {
    let mut quoted = false;
    let split = |c: char| {
        quoted ^= c == '"';
        c.is_whitespace() && !quoted
    };
    text.split(split).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

impl Term {
    fn means(&self, message: &Message) -> bool {
        let content = message.content();
        let found = match self.field.as_deref() {
            None => ["from", "subject", "body"].iter().any(|field| self.is_in(content, field)),
            Some("participants") => {
                ["from", "to", "cc", "bcc"].iter().any(|field| self.is_in(content, field))
            }
            Some("hasattachment") => {
                let wanted = self.words.first().is_some_and(|word| word == "true");
                at(content, "hasAttachments") == &Value::Bool(wanted)
            }
            Some("attachment") => {
                let names = message.attachments.iter().filter_map(|it| it.about.get("name"));
                names.filter_map(Value::as_str).any(|name| self.stands_in(name))
            }
            Some(field) => self.is_in(content, field),
        };
        found != self.negated
    }

    fn is_in(&self, content: &Value, field: &str) -> bool {
        match field {
            "from" => self.names(at(content, "from")),
            "subject" => self.stands_in(at(content, "subject").as_str().unwrap_or_default()),
            "body" => {
                let body = at(content, "body/content").as_str().unwrap_or_default();
                self.stands_in(&to_text(body))
            }
            field => {
                let all = at(content, &format!("{field}Recipients")).as_array();
                all.is_some_and(|all| all.iter().any(|recipient| self.names(recipient)))
            }
        }
    }

    fn names(&self, recipient: &Value) -> bool {
        let text = |path: &str| at(recipient, path).as_str().unwrap_or_default().to_owned();
        let (name, address) = (text("emailAddress/name"), text("emailAddress/address"));
        self.stands_in(&name)
            || self.stands_in(&address)
            || address.to_lowercase() == self.words.join(" ")
    }

    /// Whether the words stand in a text one after another; the last may be the beginning of one.
    fn stands_in(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        let words: Vec<_> = text
            .split(|c: char| !c.is_alphanumeric() && c != '\'')
            .filter(|w| !w.is_empty())
            .collect();
        let Some((last, first)) = self.words.split_last() else {
            return true;
        };
        words.windows(self.words.len()).any(|window| {
            let (end, start) = window.split_last().unwrap_or((&"", &[]));
            end.starts_with(last.as_str()) && start.iter().zip(first).all(|(one, two)| one == two)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::terms;

    #[test]
    fn a_search_is_read_into_terms() {
        let read = |text: &str| {
            let terms = terms(text);
            let show =
                |term: &super::Term| (term.field.clone(), term.words.join(" "), term.negated);
            terms.iter().map(show).collect::<Vec<_>>()
        };
        let field = |name: &str| Some(name.to_owned());
        assert_eq!(read("\"subject:Pizza\""), [(field("subject"), "pizza".to_owned(), false)]);
        assert_eq!(
            read("\"from:ann AND NOT lunch\""),
            [(field("from"), "ann".to_owned(), false), (None, "lunch".to_owned(), true)]
        );
        assert_eq!(
            read(r#""subject:\"has attachments\"""#),
            [(field("subject"), "has attachments".to_owned(), false)]
        );
        assert_eq!(read("10:30"), [(None, "10:30".to_owned(), false)]);
    }
}
