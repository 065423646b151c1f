//! What may be run on a node, as data: literals of this program and checked, quoted words, nothing else.
//!
//! A [`Remote`] is built from `&'static str` literals and [`Arg`]s. The daemon sends one constant exec
//! string, [`EXEC`], and writes [`Remote::render`]'s text to its standard input, so no byte of a value is
//! ever read by the login shell (fish and tcsh understand quotes differently from `sh`). The text defines a
//! function and calls it in its last lines: a text that was cut on the way runs whole or not at all.

use std::fmt;

mod arg;
mod framing;
mod payload;
mod quote;

pub use arg::{Arg, EnvName, EnvValue, Flag, HomePath, InvalidArg, RawArg};
pub use framing::{Framing, Nonce};
pub use payload::Payload;
pub use quote::quote;

/// The only string that is ever given to a login shell of a node.
pub const EXEC: &str = "exec /bin/sh -s";

/// The search path on a node: what the login gave, then the places where NVIDIA's and Docker's tools lie.
const PATH: &str = "PATH=\"$PATH:/usr/sbin:/sbin:/usr/local/bin:$HOME/.local/bin\"; export PATH";

/// One thing to run on a node.
///
/// `Debug` and [`Remote::display`] never show the value of a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Remote {
    words: Vec<Word>,
    /// What the command reads.
    stdin: Option<Stdin>,
    environment: Vec<Variable>,
    timeout_s: u32,
}

