//! After a disconnect no process hands out a token for longer than a second.

use std::time::{Duration, Instant};

use reqwest::Method;

use crate::bench::{Bench, Server};

/// What one caller saw, and when it asked, counted from the disconnect's answer.
struct Seen {
    asked: Duration,
    status: u16,
}

/// Asks again and again, as fast as the answers come.
async fn watch(server: &Server, key: &str, id: &str, since: Instant) -> Vec<Seen> {
    let mut seen = Vec::new();
    while since.elapsed() < Duration::from_millis(2_500) {
        let asked = since.elapsed();
        let status = server.token(key, id).await.status;
        seen.push(Seen { asked, status });
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disconnect_in_one_process_ends_the_tokens_of_all() {
    let bench = Bench::on_postgres().await;
    let key = bench.user("adele").await;
    let (here, there) = tokio::join!(bench.serve(), bench.serve());
    let id = here.connect(&bench, &key).await;
    // Both processes have the token in memory.
    for server in [&here, &there] {
        server.token(&key, &id).await.expect(200);
    }
    let path = format!("/api/integrations/{id}/");
    here.call(&key, Method::DELETE, &path, None).await.expect(204);
    let since = Instant::now();
    let command = async {
        let done = bench.run(&["token", &id]).await;
        assert_eq!((done.code, done.out.as_str()), (1, ""), "{done:?}");
    };
    let watching = || watch(&there, &key, &id, since);
    let (one, two, own, ()) =
        tokio::join!(watching(), watching(), watch(&here, &key, &id, since), command);
    assert!(own.iter().all(|seen| seen.status == 404), "the process that disconnected");
    let elsewhere: Vec<_> = one.into_iter().chain(two).collect();
    assert!(elsewhere.len() > 50, "only {} answers", elsewhere.len());
    // Judged from when it was asked: the answer was decided at some later moment.
    let late =
        elsewhere.iter().filter(|seen| seen.status == 200 && seen.asked > Duration::from_secs(1));
    assert_eq!(late.count(), 0, "a token was handed out too late");
    let last = elsewhere.iter().max_by_key(|seen| seen.asked).unwrap();
    assert_eq!(last.status, 404);
}
