//! The vectors of the guard: who may come in, row by row.
//!
//! The dashboard is at `192.168.1.50:9999`; the client, unless a row says otherwise, at `192.168.1.20`.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::http::Request;
use axum::http::request::Parts;

use super::{Class, Hosts, check};
use crate::door::Peer;

const SAME: &str = "192.168.1.50:9999";
const GOOD: &str = "http://192.168.1.50:9999";
const EVIL: &str = "http://evil.example";
const REBIND: &str = "rebind.example.com:9999";

fn hosts() -> Hosts {
    let allowed = || {
        vec![
            "spark.example.com".to_owned(),
            ".lab.example.org".to_owned(),
        ]
    };
    Hosts::new(
        "box\n",
        "nameserver 9.9.9.9\nsearch tail12.ts.net\n",
        Arc::new(allowed),
    )
}

fn tcp(remote: &str) -> Peer {
    let remote: SocketAddr = remote.parse().unwrap();
    Peer::Tcp {
        remote,
        local: Some("192.168.1.50:9999".parse().unwrap()),
    }
}

/// The head of `method path` with `headers`, from the ordinary client.
fn head(method: &str, path: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, value.as_bytes());
    }
    let request = request.extension(tcp("192.168.1.20:50000"));
    request.body(()).unwrap().into_parts().0
}

/// The status that the guard refuses with; 0 when it lets the request in.
fn verdict(class: Class, head: &Parts) -> u16 {
    check(class, head, &hosts())
        .err()
        .map_or(0, |refusal| refusal.status().as_u16())
}

/// A `POST` of the control plane with `host` and `headers`.
fn post(host: &str, headers: &[(&str, &str)]) -> u16 {
    let headers = [&[("host", host)], headers].concat();
    verdict(Class::Control, &head("POST", "/api/swap", &headers))
}

fn get(class: Class, host: &str, headers: &[(&str, &str)]) -> u16 {
    let headers = [&[("host", host)], headers].concat();
    verdict(class, &head("GET", "/api/status", &headers))
}

#[test]
fn programs_and_our_own_page_may_change_things() {
    let json = ("content-type", "application/json");
    assert_eq!(post(SAME, &[json, ("content-length", "2")]), 0, "1");
    assert_eq!(
        post(SAME, &[("origin", GOOD), json, ("content-length", "2")]),
        0,
        "2"
    );
    let local = "http://localhost:9999";
    let headers = [
        ("origin", local),
        ("referer", local),
        ("sec-fetch-site", "same-origin"),
    ];
    assert_eq!(post("localhost:9999", &headers), 0, "3");
    assert_eq!(
        post(SAME, &[("referer", "http://192.168.1.50:9999/ui")]),
        0,
        "6"
    );
    assert_eq!(post(SAME, &[("sec-fetch-site", "none")]), 0, "11");
    assert_eq!(
        post("spark.local:9999", &[("origin", "http://spark.local:9999")]),
        0,
        "14"
    );
    assert_eq!(
        post("SPARK.local:9999", &[("origin", "http://spark.local:9999")]),
        0,
        "15"
    );
    assert_eq!(
        post(
            "spark.local.:9999",
            &[("origin", "http://spark.local.:9999")]
        ),
        0,
        "16"
    );
    assert_eq!(
        post("[fd00::5]:9999", &[("origin", "http://[fd00::5]:9999")]),
        0,
        "17"
    );
    assert_eq!(
        post("[fd00:0:0::5]:9999", &[("origin", "http://[fd00::5]:9999")]),
        0,
        "18"
    );
    let onion = [
        ("origin", "http://abcxyz.onion"),
        ("sec-fetch-site", "same-origin"),
    ];
    assert_eq!(post("abcxyz.onion", &onion), 0, "22");
    assert_eq!(post("spark-control:9999", &[]), 0, "23");
    let tailnet = [("origin", "http://box.tail12.ts.net:9999")];
    assert_eq!(post("box.tail12.ts.net:9999", &tailnet), 0, "24");
    let listed = [
        ("origin", "https://spark.example.com"),
        ("sec-fetch-site", "same-origin"),
    ];
    assert_eq!(post("spark.example.com", &listed), 0, "25");
    assert_eq!(post("a.lab.example.org", &[]), 0, "a listed suffix");
    assert_eq!(post(SAME, &[("x-forwarded-host", "evil.example")]), 0, "28");
    assert_eq!(
        post(SAME, &[("user-agent", "Mozilla/5.0 (X11)")]),
        0,
        "the user agent is no signal"
    );
}

