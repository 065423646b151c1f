//! The words of `hf download`.

use super::Client;
use crate::tools::Refusal;

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) repo: String,
    pub(super) files: Vec<String>,
    pub(super) revision: String,
    pub(super) include: Vec<String>,
    pub(super) exclude: Vec<String>,
    pub(super) token: Option<String>,
    pub(super) workers: usize,
    pub(super) quiet: bool,
    pub(super) dry_run: bool,
    pub(super) json: bool,
}

impl Options {
    /// Reads the words after `download`; the error is the client's.
    pub(super) fn read(words: &[&str], client: Client) -> Result<Self, Refusal> {
        let mut options = Self {
            repo: String::new(),
            files: Vec::new(),
            revision: "main".to_owned(),
            include: Vec::new(),
            exclude: Vec::new(),
            token: None,
            workers: 8,
            quiet: false,
            dry_run: false,
            json: false,
        };
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            let (name, inline) = match word.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(value)),
                _ => (*word, None),
            };
            let mut value = || {
                let value = inline.or_else(|| rest.next().copied());
                value
                    .map(str::to_owned)
                    .ok_or_else(|| needs_value(client, name))
            };
            match name {
                "--revision" => options.revision = value()?,
                "--include" => options.include.push(value()?),
                "--exclude" => options.exclude.push(value()?),
                "--token" => options.token = Some(value()?),
                "--cache-dir" | "--local-dir" | "--repo-type" | "--type" | "--format" => {
                    drop(value()?);
                }
                "--max-workers" => {
                    let text = value()?;
                    options.workers = text.parse().map_err(|_e| bad_number(client, &text))?;
                }
                "-q" | "--quiet" => options.quiet = true,
                "--force-download" => {}
                "--dry-run" if client == Client::Today => options.dry_run = true,
                "--json" if client == Client::Today => options.json = true,
                option if option.starts_with('-') => return Err(unknown(client, option)),
                repo if options.repo.is_empty() => repo.clone_into(&mut options.repo),
                file => options.files.push(file.to_owned()),
            }
        }
        if options.repo.is_empty() {
            return Err(misuse(
                client,
                "Missing argument 'REPO_ID'.",
                "the following arguments are required: repo_id",
            ));
        }
        Ok(options)
    }

    /// Whether a file of the repository is wanted.
    pub(super) fn wants(&self, path: &str) -> bool {
        if !self.files.is_empty() {
            return self
                .files
                .iter()
                .any(|name| name == path || folder(name, path));
        }
        let hit = |patterns: &[String]| {
            patterns
                .iter()
                .any(|pattern| glob(pattern.as_bytes(), path.as_bytes()))
        };
        (self.include.is_empty() || hit(&self.include)) && !hit(&self.exclude)
    }
}

fn folder(name: &str, path: &str) -> bool {
    name.ends_with('/') && path.starts_with(name)
}

/// Python's `fnmatch`: `*` and `?` go over slashes too, and a pattern that ends with a slash means all below it.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], []) | (b"/", [b'/', ..]) => true,
        ([b'*', rest @ ..], _) => {
            glob(rest, text)
                || text
                    .split_first()
                    .is_some_and(|(_, tail)| glob(pattern, tail))
        }
        ([b'?', rest @ ..], [_, tail @ ..]) => glob(rest, tail),
        ([a, rest @ ..], [b, tail @ ..]) if a == b => glob(rest, tail),
        _ => false,
    }
}

fn misuse(client: Client, today: &str, earlier: &str) -> Refusal {
    let text = match client {
        Client::Today => format!(
            "Usage: hf download [OPTIONS] REPO_ID [FILENAMES]...\nTry 'hf download --help' for help.\n\n\
             Error: {today}"
        ),
        Client::Earlier => format!(
            "usage: huggingface-cli <command> [<args>] download [-h] repo_id [filenames ...]\nhuggingface-cli \
             <command> [<args>]: error: {earlier}"
        ),
    };
    Refusal::new(2, text)
}

fn unknown(client: Client, option: &str) -> Refusal {
    misuse(
        client,
        &format!("No such option: {option}"),
        &format!("unrecognized arguments: {option}"),
    )
}

fn needs_value(client: Client, option: &str) -> Refusal {
    misuse(
        client,
        &format!("Option '{option}' requires an argument."),
        &format!("argument {option}: expected one argument"),
    )
}

fn bad_number(client: Client, text: &str) -> Refusal {
    misuse(
        client,
        &format!("Invalid value for '--max-workers': '{text}' is not a valid integer."),
        &format!("argument --max-workers: invalid int value: '{text}'"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Options {
        Options::read(&line.split(' ').collect::<Vec<_>>(), Client::Today).unwrap()
    }

    #[test]
    fn patterns_choose_as_fnmatch_does() {
        let options = read("a/b --include=*.safetensors --include *.json --exclude original/*");
        for (path, wanted) in [
            ("model-00001-of-00002.safetensors", true),
            ("config.json", true),
            ("1_Pooling/config.json", true),
            ("original/params.json", false),
            ("README.md", false),
        ] {
            assert_eq!(options.wants(path), wanted, "{path}");
        }
        assert!(read("a/b").wants("README.md"));
        let folder = read("a/b original/ config.json");
        assert!(folder.wants("original/params.json") && folder.wants("config.json"));
        assert!(!folder.wants("README.md"));
    }

    #[test]
    fn each_client_refuses_in_its_own_words() {
        let text = |words: &[&str], client| Options::read(words, client).unwrap_err().text;
        assert!(text(&["a/b", "--nope"], Client::Today).ends_with("Error: No such option: --nope"));
        let earlier = text(&["a/b", "--dry-run"], Client::Earlier);
        assert!(earlier.ends_with("error: unrecognized arguments: --dry-run"));
        assert!(text(&[], Client::Today).ends_with("Missing argument 'REPO_ID'."));
    }
}
