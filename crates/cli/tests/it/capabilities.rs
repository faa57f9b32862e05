//! Calendar, mail and meetings as people and programs ask for them: by the command line and over REST,
//! which say the same.

use reqwest::Method;
use serde_json::{Value, json};

use crate::bench::{ADELE, ALEX, Bench, Transcript};

pub(crate) fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("not JSON: {text}"))
}

impl Bench {
    /// Connects Adele's account at a provider from the terminal; gives the integration's id.
    pub(crate) async fn connect_to(&self, provider: &str, more: &[&str]) -> String {
        let connect = ["connect", provider, "--no-browser"];
        let connecting = self.start(&[&connect[..], more].concat());
        let address = connecting.line_of_stderr("https://").await;
        let back = self.sign_in(&address, ADELE).await;
        assert_eq!(self.http.get(back).send().await.unwrap().status(), 200);
        let done = connecting.done().await;
        assert_eq!(done.code, 0, "{done:?}");
        done.out.trim_end().to_owned()
    }
}

#[tokio::test]
async fn an_event_is_created_listed_and_deleted_at_the_terminal() {
    let bench = Bench::new().await;
    let id = bench.connect_to("microsoft_calendar", &[]).await;
    let create = ["calendar", &id, "create", "Planning", "--start=2030-03-27T09:00:00"];
    let zone = "--time-zone=Europe/Berlin";
    let more = ["--end=2030-03-27T10:00:00", zone, "--with", ALEX, "--where=Room 4", "--json"];
    let event = read(&bench.ok(&[&create[..], &more].concat()).await);
    assert_eq!(event["start_time"], "2030-03-27T09:00:00+01:00");
    let span = ["--from=2030-03-27", "--to=2030-03-27", zone];
    let events = [&["calendar", &id, "events"][..], &span].concat();
    let listed = read(&bench.ok(&[&events[..], &["--json"]].concat()).await);
    assert_eq!(listed["results"][0]["subject"], "Planning");
    assert_eq!(listed["next"], Value::Null);
    let table = bench.ok(&events).await;
    for part in ["START", "2030-03-27T09:00:00+01:00", "Planning", "Room 4"] {
        assert!(table.contains(part), "{part}: {table}");
    }
    let event = event["id"].as_str().unwrap();
    let shown = bench.ok(&["calendar", &id, "show", event]).await;
    assert!(shown.starts_with("Planning\nstart ") && shown.contains(ALEX), "{shown}");
    assert_eq!(bench.ok(&["calendar", &id, "delete", event]).await, "deleted");
    assert_eq!(bench.run(&["calendar", &id, "show", event]).await.code, 1);
    let calendars = bench.ok(&["calendar", &id, "calendars"]).await;
    assert!(calendars.contains("default"), "{calendars}");
}

#[tokio::test]
async fn a_message_with_a_file_is_sent_once_and_read_at_the_terminal() {
    let bench = Bench::new().await;
    let id = bench.connect_to("microsoft_outlook", &[]).await;
    std::fs::write(bench.path("notes.txt"), "hello").unwrap();
    std::fs::write(bench.path("text.txt"), "See you there.\n").unwrap();
    let command = ["mail", &id, "send", "--to", ALEX, "--subject", "Planning"];
    let files = ["--body-file=text.txt", "--attach=notes.txt", "--key=planning", "--json"];
    let command = [&command[..], &files].concat();
    let sent = read(&bench.ok(&command).await);
    assert_eq!(read(&bench.ok(&command).await)["id"], sent["id"], "it was sent twice");
    let list = ["mail", &id, "list", "--folder=sentitems"];
    let listed = read(&bench.ok(&[&list[..], &["--json"]].concat()).await);
    let sent_items = listed["results"].as_array().unwrap();
    let copies = sent_items.iter().filter(|each| each["subject"] == "Planning").count();
    assert_eq!(copies, 1, "{listed:#}");
    assert!(bench.ok(&list).await.contains("Planning"));
    let shown = bench.ok(&["mail", &id, "show", sent["id"].as_str().unwrap()]).await;
    for part in ["subject   Planning", ALEX, "notes.txt (", "See you there."] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(bench.ok(&["mail", &id, "folders"]).await.starts_with("NAME"));
}

#[tokio::test]
async fn a_meeting_has_its_link_id_and_passcode_at_the_terminal() {
    let bench = Bench::new().await;
    let id = bench.connect_to("microsoft_teams", &[]).await;
    let meet = ["meet", &id, "Planning", "--start=2030-03-27T09:00:00Z"];
    let meet = [&meet[..], &["--end=2030-03-27T10:00:00Z", "--passcode"]].concat();
    let text = bench.ok(&meet).await;
    let lines: Vec<_> = text.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(&lines[..3], ["join", "id", "passcode"], "{text}");
    let meeting = read(&bench.ok(&[&meet[..], &["--json"]].concat()).await);
    assert!(meeting["join_url"].as_str().unwrap().starts_with("https://"), "{meeting:#}");
    assert!(meeting["passcode"].is_string() && meeting["event_id"].is_null(), "{meeting:#}");
}

