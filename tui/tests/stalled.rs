//! A daemon that hangs must not hang the client: keys reach the screen without any answer.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests; a broken fake is a failed test"
)]

#[path = "../src/fixture.rs"]
#[expect(dead_code, reason = "only the snapshot is needed here")]
mod fixture;

use std::time::Duration;

use spark_control::bench::Bench;
use spark_ipc::client::{Client, Endpoint};
use tokio::net::UnixListener;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_reach_the_screen_while_the_daemon_hangs() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("s");
    // It is connected to, and never answers: nobody accepts.
    let _listener = UnixListener::bind(&socket).unwrap();
    let client = Client::new(Endpoint::Socket(socket));
    let mut bench = Bench::new(client, fixture::snapshot(), 120, 40).await;
    let mut times = Vec::new();
    for key in "jkj2413k?jq/x".chars().cycle().take(130) {
        times.push(bench.press(key).await);
    }
    times.sort_unstable();
    // A call to this daemon takes its whole deadline, seconds; a frame of a debug build, milliseconds.
    assert!(
        times[times.len() / 2] < Duration::from_millis(100),
        "{times:?}"
    );
    assert!(times[times.len() - 1] < Duration::from_secs(1), "{times:?}");
}
