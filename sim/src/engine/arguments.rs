//! The command line, read as Python's argparse reads it for `vllm serve`.
//!
//! vLLM's own additions are kept: `_` and `-` are the same in option names, `--option.key value` sets one
//! key of a JSON option. Unknown words are collected and reported last, by the top parser, which is why
//! that message starts with `vllm:` and not with `vllm serve:`.

use std::collections::BTreeMap;

use super::{
    catalog::{Catalog, FlagSpec},
    units::human_int,
};

const SUBCOMMANDS: &str =
    "'chat', 'complete', 'serve', 'launch', 'bench', 'collect-env', 'run-batch'";

/// A command line that argparse refuses. The process exits with 2.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UsageError {
    /// Refused by the parser of `vllm serve`.
    #[error("usage: vllm serve [model_tag] [options]\nvllm serve: error: {0}")]
    Serve(String),
    /// Refused by the parser above it.
    #[error(
        "usage: vllm [-h] [-v]\n            {{chat,complete,serve,launch,bench,collect-env,run-batch}}\n            ...\nvllm: error: {0}"
    )]
    Top(String),
}

/// The values given on a command line, by destination name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Arguments {
    values: BTreeMap<String, Vec<String>>,
    model_tag: Option<String>,
}

impl Arguments {
    /// Reads what follows the program name: `["serve", "ORG/MODEL", "--port", "8000"]`.
    pub(crate) fn parse(argv: &[String], catalog: &Catalog) -> Result<Self, UsageError> {
        match argv.split_first() {
            Some((command, rest)) if command == "serve" => Reader::new(rest, catalog).read(),
            Some((command, _)) if command.starts_with('-') => Err(UsageError::Top(format!(
                "unrecognized arguments: {}",
                argv.join(" ")
            ))),
            Some((command, _)) => Err(UsageError::Top(format!(
                "argument subparser: invalid choice: '{command}' (choose from {SUBCOMMANDS})"
            ))),
            None => Err(UsageError::Top(
                "the following arguments are required: subparser".into(),
            )),
        }
    }

    /// The positional model, if any.
    pub(crate) fn model_tag(&self) -> Option<&str> {
        self.model_tag.as_deref()
    }

    /// The value of `dest`; of several the first.
    pub(crate) fn text(&self, dest: &str) -> Option<&str> {
        self.values.get(dest)?.first().map(String::as_str)
    }

    /// All values of `dest`.
    pub(crate) fn texts(&self, dest: &str) -> &[String] {
        self.values.get(dest).map_or(&[], Vec::as_slice)
    }

    /// Whether the switch `dest` is on.
    pub(crate) fn is_on(&self, dest: &str) -> bool {
        self.text(dest) == Some("true")
    }

    /// A number, already checked by the parser.
    pub(crate) fn number<T: std::str::FromStr>(&self, dest: &str) -> Option<T> {
        self.text(dest)?.parse().ok()
    }

    /// Every destination with its values, in name order.
    pub(crate) fn given(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.values
            .iter()
            .map(|(dest, values)| (dest.as_str(), values.as_slice()))
    }
}

struct Reader<'a> {
    words: std::iter::Peekable<std::slice::Iter<'a, String>>,
    catalog: &'a Catalog,
    found: Arguments,
    unknown: Vec<String>,
}

impl<'a> Reader<'a> {
    fn new(words: &'a [String], catalog: &'a Catalog) -> Self {
        Self {
            words: words.iter().peekable(),
            catalog,
            found: Arguments::default(),
            unknown: Vec::new(),
        }
    }

    fn read(mut self) -> Result<Arguments, UsageError> {
        while let Some(word) = self.words.next() {
            if word == "--" {
                self.positionals_to_the_end();
            } else if is_option(word) {
                self.option(word)?;
            } else {
                self.positional(word);
            }
        }
        if self.unknown.is_empty() {
            return Ok(self.found);
        }
        Err(UsageError::Top(format!(
            "unrecognized arguments: {}",
            self.unknown.join(" ")
        )))
    }

    fn positionals_to_the_end(&mut self) {
        while let Some(word) = self.words.next() {
            self.positional(word);
        }
    }

