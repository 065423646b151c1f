//! The fabric doctor and bug reports over HTTP.

use spark_ipc::model::doctor::{DoctorLast, DoctorReport};

use crate::web::testing::{Bench, client, header, send, status};

#[tokio::test]
async fn a_report_is_made_and_the_last_one_may_be_missing() {
    let bench = Bench::new();
    let client = client(bench.tcp().await);
    let last: DoctorLast = client.get("/api/doctor").await.unwrap();
    assert_eq!(last.report, None);
    let nothing = serde_json::json!({});
    let report: DoctorReport = client.post("/api/doctor", &nothing).await.unwrap();
    assert!(report.passed);
    bench.shut_down().await;
}

#[tokio::test]
async fn a_bug_report_is_an_archive_that_nobody_keeps() {
    let bench = Bench::new();
    let address = bench.tcp().await;
    let client = client(address);
    assert_eq!(
        client.bytes("/api/bugreport").await.unwrap().as_ref(),
        [0x1f, 0x8b]
    );
    let answer = send(address, "HEAD /api/bugreport", &[], "").await;
    assert_eq!(status(&answer), 200);
    assert_eq!(header(&answer, "content-type"), Some("application/gzip"));
    assert_eq!(header(&answer, "cache-control"), Some("no-store"));
    bench.shut_down().await;
}

#[tokio::test]
async fn another_site_can_have_neither() {
    let bench = Bench::new();
    let address = bench.tcp().await;
    let foreign = [
        ("origin", "http://evil.example"),
        ("sec-fetch-site", "cross-site"),
    ];
    let answer = send(address, "POST /api/doctor", &foreign, "").await;
    assert_eq!(status(&answer), 403);
    let answer = send(
        address,
        "GET /api/bugreport",
        &[("host", "evil.example")],
        "",
    )
    .await;
    assert_ne!(status(&answer), 200);
    bench.shut_down().await;
}
