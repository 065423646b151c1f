//! How a command fails, and how that is told.

use std::io::{self, Write};

use serde_json::json;
use spark_ipc::client::ClientError;
use spark_ipc::text::clean_text;

use crate::exit::Exit;
use crate::trouble::Trouble;

/// Why a command gave up.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The daemon refused, is not there, or the request makes no sense.
    #[error("{0}")]
    Told(Box<Trouble>),
    /// Standard output or input failed.
    #[error("cannot write or read")]
    Io(#[from] io::Error),
    /// A value cannot be written as JSON.
    #[error("cannot write JSON")]
    Json(#[from] serde_json::Error),
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        Self::Told(Box::new(trouble))
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Trouble::from(error).into()
    }
}

impl Failure {
    /// Tells `to` what happened: a sentence and a hint, or one JSON object. A reader that closed our
    /// output (`| head`) has what it wanted: that is no failure and nothing is said.
    pub fn report(&self, as_json: bool, to: &mut dyn Write) -> Exit {
        let trouble = match self {
            Self::Told(trouble) => (**trouble).clone(),
            Self::Io(e) if e.kind() == io::ErrorKind::BrokenPipe => return Exit::Done,
            Self::Io(e) => Trouble::new(Exit::Failed, "io", format!("{self}: {e}")),
            Self::Json(e) => Trouble::new(Exit::Failed, "internal", format!("{self}: {e}")),
        };
        let text = if as_json {
            in_json(&trouble)
        } else {
            in_words(&trouble)
        };
        // Nobody is left to be told when standard error is closed too.
        let _unheard = to.write_all(text.as_bytes());
        trouble.exit
    }
}

fn in_json(trouble: &Trouble) -> String {
    let error = json!({
        "code": trouble.code,
        "message": clean_text(&trouble.message),
        "hint": trouble.hint.as_deref().map(clean_text),
        "request_id": trouble.request_id,
    });
    format!("{}\n", json!({ "error": error }))
}

fn in_words(trouble: &Trouble) -> String {
    let mut text = format!("spark-control: {}\n", clean_text(&trouble.message));
    if let Some(hint) = &trouble.hint {
        text = format!("{text}  hint: {}\n", clean_text(hint));
    }
    if let Some(id) = &trouble.request_id {
        text = format!("{text}  request id: {}\n", clean_text(id));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reported(failure: &Failure, as_json: bool) -> (Exit, String) {
        let mut to = Vec::new();
        let exit = failure.report(as_json, &mut to);
        (exit, String::from_utf8(to).unwrap())
    }

    #[test]
    fn a_failure_is_told_in_words_or_as_one_object() {
        let trouble =
            Trouble::new(Exit::NotFound, "not_found", "no model \u{1b}[31mx").hint("look");
        let failure = Failure::from(trouble);
        let words = "spark-control: no model x\n  hint: look\n";
        assert_eq!(
            reported(&failure, false),
            (Exit::NotFound, words.to_owned())
        );
        let (_, text) = reported(&failure, true);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["error"]["code"], "not_found");
        assert_eq!(value["error"]["message"], "no model x");
        assert!(value["error"]["request_id"].is_null());
    }

    #[test]
    fn a_reader_that_left_is_no_failure() {
        let failure = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(reported(&failure, false), (Exit::Done, String::new()));
    }
}
