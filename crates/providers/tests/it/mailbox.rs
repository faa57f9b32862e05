//! A mailbox over there, as far as sending needs one: it is what judges, not what the adapter says.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evergrant::{Request, Response, TransportError};
use serde_json::{Map, Value, json};

use crate::graph::{Answer, decoded, header, query, said, unanswered};

/// What goes wrong, by the number of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is lost on its way there.
    RequestLost(usize),
    /// It has its effect, the answer is lost.
    AnswerLost(usize),
    /// The service is down for it.
    Down(usize),
    /// Our process dies before it.
    DiesBefore(usize),
    /// Our process dies after its effect.
    DiesAfter(usize),
}

#[derive(Debug, Clone)]
struct Item {
    fields: Map<String, Value>,
    attachments: Vec<(String, usize)>,
    draft: bool,
}

/// What was delivered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Delivery {
    pub(crate) fields: Map<String, Value>,
    /// Names and sizes.
    pub(crate) attachments: Vec<(String, usize)>,
}

#[derive(Default)]
struct State {
    items: BTreeMap<String, Item>,
    uploads: BTreeMap<String, (String, String, usize, usize)>,
    delivered: Vec<Delivery>,
    requests: usize,
    fault: Option<Fault>,
    dead: bool,
}

/// A mailbox, its mail that went out, and what goes wrong with requests to it.
#[derive(Clone, Default)]
pub(crate) struct Mailbox(Arc<Mutex<State>>);

impl Mailbox {
    /// One with a received message of this id and a file in it.
    pub(crate) fn with(id: &str) -> Self {
        let mailbox = Self::default();
        let fields = json!({
            "subject": "Concert", "internetMessageId": "<theirs@example.com>",
            "from": { "emailAddress": { "address": "alex@example.com" } },
            "ccRecipients": [{ "emailAddress": { "address": "cc@example.com" } }],
        });
        let fields = fields.as_object().cloned().unwrap();
        let attachments = vec![("notes.txt".to_owned(), 2000)];
        mailbox
            .0
            .lock()
            .unwrap()
            .items
            .insert(id.into(), Item { fields, attachments, draft: false });
        mailbox
    }

    pub(crate) fn fail(&self, fault: Option<Fault>) {
        let mut state = self.0.lock().unwrap();
        (state.fault, state.requests, state.dead) = (fault, 0, false);
    }

    /// How many requests there were since the last [`Self::fail`].
    pub(crate) fn requests(&self) -> usize {
        self.0.lock().unwrap().requests
    }

    pub(crate) fn delivered(&self) -> Vec<Delivery> {
        self.0.lock().unwrap().delivered.clone()
    }

    pub(crate) fn drafts(&self) -> usize {
        self.0.lock().unwrap().items.values().filter(|item| item.draft).count()
    }

    pub(crate) fn answer(&self, request: &Request) -> Answer {
        let mut state = self.0.lock().unwrap();
        let n = state.requests;
        state.requests += 1;
        let unsent = || {
            let host = request.uri().host().unwrap().to_owned();
            TransportError::Unsent { host, detail: "dead".to_owned() }
        };
        if state.dead {
            return Err(unsent());
        }
        match state.fault {
            Some(Fault::RequestLost(at)) if at == n => Err(unanswered()),
            Some(Fault::Down(at)) if at == n => Ok(said(503, &Value::Null)),
            Some(Fault::DiesBefore(at)) if at == n => {
                state.dead = true;
                Err(unsent())
            }
            Some(Fault::DiesAfter(at)) if at == n => {
                state.dead = true;
                drop(state.serve(request));
                Err(unsent())
            }
            Some(Fault::AnswerLost(at)) if at == n => {
                drop(state.serve(request));
                Err(unanswered())
            }
            _ => Ok(state.serve(request)),
        }
    }
}

