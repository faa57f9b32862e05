//! What is sent is sent once: whatever is lost, and wherever our process dies.

use bytes::Bytes;
use evergrant::capability::{
    Body, BodyFormat, Forward, NewAttachment, NewMessage, Once, Person, Reply, Sent,
};
use evergrant::gateway::Denial;
use evergrant::testing::SeededEntropy;
use evergrant::{CallError, TransportError};
use serde_json::{Value, json};

use crate::graph::{Desk, MAIL, mail, said};
use crate::mailbox::{Delivery, Fault, Mailbox};

const THEIRS: &str = "AAMk/their+message=";

fn once() -> Once {
    Once::random(&SeededEntropy::new(7))
}

fn person(email: &str) -> Person {
    Person { name: None, email: Some(email.to_owned()) }
}

fn file(name: &str, bytes: usize) -> NewAttachment {
    NewAttachment {
        name: name.to_owned(),
        content_type: None,
        content: Bytes::from(vec![b'x'; bytes]),
        content_id: None,
    }
}

fn html(text: &str) -> Body {
    Body { format: BodyFormat::Html, content: text.to_owned() }
}

/// What is sent in three ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Send,
    Reply,
    Forward,
}

impl Way {
    const ALL: [Self; 3] = [Self::Send, Self::Reply, Self::Forward];

    async fn go(self, desk: &Desk) -> Result<Sent, CallError> {
        let (provider, api) = (desk.api.provider(), &desk.api);
        let mail = mail(provider);
        // One that fits into the draft, one that is uploaded in two parts, and one after it.
        let files = vec![file("notes.txt", 1000), file("large.bin", 3_700_000), file("b.txt", 9)];
        match self {
            Self::Send => {
                let message = NewMessage {
                    to: vec![person("alex@example.com")],
                    subject: "Planning".to_owned(),
                    body: Some(html("<p>See you.</p>")),
                    attachments: files,
                    ..NewMessage::default()
                };
                desk.run(mail.send(api, once(), &message)).await
            }
            Self::Reply => {
                let reply = Reply {
                    body: Some(html("<p>Yes.</p>")),
                    all: true,
                    cc: vec![person("more@example.com")],
                    attachments: files,
                    ..Reply::default()
                };
                desk.run(mail.reply(api, once(), THEIRS, &reply)).await
            }
            Self::Forward => {
                let forward = Forward {
                    to: vec![person("dana@example.com")],
                    body: Some(html("<p>FYI.</p>")),
                    attachments: files,
                    ..Forward::default()
                };
                desk.run(mail.forward(api, once(), THEIRS, &forward)).await
            }
        }
    }

    fn assert_whole(self, delivery: &Delivery, at: &str) {
        let mut names: Vec<&str> = delivery.attachments.iter().map(|(name, _)| &**name).collect();
        names.sort_unstable();
        let fields = serde_json::to_string(&delivery.fields).unwrap();
        match self {
            Self::Send => assert_eq!(names, ["b.txt", "large.bin", "notes.txt"], "{at}"),
            Self::Reply => {
                assert_eq!(names, ["b.txt", "large.bin", "notes.txt"], "{at}");
                assert!(fields.contains("<body><p>Yes.</p>quoted</body>"), "{at}: {fields}");
                assert!(fields.contains("cc@example.com"), "{at}: {fields}");
                assert!(fields.contains("more@example.com"), "{at}: {fields}");
            }
            // The message's own file has the name of one of ours.
            Self::Forward => {
                assert_eq!(names, ["b.txt", "large.bin", "notes.txt", "notes.txt"], "{at}");
                assert!(fields.contains("dana@example.com"), "{at}: {fields}");
            }
        }
        let large = delivery.attachments.iter().find(|(name, _)| name == "large.bin");
        assert_eq!(large.map(|(_, size)| *size), Some(3_700_000), "{at}");
        let id = delivery.fields["internetMessageId"].as_str().unwrap();
        assert_eq!(id, format!("<{}@contoso.example>", once()), "{at}");
    }
}

async fn desk(mailbox: &Mailbox) -> Desk {
    let there = mailbox.clone();
    Desk::new("microsoft_outlook", MAIL, move |request| there.answer(request)).await
}

/// Sends until it succeeds, as a caller does that repeats what failed, from a new process each time.
/// Says also how often it failed.
async fn persist(way: Way, mailbox: &Mailbox, at: &str) -> (Sent, usize) {
    for failed in 0..3 {
        match way.go(&desk(mailbox).await).await {
            Ok(sent) => return (sent, failed),
            Err(
                CallError::Unavailable { .. }
                | CallError::OutcomeUnknown { .. }
                | CallError::Throttled { .. },
            ) => mailbox.fail(None),
            Err(other) => panic!("{at}: {other:?}"),
        }
    }
    panic!("{at}: it never succeeds")
}

