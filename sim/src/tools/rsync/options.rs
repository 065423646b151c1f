//! The words of `rsync`: options, from where, to where.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::End;

/// Options that are known and change nothing here.
const SWITCHES: [&str; 29] = [
    "--archive",
    "--recursive",
    "--links",
    "--perms",
    "--times",
    "--group",
    "--owner",
    "--devices",
    "--specials",
    "--hard-links",
    "--sparse",
    "--whole-file",
    "--no-whole-file",
    "--inc-recursive",
    "--no-inc-recursive",
    "--numeric-ids",
    "--no-owner",
    "--no-group",
    "--no-perms",
    "--omit-dir-times",
    "--human-readable",
    "--stats",
    "--verbose",
    "--quiet",
    "--compress",
    "--protect-args",
    "--secluded-args",
    "--fsync",
    "--no-compress",
];

/// The letters of the same.
const LETTERS: &str = "arlptgoDHSWvqzhs";

/// Where files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Local(PathBuf),
    /// `login` is `user@host`, as `ssh` takes it.
    Remote {
        login: String,
        path: PathBuf,
    },
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) from: Place,
    pub(super) to: Place,
    /// The words of `-e`.
    pub(super) shell: Vec<String>,
    pub(super) exclude: Vec<String>,
    switches: BTreeSet<Switch>,
}

/// What is on or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Switch {
    SizeOnly,
    MakePath,
    Partial,
    Inplace,
    Progress,
    DryRun,
    Delete,
}

impl Place {
    fn read(text: &str) -> Self {
        match text.split_once(':') {
            Some((login, path)) if !login.contains('/') => Self::Remote {
                login: login.to_owned(),
                path: PathBuf::from(path),
            },
            _ => Self::Local(std::path::absolute(text).unwrap_or_else(|_e| PathBuf::from(text))),
        }
    }

    /// Where to log in; none for a place on this node.
    pub(super) fn login(&self) -> Option<&str> {
        match self {
            Self::Local(_) => None,
            Self::Remote { login, .. } => Some(login),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Local(path) | Self::Remote { path, .. } => path,
        }
    }

    /// Whether what is in the folder is meant, and not the folder.
    pub(super) fn ends_with_slash(&self) -> bool {
        self.path().as_os_str().to_string_lossy().ends_with('/')
    }
}

impl Options {
    /// Reads the words after `rsync`.
    pub(super) fn read(args: &[String]) -> Result<Self, End> {
        let nowhere = || Place::Local(PathBuf::new());
        let mut options = Self {
            from: nowhere(),
            to: nowhere(),
            shell: vec!["ssh".to_owned()],
            exclude: Vec::new(),
            switches: BTreeSet::new(),
        };
        let mut places = Vec::new();
        let mut rest = args.iter();
        while let Some(word) = rest.next() {
            if word == "--" {
                places.extend(rest.by_ref());
            } else if word.starts_with("--") {
                options.long(word, &mut rest)?;
            } else if let Some(cluster) =
                word.strip_prefix('-').filter(|cluster| !cluster.is_empty())
            {
                options.cluster(cluster, &mut rest)?;
            } else {
                places.push(word);
            }
        }
        let [from, to] = places.as_slice() else {
            return Err(End::new(
                1,
                "syntax or usage error",
                "rsync  version 3.2.7  protocol version 31",
            ));
        };
        (options.from, options.to) = (Place::read(from), Place::read(to));
        match (&options.from, &options.to) {
            (Place::Remote { .. }, Place::Remote { .. }) => Err(End::new(
                1,
                "syntax or usage error",
                "The source and destination cannot both be remote.",
            )),
            _ => Ok(options),
        }
    }

