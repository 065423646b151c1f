//! `curl`: the machine's own, except for what is asked of the Hugging Face Hub's API about a model.
//!
//! A Spark reaches the Hub; the machine under the simulator may not, and must not be asked.

use std::fs;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use serde_json::{Value, json};

use crate::cache::RepoLayout;
use crate::cache::catalog;
use crate::cache::hub::{HubError, Request};
use crate::node::Node;
use crate::tools::{Outcome, Refusal, console};

const MODELS: &str = "https://huggingface.co/api/models/";

/// The machine's program.
const REAL: &str = "/usr/bin/curl";

/// What was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    url: String,
    token: Option<String>,
    fail: bool,
    silent: bool,
    head: bool,
    output: Option<String>,
    write_out: Option<String>,
}

/// Runs `curl`.
pub(super) fn main(node: &Node, args: &[String]) -> Outcome {
    if !args.iter().any(|word| word.contains(MODELS)) {
        let error = Command::new(REAL).args(args).exec();
        return Err(Refusal::new(127, format!("curl: {error}")));
    }
    let asked = Asked::read(args)?;
    let (status, body) = match answer(node, &asked) {
        Ok(found) => (200, found),
        Err(HubError::Network(why)) if why.contains("timed out") => {
            let text =
                "curl: (28) Operation timed out after 60001 milliseconds with 0 bytes received";
            return Err(asked.failure(28, text));
        }
        Err(HubError::Network(_)) => {
            return Err(asked.failure(6, "curl: (6) Could not resolve host: huggingface.co"));
        }
        Err(error) => refusal(&error),
    };
    if asked.fail && status >= 400 {
        let text = format!("curl: (22) The requested URL returned error: {status}");
        return Err(asked.failure(22, &text));
    }
    let text = if asked.head {
        format!("HTTP/2 {status}\r\n\r\n")
    } else {
        body.to_string()
    };
    match &asked.output {
        None => console::print(&text),
        Some(path) => fs::write(path, text).map_err(|_e| {
            Refusal::new(
                23,
                format!("curl: (23) Failure writing output to destination {path}"),
            )
        })?,
    }
    if let Some(format) = &asked.write_out {
        let line = format
            .replace("%{http_code}", &status.to_string())
            .replace("%{response_code}", &status.to_string());
        console::print(&line.replace("\\n", "\n").replace("\\t", "\t"));
    }
    Ok(0)
}

impl Asked {
    fn read(args: &[String]) -> Result<Self, Refusal> {
        let mut asked = Self::default();
        let mut rest = args.iter();
        while let Some(word) = rest.next() {
            let mut value = || rest.next().cloned().unwrap_or_default();
            match word.as_str() {
                "-H" | "--header" => asked.header(&value())?,
                "-K" | "--config" => asked.config(&from(&value())?)?,
                "-o" | "--output" => asked.output = Some(value()),
                "-w" | "--write-out" => asked.write_out = Some(value()),
                "-A" | "-m" | "--max-time" | "--connect-timeout" | "--retry" | "-X"
                | "--request" | "--proto" => {
                    drop(value());
                }
                "--fail" | "--fail-with-body" => asked.fail = true,
                "--silent" => asked.silent = true,
                "--head" => asked.head = true,
                "--location" | "--show-error" | "--compressed" | "--http1.1" | "--" => {}
                url if !url.starts_with('-') => url.clone_into(&mut asked.url),
                letters => {
                    for letter in letters.trim_start_matches('-').chars() {
                        match letter {
                            'f' => asked.fail = true,
                            's' => asked.silent = true,
                            'I' => asked.head = true,
                            'S' | 'L' | 'k' | '4' | '6' | 'g' | 'q' => {}
                            _ => return Err(unknown(word)),
                        }
                    }
                }
            }
        }
        Ok(asked)
    }

    fn header(&mut self, text: &str) -> Result<(), Refusal> {
        let text = match text.strip_prefix('@') {
            Some(place) => from(place)?,
            None => text.to_owned(),
        };
        for line in text.lines() {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            if name.eq_ignore_ascii_case("authorization") {
                self.token = value.trim().strip_prefix("Bearer ").map(str::to_owned);
            }
        }
        Ok(())
    }

