//! The words that transfers are asked for with, each with a grammar.

use serde::{Deserialize, Serialize};
use spark_ipc::id::{OperationId, RepoId};

use crate::shell::{Arg, HomePath, RawArg};

/// A word that does not fit its grammar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is not a valid {kind}: {rule}")]
pub struct InvalidWord {
    pub kind: &'static str,
    pub value: String,
    pub rule: &'static str,
}

macro_rules! word {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks `value`.
            pub fn checked(value: &str) -> Result<Self, InvalidWord> {
                let check: fn(&str) -> bool = $check;
                if check(value) {
                    return Ok(Self(value.to_owned()));
                }
                let value = spark_ipc::text::clean_line(value, 200);
                Err(InvalidWord { kind: $kind, value, rule: $rule })
            }

            /// The checked text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidWord;
            fn try_from(value: String) -> Result<Self, InvalidWord> {
                Self::checked(&value)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
            }
        }
    };
}

word!(
    /// A branch, tag or commit of a repository.
    Revision, "revision", "1-255 of A-Z a-z 0-9 . _ / - , beginning with a letter or digit, no ..",
    |v| {
        v.len() <= 255
            && !v.contains("..")
            && v.starts_with(|c: char| c.is_ascii_alphanumeric())
            && v.bytes().all(|b| b.is_ascii_alphanumeric() || b"._/-".contains(&b))
    }
);

word!(
    /// A pattern for file names, as `fnmatch` reads it.
    FilePattern, "file pattern", "1-255 of A-Z a-z 0-9 . _ / - * ? [ ] ! , not beginning with -, no ..",
    |v| {
        (1..=255).contains(&v.len())
            && !v.starts_with('-')
            && !v.contains("..")
            && v.bytes().all(|b| b.is_ascii_alphanumeric() || b"._/-*?[]!".contains(&b))
    }
);

word!(
    /// The name of a job's folder on its node.
    JobName, "job name", "1-128 of a-z 0-9 . - , beginning with a letter or digit",
    |v| {
        v.len() <= 128
            && v.starts_with(|c: char| c.is_ascii_alphanumeric())
            && v.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-".contains(&b))
    }
);

impl JobName {
    /// The job `leg` of an operation, e.g. `download` or `copy-spark2`.
    pub fn of(operation: &OperationId, leg: &str) -> Result<Self, InvalidWord> {
        Self::checked(&format!("{operation}.{leg}"))
    }
}

/// Which files of which revision of which repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    pub repo: RepoId,
    pub revision: Option<Revision>,
    pub include: Vec<FilePattern>,
    pub exclude: Vec<FilePattern>,
}

impl Selection {
    /// Reads a selection as an operator gave it; the field that is wrong, as a JSON pointer, comes with the error.
    pub fn checked(
        repo: RepoId,
        revision: Option<&str>,
        include: &[String],
        exclude: &[String],
    ) -> Result<Self, (String, InvalidWord)> {
        let patterns = |field: &str, texts: &[String]| {
            let each = texts.iter().enumerate().map(|(i, text)| {
                FilePattern::checked(text).map_err(|error| (format!("/{field}/{i}"), error))
            });
            each.collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            repo,
            revision: revision
                .map(Revision::checked)
                .transpose()
                .map_err(|error| ("/revision".to_owned(), error))?,
            include: patterns("include", include)?,
            exclude: patterns("exclude", exclude)?,
        })
    }

    /// Whether it is the whole repository.
    pub fn is_whole(&self) -> bool {
        self.include.is_empty() && self.exclude.is_empty()
    }
}

/// Where a node sends things: another node, as it is reached from there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    pub user: String,
    /// Of the fabric where there is one.
    pub address: String,
    pub port: u16,
    /// Its model cache.
    pub hub: String,
}

impl Target {
    /// `user`, `address` and `port` as words, none of which can be taken for an option.
    pub(super) fn login(&self) -> Result<[Arg; 3], InvalidWord> {
        Ok([
            word("user", &self.user)?,
            word("address", &self.address)?,
            Arg::from(self.port),
        ])
    }

    pub(super) fn hub(&self) -> Result<Arg, InvalidWord> {
        let path = HomePath::checked(&self.hub).map_err(|error| InvalidWord {
            kind: "model cache",
            value: error.value,
            rule: error.rule,
        })?;
        Ok(Arg::from(path))
    }
}

fn word(kind: &'static str, value: &str) -> Result<Arg, InvalidWord> {
    const RULE: &str = "A-Z a-z 0-9 . _ : - , beginning with a letter, a digit, _ or :";
    let good = |b: u8| b.is_ascii_alphanumeric() || b"._:-".contains(&b);
    let fits = !value.is_empty() && !value.starts_with('-') && value.bytes().all(good);
    let refused = || InvalidWord {
        kind,
        value: spark_ipc::text::clean_line(value, 200),
        rule: RULE,
    };
    let raw = RawArg::checked(value).map_err(|_control| refused())?;
    fits.then(|| Arg::from(raw)).ok_or_else(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_can_be_an_option_or_leave_its_folder() {
        for bad in ["", "-r", "a..b", "a b", "$(id)", "a\n"] {
            assert!(Revision::checked(bad).is_err(), "{bad:?}");
        }
        for bad in ["", "-x", "a b", "`id`", "a;b", "größe", "../x"] {
            assert!(FilePattern::checked(bad).is_err(), "{bad:?}");
        }
        for bad in ["", ".x", "a/b", "A", "-a"] {
            assert!(JobName::checked(bad).is_err(), "{bad:?}");
        }
        assert!(Revision::checked("refs/pr/3").is_ok());
        assert!(FilePattern::checked("original/*.safetensors").is_ok());
    }

    #[test]
    fn a_target_is_checked_before_it_is_a_word() {
        let target = |user: &str, address: &str| Target {
            user: user.to_owned(),
            address: address.to_owned(),
            port: 22,
            hub: "/home/a/.cache/huggingface/hub".to_owned(),
        };
        assert!(target("spark", "192.168.100.11").login().is_ok());
        assert!(target("spark", "-oProxyCommand=x").login().is_err());
        assert!(target("a b", "192.168.100.11").login().is_err());
    }

    #[test]
    fn the_field_that_is_wrong_is_named() {
        let repo = RepoId::new("a/b").unwrap();
        let wrong = Selection::checked(repo, None, &["-x".to_owned()], &[]);
        assert_eq!(wrong.unwrap_err().0, "/include/0");
    }
}
