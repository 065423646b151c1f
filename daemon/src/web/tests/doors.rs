//! Both doors: who comes in, who waits too long, who is there already.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use spark_ipc::client::{Client, Endpoint};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

use crate::door::{Limits, socket};
use crate::operations::Request;
use crate::web::testing::{Bench, client, operation, send};

#[tokio::test]
async fn both_doors_give_the_same_answers() {
    let bench = Bench::new();
    let folder = tempfile::tempdir().unwrap();
    let tcp = client(bench.tcp().await);
    let unix = Client::new(Endpoint::Socket(bench.socket(folder.path())));
    for path in [
        "/api/version",
        "/api/nodes",
        "/api/models",
        "/api/settings",
        "/api/openapi.json",
    ] {
        let over_tcp: serde_json::Value = tcp.get(path).await.unwrap();
        let over_unix: serde_json::Value = unix.get(path).await.unwrap();
        assert_eq!(over_tcp, over_unix, "{path}");
    }
    let fault = |error: spark_ipc::client::ClientError| error.to_string();
    let over_tcp = fault(tcp.get::<()>("/api/nodes/none").await.unwrap_err());
    assert_eq!(
        over_tcp,
        fault(unix.get::<()>("/api/nodes/none").await.unwrap_err())
    );
    bench.shut_down().await;
}

#[tokio::test(flavor = "local")]
async fn the_socket_knows_who_asks() {
    let mut bench = Bench::new();
    let folder = tempfile::tempdir().unwrap();
    let unix = Client::new(Endpoint::Socket(bench.socket(folder.path())));
    let manager = tokio::task::spawn_local(async move {
        let Some(Request::Stop(_, actor, reply)) = bench.requests.recv().await else {
            panic!()
        };
        assert!(reply.send(Ok(operation("operation-1", "running"))).is_ok());
        (actor, bench)
    });
    let all = serde_json::json!({"all": true});
    let _started: serde_json::Value = unix.post("/api/stop", &all).await.unwrap();
    let (actor, bench) = manager.await.unwrap();
    assert_eq!(
        actor,
        format!("socket uid {}", rustix::process::geteuid().as_raw())
    );
    bench.shut_down().await;
}

#[tokio::test(flavor = "local")]
async fn a_browser_is_told_from_a_program() {
    let mut bench = Bench::new();
    let address = bench.tcp().await;
    let manager = tokio::task::spawn_local(async move {
        let Some(Request::Stop(_, actor, reply)) = bench.requests.recv().await else {
            panic!()
        };
        assert!(reply.send(Ok(operation("operation-1", "running"))).is_ok());
        (actor, bench)
    });
    let origin = format!("http://{address}");
    let headers = [
        ("origin", origin.as_str()),
        ("content-type", "application/json"),
    ];
    send(address, "POST /api/stop", &headers, r#"{"unit":"main"}"#).await;
    let (actor, bench) = manager.await.unwrap();
    assert_eq!(actor, "web 127.0.0.1");
    bench.shut_down().await;
}

/// How long the door keeps a connection on which only `sent` is said.
async fn kept(limits: Limits, sent: &str) -> Duration {
    let bench = Bench::new();
    let mut stream = TcpStream::connect(bench.tcp_within(limits).await)
        .await
        .unwrap();
    let begun = Instant::now();
    stream.write_all(sent.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let end = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
    assert!(end.is_ok(), "the connection was not closed");
    let kept = begun.elapsed();
    bench.shut_down().await;
    kept
}

#[tokio::test]
async fn a_connection_that_says_nothing_or_half_a_head_or_no_more_is_closed() {
    let limits = Limits {
        header_read: Duration::from_millis(200),
        ..Limits::tcp()
    };
    let whole = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    for sent in [
        "",
        "GET /healthz HTT",
        "GET /healthz HTTP/1.1\r\nhost: loc",
        whole,
    ] {
        let kept = kept(limits, sent).await;
        assert!(
            kept >= Duration::from_millis(150),
            "{sent:?} was closed after {kept:?}"
        );
    }
}

#[tokio::test]
async fn a_second_daemon_is_refused_and_the_first_is_unharmed() {
    let bench = Bench::new();
    let folder = tempfile::tempdir().unwrap();
    let path = bench.socket(folder.path());
    let error = socket::bind(&path, "second").unwrap_err().to_string();
    let holder = format!("pid {}, instance bench", std::process::id());
    assert!(error.contains(&holder), "{error}");
    let unix = Client::new(Endpoint::Socket(path));
    let version: spark_ipc::version::VersionInfo = unix.get("/api/version").await.unwrap();
    assert_eq!(version.instance, "bench");
    bench.shut_down().await;
}

#[tokio::test]
async fn a_stale_socket_is_replaced_and_a_clean_end_removes_ours() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    // The file stays when its listener goes without unlinking it, as after a kill.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let bench = Bench::new();
    bench.socket(folder.path());
    let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o660);
    UnixStream::connect(&path).await.unwrap();
    bench.shut_down().await;
    assert!(!path.exists());
    assert!(socket::bind(&path, "next").is_ok());
}

#[tokio::test]
async fn what_is_not_ours_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file.sock");
    fs::write(&file, "precious").unwrap();
    assert!(matches!(
        socket::bind(&file, "x"),
        Err(socket::BindError::NotASocket { .. })
    ));
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
    let link = folder.path().join("link.sock");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    assert!(matches!(
        socket::bind(&link, "x"),
        Err(socket::BindError::NotASocket { .. })
    ));
    let other = folder.path().join("other.sock");
    let listener = std::os::unix::net::UnixListener::bind(&other).unwrap();
    assert!(matches!(
        socket::bind(&other, "x"),
        Err(socket::BindError::Occupied { .. })
    ));
    drop(listener);
}

#[tokio::test]
async fn a_path_that_does_not_fit_says_so_and_a_folder_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let long = folder.path().join("x".repeat(120));
    let error = socket::bind(&long, "x").unwrap_err().to_string();
    assert!(
        error.contains("at most 107") && error.contains("SPARK_CONTROL_SOCKET"),
        "{error}"
    );
    let made = folder.path().join("run");
    let socket = socket::bind(&made.join("control.sock"), "x").unwrap();
    assert_eq!(
        fs::metadata(&made).unwrap().permissions().mode() & 0o777,
        0o750
    );
    drop(socket);
    assert!(!made.join("control.sock").exists());
}

#[tokio::test]
async fn an_address_with_too_many_connections_gets_no_more() {
    let bench = Bench::new();
    let limits = Limits {
        connections_per_peer: 1,
        ..Limits::tcp()
    };
    let address = bench.tcp_within(limits).await;
    let mut first = TcpStream::connect(address).await.unwrap();
    first
        .write_all(b"GET /api/events HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut byte = [0];
    first.read_exact(&mut byte).await.unwrap();
    let mut second = TcpStream::connect(address).await.unwrap();
    assert_eq!(second.read(&mut byte).await.unwrap(), 0);
    bench.shut_down().await;
}
