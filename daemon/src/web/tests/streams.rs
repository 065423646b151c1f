//! Event streams, as a client reads them.

use std::sync::Arc;
use std::time::Duration;

use spark_ipc::model::event::Event;
use spark_ipc::model::operation::LogLine;

use crate::operations::{Feed, Request};
use crate::web::testing::{Bench, client, node, operation, send, status};

#[tokio::test]
async fn the_first_event_is_everything_and_the_next_what_changed() {
    let bench = Bench::new();
    let client = client(bench.tcp().await);
    let mut events = client.events("/api/events", None).await.unwrap();
    let Some(Event::Snapshot(snapshot)) = events.next_event().await.unwrap() else {
        panic!()
    };
    assert_eq!(snapshot.status.nodes.len(), 2);
    assert_eq!(snapshot.settings.revision, 1);
    bench.nodes.send_replace(Arc::new(vec![node("spark1")]));
    let Some(Event::Nodes(changed)) = events.next_event().await.unwrap() else {
        panic!()
    };
    assert_eq!(changed.section.nodes.len(), 1);
    bench
        .operations
        .send_replace(Arc::new(vec![operation("operation-1", "running")]));
    let Some(Event::Operations(changed)) = events.next_event().await.unwrap() else {
        panic!()
    };
    assert_eq!(changed.section.operations.len(), 1);
    bench.shut_down().await;
}

#[tokio::test]
async fn changes_that_come_together_go_out_as_the_latest() {
    let bench = Bench::new();
    let client = client(bench.tcp().await);
    let mut events = client.events("/api/events", None).await.unwrap();
    assert!(matches!(
        events.next_event().await.unwrap(),
        Some(Event::Snapshot(_))
    ));
    // All of these before the stream's task can run: the runtime of this test has one thread.
    for count in 1..=50 {
        bench.nodes.send_replace(Arc::new(
            (1..=count).map(|n| node(&format!("spark{n}"))).collect(),
        ));
    }
    let Some(Event::Nodes(changed)) = events.next_event().await.unwrap() else {
        panic!()
    };
    assert_eq!(changed.section.nodes.len(), 50);
    bench.shut_down().await;
}

#[tokio::test]
async fn shutting_down_says_bye_at_once() {
    let bench = Bench::new();
    let client = client(bench.tcp().await);
    let mut events = client.events("/api/events", None).await.unwrap();
    assert!(matches!(
        events.next_event().await.unwrap(),
        Some(Event::Snapshot(_))
    ));
    let begun = std::time::Instant::now();
    let reading = async {
        let bye = events.next().await.unwrap().unwrap();
        assert_eq!(bye.name, "bye");
        assert_eq!(events.next().await.unwrap(), None);
    };
    let ((), ()) = tokio::join!(reading, bench.shut_down());
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "{:?}",
        begun.elapsed()
    );
}

fn line(text: &str) -> LogLine {
    LogLine {
        seq: 0,
        node: None,
        rank: None,
        at: None,
        text: text.to_owned(),
    }
}

#[tokio::test(flavor = "local")]
async fn the_events_of_an_operation_resume_and_end_with_it() {
    let mut bench = Bench::new();
    let client = client(bench.tcp().await);
    let feed = Feed::default();
    feed.line(line("one"));
    feed.line(line("two"));
    let served = feed.clone();
    let manager = tokio::task::spawn_local(async move {
        for _ in 0..2 {
            let Some(Request::Feed(_, reply)) = bench.requests.recv().await else {
                panic!()
            };
            assert!(reply.send(Ok(served.clone())).is_ok());
        }
        bench
    });
    let path = "/api/operations/operation-1/events";
    let mut first = client.events(path, None).await.unwrap();
    let one = first.next().await.unwrap().unwrap();
    assert_eq!((one.name.as_str(), one.id.as_deref()), ("log", Some("1")));
    drop(first);
    let mut resumed = client.events(path, Some(1)).await.unwrap();
    let two = resumed.next().await.unwrap().unwrap();
    assert_eq!(two.id.as_deref(), Some("2"));
    assert!(two.data.contains("two"));
    feed.operation(operation("operation-1", "succeeded"));
    let end = resumed.next().await.unwrap().unwrap();
    assert_eq!(
        (end.name.as_str(), end.id.as_deref()),
        ("operation", Some("3"))
    );
    assert_eq!(resumed.next().await.unwrap(), None);
    manager.await.unwrap().shut_down().await;
}

#[tokio::test]
async fn a_sequence_number_that_is_none_is_refused() {
    let bench = Bench::new();
    let address = bench.tcp().await;
    let path = "GET /api/operations/operation-1/events";
    assert_eq!(
        status(&send(address, path, &[("last-event-id", "x")], "").await),
        400
    );
    bench.shut_down().await;
}