    /// A configuration has an option a line: `header = "Authorization: Bearer …"`.
    fn config(&mut self, text: &str) -> Result<(), Refusal> {
        for line in text.lines() {
            let (name, value) = line.split_once(['=', ' ']).unwrap_or((line, ""));
            let value = value
                .trim_start_matches(['=', ' '])
                .trim()
                .trim_matches('"');
            match name.trim().trim_start_matches('-') {
                "header" | "H" => self.header(value)?,
                "url" => value.clone_into(&mut self.url),
                _ => {}
            }
        }
        Ok(())
    }

    fn failure(&self, code: i32, text: &str) -> Refusal {
        Refusal::new(code, if self.silent { "" } else { text })
    }
}

fn unknown(word: &str) -> Refusal {
    Refusal::new(
        2,
        format!(
            "curl: option {word}: is unknown\ncurl: try 'curl --help' or 'curl --manual' for more information"
        ),
    )
}

/// A file, or with `-` the standard input.
fn from(place: &str) -> Result<String, Refusal> {
    let mut text = String::new();
    let read = match place {
        "-" => std::io::stdin().read_to_string(&mut text).map(drop),
        path => fs::read_to_string(path).map(|found| text = found),
    };
    read.map_err(|_e| Refusal::new(26, format!("curl: (26) Failed to open {place}")))?;
    Ok(text)
}

/// What the API has under `…/api/models/ORG/NAME[/revision/R][?blobs=true]`.
fn answer(node: &Node, asked: &Asked) -> Result<Value, HubError> {
    let path = asked.url.strip_prefix(MODELS).unwrap_or_default();
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let (repo, revision) = path.split_once("/revision/").unwrap_or((path, "main"));
    let revision = revision.replace("%2F", "/");
    let request = Request {
        repo,
        revision: &revision,
        token: asked.token.as_deref(),
    };
    let layout = request.list(node)?;
    Ok(model(
        &layout,
        query.split('&').any(|pair| pair == "blobs=true"),
    ))
}

fn model(layout: &RepoLayout, blobs: bool) -> Value {
    let known = catalog::find(&layout.repo);
    let gated = known.as_ref().is_some_and(|model| model.gated);
    let siblings = layout.files.iter().map(|file| {
        let mut entry = json!({"rfilename": file.path});
        if blobs {
            entry["size"] = file.size.into();
            if file.is_weight() {
                entry["lfs"] = json!({"sha256": file.blob, "size": file.size, "pointerSize": 135});
            } else {
                entry["blobId"] = file.blob.as_str().into();
            }
        }
        entry
    });
    json!({
        "id": layout.repo, "modelId": layout.repo, "sha": layout.commit,
        "private": known.is_some_and(|model| model.private),
        "gated": if gated { json!("manual") } else { json!(false) },
        "siblings": siblings.collect::<Value>(),
    })
}

/// Status and body of a refusal.
fn refusal(error: &HubError) -> (u16, Value) {
    let (status, why) = match error {
        HubError::NoRepo { status: 401, .. } => (401, "Invalid username or password.".to_owned()),
        HubError::NoRepo { .. } => (404, "Repository not found".to_owned()),
        HubError::NoRevision { revision, .. } => (404, format!("Invalid rev id: {revision}")),
        HubError::NoFile { .. } => (404, "Entry not found".to_owned()),
        HubError::BadToken => (
            401,
            "Invalid credentials in Authorization header".to_owned(),
        ),
        HubError::Gated { status, why, .. } => (*status, why.clone()),
        HubError::Status(429) => (429, "We had to rate limit you".to_owned()),
        HubError::Status(status) => (*status, "Service Unavailable".to_owned()),
        HubError::Network(why) => (504, (*why).to_owned()),
    };
    (status, json!({"error": why}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_in_a_header_or_a_configuration() {
        let read = |words: &[&str]| {
            Asked::read(&words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>()).unwrap()
        };
        let asked = read(&[
            "-fsS",
            "-H",
            "authorization: Bearer hf_x",
            "https://huggingface.co/api/models/a/b",
        ]);
        assert_eq!(
            (asked.token.as_deref(), asked.fail, asked.silent),
            (Some("hf_x"), true, true)
        );
        let mut asked = Asked::default();
        asked
            .config("header = \"Authorization: Bearer hf_y\"\n")
            .unwrap();
        assert_eq!(asked.token.as_deref(), Some("hf_y"));
    }
}