    fn long<'a>(
        &mut self,
        word: &str,
        rest: &mut impl Iterator<Item = &'a String>,
    ) -> Result<(), End> {
        let (name, inline) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (word, None),
        };
        let mut value = || {
            let missing = || {
                End::new(
                    1,
                    "syntax or usage error",
                    format!("rsync: {name}: missing argument"),
                )
            };
            inline
                .clone()
                .or_else(|| rest.next().cloned())
                .ok_or_else(missing)
        };
        match name {
            "--rsh" => self.shell = words(&value()?),
            "--exclude" => self.exclude.push(value()?),
            "--size-only" => self.turn_on(Switch::SizeOnly),
            "--mkpath" => self.turn_on(Switch::MakePath),
            "--partial" => self.turn_on(Switch::Partial),
            "--inplace" => self.turn_on(Switch::Inplace),
            "--dry-run" => self.turn_on(Switch::DryRun),
            "--delete" | "--delete-after" => self.turn_on(Switch::Delete),
            "--progress" => self.turn_on(Switch::Progress),
            "--info" => {
                if value()?.contains("progress2") {
                    self.turn_on(Switch::Progress);
                }
            }
            "--timeout" | "--contimeout" | "--bwlimit" | "--include" | "--chmod"
            | "--rsync-path" | "--log-file" | "--outbuf" => drop(value()?),
            known if SWITCHES.contains(&known) => {}
            _ => return Err(unknown(word)),
        }
        Ok(())
    }

    fn cluster<'a>(
        &mut self,
        cluster: &str,
        rest: &mut impl Iterator<Item = &'a String>,
    ) -> Result<(), End> {
        for (at, letter) in cluster.char_indices() {
            match letter {
                'e' => {
                    let glued = cluster.get(at + 1..).unwrap_or_default();
                    let text = if glued.is_empty() {
                        rest.next().map_or("", String::as_str)
                    } else {
                        glued
                    };
                    self.shell = words(text);
                    return Ok(());
                }
                'n' => self.turn_on(Switch::DryRun),
                'P' => {
                    self.turn_on(Switch::Partial);
                    self.turn_on(Switch::Progress);
                }
                known if LETTERS.contains(known) => {}
                _ => return Err(unknown(&format!("-{letter}"))),
            }
        }
        Ok(())
    }

    fn turn_on(&mut self, switch: Switch) {
        self.switches.insert(switch);
    }

    /// Whether a switch is on.
    pub(super) fn is(&self, switch: Switch) -> bool {
        self.switches.contains(&switch)
    }

    /// Whether a path below the source is left out.
    pub(super) fn excludes(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        self.exclude
            .iter()
            .any(|pattern| match pattern.strip_prefix('/') {
                Some(anchored) => {
                    matches(anchored.trim_end_matches('/').as_bytes(), path.as_bytes())
                }
                None => matches(pattern.trim_end_matches('/').as_bytes(), name.as_bytes()),
            })
    }
}

/// `*` stays within a name, as in rsync.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => {
            matches(rest, text)
                || text
                    .split_first()
                    .is_some_and(|(c, tail)| *c != b'/' && matches(pattern, tail))
        }
        ([b'?', rest @ ..], [_, tail @ ..]) => matches(rest, tail),
        ([a, rest @ ..], [b, tail @ ..]) if a == b => matches(rest, tail),
        _ => false,
    }
}

/// The words of `-e`: split at blanks, with quotes around a word that has some.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in text.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, ' ') => words.push(String::new()),
            (_, c) => {
                if let Some(word) = words.last_mut() {
                    word.push(c);
                }
            }
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn unknown(option: &str) -> End {
    End::new(
        1,
        "syntax or usage error",
        format!("rsync: {option}: unknown option"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_of_a_copy_is_read() {
        let args = [
            "-a",
            "--size-only",
            "--mkpath",
            "--partial",
            "--links",
            "--info=progress2",
            "--no-inc-recursive",
            "--exclude=*.incomplete",
            "-e",
            "ssh -o BatchMode=yes -p 2222",
            "/a/models--x/",
            "u@127.0.0.2:/b/models--x/",
        ];
        let options = Options::read(&args.map(str::to_owned)).unwrap();
        assert!(
            options.is(Switch::SizeOnly)
                && options.is(Switch::MakePath)
                && options.is(Switch::Partial)
                && options.is(Switch::Progress)
        );
        assert_eq!(options.shell, ["ssh", "-o", "BatchMode=yes", "-p", "2222"]);
        let login = "u@127.0.0.2".to_owned();
        assert_eq!(
            options.to,
            Place::Remote {
                login,
                path: PathBuf::from("/b/models--x/")
            }
        );
        assert!(options.from.ends_with_slash());
        assert!(options.excludes("blobs/ab.incomplete") && !options.excludes("blobs/ab"));
    }

    #[test]
    fn what_it_does_not_know_is_a_usage_error() {
        let end = |args: &[&str]| {
            Options::read(&args.iter().map(|a| (*a).to_owned()).collect::<Vec<_>>()).unwrap_err()
        };
        assert_eq!(
            end(&["--nope", "a", "b"]).said,
            "rsync: --nope: unknown option"
        );
        assert_eq!(end(&["-aX", "a", "b"]).said, "rsync: -X: unknown option");
        assert_eq!(end(&["-a", "x:a", "y:b"]).code, 1);
    }
}
