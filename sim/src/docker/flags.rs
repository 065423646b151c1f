//! The option parser of the Docker command line, as strict as the real one.
//!
//! Docker parses with the pflag library: long options with `=` or a following word, clusters of short
//! ones, a value check per option kind, and fixed sentences for every mistake. A simulated node has to
//! refuse exactly what a Spark refuses, so the sentences here are those of Docker 28. A mistake in an
//! option ends with 125, a wrong number of operands with 1.

use std::collections::BTreeMap;

use super::values;
use crate::tools::{Outcome, Refusal};

/// What an option takes, which decides what is checked before anything else happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Text,
    Int,
    Bytes,
    Decimal,
    Duration,
    Filter,
    Mount,
    Ulimit,
    Gpus,
}

/// One option: its long name, its letter when it has one, and what it takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flag {
    pub(super) long: &'static str,
    pub(super) short: Option<char>,
    pub(super) kind: Kind,
}

impl Flag {
    pub(super) const fn long(long: &'static str, kind: Kind) -> Self {
        Self {
            long,
            short: None,
            kind,
        }
    }

    pub(super) const fn short(short: char, long: &'static str, kind: Kind) -> Self {
        Self {
            long,
            short: Some(short),
            kind,
        }
    }

    /// As pflag names it in a complaint: `-m, --memory`.
    fn label(&self) -> String {
        match self.short {
            Some(c) => format!("-{c}, --{}", self.long),
            None => format!("--{}", self.long),
        }
    }
}

/// How many operands a command takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operands {
    None,
    Exactly(usize),
    AtLeast(usize),
    AtMost(usize),
}

/// A docker command: its full name, its usage line after that name, what it does, its options.
#[derive(Debug, Clone, Copy)]
pub(super) struct Command {
    pub(super) name: &'static str,
    pub(super) usage: &'static str,
    pub(super) about: &'static str,
    pub(super) operands: Operands,
    pub(super) flags: &'static [Flag],
    /// Whether options end at the first operand (`run`, `create`, `exec`), because what follows belongs
    /// to the program in the container.
    pub(super) stops_at_operand: bool,
}

/// What was given: values per long option name, in order, and the operands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Parsed {
    values: BTreeMap<&'static str, Vec<String>>,
    pub(super) operands: Vec<String>,
}

impl Parsed {
    /// Every value of a repeatable option, in order.
    pub(super) fn all(&self, long: &str) -> &[String] {
        self.values.get(long).map_or(&[], Vec::as_slice)
    }

    /// The last value of an option: later ones win, as in pflag.
    pub(super) fn last(&self, long: &str) -> Option<&str> {
        self.all(long).last().map(String::as_str)
    }

    /// Whether a switch is on.
    pub(super) fn on(&self, long: &str) -> bool {
        self.last(long)
            .is_some_and(|v| values::boolean(v) == Ok(true))
    }

    /// The last value of a number option; it was checked when it was parsed.
    pub(super) fn int(&self, long: &str) -> Option<i64> {
        self.last(long).and_then(|v| v.parse().ok())
    }
}

impl Command {
    /// Parses `args`; `--help` prints the help and ends the program well.
    pub(super) fn parse(&self, args: &[String]) -> Result<Parsed, Refusal> {
        let parsed = self.options(args)?;
        if parsed.on("help") {
            return Err(Refusal::help(self.help()));
        }
        self.check_operands(parsed.operands.len())?;
        Ok(parsed)
    }

    fn options(&self, args: &[String]) -> Result<Parsed, Refusal> {
        let mut parsed = Parsed::default();
        let mut rest = args.iter();
        while let Some(word) = rest.next() {
            if word == "--" {
                parsed.operands.extend(rest.cloned());
                break;
            }
            if let Some(body) = word.strip_prefix("--") {
                self.long_option(body, &mut rest, &mut parsed)?;
            } else if word.len() > 1 && word.starts_with('-') {
                self.cluster(word, &mut rest, &mut parsed)?;
            } else {
                parsed.operands.push(word.clone());
                if self.stops_at_operand {
                    parsed.operands.extend(rest.cloned());
                    break;
                }
            }
        }
        Ok(parsed)
    }