#[derive(Clone, PartialEq, Eq)]
enum Word {
    Lit(&'static str),
    Arg(Arg),
    /// `--name=value`, one word.
    Opt(&'static str, Arg),
}

#[derive(Clone, PartialEq, Eq)]
enum Stdin {
    /// A constant program.
    Program(&'static str),
    Data(Payload),
}

impl Stdin {
    fn text(&self) -> &str {
        match self {
            Self::Program(text) => text,
            Self::Data(payload) => payload.as_str(),
        }
    }
}

#[derive(Clone, PartialEq, Eq)]
struct Variable {
    name: EnvName,
    value: EnvValue,
    secret: bool,
}

impl Remote {
    /// Runs `program` with the words added later.
    pub fn command(program: &'static str) -> Self {
        Self {
            words: vec![Word::Lit(program)],
            stdin: None,
            environment: Vec::new(),
            timeout_s: 0,
        }
    }

    /// Runs the constant shell text `body`; the words added later are its `$1`, `$2`, … and `name` is `$0`.
    pub fn script(name: &'static str, body: &'static str) -> Self {
        Self::command("/bin/sh").lit("-c").lit(body).lit(name)
    }

    /// Feeds the constant program `text` to `interpreter`, e.g. `["python3", "-"]`; the words added later are
    /// its arguments.
    pub fn stdin_script(interpreter: &'static [&'static str], text: &'static str) -> Self {
        Self {
            words: interpreter.iter().map(|word| Word::Lit(word)).collect(),
            stdin: Some(Stdin::Program(text)),
            environment: Vec::new(),
            timeout_s: 0,
        }
    }

    /// Gives the command `payload` to read.
    #[must_use]
    pub fn feed(mut self, payload: Payload) -> Self {
        self.stdin = Some(Stdin::Data(payload));
        self
    }

    /// Adds a literal word.
    #[must_use]
    pub fn lit(mut self, word: &'static str) -> Self {
        self.words.push(Word::Lit(word));
        self
    }

    /// Adds a data word. Put `--` before it where the program knows that.
    #[must_use]
    pub fn arg(mut self, word: impl Into<Arg>) -> Self {
        self.words.push(Word::Arg(word.into()));
        self
    }

    /// Adds a data word for each of `words`.
    #[must_use]
    pub fn args<A: Into<Arg>>(mut self, words: impl IntoIterator<Item = A>) -> Self {
        self.words
            .extend(words.into_iter().map(|word| Word::Arg(word.into())));
        self
    }

    /// Adds the one word `name=value`, so that no value can become an option of its own.
    #[must_use]
    pub fn opt(mut self, name: &'static str, value: impl Into<Arg>) -> Self {
        self.words.push(Word::Opt(name, value.into()));
        self
    }

    /// Ends the command on the node after `seconds` (TERM, then KILL five seconds later); 0 is never.
    #[must_use]
    pub fn timeout(mut self, seconds: u32) -> Self {
        self.timeout_s = seconds;
        self
    }

    /// Exports a variable to the command.
    #[must_use]
    pub fn env(self, name: EnvName, value: EnvValue) -> Self {
        self.variable(name, value, false)
    }

    /// Exports a variable whose value is never shown and in no argument vector.
    #[must_use]
    pub fn secret(self, name: EnvName, value: EnvValue) -> Self {
        self.variable(name, value, true)
    }

    fn variable(mut self, name: EnvName, value: EnvValue, secret: bool) -> Self {
        self.environment.push(Variable {
            name,
            value,
            secret,
        });
        self
    }

    /// Seconds after which the node ends the command itself; 0 is never.
    pub fn timeout_seconds(&self) -> u32 {
        self.timeout_s
    }

    /// The argument vector. A path in the home directory reads `$HOME/…`: only the node can expand it.
    pub fn argv(&self) -> Vec<String> {
        self.words
            .iter()
            .map(|word| match word {
                Word::Lit(text) => (*text).to_owned(),
                Word::Arg(arg) => arg.plain(),
                Word::Opt(name, value) => format!("{name}={}", value.plain()),
            })
            .collect()
    }

    /// The command as it can be pasted in a shell; splits back to exactly [`Remote::argv`].
    pub fn display(&self) -> String {
        let words: Vec<String> = self.words.iter().map(Word::shown).collect();
        words.join(" ")
    }

    /// The whole text for the standard input of [`EXEC`], with `nonce` in its markers.
    pub fn render(&self, nonce: &Nonce) -> String {
        let exports: String = self.environment.iter().map(Variable::export).collect();
        let words: Vec<String> = self.words.iter().map(Word::quoted).collect();
        let (feed, document) = match self.stdin.as_ref().map(Stdin::text) {
            None => (String::new(), String::new()),
            Some(text) => (
                format!(" <<'SPARK_{nonce}'"),
                format!("{}\nSPARK_{nonce}\n", text.trim_end_matches('\n')),
            ),
        };
        format!(
            "spark_main() {{\n\
             LC_ALL=C; export LC_ALL; unset CDPATH ENV BASH_ENV; umask 077\n\
             {PATH}\n\
             {exports}\
             printf '@@%s:begin\\n' '{nonce}'\n\
             timeout -k 5 {timeout} {command}{feed} &\n\
             {document}\
             spark_pid=$!\n\
             trap 'kill -TERM \"$spark_pid\" 2>/dev/null' TERM HUP INT\n\
             while :; do wait \"$spark_pid\"; spark_rc=$?; \
             kill -0 \"$spark_pid\" 2>/dev/null || break; done\n\
             printf '\\n@@%s:end %d\\n' '{nonce}' \"$spark_rc\"; return \"$spark_rc\"\n\
             }}\n\
             spark_main </dev/null\n\
             exit $?\n",
            timeout = self.timeout_s,
            command = words.join(" "),
        )
    }
}

impl Word {
    /// As it is sent: every word in quotes, needed or not.
    fn quoted(&self) -> String {
        match self {
            Self::Lit(text) => quote(text),
            Self::Arg(arg) => arg.quoted(),
            Self::Opt(name, value) => format!("{}={}", quote(name), value.quoted()),
        }
    }

    /// As it is shown: quotes only where a reader needs them.
    fn shown(&self) -> String {
        match self {
            Self::Lit(text) if quote::is_plain(text) => (*text).to_owned(),
            Self::Lit(text) => quote(text),
            Self::Arg(arg) => arg.shown(),
            Self::Opt(name, value) => format!("{name}={}", value.shown()),
        }
    }
}

impl Variable {
    fn export(&self) -> String {
        let name = self.name.as_str();
        format!("{name}={}; export {name}\n", quote(self.value.as_str()))
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Remote");
        shown.field("command", &self.display());
        for variable in &self.environment {
            let hidden = if variable.secret {
                "…"
            } else {
                variable.value.as_str()
            };
            shown.field(variable.name.as_str(), &hidden);
        }
        shown.finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
