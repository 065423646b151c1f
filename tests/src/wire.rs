//! HTTP as it is on the wire, for requests that no proper client would send, and what may never be in text.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::daemon::Daemon;

/// No answer takes as long as this.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where a request is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    Tcp,
    Socket,
}

/// Both of them.
pub const DOORS: [Door; 2] = [Door::Tcp, Door::Socket];

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.body).with_context(|| format!("not JSON: {:?}", self.body))
    }
}

/// Sends `METHOD target` with the header lines and the body as they are, and reads to the end.
pub fn send(
    daemon: &Daemon,
    door: Door,
    (method, target): (&str, &str),
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Answer> {
    let mut head =
        format!("{method} {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    if method == "POST" {
        head.extend(["content-length: ", &body.len().to_string(), "\r\n"]);
    }
    let request = format!("{head}\r\n{body}");
    let bytes = match door {
        Door::Tcp => {
            let stream = TcpStream::connect(daemon.address())?;
            stream.set_read_timeout(Some(PATIENCE))?;
            exchange(stream, request.as_bytes())
        }
        Door::Socket => {
            let stream = UnixStream::connect(daemon.socket())?;
            stream.set_read_timeout(Some(PATIENCE))?;
            exchange(stream, request.as_bytes())
        }
    }?;
    parse(&bytes)
}

fn exchange(mut stream: impl Read + Write, request: &[u8]) -> Result<Vec<u8>> {
    // A server that refuses a long head answers before it has taken all of it.
    let written = stream.write_all(request);
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    if answer.is_empty() {
        written?;
        read?;
    }
    Ok(answer)
}

fn parse(bytes: &[u8]) -> Result<Answer> {
    let text = std::str::from_utf8(bytes)?;
    let (head, body) = text.split_once("\r\n\r\n").context("no end of the head")?;
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let chunked = headers.iter().any(|(name, _)| name == "transfer-encoding");
    Ok(Answer {
        status: status.context("no status")?.parse()?,
        headers,
        body: if chunked {
            unchunk(body)?
        } else {
            body.to_owned()
        },
    })
}

fn unchunk(mut rest: &str) -> Result<String> {
    let mut body = String::new();
    loop {
        let (size, after) = rest.split_once("\r\n").context("no size of a chunk")?;
        let size = usize::from_str_radix(size, 16)?;
        if size == 0 {
            return Ok(body);
        }
        body.push_str(after.get(..size).context("a chunk was cut")?);
        rest = after
            .get(size..)
            .and_then(|r| r.strip_prefix("\r\n"))
            .context("no end of a chunk")?;
    }
}

/// `text` as a segment of a path or a value of a query: every byte but letters and digits encoded.
pub fn encode(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric();
    let one = |b: u8| {
        if plain(b) {
            char::from(b).to_string()
        } else {
            format!("%{b:02X}")
        }
    };
    text.bytes().map(one).collect()
}

/// Fails when `text` holds a control character other than a line end or a tab, or one that reorders or
/// hides what is beside it.
pub fn ensure_clean(what: &str, text: &str) -> Result<()> {
    let bad = |c: &char| (c.is_control() && !matches!(c, '\n' | '\t')) || reorders(*c);
    if let Some(c) = text.chars().find(bad) {
        let at = text.find(c).unwrap_or(0);
        let around: String = text
            .get(at..)
            .unwrap_or_default()
            .chars()
            .take(60)
            .collect();
        bail!("{what} holds {c:?}: {around:?}");
    }
    Ok(())
}

/// As [`ensure_clean`], for every string and every name of a JSON text, escapes undone.
pub fn ensure_clean_json(what: &str, text: &str) -> Result<()> {
    ensure_clean(what, text)?;
    let value: Value = serde_json::from_str(text).with_context(|| format!("{what}: {text:?}"))?;
    ensure_clean_value(what, &value)
}

fn ensure_clean_value(what: &str, value: &Value) -> Result<()> {
    match value {
        Value::String(text) => ensure_clean(what, text),
        Value::Array(items) => items.iter().try_for_each(|v| ensure_clean_value(what, v)),
        Value::Object(members) => members.iter().try_for_each(|(name, value)| {
            ensure_clean(what, name)?;
            ensure_clean_value(&format!("{what}/{name}"), value)
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

fn reorders(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Fails unless `answer` is a refusal of a malformed request in the control plane's shape that names
/// `field`.
pub fn ensure_refused(what: &str, answer: &Answer, field: &str) -> Result<()> {
    ensure!(answer.status == 400, "{what}: {answer:?}");
    ensure_clean_json(what, &answer.body)?;
    let error = &answer.json()?["error"];
    ensure!(error["code"] == "invalid", "{what}: {error}");
    ensure!(
        error["fields"][0]["path"] == field,
        "{what}: not {field:?}: {error}"
    );
    ensure!(
        error["request_id"].as_str() == answer.header("x-request-id"),
        "{what}: {answer:?}"
    );
    ensure!(
        answer.body.len() < 4000,
        "{what}: an answer of {} bytes",
        answer.body.len()
    );
    Ok(())
}