#[tokio::test]
async fn whatever_is_lost_the_message_goes_out_once_and_whole() {
    for way in Way::ALL {
        let mailbox = Mailbox::with(THEIRS);
        let first = desk(&mailbox).await;
        let sent = way.go(&first).await.unwrap();
        assert!(sent.message_id.is_some() && sent.conversation_id.is_some());
        let steps = mailbox.requests();
        assert_eq!((mailbox.delivered().len(), mailbox.drafts()), (1, 0), "{way:?}");
        way.assert_whole(&mailbox.delivered()[0], "without a fault");
        for step in 0..steps {
            for fault in [
                Fault::RequestLost(step),
                Fault::AnswerLost(step),
                Fault::Down(step),
                Fault::DiesBefore(step),
                Fault::DiesAfter(step),
            ] {
                let at = format!("{way:?} {fault:?}");
                let mailbox = Mailbox::with(THEIRS);
                mailbox.fail(Some(fault));
                let (sent, failed) = persist(way, &mailbox, &at).await;
                // What creates or sends is found out about; the caller never learns of it. What may be
                // repeated without that is repeated further down.
                let asked = &first.seen()[step];
                let acts = ["POST", "PUT"].contains(&asked.method().as_str())
                    && !asked.uri().path().ends_with("createUploadSession");
                let lives = !matches!(fault, Fault::DiesBefore(_) | Fault::DiesAfter(_));
                assert!(failed == 0 || !(acts && lives), "{at}: {}", asked.uri());
                let delivered = mailbox.delivered();
                assert_eq!(delivered.len(), 1, "{at}");
                way.assert_whole(&delivered[0], &at);
                // A draft whose creation's answer was lost may stay, unsent.
                assert!(mailbox.drafts() <= usize::from(way != Way::Send), "{at}");
                // Asked for once more, it is the same message.
                mailbox.fail(None);
                let again = way.go(&desk(&mailbox).await).await.unwrap();
                assert_eq!(again, sent, "{at}");
                assert_eq!(mailbox.delivered().len(), 1, "{at}");
            }
        }
    }
}

#[tokio::test]
async fn where_the_mailbox_cannot_be_asked_the_outcome_is_unknown() {
    let mailbox = Mailbox::with(THEIRS);
    let plain = NewMessage { to: vec![person("alex@example.com")], ..NewMessage::default() };
    // Looked for, created, sent: the third request reaches the mailbox, nothing after it does.
    mailbox.fail(Some(Fault::DiesAfter(2)));
    let first = desk(&mailbox).await;
    let outcome = first.run(mail(first.api.provider()).send(&first.api, once(), &plain)).await;
    assert!(matches!(outcome, Err(CallError::OutcomeUnknown { .. })), "{outcome:?}");
    mailbox.fail(None);
    let second = desk(&mailbox).await;
    second.run(mail(second.api.provider()).send(&second.api, once(), &plain)).await.unwrap();
    assert_eq!(mailbox.delivered().len(), 1);
}

#[tokio::test]
async fn a_sending_that_takes_effect_late_is_not_repeated() {
    let draft = |is_draft: bool| said(200, &json!({ "id": "d", "isDraft": is_draft }));
    let gone = json!({ "error": { "code": "ErrorItemNotFound", "message": "Sent." } });
    let desk = Desk::scripted([
        draft(true),
        said(504, &Value::Null),
        draft(true),
        said(404, &gone),
        draft(false),
    ])
    .await;
    let sent =
        desk.run(mail(desk.api.provider()).send_draft(&desk.api, once(), "d")).await.unwrap();
    assert_eq!((&*sent.id, desk.seen().len()), ("d", 5));
}

#[tokio::test]
async fn a_repetition_takes_a_draft_that_was_sent_as_sent() {
    let draft = |is_draft: bool| said(200, &json!({ "id": "d", "isDraft": is_draft }));
    let again = async |desk: &Desk| {
        let mail = mail(desk.api.provider());
        desk.run(mail.send_draft(&desk.api, once().again(), "d")).await
    };
    let desk = Desk::scripted([draft(false)]).await;
    assert_eq!((again(&desk).await.unwrap().id, desk.seen().len()), ("d".to_owned(), 1));
    let desk = Desk::scripted([draft(true), said(202, &Value::Null)]).await;
    again(&desk).await.unwrap();
    assert_eq!(desk.seen().len(), 2);
    // Perhaps it was sent, and no copy of it is kept.
    let gone = json!({ "error": { "code": "ErrorItemNotFound", "message": "Gone." } });
    let desk = Desk::scripted([said(404, &gone)]).await;
    let unknown = again(&desk).await;
    assert!(matches!(unknown, Err(CallError::OutcomeUnknown { .. })), "{unknown:?}");
}

