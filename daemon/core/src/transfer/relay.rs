//! A model passed on piece by piece by whoever runs these commands, for nodes that cannot reach each other.
//!
//! Every piece is read and written by a command of its own, so that no more than one is ever in memory. Names come
//! from a node, so they pass a grammar before they are words for another one.

use spark_ipc::id::RepoId;

use crate::shell::{Arg, HomePath, InvalidArg, Payload, RawArg, Remote};

use super::job::folder;
use super::words::InvalidWord;

/// MiB of one piece.
pub const PIECE_MIB: u32 = 4;

/// One file of a model, below its folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    pub name: String,
    pub kind: Kind,
}

/// What it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    Bytes(u64),
    /// A link into the model's own blobs.
    Link(String),
}

impl File {
    /// How many pieces it has; an empty file has one.
    pub fn pieces(&self) -> u64 {
        match self.kind {
            Kind::Bytes(size) => size.div_ceil(u64::from(PIECE_MIB) << 20).max(1),
            Kind::Link(_) => 0,
        }
    }

    /// Its bytes; none of a link.
    pub fn bytes(&self) -> u64 {
        match self.kind {
            Kind::Bytes(size) => size,
            Kind::Link(_) => 0,
        }
    }
}

/// Lists the files of a model.
pub fn list_command(repo: &RepoId) -> Result<Remote, InvalidWord> {
    let remote = Remote::script("relay-list", include_str!("scripts/relay_list.sh"));
    Ok(remote.arg(folder(repo)?).timeout(60))
}

/// Reads the answer of [`list_command`]: bytes first, then links, so that no link leads nowhere. A name that does
/// not fit the grammar refuses the whole list: a model without one of its files would pass for whole.
pub fn read(output: &str) -> Result<Vec<File>, String> {
    let (mut files, mut ended) = (Vec::new(), false);
    for line in output.lines() {
        if line == "end" {
            ended = true;
            continue;
        }
        let file = file(line).ok_or_else(|| {
            let line = spark_ipc::text::clean_line(line, 200);
            format!("a file of the model has a name that is not passed on: {line:?}")
        })?;
        files.push(file);
    }
    files.sort_by_key(|f| matches!(f.kind, Kind::Link(_)));
    if ended {
        Ok(files)
    } else {
        Err("the list of files was cut".to_owned())
    }
}

fn file(line: &str) -> Option<File> {
    let fields: Vec<&str> = line.split('\t').collect();
    let (name, kind) = match fields.as_slice() {
        ["f", size, name, ""] => (*name, Kind::Bytes(size.parse().ok()?)),
        ["l", _, name, to] => (*name, Kind::Link(own_blob(to)?.to_owned())),
        _ => return None,
    };
    HomePath::checked(&format!("/{name}")).ok()?;
    Some(File {
        name: name.to_owned(),
        kind,
    })
}

/// `../../blobs/NAME`: nothing outside of the model's folder.
fn own_blob(to: &str) -> Option<&str> {
    let blob = to.trim_start_matches("../").strip_prefix("blobs/")?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    (to.starts_with("../") && !blob.is_empty() && blob.bytes().all(plain)).then_some(to)
}

/// Reads piece `piece` of `file`.
pub fn read_piece(repo: &RepoId, file: &File, piece: u64) -> Result<Remote, InvalidWord> {
    let remote = Remote::script("relay-read", include_str!("scripts/relay_read.sh"))
        .arg(folder(repo)?)
        .arg(name(file)?)
        .arg(piece)
        .arg(PIECE_MIB);
    Ok(remote.timeout(120))
}

/// Writes piece `piece` of `file`.
pub fn write_piece(
    repo: &RepoId,
    file: &File,
    piece: u64,
    bytes: Payload,
) -> Result<Remote, InvalidWord> {
    let remote = Remote::script("relay-write", include_str!("scripts/relay_write.sh"))
        .arg(folder(repo)?)
        .arg(name(file)?)
        .arg(piece)
        .arg(PIECE_MIB)
        .arg(file.bytes())
        .feed(bytes);
    Ok(remote.timeout(120))
}