    fn positional(&mut self, word: &str) {
        if self.found.model_tag.is_none() {
            self.found.model_tag = Some(word.to_owned());
        } else {
            self.unknown.push(word.to_owned());
        }
    }

    fn option(&mut self, word: &str) -> Result<(), UsageError> {
        let (name, attached) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word, None),
        };
        let name = normalise(name);
        let Some(spec) = self.find(&name)? else {
            self.unknown.push(word.to_owned());
            return Ok(());
        };
        let values = if spec.boolean {
            vec![switch(spec, &name, attached)?]
        } else {
            self.values_of(spec, attached)?
        };
        for value in &values {
            check(spec, value)?;
        }
        self.found.values.insert(spec.dest.clone(), values);
        Ok(())
    }

    fn find(&self, name: &str) -> Result<Option<&'a FlagSpec>, UsageError> {
        if let Some(spec) = self.catalog.exact(name) {
            return Ok(Some(spec));
        }
        if let Some((base, _)) = name.split_once('.') {
            return Ok(self.catalog.exact(base).filter(|spec| !spec.boolean));
        }
        if !name.starts_with("--") {
            return Ok(None);
        }
        let found = self.catalog.completions(name);
        match found.as_slice() {
            [] => Ok(None),
            [(_, spec)] => Ok(Some(spec)),
            several => {
                let names: Vec<&str> = several.iter().map(|(flag, _)| *flag).collect();
                let names = names.join(", ");
                Err(UsageError::Serve(format!(
                    "ambiguous option: {name} could match {names}"
                )))
            }
        }
    }

    fn values_of(
        &mut self,
        spec: &FlagSpec,
        attached: Option<&str>,
    ) -> Result<Vec<String>, UsageError> {
        if let Some(value) = attached {
            return Ok(vec![value.to_owned()]);
        }
        let most = if spec.nargs.as_deref() == Some("+") {
            usize::MAX
        } else {
            1
        };
        let mut values = Vec::new();
        while values.len() < most {
            match self.words.next_if(|word| !is_option(word) && *word != "--") {
                Some(value) => values.push(value.clone()),
                None => break,
            }
        }
        if values.is_empty() && spec.nargs.as_deref() != Some("?") {
            let wanted = if most == 1 {
                "one argument"
            } else {
                "at least one argument"
            };
            return Err(refused(spec, &format!("expected {wanted}")));
        }
        Ok(values)
    }
}

/// Whether argparse takes `word` for an option: a dash that is not a number, and no space in it.
fn is_option(word: &str) -> bool {
    let Some(rest) = word.strip_prefix('-') else {
        return false;
    };
    let option = rest.starts_with(|c: char| c == '-' || c.is_ascii_alphabetic());
    let name = word.split_once('=').map_or(word, |(name, _)| name);
    option && !name.contains(' ') && word != "--"
}

fn normalise(name: &str) -> String {
    if name.starts_with("--") {
        name.replace('_', "-")
    } else {
        name.to_owned()
    }
}

fn switch(spec: &FlagSpec, name: &str, attached: Option<&str>) -> Result<String, UsageError> {
    match attached {
        Some(value) => Err(refused(
            spec,
            &format!("ignored explicit argument '{value}'"),
        )),
        None => Ok(if name.starts_with("--no-") {
            "false"
        } else {
            "true"
        }
        .to_owned()),
    }
}

fn check(spec: &FlagSpec, value: &str) -> Result<(), UsageError> {
    let kind = spec.kind.as_deref().unwrap_or("str");
    let valid = match kind {
        "int" => value.trim().parse::<i64>().is_ok(),
        "float" => value.trim().parse::<f64>().is_ok(),
        "human_readable_int" => human_int(value).is_some(),
        "human_readable_int_or_auto" => {
            value == "auto" || value == "-1" || human_int(value).is_some()
        }
        "loads" => serde_json::from_str::<serde_json::Value>(value).is_ok(),
        "_optional_type" if spec.dest == "kv_cache_memory_bytes" => human_int(value).is_some(),
        _ => true,
    };
    if !valid {
        return Err(refused(spec, &format!("invalid {kind} value: '{value}'")));
    }
    match &spec.choices {
        Some(choices) if !choices.iter().any(|choice| choice == value) => {
            let names: Vec<String> = choices.iter().map(|c| format!("'{c}'")).collect();
            let names = names.join(", ");
            Err(refused(
                spec,
                &format!("invalid choice: '{value}' (choose from {names})"),
            ))
        }
        _ => Ok(()),
    }
}

