//! Mail, calendar and meetings at the terminal, word for word: what is typed and what is printed, for
//! people and as JSON, with a real sandbox behind it.

use crate::bench::{ADELE, ALEX, Bench, Transcript};
use crate::capabilities::read;

/// The id in an answer.
fn id_of(text: &str) -> String {
    read(text)["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn mail_is_written_answered_filed_and_its_files_saved() {
    let bench = Bench::new().await;
    let id = bench.connect_to("microsoft_outlook", &[]).await;
    std::fs::write(bench.path("notes.txt"), "hello").unwrap();
    let mut transcript = Transcript::default();
    let mut mail = async |code, arguments: &[&str]| {
        transcript.run(&bench, code, &[&["mail", &id][..], arguments].concat()).await
    };
    let draft = ["draft", "--to", ADELE, "--subject=Notes", "--body=See below.", "--json"];
    let draft = id_of(&mail(0, &draft).await);
    mail(0, &["attach", &draft, "notes.txt"]).await;
    mail(0, &["send-draft", &draft]).await;
    let listed = bench.ok(&["mail", &id, "list", "--from", ADELE, "--json"]).await;
    let message = read(&listed)["results"][0].clone();
    assert_eq!(message["subject"], "Notes", "{listed}");
    let message = message["id"].as_str().unwrap();
    mail(0, &["attachments", message]).await;
    let file = read(&mail(0, &["attachments", message, "--json"]).await);
    let file = file["results"][0]["id"].as_str().unwrap();
    mail(2, &["save", message, file]).await;
    assert_eq!(std::fs::read_to_string(bench.path("notes.txt")).unwrap(), "hello");
    std::fs::remove_file(bench.path("notes.txt")).unwrap();
    mail(0, &["save", message, file]).await;
    mail(0, &["save", message, file, "--to=other.txt", "--json"]).await;
    for name in ["notes.txt", "other.txt"] {
        assert_eq!(std::fs::read_to_string(bench.path(name)).unwrap(), "hello", "{name}");
    }
    mail(0, &["mark", message, "--read", "--flag"]).await;
    mail(0, &["reply", message, "--all", "--body=Thanks."]).await;
    mail(0, &["forward", message, "--to", ALEX, "--json"]).await;
    mail(1, &["send-draft", message]).await;
    mail(0, &["move", message, "archive"]).await;
    let shown = read(&bench.ok(&["mail", &id, "show", message, "--json"]).await);
    assert_eq!((&shown["is_read"], &shown["flag"]), (&true.into(), &"flagged".into()));
    mail(0, &["delete", message]).await;
    mail(0, &["delete", message, "--for-good", "--json"]).await;
    mail(1, &["show", message]).await;
    mail(2, &["send", "--to=nobody", "--subject=Notes", "--body=x"]).await;
    mail(2, &["list", "--since=2026-03-27T09:00:00"]).await;
    mail(0, &["settings", "--time-zone=Europe/Berlin", "--away=Back <soon>"]).await;
    mail(0, &["settings", "--back", "--json"]).await;
    transcript.check("mail");
}

#[tokio::test]
async fn events_are_made_changed_and_cancelled_and_times_found() {
    let bench = Bench::new().await;
    let id = bench.connect_to("microsoft_calendar", &[]).await;
    let mut transcript = Transcript::default();
    let mut calendar = async |code, arguments: &[&str]| {
        transcript.run(&bench, code, &[&["calendar", &id][..], arguments].concat()).await
    };
    let berlin = "--time-zone=Europe/Berlin";
    let (start, end) = ("--start=2030-03-27T09:00:00", "--end=2030-03-27T10:00:00");
    let weekly =
        ["create", "Planning", start, end, berlin, "--repeat=weekly:mon,wed/2", "--count=3"];
    let series = id_of(&calendar(0, &[&weekly[..], &["--with", ALEX, "--json"]].concat()).await);
    calendar(0, &["show", &series]).await;
    calendar(0, &["update", &series, "--subject=Plans", "--repeat=weekly:wed", "--count=2"]).await;
    let span = ["--from=2030-03-25", "--to=2030-04-10", berlin];
    calendar(0, &[&["events", "--series", &series][..], &span].concat()).await;
    calendar(0, &["create", "Holiday", "--start=2030-05-01", "--all-day"]).await;
    calendar(0, &["availability", "--with", ALEX, "--from=2030-03-27", "--to=2030-03-27", berlin])
        .await;
    let morning = ["--from=2030-03-28T09:00:00", "--to=2030-03-28T12:00:00", berlin];
    calendar(0, &[&["availability", "--json", "--with", ALEX][..], &morning].concat()).await;
    calendar(0, &[&["times", "--minutes=60", "--any-hour", "--with", ALEX][..], &morning].concat())
        .await;
    let times = [&["times", "--limit=1", "--json", "--with", ALEX][..], &morning].concat();
    calendar(0, &times).await;
    calendar(0, &["cancel", &series, "--comment=I am ill."]).await;
    calendar(2, &["create", "Planning", start, end]).await;
    calendar(
        2,
        &["create", "Planning", "--start=2030-03-27T09:00:00Z", "--end=2030-03-27T08:00:00Z"],
    )
    .await;
    calendar(2, &["update", &series]).await;
    calendar(
        2,
        &["times", "--with", ALEX, "--from=2030-03-28T09:00:00Z", "--to=2030-03-28T08:00:00Z"],
    )
    .await;
    transcript.check("calendar");
}

#[tokio::test]
async fn a_meeting_is_shown_changed_and_cancelled() {
    let bench = Bench::new().await;
    let id = bench.connect_to("microsoft_teams", &[]).await;
    let mut transcript = Transcript::default();
    let times = ["--start=2030-03-27T09:00:00Z", "--end=2030-03-27T10:00:00Z"];
    let meet = [&["meet", &id, "Planning", "--event", "--key=k", "--json"][..], &times].concat();
    let meeting = id_of(&transcript.run(&bench, 0, &meet).await);
    assert_eq!(id_of(&bench.ok(&meet).await), meeting, "it was made twice");
    let mut meetings = async |code, arguments: &[&str]| {
        transcript.run(&bench, code, &[&["meetings", &id][..], arguments].concat()).await
    };
    meetings(0, &["show", &meeting]).await;
    let changed = read(&meetings(0, &["update", &meeting, "--subject=Plans", "--json"]).await);
    assert_eq!(changed["subject"], "Plans");
    meetings(2, &["update", &meeting]).await;
    meetings(2, &["update", &meeting, "--start=2030-03-27T11:00:00", "--end=2030-03-27T12:00:00"])
        .await;
    meetings(0, &["cancel", &meeting, "--comment=I am ill."]).await;
    meetings(1, &["show", &meeting]).await;
    transcript.check("meetings");
}
