//! Files whose bytes are not those of the Hub: which they are, and how they go so that only they come anew.

use spark_ipc::id::RepoId;

use crate::shell::{Arg, RawArg, Remote};

use super::job::folder;
use super::words::InvalidWord;

/// The damaged files that a verification named, as the repository names them.
pub fn damaged<S: AsRef<str>>(said: &[S]) -> Vec<String> {
    let named = |line: &str| {
        let (file, _) = line.trim().strip_prefix("- ")?.split_once(": expected ")?;
        Some(file.trim().to_owned())
    };
    said.iter()
        .filter_map(|line| named(line.as_ref()))
        .collect()
}

/// `a and 2 more`.
pub fn words(files: &[String]) -> String {
    match files {
        [] => String::new(),
        [one] => one.clone(),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
    }
}

/// Removes `files` of the model, and nothing else of it.
pub fn discard(repo: &RepoId, files: &[String]) -> Result<Remote, InvalidWord> {
    let word = |file: &String| {
        let refused = |rule| InvalidWord {
            kind: "file name",
            value: spark_ipc::text::clean_line(file, 200),
            rule,
        };
        if file.starts_with(['/', '-']) || file.split('/').any(|part| part == "..") {
            return Err(refused("a path below the repository"));
        }
        RawArg::checked(file)
            .map(Arg::from)
            .map_err(|error| refused(error.rule))
    };
    let files = files.iter().map(word).collect::<Result<Vec<_>, _>>()?;
    let remote = Remote::script("discard", include_str!("scripts/discard.sh"));
    Ok(remote.arg(folder(repo)?).args(files).timeout(60))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the files of a test")]
mod tests {
    use super::*;
    use crate::transfer::testing::run;

    #[test]
    fn the_damaged_files_are_named() {
        let said = [
            "❌ Checksum verification failed for the following file(s):",
            "- model-00002-of-00003.safetensors: expected ab (sha256), got cd",
            "  - sub/x.json: expected 12 (git-sha1), got 34",
            "- a list that is none",
        ];
        let files = damaged(&said);
        assert_eq!(files, ["model-00002-of-00003.safetensors", "sub/x.json"]);
        assert_eq!(words(&files), "model-00002-of-00003.safetensors and 1 more");
    }

    #[test]
    fn a_damaged_file_goes_with_its_blob_and_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        let model = home.path().join(".cache/huggingface/hub/models--a--b");
        for folder in ["blobs", "snapshots/c0/sub", "snapshots/c1"] {
            std::fs::create_dir_all(model.join(folder)).unwrap();
        }
        for (blob, link) in [("bad", "c0/sub/x"), ("good", "c1/y")] {
            std::fs::write(model.join("blobs").join(blob), blob).unwrap();
            let to = format!("../../../blobs/{blob}");
            std::os::unix::fs::symlink(to, model.join("snapshots").join(link)).unwrap();
        }
        std::fs::write(model.join("blobs/stray"), "stray").unwrap();
        let repo = RepoId::new("a/b").unwrap();
        let files = ["sub/x".to_owned(), "blobs/stray".to_owned()];
        assert_eq!(run(home.path(), &discard(&repo, &files).unwrap()).0, 0);
        let left = |path: &str| model.join(path).symlink_metadata().is_ok();
        assert!(!left("blobs/bad") && !left("snapshots/c0/sub/x") && !left("blobs/stray"));
        assert!(left("blobs/good") && left("snapshots/c1/y"));
    }

    #[test]
    fn no_name_leads_out_of_the_model() {
        let repo = RepoId::new("a/b").unwrap();
        for bad in ["../x", "/etc/passwd", "-rf", "a/../../x"] {
            assert!(discard(&repo, &[bad.to_owned()]).is_err(), "{bad}");
        }
    }
}
