//! What every command has: the client, the output, and how much may be said and asked.

use std::io::{self, BufRead, Write};

use serde::Serialize;
use serde_json::Value;
use spark_ipc::client::Client;
use spark_ipc::text::{clean_line, clean_text};

use super::failure::Failure;
use crate::env::Env;
use crate::exit::Exit;
use crate::format::cut;
use crate::paint::{Line, Span, Tone, ascii};
use crate::wire;

/// The surroundings of one command.
#[derive(Debug)]
pub struct Context {
    pub client: Client,
    pub out: Out,
    pub json: bool,
    pub quiet: bool,
    /// Whether a question can be asked.
    pub may_ask: bool,
}

impl Context {
    /// Prints one JSON object that begins with its schema's name.
    pub fn print_json<T: Serialize>(&mut self, schema: &str, body: &T) -> Result<Exit, Failure> {
        let mut object = serde_json::Map::new();
        object.insert("schema".to_owned(), Value::from(schema));
        if let Value::Object(fields) = wire::clean(serde_json::to_value(body)?) {
            object.extend(fields);
        }
        let mut text = Value::Object(object).to_string();
        text.push('\n');
        self.out.raw(text.as_bytes())?;
        Ok(Exit::Done)
    }

    /// Asks `question` on the terminal; only `y` and `yes` agree.
    pub fn ask(&mut self, question: &str) -> Result<bool, Failure> {
        self.out.prompt(&format!("{question} [y/N] "))?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        Ok(matches!(answer.trim(), "y" | "Y" | "yes" | "Yes" | "YES"))
    }
}

/// Standard output, as the terminal or the pipe wants it.
#[expect(
    clippy::struct_excessive_bools,
    reason = "what the output can do, and whether it is dirty"
)]
pub struct Out {
    to: Box<dyn Write + Send>,
    color: bool,
    ascii: bool,
    /// Columns; none when it is no terminal.
    pub width: Option<usize>,
    /// Whether a line can be drawn over.
    pub is_tty: bool,
    progress_shown: bool,
}

impl std::fmt::Debug for Out {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Out")
            .field("width", &self.width)
            .finish_non_exhaustive()
    }
}

impl Out {
    /// The process's.
    pub fn stdout(env: &Env, color: bool, ascii: bool) -> Self {
        let dumb = env.var("TERM").as_deref() == Some("dumb");
        let columns = env.columns.filter(|_| env.stdout_is_tty);
        Self {
            to: Box::new(io::stdout()),
            color,
            ascii,
            width: columns.map(usize::from),
            is_tty: env.stdout_is_tty && !dumb,
            progress_shown: false,
        }
    }

    /// Prints a line, cleaned, in colour where there is any.
    pub fn line(&mut self, line: &Line) -> Result<(), Failure> {
        let mut text = self.end_progress();
        for span in &line.0 {
            text.push_str(&self.painted(span));
        }
        text.push('\n');
        self.raw(text.as_bytes())
    }

    /// Prints several lines.
    pub fn lines<'a>(&mut self, lines: impl IntoIterator<Item = &'a Line>) -> Result<(), Failure> {
        lines.into_iter().try_for_each(|line| self.line(line))
    }

    /// Draws `text` over the last progress line. Only for terminals.
    pub fn progress(&mut self, text: &str) -> Result<(), Failure> {
        let width = self.width.unwrap_or(80).saturating_sub(1);
        let text = self.shown(&cut(&clean_line(text, 400), width));
        let line = format!("{}{text}", self.end_progress());
        self.progress_shown = true;
        self.raw(line.as_bytes())
    }

    /// Takes the progress line away.
    pub fn clear_progress(&mut self) -> Result<(), Failure> {
        let text = self.end_progress();
        self.raw(text.as_bytes())
    }

    /// Clears the screen. Only for terminals.
    pub fn clear_screen(&mut self) -> Result<(), Failure> {
        self.raw(b"\x1b[H\x1b[2J")
    }

    /// Writes bytes as they are, and flushes.
    pub fn raw(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.to.write_all(bytes)?;
        self.to.flush()?;
        Ok(())
    }

    fn prompt(&mut self, text: &str) -> Result<(), Failure> {
        let text = format!("{}{text}", self.end_progress());
        self.raw(text.as_bytes())
    }

    fn end_progress(&mut self) -> String {
        if std::mem::take(&mut self.progress_shown) {
            "\r\x1b[2K".to_owned()
        } else {
            String::new()
        }
    }

    fn shown(&self, text: &str) -> String {
        if self.ascii {
            text.chars().map(ascii).collect()
        } else {
            text.to_owned()
        }
    }

    fn painted(&self, span: &Span) -> String {
        let text = self.shown(&clean_text(&span.text));
        match code(span.tone).filter(|_| self.color) {
            Some(code) => format!("\x1b[{code}m{text}\x1b[0m"),
            None => text,
        }
    }
}

/// The SGR code of a tone.
fn code(tone: Tone) -> Option<&'static str> {
    match tone {
        Tone::Plain => None,
        Tone::Strong => Some("1"),
        Tone::Dim => Some("2"),
        Tone::Good => Some("32"),
        Tone::Busy => Some("36"),
        Tone::Warn => Some("33"),
        Tone::Bad => Some("31"),
    }
}