#[test]
fn other_pages_may_not() {
    for (vector, headers) in [
        ("4", &[("origin", EVIL)][..]),
        ("5", &[("origin", "null")]),
        ("7", &[("referer", "http://evil.example/")]),
        ("8", &[("referer", "about:client")]),
        ("9", &[("origin", GOOD), ("sec-fetch-site", "cross-site")]),
        ("10", &[("origin", GOOD), ("sec-fetch-site", "same-site")]),
        ("12", &[("origin", "http://192.168.1.50")]),
        ("13", &[("origin", "http://192.168.1.50:8080")]),
        ("50", &[("origin", "chrome-extension://abc")]),
        ("unknown metadata", &[("sec-fetch-site", "elsewhere")]),
        ("service worker", &[("service-worker", "script")]),
    ] {
        assert_eq!(post(SAME, headers), 403, "{vector}");
    }
    for trick in [
        "http://192.168.1.50:9999.evil.example",
        "http://192.168.1.50:9999@evil",
        "http://evil#http://192.168.1.50:9999",
        "http://192.168.1.50:9999/",
        "HTTP://192.168.1.50:9999",
        "http:///x",
        "ftp://192.168.1.50:9999",
        "",
    ] {
        assert_eq!(post(SAME, &[("origin", trick)]), 403, "49: {trick}");
    }
}

#[test]
fn reads_of_other_pages_are_refused_where_they_show() {
    assert_eq!(get(Class::Control, SAME, &[("origin", EVIL)]), 403, "29");
    assert_eq!(get(Class::Control, SAME, &[]), 0, "30");
    let metadata = |mode, dest| {
        [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", mode),
            ("sec-fetch-dest", dest),
        ]
    };
    let local = "localhost:9999";
    assert_eq!(
        get(Class::Control, local, &metadata("no-cors", "image")),
        403,
        "31"
    );
    assert_eq!(
        get(Class::Static, local, &metadata("navigate", "document")),
        0,
        "32"
    );
    assert_eq!(
        get(Class::Static, local, &metadata("navigate", "iframe")),
        403,
        "33"
    );
    assert_eq!(
        get(Class::Control, local, &metadata("navigate", "document")),
        403,
        "a link to data"
    );
    let options = head("OPTIONS", "/api/swap", &[("host", SAME), ("origin", EVIL)]);
    assert_eq!(verdict(Class::Control, &options), 403, "34");
    let upgrade = [("origin", EVIL), ("upgrade", "websocket")];
    assert_eq!(get(Class::Control, SAME, &upgrade), 403, "41");
    assert_eq!(
        get(Class::Control, SAME, &[("upgrade", "websocket")]),
        0,
        "42"
    );
}

#[test]
fn a_name_that_a_stranger_could_own_is_misdirected() {
    assert_eq!(
        post(REBIND, &[("origin", "http://rebind.example.com:9999")]),
        421,
        "19"
    );
    assert_eq!(get(Class::Control, REBIND, &[]), 421, "20");
    assert_eq!(get(Class::Static, REBIND, &[]), 421, "21");
    assert_eq!(post("other.tail12.ts.net:9999", &[]), 421, "24");
    assert_eq!(post(REBIND, &[("x-forwarded-host", SAME)]), 421, "27");
    assert_eq!(
        get(Class::Control, REBIND, &[("upgrade", "websocket")]),
        421,
        "43"
    );
    assert_eq!(
        post("evil-lab.example.org", &[]),
        421,
        "not under the listed suffix"
    );
    assert_eq!(post("local", &[]), 0, "a single label");
    assert_eq!(post("notlocal.example", &[]), 421);
}

#[test]
fn the_data_plane_is_open_to_other_origins_but_not_to_nonsense() {
    let data = |headers: &[(&str, &str)]| {
        verdict(Class::Data, &head("POST", "/v1/chat/completions", headers))
    };
    assert_eq!(
        data(&[("host", SAME), ("origin", "https://app.example")]),
        0,
        "36"
    );
    assert_eq!(data(&[("host", SAME), ("origin", "null")]), 0, "37");
    assert_eq!(data(&[("host", "llm.example.com")]), 0, "38");
    assert_eq!(data(&[("host", "a b")]), 400);
    let smuggled = [
        ("host", SAME),
        ("content-length", "2"),
        ("transfer-encoding", "chunked"),
    ];
    assert_eq!(data(&smuggled), 400);
}