#[tokio::test]
async fn a_key_with_other_words_or_files_is_another_effect() {
    let bench = Bench::new().await;
    let id = bench.connect_to("microsoft_outlook", &[]).await;
    let send = ["mail", &id, "send", "--to", ALEX, "--subject", "Planning", "--key=k", "--json"];
    let send =
        async |more: &[&str]| read(&bench.ok(&[&send[..], more].concat()).await)["id"].clone();
    let first = send(&["--body=One"]).await;
    assert_eq!(send(&["--body=One"]).await, first, "it was sent twice");
    std::fs::write(bench.path("body.txt"), "One").unwrap();
    assert_eq!(send(&["--body-file=body.txt"]).await, first, "the text is the same");
    assert_ne!(send(&["--body=Two"]).await, first, "other words were not sent");
    std::fs::write(bench.path("notes.txt"), "one").unwrap();
    let attached = send(&["--body=One", "--attach=notes.txt"]).await;
    assert_ne!(attached, first, "the file was not sent");
    std::fs::write(bench.path("notes.txt"), "two").unwrap();
    let other = send(&["--body=One", "--attach=notes.txt"]).await;
    assert_ne!(other, attached, "what the file has now was not sent");
}

#[tokio::test]
async fn a_key_is_refused_where_a_repetition_would_not_be_recognised() {
    let bench = Bench::new().await;
    let id = bench.connect_to("microsoft_teams", &[]).await;
    let meet = ["meet", &id, "Planning", "--start=2030-03-27T09:00:00Z", "--key=k", "--json"];
    let meet = [&meet[..], &["--end=2030-03-27T10:00:00Z"]].concat();
    let refused = bench.run(&[&meet[..], &["--passcode"]].concat()).await;
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.err.contains("add --event"), "{refused:?}");
    let first = read(&bench.ok(&meet).await)["id"].clone();
    assert_eq!(read(&bench.ok(&meet).await)["id"], first, "it was made twice");
    let everyone = [&meet[..], &["--lobby=everyone"]].concat();
    assert_ne!(read(&bench.ok(&everyone).await)["id"], first, "another one was not made");
}

#[tokio::test]
async fn what_a_key_does_not_have_is_said_with_what_helps() {
    let bench = Bench::new().await;
    let fewer = ["--scopes", "Calendars.Read,User.Read"];
    let id = bench.connect_to("microsoft_calendar", &fewer).await;
    let mut transcript = Transcript::default();
    let create = ["calendar", &id, "create", "Planning", "--start=2030-03-27T09:00:00Z"];
    let create = [&create[..], &["--end=2030-03-27T10:00:00Z"]].concat();
    transcript.run(&bench, 3, &create).await;
    transcript.run(&bench, 3, &[&create[..], &["--json"]].concat()).await;
    transcript.run(&bench, 1, &["mail", &id]).await;
    transcript.run(&bench, 1, &["calendar", &id, "show", "nothing"]).await;
    transcript.run(&bench, 2, &["calendar", &id, "events", "--from=2030-01-01T00:00:00"]).await;
    transcript.check("capabilities");
}

#[tokio::test]
async fn rest_and_the_command_line_say_the_same() {
    let bench = Bench::new().await;
    let key = bench.user("adele").await;
    let id = bench.connect_to("microsoft_calendar", &[]).await;
    let server = bench.serve().await;
    let events = format!("/api/integrations/{id}/calendar-events/");
    let new = json!({
        "subject": "Planning",
        "start_time": "2030-03-27T09:00:00",
        "end_time": "2030-03-27T10:00:00",
        "time_zone": "Europe/Berlin",
        "recurrence": {
            "pattern": { "type": "weekly", "days": ["wednesday"] },
            "range": { "type": "numbered", "count": 3 },
        },
    });
    let created = server.call(&key, Method::POST, &events, Some(&new)).await;
    let path = created.headers["location"].to_str().unwrap();
    let path = path[path.find("/api/").unwrap()..].to_owned();
    let series = created.expect(201);
    assert_eq!(series["kind"], "series");
    let mut next = Some(format!(
        "{events}?start_date=2030-03-01&end_date=2030-04-30&limit=2&time_zone=Europe/Berlin"
    ));
    let mut found = Vec::new();
    while let Some(path) = next {
        let page = server.get(&key, &path).await.expect(200);
        found.extend(page["results"].as_array().unwrap().clone());
        next = page["next"].as_str().map(|url| url[url.find("/api/").unwrap()..].to_owned());
    }
    let starts: Vec<_> = found.iter().map(|event| event["start_time"].as_str().unwrap()).collect();
    // Clocks are put forward on the 31st of March.
    let expected =
        ["2030-03-27T09:00:00+01:00", "2030-04-03T09:00:00+02:00", "2030-04-10T09:00:00+02:00"];
    assert_eq!(starts, expected);
    let span = ["--from=2030-03-01", "--to=2030-04-30", "--time-zone=Europe/Berlin", "--json"];
    let told = bench.ok(&[&["calendar", &id, "events"][..], &span].concat()).await;
    assert_eq!(read(&told)["results"], Value::Array(found));
    let shown = server.get(&key, &path).await;
    assert_eq!(shown.headers["etag"], shown.expect(200)["version"].as_str().unwrap());
    let change = json!({ "subject": "Other" });
    let changed = server.call(&key, Method::PATCH, &path, Some(&change)).await.expect(200);
    assert_ne!(changed["version"], series["version"]);
    server.call(&key, Method::DELETE, &path, None).await.expect(204);
}
