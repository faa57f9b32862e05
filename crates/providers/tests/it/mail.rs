//! Mail: every recorded exchange of the contract, and what the adapter makes of odd answers.

use bytes::Bytes;
use evergrant::CallError;
use evergrant::capability::{
    Body, BodyFormat, Cursor, Flag, Importance, MailboxSettingsChanges, MessageChanges,
    MessageKind, MessageQuery, NewAttachment, NewMessage, Once, Person, Reply,
};
use evergrant::gateway::Denial;
use evergrant::testing::SeededEntropy;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::graph::{Desk, ROOT, answer, assert_asks, example, header, mail, query, said};

const GET: &str = "message.get.response";

fn once() -> Once {
    Once::random(&SeededEntropy::new(7))
}

fn none() -> evergrant::Response {
    said(200, &json!({ "value": [] }))
}

fn person(email: &str) -> Person {
    Person { name: None, email: Some(email.to_owned()) }
}

#[tokio::test]
async fn folders_are_listed_to_the_last_hidden_one() {
    let below = json!({ "value": [{ "id": "A/B=", "displayName": "Below", "parentFolderId":
        "AQMkADYAAAIBDAAAAA==", "childFolderCount": null, "unreadItemCount": 3, "isHidden": true }] });
    let more = format!("{ROOT}/me/mailFolders/AQMkADYAAAIBFQAAAA==/childFolders?$skip=1");
    let first = json!({ "value": [], "@odata.nextLink": more });
    let desk = Desk::scripted([
        answer("mailfolders.list.response"),
        said(200, &first),
        none(),
        said(200, &below),
    ])
    .await;
    let folders = mail(desk.api.provider()).folders(&desk.api).await.unwrap();
    let seen = desk.seen();
    assert_asks(&seen[0], "mailfolders.list.request", &["$top"]);
    assert_eq!(seen[1].uri().path(), "/v1.0/me/mailFolders/AQMkADYAAAIBFQAAAA%3D%3D/childFolders");
    assert_eq!(seen[2].uri().to_string(), more, "the next page is followed letter by letter");
    assert!(seen.iter().all(|one| header(one, "prefer").contains("ImmutableId")));
    assert_json_snapshot!("folders", folders);
}

#[tokio::test]
async fn messages_are_asked_for_as_recorded() {
    let desk = Desk::scripted([answer("messages.list.response"), none()]).await;
    let asked = MessageQuery {
        is_read: Some(false),
        since: Some("2026-09-01T00:00:00Z".parse().unwrap()),
        limit: 2,
        ..MessageQuery::default()
    };
    let mailbox = mail(desk.api.provider());
    let page = mailbox.messages(&desk.api, &asked, None).await.unwrap();
    let next = page.next.clone().unwrap();
    mailbox.messages(&desk.api, &asked, Some(&next)).await.unwrap();
    let seen = desk.seen();
    assert_asks(&seen[0], "messages.list.request", &["$select", "$count"]);
    let (_, fields) = query(&seen[0]).into_iter().find(|(name, _)| name == "$select").unwrap();
    for field in ["id", "subject", "from", "receivedDateTime", "isRead"] {
        assert!(fields.split(',').any(|one| one == field), "{field}");
    }
    assert_eq!(seen[1].uri().to_string(), next.0, "the next page is followed letter by letter");
    assert_json_snapshot!("messages", page.results);
}