#[test]
fn a_path_with_two_meanings_is_refused_in_every_class() {
    for path in [
        "/v1/../api/swap",
        "/v1/%2e%2e/api/swap",
        "//api/swap",
        "/v1/..;/api/swap",
        "/api/nodes/a%2fb",
        "/api/nodes/a%5Cb",
        "/api/nodes/a%00",
        "/api/./status",
    ] {
        let head = head("POST", path, &[("host", SAME), ("origin", GOOD)]);
        assert_eq!(verdict(Class::Control, &head), 400, "39: {path}");
        assert_eq!(verdict(Class::Data, &head), 400, "39: {path}");
    }
}

#[test]
fn there_is_exactly_one_host_and_it_is_one() {
    let with =
        |headers: &[(&str, &str)]| verdict(Class::Control, &head("POST", "/api/swap", headers));
    assert_eq!(with(&[]), 400, "46: none");
    assert_eq!(with(&[("host", "")]), 400, "46: empty");
    assert_eq!(with(&[("host", SAME), ("host", SAME)]), 400, "46: two");
    let absolute = head("GET", "http://evil.example/api/status", &[("host", SAME)]);
    assert_eq!(verdict(Class::Control, &absolute), 400, "47");
    for host in [
        "192.168.1.50:9999@evil",
        "a b",
        "a,b",
        "1.2.3.4:99999",
        "1.2.3.4:0",
        "1.2.3.4:080",
        "0300.0250.1.50",
        "2130706433",
        "a.0x7f",
        "exämple",
        "[fe80::1%25eth0]:9999",
        "a..b",
        "a%2eb",
    ] {
        assert_eq!(with(&[("host", host)]), 400, "48: {host}");
    }
    assert_eq!(
        with(&[("host", SAME), ("origin", GOOD), ("origin", EVIL)]),
        400,
        "45"
    );
}

#[test]
fn a_body_of_a_browser_is_json() {
    let body = ("content-length", "2");
    let text = ("content-type", "text/plain");
    assert_eq!(post(SAME, &[("origin", GOOD), text, body]), 415, "51");
    assert_eq!(post(SAME, &[("origin", GOOD), body]), 415);
    let charset = ("content-type", "application/json; charset=utf-8");
    assert_eq!(post(SAME, &[("origin", GOOD), charset, body]), 0);
    let form = ("content-type", "application/x-www-form-urlencoded");
    assert_eq!(post(SAME, &[form, body]), 0, "curl -d");
    assert_eq!(post(SAME, &[("content-encoding", "gzip"), body]), 415);
}

#[test]
fn methods_and_overrides() {
    let trace = head("TRACE", "/api/swap", &[("host", SAME)]);
    assert_eq!(verdict(Class::Control, &trace), 405);
    let overridden = head(
        "POST",
        "/api/swap",
        &[
            ("host", SAME),
            ("origin", EVIL),
            ("x-http-method-override", "GET"),
        ],
    );
    assert_eq!(verdict(Class::Control, &overridden), 403, "52");
}

#[test]
fn control_is_for_the_local_network() {
    let from = |remote: &str| {
        let mut head = head("POST", "/api/swap", &[("host", SAME)]);
        head.extensions.insert(tcp(remote));
        (verdict(Class::Control, &head), verdict(Class::Data, &head))
    };
    assert_eq!(from("203.0.113.9:5000"), (403, 0), "53");
    for near in [
        "10.0.0.1:1",
        "100.64.3.4:1",
        "[fd00::1]:1",
        "[fe80::1]:1",
        "[::ffff:10.1.1.1]:1",
    ] {
        assert_eq!(from(near), (0, 0), "{near}");
    }
    let local = Some("[2001:db8:1:2::5]:9999".parse().unwrap());
    let mut head = head("POST", "/api/swap", &[("host", SAME)]);
    head.extensions.insert(Peer::Tcp {
        remote: "[2001:db8:1:2::9]:1".parse().unwrap(),
        local,
    });
    assert_eq!(verdict(Class::Control, &head), 0, "the same /64");
    head.extensions.insert(Peer::Tcp {
        remote: "[2001:db8:1:3::9]:1".parse().unwrap(),
        local,
    });
    assert_eq!(verdict(Class::Control, &head), 403, "another /64");
}

#[test]
fn the_socket_needs_no_host_and_takes_no_browser() {
    let over = |headers: &[(&str, &str)]| {
        let mut head = head("POST", "/api/swap", headers);
        head.extensions.insert(Peer::Socket { uid: Some(1000) });
        verdict(Class::Control, &head)
    };
    assert_eq!(over(&[("host", "whatever.example")]), 0);
    assert_eq!(over(&[]), 0);
    assert_eq!(over(&[("origin", GOOD)]), 403, "54");
    assert_eq!(over(&[("referer", GOOD)]), 403, "54");
}