fn refused(spec: &FlagSpec, why: &str) -> UsageError {
    UsageError::Serve(format!("argument {}: {why}", spec.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::host::EngineImage;

    fn parse(line: &str) -> Result<Arguments, UsageError> {
        let argv: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Arguments::parse(&argv, &Catalog::of(&EngineImage::default()))
    }

    fn error(line: &str) -> String {
        let text = parse(line).expect_err(line).to_string();
        text.lines().last().unwrap_or_default().to_owned()
    }

    #[test]
    fn values_come_in_every_spelling() {
        let check = |line: &str, dest: &str, expected: &[&str]| {
            let found = parse(line).unwrap();
            assert_eq!(found.texts(dest), expected, "{line}");
        };
        check("serve m --port 8001", "port", &["8001"]);
        check("serve m --port=8001", "port", &["8001"]);
        check("serve m --max_model_len 32k", "max_model_len", &["32k"]);
        check("serve m -tp 2", "tensor_parallel_size", &["2"]);
        check("serve m --tensor-p 2", "tensor_parallel_size", &["2"]);
        check(
            "serve m --served-model-name a b --port 1",
            "served_model_name",
            &["a", "b"],
        );
        check(
            "serve m --no-enable-prefix-caching",
            "enable_prefix_caching",
            &["false"],
        );
        check("serve m --enforce-eager", "enforce_eager", &["true"]);
        check("serve m --port 1 --port 2", "port", &["2"]);
        check(
            "serve m --speculative-config.method mtp",
            "speculative_config",
            &["mtp"],
        );
        check("serve m --hf-token --port 1", "hf_token", &[]);
        check("serve m --seed -1", "seed", &["-1"]);
    }

    #[test]
    fn the_model_may_come_anywhere_among_the_options() {
        for line in [
            "serve org/m --port 1",
            "serve --port 1 org/m",
            "serve --port 1 -- org/m",
        ] {
            assert_eq!(parse(line).unwrap().model_tag(), Some("org/m"), "{line}");
        }
        assert_eq!(
            parse("serve --model org/m").unwrap().text("model"),
            Some("org/m")
        );
    }

    #[test]
    fn refusals_use_the_words_of_argparse() {
        for (line, expected) in [
            (
                "serve m --foo",
                "vllm: error: unrecognized arguments: --foo",
            ),
            (
                "serve m --foo bar --port 1",
                "vllm: error: unrecognized arguments: --foo bar",
            ),
            (
                "serve serve org/m --port 1",
                "vllm: error: unrecognized arguments: org/m",
            ),
            (
                "serve vllm serve org/m",
                "vllm: error: unrecognized arguments: serve org/m",
            ),
            (
                "serve m --port",
                "vllm serve: error: argument --port: expected one argument",
            ),
            (
                "serve m --port x",
                "vllm serve: error: argument --port: invalid int value: 'x'",
            ),
            (
                "serve m --served-model-name --port 1",
                "vllm serve: error: argument --served-model-name: expected at least one argument",
            ),
            (
                "serve m --enforce-eager=yes",
                "vllm serve: error: argument --enforce-eager/--no-enforce-eager: ignored explicit argument 'yes'",
            ),
            (
                "serve m --max-model-len many",
                "vllm serve: error: argument --max-model-len: invalid human_readable_int_or_auto value: 'many'",
            ),
            (
                "serve m --chat-template-content-format x",
                "vllm serve: error: argument --chat-template-content-format: invalid choice: 'x' (choose from 'auto', 'openai', 'string')",
            ),
        ] {
            assert_eq!(error(line), expected, "{line}");
        }
        assert!(error("serve m --max-num 1").contains("ambiguous option: --max-num could match"));
        assert!(error("run m").contains("invalid choice: 'run' (choose from 'chat'"));
    }
}