#[tokio::test]
async fn what_is_not_a_draft_is_not_sent() {
    let received = said(200, &json!({ "id": "d", "isDraft": false }));
    let desk = Desk::scripted([received]).await;
    let refused = mail(desk.api.provider()).send_draft(&desk.api, once(), "d").await;
    let denied = matches!(refused, Err(CallError::Denied { denial: Denial::Conflict, .. }));
    assert!(denied, "{refused:?}");
}

#[tokio::test]
async fn what_came_in_under_a_name_of_ours_does_not_count_as_sent() {
    let plain = NewMessage { to: vec![person("alex@example.com")], ..NewMessage::default() };
    let from = |email: &str| {
        let from = json!({ "emailAddress": { "address": email } });
        let message = json!({ "id": email, "isDraft": false, "from": from });
        said(200, &json!({ "value": [message] }))
    };
    let none = || said(200, &json!({ "value": [] }));
    let draft = said(201, &json!({ "id": "d", "isDraft": true }));
    let spoof = [from("evil@example.com"), none(), none(), draft, said(202, &Value::Null)];
    let desk = Desk::scripted(spoof).await;
    let sent = desk.run(mail(desk.api.provider()).send(&desk.api, once(), &plain)).await.unwrap();
    assert_eq!((&*sent.id, desk.seen().len()), ("d", 5));
    // Under another address of the account's own: it lies in the sent items.
    let other = "sales@contoso.example";
    let desk = Desk::scripted([from(other), from(other)]).await;
    let sent = desk.run(mail(desk.api.provider()).send(&desk.api, once(), &plain)).await.unwrap();
    assert_eq!((&*sent.id, desk.seen().len()), (other, 2));
    let own = desk.api.account().username.clone().unwrap().to_uppercase();
    let desk = Desk::scripted([from(&own)]).await;
    let sent = desk.run(mail(desk.api.provider()).send(&desk.api, once(), &plain)).await.unwrap();
    assert_eq!((&*sent.id, desk.seen().len()), (&*own, 1));
}

#[tokio::test]
async fn a_draft_whose_answer_was_lost_is_given_whole() {
    let mailbox = Mailbox::with(THEIRS);
    mailbox.fail(Some(Fault::AnswerLost(1)));
    let desk = desk(&mailbox).await;
    let message = NewMessage {
        to: vec![person("alex@example.com")],
        subject: "Planning".to_owned(),
        ..NewMessage::default()
    };
    let work = mail(desk.api.provider()).create_draft(&desk.api, once(), &message);
    desk.run(work).await.unwrap();
    let (path, asked) = ("/v1.0/me/messages/m%2F1%2B%3D", desk.seen());
    let last: Vec<_> = asked.iter().filter(|asked| asked.uri().path() == path).collect();
    assert_eq!(last.len(), 1, "{asked:?}");
    assert_eq!(last[0].uri().query(), None, "with all its members");
}

#[tokio::test]
async fn what_may_have_left_without_an_answer_is_unknown_and_what_did_not_is_not() {
    let plain = NewMessage { to: vec![person("alex@example.com")], ..NewMessage::default() };
    for left in [true, false] {
        let desk = Desk::new("microsoft_outlook", MAIL, move |request| {
            if request.method() == "GET" {
                return Ok(said(200, &json!({ "value": [] })));
            }
            let (host, detail) = ("graph.microsoft.com".to_owned(), "lost".to_owned());
            Err(if left {
                TransportError::Unanswered { host, detail }
            } else {
                TransportError::Unsent { host, detail }
            })
        })
        .await;
        let mailbox = mail(desk.api.provider());
        let made = desk.run(mailbox.create_draft(&desk.api, once(), &plain)).await.map(drop);
        let file = file("a.txt", 10);
        let attached = desk.run(mailbox.attach(&desk.api, "m", &file)).await.map(drop);
        for outcome in [made, attached] {
            let unknown = matches!(outcome, Err(CallError::OutcomeUnknown { .. }));
            let told =
                if left { unknown } else { matches!(outcome, Err(CallError::Unavailable { .. })) };
            assert!(told, "{left}: {outcome:?}");
        }
    }
}
