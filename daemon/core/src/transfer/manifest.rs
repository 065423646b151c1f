//! What a download would bring, asked of the node that would do it: the client's own dry run.
//!
//! The dry run knows the token of the node, its mirror and its proxy, and it fails for the reason that the
//! download would fail for, before anything is written.

use regex::Regex;
use spark_ipc::text::clean_line;
use std::sync::LazyLock;

use crate::shell::{InvalidArg, RawArg, Remote};

use super::fault::{self, Fault, FaultId};
use super::job::{HubAccess, selected, with_access};
use super::words::Selection;

/// What a node says of a download.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Manifest {
    /// Bytes of the model that are in the cache already.
    pub have_bytes: u64,
    /// Room on the disk of the cache.
    pub free_bytes: Option<u64>,
    /// Files that would come, of how many.
    pub files: Option<(u64, u64)>,
    /// Bytes that would come; `None` when the client does not tell.
    pub to_come_bytes: Option<u64>,
    /// A folder of the cache that the login user cannot write.
    pub unwritable: Option<String>,
    /// A file of the cache that belongs to somebody else.
    pub foreign: Option<String>,
    /// Why it would fail.
    pub fault: Option<Fault>,
}

/// Asks for the manifest of `what`; writes nothing.
pub fn command(what: &Selection, access: &HubAccess) -> Result<Remote, InvalidArg> {
    const MANIFEST: &str = concat!(
        include_str!("scripts/runner.sh"),
        include_str!("scripts/manifest.sh"),
    );
    let folder = RawArg::checked(&what.repo.cache_folder())?;
    let remote = Remote::script("manifest", MANIFEST)
        .arg(&what.repo)
        .arg(folder);
    let remote = selected(remote, what)?;
    Ok(with_access(remote, access).timeout(180))
}

static SUMMARY: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"Will download (\d+) files \(out of (\d+)\) totalling (\d+(?:\.\d+)?)([KMGTPE]?)")
        .ok()
});

/// Reads the answer of [`command`].
pub fn read(output: &str) -> Result<Manifest, String> {
    let mut manifest = Manifest::default();
    let (mut said, mut status, mut ended) = (Vec::new(), None, false);
    for line in output.lines() {
        let (word, rest) = line.split_once('\t').unwrap_or((line, ""));
        match word {
            "have" => manifest.have_bytes = rest.parse().unwrap_or(0),
            "free" => manifest.free_bytes = rest.parse().ok(),
            "unwritable" => manifest.unwritable = Some(clean_line(rest, 300)),
            "foreign" => manifest.foreign = Some(clean_line(rest, 300)),
            "exact" => manifest.to_come_bytes = rest.parse().ok(),
            "status" => status = rest.trim().parse::<i32>().ok(),
            "said" => said.push(clean_line(rest, 600)),
            "end" => ended = true,
            _ => {}
        }
    }
    let Some(status) = status.filter(|_| ended) else {
        return Err("the node's answer about the download was cut".to_owned());
    };
    for line in &said {
        summary(&mut manifest, line);
    }
    if status != 0 && manifest.to_come_bytes.is_none() {
        let fault = fault::of_job(status, &said);
        // A client without dry runs downloads all the same; only the size is not known beforehand.
        manifest.fault = (fault.id != FaultId::Option).then_some(fault);
    }
    Ok(manifest)
}

fn summary(manifest: &mut Manifest, line: &str) {
    let Some(found) = SUMMARY.as_ref().and_then(|r| r.captures(line)) else {
        return;
    };
    let number = |i: usize| found.get(i).and_then(|m| m.as_str().parse::<u64>().ok());
    manifest.files = number(1).zip(number(2));
    let size = found.get(3).and_then(|m| m.as_str().parse::<f64>().ok());
    let unit = found.get(4).map_or("", |m| m.as_str());
    if manifest.to_come_bytes.is_none() {
        manifest.to_come_bytes = size.and_then(|size| scaled(size, unit));
    }
}

/// `5.6` and `G` as bytes: the client counts in thousands and shows one decimal.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be between 0 and 2^60"
)]
fn scaled(size: f64, unit: &str) -> Option<u64> {
    let power = ["", "K", "M", "G", "T", "P", "E"]
        .iter()
        .position(|u| *u == unit)?;
    let bytes = size * 1000_f64.powi(i32::try_from(power).ok()?);
    (0.0..1e18).contains(&bytes).then(|| bytes.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: i32, said: &[&str]) -> Manifest {
        let said = said.join("\nsaid\t");
        let text = format!("have\t500\nfree\t900000000000\nstatus\t{status}\nsaid\t{said}\nend\n");
        read(&text).unwrap()
    }

    #[test]
    fn the_dry_run_tells_files_and_bytes() {
        let told = answer(
            0,
            &[
                "[dry-run] Fetching 26 files: 100%",
                "[dry-run] Will download 11 files (out of 26) totalling 5.6G.",
                "file size",
            ],
        );
        assert_eq!(told.files, Some((11, 26)));
        assert_eq!(told.to_come_bytes, Some(5_600_000_000));
        assert_eq!((told.have_bytes, told.fault), (500, None));
        for (shown, bytes) in [
            ("0.0", 0),
            ("519.0", 519),
            ("34.9K", 34_900),
            ("1.2T", 1_200_000_000_000),
        ] {
            let line = format!("[dry-run] Will download 1 files (out of 1) totalling {shown}.");
            assert_eq!(answer(0, &[&line]).to_come_bytes, Some(bytes), "{shown}");
        }
    }

    #[test]
    fn a_refusal_is_told_before_anything_is_written() {
        let told = answer(
            1,
            &["Cannot access gated repo for url https://huggingface.co/api/models/a/b."],
        );
        assert_eq!(told.fault.map(|f| f.id), Some(FaultId::Gated));
        assert_eq!(told.to_come_bytes, None);
    }

    #[test]
    fn a_client_without_dry_runs_is_no_hindrance() {
        let told = answer(
            2,
            &["huggingface-cli: error: unrecognized arguments: --dry-run"],
        );
        assert_eq!((told.fault, told.to_come_bytes), (None, None));
    }

    #[test]
    fn an_answer_that_was_cut_says_nothing() {
        assert!(read("have\t5\nstatus\t0\n").is_err());
        assert!(read("have\t5\nend\n").is_err());
    }
}