    fn long_option<'a>(
        &self,
        body: &str,
        rest: &mut impl Iterator<Item = &'a String>,
        parsed: &mut Parsed,
    ) -> Result<(), Refusal> {
        let (name, inline) = match body.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (body, None),
        };
        let name = alias(name);
        let Some(flag) = self.lookup(|f| f.long == name) else {
            return Err(self.misuse(&format!("unknown flag: --{name}")));
        };
        let value = match (inline, flag.kind) {
            (Some(value), _) => value,
            (None, Kind::Bool) => "true".to_owned(),
            (None, _) => rest
                .next()
                .cloned()
                .ok_or_else(|| self.misuse(&format!("flag needs an argument: --{name}")))?,
        };
        self.store(flag, value, parsed)
    }

    fn cluster<'a>(
        &self,
        word: &str,
        rest: &mut impl Iterator<Item = &'a String>,
        parsed: &mut Parsed,
    ) -> Result<(), Refusal> {
        let cluster = word.trim_start_matches('-');
        let mut letters = cluster.chars();
        while let Some(letter) = letters.next() {
            let Some(flag) = self.lookup(|f| f.short == Some(letter)) else {
                let left: String = std::iter::once(letter).chain(letters).collect();
                return Err(self.misuse(&format!("unknown shorthand flag: '{letter}' in -{left}")));
            };
            let tail = letters.as_str();
            let value = if let Some(value) = tail.strip_prefix('=') {
                value.to_owned()
            } else if flag.kind == Kind::Bool {
                self.store(flag, "true".to_owned(), parsed)?;
                continue;
            } else if tail.is_empty() {
                let missing = format!("flag needs an argument: '{letter}' in -{letter}");
                rest.next().cloned().ok_or_else(|| self.misuse(&missing))?
            } else {
                tail.to_owned()
            };
            return self.store(flag, value, parsed);
        }
        Ok(())
    }

    fn lookup(&self, is: impl Fn(&Flag) -> bool) -> Option<Flag> {
        const HELP: Flag = Flag::long("help", Kind::Bool);
        self.flags.iter().copied().chain([HELP]).find(is)
    }

    fn store(&self, flag: Flag, value: String, parsed: &mut Parsed) -> Result<(), Refusal> {
        values::check(flag.kind, &value).map_err(|why| {
            self.misuse(&format!(
                "invalid argument \"{value}\" for \"{}\" flag: {why}",
                flag.label()
            ))
        })?;
        parsed.values.entry(flag.long).or_default().push(value);
        Ok(())
    }

    fn check_operands(&self, given: usize) -> Result<(), Refusal> {
        let (wanted, see) = match self.operands {
            Operands::None if given > 0 => ("accepts no arguments".to_owned(), "Run"),
            Operands::Exactly(n) if given != n => (format!("requires {}", count(n)), "Run"),
            Operands::AtLeast(n) if given < n => (format!("requires at least {}", count(n)), "See"),
            Operands::AtMost(n) if given > n => (format!("requires at most {}", count(n)), "Run"),
            _ => return Ok(()),
        };
        let (name, usage) = (self.name, self.usage_line());
        let text = format!(
            "docker: '{name}' {wanted}\n\n{usage}\n\n{see} '{name} --help' for more information"
        );
        Err(Refusal::new(1, text))
    }

    fn usage_line(&self) -> String {
        format!("Usage:  {} {}", self.name, self.usage)
            .trim_end()
            .to_owned()
    }

    fn misuse(&self, what: &str) -> Refusal {
        let name = self.name;
        let text = format!(
            "{what}\n\n{}\n\nRun '{name} --help' for more information",
            self.usage_line()
        );
        Refusal::new(125, text)
    }

    fn help(&self) -> String {
        let mut text = format!("{}\n\n{}\n", self.usage_line(), self.about);
        if !self.flags.is_empty() {
            text.push_str("\nOptions:\n");
        }
        for flag in self.flags {
            let short = flag
                .short
                .map_or_else(|| "    ".to_owned(), |c| format!("-{c}, "));
            let row = format!("  {short}--{} {}", flag.long, values::type_name(flag.kind));
            text.push_str(row.trim_end());
            text.push('\n');
        }
        text
    }

    /// A refusal that docker makes after parsing: `docker: WHY` and where to read more, 125.
    pub(super) fn refuse(&self, why: &str) -> Refusal {
        let name = self.name;
        Refusal::new(
            125,
            format!("docker: {why}\n\nRun '{name} --help' for more information"),
        )
    }
}