#[tokio::test]
async fn a_search_takes_no_filter_and_the_rest_holds_here() {
    let desk = Desk::scripted([answer("messages.list.response")]).await;
    let asked = MessageQuery {
        folder: Some("AA/B+C=".to_owned()),
        search: Some(r#"a "b""#.to_owned()),
        until: Some("2026-10-01T00:00:00Z".parse().unwrap()),
        from: Some("alexw@CONTOSO.onmicrosoft.com".to_owned()),
        limit: 5000,
        ..MessageQuery::default()
    };
    let page = mail(desk.api.provider()).messages(&desk.api, &asked, None).await.unwrap();
    let subjects: Vec<_> = page.results.iter().map(|m| m.subject.as_deref().unwrap()).collect();
    assert_eq!(subjects, ["Quarterly numbers"]);
    let seen = desk.seen();
    assert_eq!(seen[0].uri().path(), "/v1.0/me/mailFolders/AA%2FB%2BC%3D/messages");
    let asked = query(&seen[0]);
    assert!(asked.contains(&("$search".to_owned(), r#""a \"b\"""#.to_owned())), "{asked:?}");
    assert!(asked.contains(&("$top".to_owned(), "1000".to_owned())), "{asked:?}");
    assert!(!asked.iter().any(|(name, _)| name == "$filter" || name == "$orderby"), "{asked:?}");
}

#[tokio::test]
async fn a_cursor_leads_to_its_own_list_or_nowhere() {
    let desk = Desk::scripted([none(), none()]).await;
    let mailbox = mail(desk.api.provider());
    let asked = MessageQuery { limit: 2, ..MessageQuery::default() };
    for good in ["/me/messages?$skip=2", "/users('adele@contoso.example')/messages?$skip=2"] {
        let cursor = Cursor(format!("{ROOT}{good}"));
        mailbox.messages(&desk.api, &asked, Some(&cursor)).await.unwrap();
    }
    for bad in [
        format!("{ROOT}/me/mailFolders/inbox/messages?$skip=2"),
        format!("{ROOT}/me/messages/x/attachments"),
        format!("{ROOT}/users('alex@contoso.example')/messages"),
        format!("{ROOT}/me/x/../messages/../../me/calendars"),
        "https://evil.example/v1.0/me/messages".to_owned(),
        "http://graph.microsoft.com/v1.0/me/messages".to_owned(),
        "https://me@graph.microsoft.com/v1.0/me/messages".to_owned(),
        "https://graph.microsoft.com/beta/me/messages".to_owned(),
        "/me/messages".to_owned(),
        String::new(),
    ] {
        let refused = mailbox.messages(&desk.api, &asked, Some(&Cursor(bad.clone()))).await;
        let Err(CallError::Invalid { pointer, .. }) = refused else { panic!("{bad}: {refused:?}") };
        assert_eq!(pointer, "/cursor");
    }
    assert_eq!(desk.seen().len(), 2);
    let elsewhere =
        json!({ "value": [], "@odata.nextLink": "https://evil.example/v1.0/me/messages" });
    let desk = Desk::scripted([said(200, &elsewhere)]).await;
    let refused = mail(desk.api.provider()).messages(&desk.api, &asked, None).await;
    assert!(matches!(refused, Err(CallError::Unreadable(_))), "{refused:?}");
}

#[tokio::test]
async fn a_list_without_an_end_comes_to_one() {
    let next = |skip: u8| format!("{ROOT}/me/messages/m/attachments?$skip={skip}");
    let page = |skip: u8| said(200, &json!({ "value": [], "@odata.nextLink": next(skip) }));
    let desk = Desk::scripted([page(1), page(2), page(1)]).await;
    let circular = mail(desk.api.provider()).attachments(&desk.api, "m").await;
    assert!(matches!(circular, Err(CallError::Unreadable(_))), "{circular:?}");
    let other =
        json!({ "value": [], "@odata.nextLink": format!("{ROOT}/me/messages/n/attachments") });
    let desk = Desk::scripted([said(200, &other)]).await;
    let elsewhere = mail(desk.api.provider()).attachments(&desk.api, "m").await;
    assert!(matches!(elsewhere, Err(CallError::Unreadable(_))), "the caller gave no cursor");
    // A folder that says it lies in itself.
    let itself = json!({ "value": [{ "id": "a", "displayName": "A", "childFolderCount": 1 }] });
    let desk = Desk::scripted([said(200, &itself), said(200, &itself)]).await;
    let folders = mail(desk.api.provider()).folders(&desk.api).await.unwrap();
    assert_eq!((folders.len(), desk.seen().len()), (1, 2));
}

#[tokio::test]
async fn a_message_is_read_with_its_attachments() {
    for (name, format) in [("message.get.text.response", BodyFormat::Text), (GET, BodyFormat::Html)]
    {
        let desk = Desk::scripted([answer(name), answer("attachments.list.response")]).await;
        let mailbox = mail(desk.api.provider());
        let found = mailbox.message(&desk.api, "AAMkADhMGAAA=", format).await.unwrap();
        let seen = desk.seen();
        if format == BodyFormat::Text {
            assert_asks(&seen[0], "message.get.request", &[]);
        }
        assert_asks(&seen[1], "attachments.list.request", &[]);
        let (_, fields) = query(&seen[1]).into_iter().find(|(n, _)| n == "$select").unwrap();
        assert!(!fields.contains("contentBytes"));
        assert_json_snapshot!(name, found);
    }
    let desk = Desk::scripted([answer("message.headers.response"), none()]).await;
    let found = mail(desk.api.provider()).message(&desk.api, "x", BodyFormat::Text).await.unwrap();
    assert!(found.extra.contains_key("internetMessageHeaders"), "{:?}", found.extra);
}

#[tokio::test]
async fn words_and_members_that_are_new_over_there_are_kept() {
    let odd = json!({
        "@odata.type": "#microsoft.graph.eventMessageResponse",
        "meetingMessageType": "MEETINGTENATIVELYACCEPTED",
        "id": "x", "importance": "URGENT", "flag": { "flagStatus": "FLAGGED", "dueDateTime": null },
        "inferenceClassification": "OTHER", "toRecipients": null, "categories": null, "isRead": null,
        "from": { "emailAddress": null }, "sender": { "emailAddress": { "name": "", "address": null } },
        "receivedDateTime": "yesterday", "body": { "contentType": null, "content": null },
        "mood": { "is": "new" }, "mood@odata.type": "#x",
    });
    let desk = Desk::scripted([said(200, &odd), none()]).await;
    let found = mail(desk.api.provider()).message(&desk.api, "x", BodyFormat::Html).await.unwrap();
    assert_eq!(found.kind, MessageKind::MeetingTentative);
    assert_eq!(found.importance, Importance::Other("URGENT".to_owned()));
    assert_eq!((found.flag, found.is_read, found.received_at), (Flag::Flagged, false, None));
    assert_eq!((found.from, found.sender), (None, None));
    assert_eq!(found.extra, json!({ "mood": { "is": "new" } }).as_object().cloned().unwrap());
    for (odata, kind) in [
        ("#microsoft.graph.message", MessageKind::Message),
        ("#microsoft.graph.eventMessageRequest", MessageKind::MeetingRequest),
        ("#microsoft.graph.brandNew", MessageKind::Other("brandNew".to_owned())),
    ] {
        let listed = json!({ "value": [{ "id": "x", "@odata.type": odata }] });
        let desk = Desk::scripted([said(200, &listed)]).await;
        let asked = MessageQuery::default();
        let page = mail(desk.api.provider()).messages(&desk.api, &asked, None).await.unwrap();
        assert_eq!(page.results[0].kind, kind);
    }
}

#[tokio::test]
async fn a_draft_is_created_as_recorded() {
    let desk = Desk::scripted([none(), answer("message.createdraft.response")]).await;
    let message = NewMessage {
        subject: "Did you see last night's game?".to_owned(),
        importance: Some(Importance::Low),
        body: Some(Body {
            format: BodyFormat::Html,
            content: "They were <b>awesome</b>!".to_owned(),
        }),
        to: vec![person("AdeleV@contoso.onmicrosoft.com")],
        ..NewMessage::default()
    };
    let made = mail(desk.api.provider()).create_draft(&desk.api, once(), &message).await.unwrap();
    assert_asks(&desk.seen()[1], "message.createdraft.request", &[]);
    assert_json_snapshot!("draft", made);
}

#[tokio::test]
async fn an_answer_is_a_draft_that_is_sent_as_recorded() {
    let draft = json!({ "id": "AAMkAGVmDRAFT=", "isDraft": true, "internetMessageId": "<a@b>" });
    let desk = Desk::scripted([
        none(),
        answer("message.createreply.response"),
        said(200, &draft),
        answer("action.202.response"),
    ])
    .await;
    let reply = Reply {
        body: Some(Body { format: BodyFormat::Text, content: "Thanks, more tomorrow.".to_owned() }),
        ..Reply::default()
    };
    let mailbox = mail(desk.api.provider());
    let sent = mailbox.reply(&desk.api, once(), "AAMkADhMGAAA=", &reply).await.unwrap();
    assert_eq!((&*sent.id, sent.message_id.as_deref()), ("AAMkAGVmDRAFT=", Some("<a@b>")));
    let seen = desk.seen();
    assert_asks(&seen[1], "message.createreply.request", &[]);
    assert_eq!(seen[2].method(), "PATCH");
    assert_asks(&seen[3], "message.send.request", &[]);
}

#[tokio::test]
async fn messages_are_changed_and_moved_as_recorded() {
    let desk = Desk::scripted([
        answer("message.markread.response"),
        answer("message.move.response"),
        answer("message.move.response"),
        answer("message.delete.response"),
    ])
    .await;
    let mailbox = mail(desk.api.provider());
    let id = "AAMkADhMGAAA=";
    let read = MessageChanges { is_read: Some(true), ..MessageChanges::default() };
    let version = "W/\"CQAAABYAAAC4ofQHEIqCSbQPot83AFcbAAAnjjuZ\"";
    let changed = mailbox.update_message(&desk.api, id, &read, Some(version)).await.unwrap();
    let moved = mailbox.move_message(&desk.api, id, "deleteditems").await.unwrap();
    mailbox.delete_message(&desk.api, id, false).await.unwrap();
    mailbox.delete_message(&desk.api, id, true).await.unwrap();
    let seen = desk.seen();
    assert_asks(&seen[0], "message.markread.request", &[]);
    assert_asks(&seen[1], "message.move.request", &[]);
    // A repeated DELETE would remove for good what the first one moved.
    assert_asks(&seen[2], "message.move.request", &[]);
    assert_eq!(seen[3].uri().path(), "/v1.0/me/messages/AAMkADhMGAAA%3D/permanentDelete");
    assert_eq!((changed.is_read, &*moved.id), (true, "AAMkADhMOVED="));
}

#[tokio::test]
async fn a_small_file_is_attached_as_recorded() {
    let desk = Desk::scripted([none(), answer("attachment.small.response")]).await;
    let file = NewAttachment {
        name: "menu.txt".to_owned(),
        content_type: None,
        content: Bytes::from_static(b"mac and cheese today"),
        content_id: None,
    };
    let mailbox = mail(desk.api.provider());
    let attached = mailbox.attach(&desk.api, "AAMkAGVmDRAFT=", &file).await.unwrap();
    assert_asks(&desk.seen()[1], "attachment.small.request", &[]);
    assert_json_snapshot!("attachment", attached);
}

#[tokio::test]
async fn a_large_file_is_uploaded_as_recorded() {
    let there = json!({ "value": [{ "id": "new", "name": "flower", "size": 3_483_322 }] });
    let desk = Desk::scripted([
        none(),
        answer("attachment.uploadsession.create.response"),
        answer("attachment.uploadsession.put1.response"),
        answer("attachment.uploadsession.put2.response"),
        said(200, &there),
    ])
    .await;
    let file = NewAttachment {
        name: "flower".to_owned(),
        content_type: None,
        content: Bytes::from(vec![1; 3_483_322]),
        content_id: None,
    };
    let mailbox = mail(desk.api.provider());
    let attached = mailbox.attach(&desk.api, "AAMkADI5MAAIT3drCAAA=", &file).await.unwrap();
    assert_eq!(attached.id, "new");
    let seen = desk.seen();
    assert_asks(&seen[1], "attachment.uploadsession.create.request", &[]);
    // The first part is larger than the recorded one; the recorded answer asks for the rest of that.
    for (put, name) in [(2, "put1"), (3, "put2")] {
        let recorded = example(&format!("attachment.uploadsession.{name}.request"));
        let recorded = &recorded["request"];
        assert_eq!(seen[put].uri().to_string(), recorded["url"].as_str().unwrap());
        assert_eq!(seen[put].method(), "PUT");
        assert_eq!(header(&seen[put], "content-type"), "application/octet-stream");
        assert_eq!(header(&seen[put], "authorization"), "", "the address is the permission");
    }
    let recorded = example("attachment.uploadsession.put2.request");
    for name in ["Content-Range", "Content-Length"] {
        assert_eq!(header(&seen[3], name), recorded["request"]["headers"][name]);
    }
}

#[tokio::test]
async fn a_part_that_is_there_already_is_not_sent_again() {
    let there = json!({ "value": [{ "id": "new", "name": "flower", "size": 3_700_000 }] });
    let twice = json!({ "error": { "code": "invalidRange", "message": "It is there." } });
    let desk = Desk::scripted([
        none(),
        answer("attachment.uploadsession.create.response"),
        said(416, &twice),
        said(200, &json!({ "nextExpectedRanges": ["3604480-"] })),
        answer("attachment.uploadsession.put2.response"),
        said(200, &there),
    ])
    .await;
    let file = NewAttachment {
        name: "flower".to_owned(),
        content_type: None,
        content: Bytes::from(vec![1; 3_700_000]),
        content_id: None,
    };
    let mailbox = mail(desk.api.provider());
    desk.run(mailbox.attach(&desk.api, "m", &file)).await.unwrap();
    let ranges: Vec<_> =
        desk.seen().iter().map(|asked| header(asked, "content-range").to_owned()).collect();
    assert_eq!(
        ranges,
        ["", "", "bytes 0-3604479/3700000", "", "bytes 3604480-3699999/3700000", ""]
    );
}

#[tokio::test]
async fn an_attachments_content_is_its_bytes_and_a_link_has_none() {
    let (file, link) = (
        json!({ "id": "a/", "@odata.type": "#microsoft.graph.itemAttachment", "size": 5 }),
        json!({ "id": "a", "@odata.type": "#microsoft.graph.referenceAttachment" }),
    );
    let content = http::Response::new(Bytes::from_static(b"MIME-Version: 1.0"));
    let desk = Desk::scripted([said(200, &file), content, said(200, &link)]).await;
    let mailbox = mail(desk.api.provider());
    let found = mailbox.attachment(&desk.api, "m", "a/").await.unwrap();
    let bytes = mailbox.content(&desk.api, "m", &found).await.unwrap();
    assert_eq!(bytes, "MIME-Version: 1.0");
    let seen = desk.seen();
    assert_eq!(seen[1].uri().path(), "/v1.0/me/messages/m/attachments/a%2F/$value");
    let allowed = seen[1].extensions().get::<evergrant::Allowance>().unwrap();
    assert!(allowed.body >= 150 << 20);
    let link = mailbox.attachment(&desk.api, "m", "a").await.unwrap();
    let refused = mailbox.content(&desk.api, "m", &link).await;
    let denied = matches!(refused, Err(CallError::Denied { denial: Denial::Input, .. }));
    assert!(denied, "{refused:?}");
}

#[tokio::test]
async fn settings_are_read_and_changed_as_recorded() {
    let get = || answer("mailboxsettings.get.response");
    let desk =
        Desk::scripted([get(), said(200, &json!({})), get(), said(200, &json!({})), get()]).await;
    let mailbox = mail(desk.api.provider());
    let settings = mailbox.settings(&desk.api).await.unwrap();
    let zone = Some("Europe/Berlin".parse().unwrap());
    let changes = MailboxSettingsChanges { time_zone: zone, ..MailboxSettingsChanges::default() };
    mailbox.update_settings(&desk.api, &changes).await.unwrap();
    // What was read can be written: it says the same over there.
    let same: Value = json!({
        "language": settings.language,
        "working_hours": settings.working_hours,
        "automatic_replies": settings.automatic_replies,
    });
    let same: MailboxSettingsChanges = serde_json::from_value(same).unwrap();
    mailbox.update_settings(&desk.api, &same).await.unwrap();
    let seen = desk.seen();
    assert_asks(&seen[0], "mailboxsettings.get.request", &[]);
    assert_asks(&seen[1], "mailboxsettings.patch.request", &[]);
    let sent: Value = serde_json::from_slice(seen[3].body()).unwrap();
    let mut recorded = example("mailboxsettings.get.response")["response"]["body"].take();
    recorded["workingHours"]["timeZone"]["name"] = "America/Los_Angeles".into();
    recorded["language"] = json!({ "locale": "en-US" });
    for part in ["automaticRepliesSetting", "workingHours", "language"] {
        assert_eq!(sent[part], recorded[part]);
    }
    assert_json_snapshot!("settings", settings);
}

#[tokio::test]
async fn mail_is_one_keys_alone() {
    for (key, has) in
        [("microsoft_outlook", true), ("microsoft_calendar", false), ("microsoft_teams", false)]
    {
        let desk = Desk::new(key, "User.Read", |_| panic!("nobody asks")).await;
        assert_eq!(desk.api.provider().mail().is_some(), has, "{key}");
    }
}