/// Makes a link.
pub fn link(repo: &RepoId, file: &File, to: &str) -> Result<Remote, InvalidWord> {
    let remote = Remote::script("relay-link", include_str!("scripts/relay_link.sh"))
        .arg(folder(repo)?)
        .arg(name(file)?)
        .arg(word(to)?);
    Ok(remote.timeout(30))
}

fn name(file: &File) -> Result<Arg, InvalidWord> {
    word(&file.name)
}

fn word(text: &str) -> Result<Arg, InvalidWord> {
    let refused = |error: InvalidArg| InvalidWord {
        kind: "file name",
        value: error.value,
        rule: error.rule,
    };
    RawArg::checked(text).map(Arg::from).map_err(refused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::testing::run;

    #[test]
    fn bytes_come_before_the_links_that_lead_to_them() {
        let list =
            "l\t60\tsnapshots/c0/config.json\t../../blobs/ab12\nf\t9000000\tblobs/ab12\t\nend\n";
        let files = read(list).unwrap();
        assert_eq!(files[0].kind, Kind::Bytes(9_000_000));
        assert_eq!(files[0].pieces(), 3);
        assert_eq!(files[1].kind, Kind::Link("../../blobs/ab12".to_owned()));
    }

    #[test]
    fn nothing_leads_out_of_the_model() {
        for bad in [
            "f\t5\t../x\t",
            "f\t5\tblobs/../../x\t",
            "f\t5\t-rf\t",
            "f\t5\ta b\t",
            "l\t5\tsnapshots/x\t/etc/passwd",
            "l\t5\tsnapshots/x\t../../../../.ssh/authorized_keys",
            "l\t5\tsnapshots/x\t../../blobs/../../x",
            "d\t5\tx\t",
        ] {
            assert!(read(&format!("{bad}\nend\n")).is_err(), "{bad}");
        }
        assert!(read("f\t5\tblobs/a\t\n").is_err());
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the files of a test")]
    fn a_file_is_passed_on_piece_by_piece_and_its_link_made() {
        let (near, far) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let model = ".cache/huggingface/hub/models--a--b";
        let source = near.path().join(model);
        std::fs::create_dir_all(source.join("blobs")).unwrap();
        std::fs::create_dir_all(source.join("snapshots/c0")).unwrap();
        let bytes: Vec<u8> = (0..=u8::MAX).cycle().take((5 << 20) + 7).collect();
        std::fs::write(source.join("blobs/ab12"), &bytes).unwrap();
        std::fs::write(source.join("blobs/empty"), "").unwrap();
        std::os::unix::fs::symlink("../../blobs/ab12", source.join("snapshots/c0/x")).unwrap();
        let repo = RepoId::new("a/b").unwrap();
        let list = run(near.path(), &list_command(&repo).unwrap()).1;
        for file in read(&list).unwrap() {
            if let Kind::Link(to) = &file.kind {
                assert_eq!(run(far.path(), &link(&repo, &file, to).unwrap()).0, 0);
            }
            for piece in 0..file.pieces() {
                let (status, text) = run(near.path(), &read_piece(&repo, &file, piece).unwrap());
                assert_eq!(status, 0);
                let payload = Payload::checked(text.trim().to_owned()).unwrap();
                let write = write_piece(&repo, &file, piece, payload).unwrap();
                assert_eq!(run(far.path(), &write).0, 0, "{file:?} {piece}");
            }
        }
        let copy = far.path().join(model);
        assert_eq!(std::fs::read(copy.join("snapshots/c0/x")).unwrap(), bytes);
        assert_eq!(std::fs::read(copy.join("blobs/empty")).unwrap(), b"");
        let there = run(far.path(), &list_command(&repo).unwrap()).1;
        assert_eq!(read(&there).unwrap().len(), 3);
    }
}