/// Runs `body` with the parsed options of `command`.
pub(super) fn with(
    command: &Command,
    args: &[String],
    body: impl FnOnce(&Parsed) -> Outcome,
) -> Outcome {
    body(&command.parse(args)?)
}

/// Older names that Docker still takes for an option.
fn alias(name: &str) -> &str {
    match name {
        "net" => "network",
        "net-alias" => "network-alias",
        "time" => "timeout",
        other => other,
    }
}

fn count(n: usize) -> String {
    format!("{n} argument{}", if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::super::commands::{LOGS, PS, RENAME, RUN, STOP};
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    fn refusal(command: &Command, line: &str) -> (i32, String) {
        let refusal = command.parse(&words(line)).unwrap_err();
        (
            refusal.code,
            refusal.text.lines().next().unwrap_or_default().to_owned(),
        )
    }

    #[test]
    fn options_end_at_the_image() {
        let parsed = RUN
            .parse(&words(
                "-d --name=a --net host -e A=1 -eB=2 img serve --port 1",
            ))
            .unwrap();
        assert!(parsed.on("detach"));
        assert_eq!(parsed.last("name"), Some("a"));
        assert_eq!(parsed.last("network"), Some("host"));
        assert_eq!(parsed.all("env"), ["A=1", "B=2"]);
        assert_eq!(parsed.operands, ["img", "serve", "--port", "1"]);
    }

    #[test]
    fn options_and_operands_mix_elsewhere() {
        let parsed = LOGS.parse(&words("box --tail 5 -ft")).unwrap();
        assert_eq!(parsed.operands, ["box"]);
        assert_eq!(parsed.last("tail"), Some("5"));
        assert!(parsed.on("follow") && parsed.on("timestamps"));
    }

    #[test]
    fn mistakes_are_named_as_docker_names_them() {
        let cases = [
            (&RUN, "--bogus", 125, "unknown flag: --bogus"),
            (&RUN, "-dz a", 125, "unknown shorthand flag: 'z' in -z"),
            (&RUN, "--name", 125, "flag needs an argument: --name"),
            (&RUN, "-e", 125, "flag needs an argument: 'e' in -e"),
            (
                &RUN,
                "--memory x img",
                125,
                "invalid argument \"x\" for \"-m, --memory\" flag: invalid size: 'x'",
            ),
            (
                &STOP,
                "-t abc x",
                125,
                "invalid argument \"abc\" for \"-t, --timeout\" flag: strconv.ParseInt: parsing \"abc\": invalid syntax",
            ),
            (
                &RUN,
                "",
                1,
                "docker: 'docker run' requires at least 1 argument",
            ),
            (&PS, "extra", 1, "docker: 'docker ps' accepts no arguments"),
            (&LOGS, "a b", 1, "docker: 'docker logs' requires 1 argument"),
            (
                &RENAME,
                "a",
                1,
                "docker: 'docker rename' requires 2 arguments",
            ),
        ];
        for (command, line, code, text) in cases {
            assert_eq!(refusal(command, line), (code, text.to_owned()), "{line}");
        }
    }

    #[test]
    fn the_whole_refusal_reads_as_dockers() {
        let refusal = RUN.parse(&words("--bogus")).unwrap_err();
        assert_eq!(
            refusal.text,
            "unknown flag: --bogus\n\nUsage:  docker run [OPTIONS] IMAGE [COMMAND] [ARG...]\n\n\
             Run 'docker run --help' for more information"
        );
    }
}