impl State {
    fn serve(&mut self, request: &Request) -> Response {
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        if request.uri().host() == Some("outlook.office.com") {
            return self.upload(request);
        }
        let path = request.uri().path().strip_prefix("/v1.0/me/").unwrap();
        let path: Vec<String> = path.split('/').map(decoded).collect();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match (request.method().as_str(), &*path) {
            ("GET", ["messages"] | ["mailFolders", "sentitems", "messages"]) => {
                let sent = path.len() > 1;
                let (_, filter) = query(request).into_iter().find(|(n, _)| n == "$filter").unwrap();
                let wanted = filter.strip_prefix("internetMessageId eq ").unwrap();
                let wanted = wanted.trim_matches('\'');
                let found = self.items.iter().filter(|(_, item)| {
                    item.fields["internetMessageId"] == wanted && !(sent && item.draft)
                });
                let value: Vec<Value> = found.map(|(id, item)| shown(id, item)).collect();
                said(200, &json!({ "value": value }))
            }
            ("POST", ["messages"]) => self.create(body.as_object().unwrap().clone(), vec![]),
            ("POST", ["messages", id, action])
                if ["createReply", "createReplyAll", "createForward"].contains(action) =>
            {
                let original = self.items[*id].clone();
                let mut fields = body.as_object().unwrap().clone();
                fields
                    .insert("subject".into(), format!("RE: {}", original.fields["subject"]).into());
                let quoted = json!({ "contentType": "html", "content": "<body>quoted</body>" });
                fields.insert("body".into(), quoted);
                let forward = *action == "createForward";
                if !forward {
                    fields.insert("toRecipients".into(), json!([original.fields["from"]]));
                }
                if *action == "createReplyAll" {
                    fields.insert("ccRecipients".into(), original.fields["ccRecipients"].clone());
                }
                self.create(fields, if forward { original.attachments } else { vec![] })
            }
            ("POST", ["messages", id, "send"]) => match self.items.get_mut(*id) {
                Some(item) if item.draft => {
                    item.draft = false;
                    let Item { fields, attachments, .. } = item.clone();
                    self.delivered.push(Delivery { fields, attachments });
                    said(202, &Value::Null)
                }
                _ => error(404, "ErrorItemNotFound"),
            },
            ("POST", ["messages", id, "attachments"]) => {
                let name = body["name"].as_str().unwrap().to_owned();
                let bytes = STANDARD.decode(body["contentBytes"].as_str().unwrap()).unwrap();
                let held = &mut self.items.get_mut(*id).unwrap().attachments;
                held.push((name, bytes.len()));
                said(201, &attachment(held.len() - 1, held.last().unwrap()))
            }
            ("GET", ["messages", id, "attachments"]) => {
                let held = self.items[*id].attachments.iter().enumerate();
                let value: Vec<Value> = held.map(|(n, one)| attachment(n, one)).collect();
                said(200, &json!({ "value": value }))
            }
            ("POST", ["messages", id, "attachments", "createUploadSession"]) => {
                let item = &body["AttachmentItem"];
                let name = item["name"].as_str().unwrap().to_owned();
                let size = usize::try_from(item["size"].as_u64().unwrap()).unwrap();
                let key = format!("/u{}", self.uploads.len());
                let url = format!("https://outlook.office.com{key}?authtoken=secret");
                self.uploads.insert(key, ((*id).to_owned(), name, size, 0));
                said(201, &json!({ "uploadUrl": url, "nextExpectedRanges": ["0-"] }))
            }
            ("GET", ["messages", id]) => match self.items.get(*id) {
                Some(item) => said(200, &shown(id, item)),
                None => error(404, "ErrorItemNotFound"),
            },
            ("PATCH", ["messages", id]) => {
                let item = self.items.get_mut(*id).unwrap();
                assert!(item.draft, "only drafts are changed");
                item.fields.extend(body.as_object().unwrap().clone());
                said(200, &shown(id, item))
            }
            (method, path) => panic!("nobody asks {method} {path:?}"),
        }
    }

    fn create(&mut self, mut fields: Map<String, Value>, own: Vec<(String, usize)>) -> Response {
        let id = format!("m/{}+=", self.items.len());
        let with = fields.remove("attachments").unwrap_or_default();
        let with = with.as_array().cloned().unwrap_or_default();
        let with = with.iter().map(|one| {
            let bytes = STANDARD.decode(one["contentBytes"].as_str().unwrap()).unwrap();
            (one["name"].as_str().unwrap().to_owned(), bytes.len())
        });
        let attachments = own.into_iter().chain(with).collect();
        fields.entry("internetMessageId").or_insert_with(|| format!("<{id}@outlook>").into());
        let item = Item { fields, attachments, draft: true };
        let answer = said(201, &shown(&id, &item));
        self.items.insert(id, item);
        answer
    }

    fn upload(&mut self, request: &Request) -> Response {
        assert!(!request.headers().contains_key("authorization"), "no token leaves Graph");
        let key = request.uri().path().to_owned();
        let Some((id, name, size, have)) = self.uploads.get_mut(&key) else {
            return error(404, "ErrorItemNotFound");
        };
        if request.method() == "PUT" {
            let range = header(request, "content-range").strip_prefix("bytes ").unwrap();
            let (from, rest) = range.split_once('-').unwrap();
            let (last, total) = rest.split_once('/').unwrap();
            let number = |text: &str| text.parse::<usize>().unwrap();
            let length = number(last) + 1 - number(from);
            assert_eq!((number(total), length), (*size, request.body().len()));
            assert!(length < 4_000_000 && (length % 327_680 == 0 || number(last) + 1 == *size));
            if number(from) != *have {
                return error(416, "invalidRange");
            }
            *have += length;
            if have == size {
                let held = &mut self.items.get_mut(&*id).unwrap().attachments;
                held.push((name.clone(), *size));
                self.uploads.remove(&key);
                return said(201, &Value::Null);
            }
        }
        said(200, &json!({ "nextExpectedRanges": [have.to_string()] }))
    }
}

fn shown(id: &str, item: &Item) -> Value {
    let mut fields = item.fields.clone();
    fields.insert("id".into(), id.into());
    fields.insert("isDraft".into(), item.draft.into());
    fields.insert("conversationId".into(), "c".into());
    fields.into()
}

fn attachment(n: usize, (name, size): &(String, usize)) -> Value {
    // The provider counts what it wraps a file in, too.
    json!({
        "@odata.type": "#microsoft.graph.fileAttachment",
        "id": format!("a/{n}"), "name": name, "size": size + 300,
    })
}

fn error(status: u16, code: &str) -> Response {
    said(status, &json!({ "error": { "code": code, "message": "Refused." } }))
}
