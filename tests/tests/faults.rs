//! The fault matrix, one test a row; what is observed is what `docs/faults.md` says.

use anyhow::{Context, Result, ensure};
use spark_e2e::matrix::{Deed, Fault, row};

const PAGE: &str = include_str!("../../docs/faults.md");

/// The cells of the page's row for an operation.
fn written(deed: Deed) -> Result<Vec<&'static str>> {
    let rows = PAGE.lines().filter_map(|l| l.strip_prefix("| "));
    let mut cells = rows.map(|r| r.trim_end_matches(" |").split(" | "));
    let name = deed.to_string();
    let row = cells.find_map(|mut c| (c.next() == Some(name.as_str())).then(|| c.collect()));
    row.with_context(|| format!("docs/faults.md has no row {name}"))
}

async fn holds(deed: Deed) -> Result<()> {
    let observed = row(deed).await?;
    let written = written(deed)?;
    ensure!(written.len() == Fault::ALL.len(), "{written:?}");
    let mut wrong = Vec::new();
    for ((fault, outcome), words) in Fault::ALL.iter().zip(observed).zip(written) {
        match outcome.map(|o| o.to_string()) {
            Ok(outcome) if words.split(" or ").any(|word| word == outcome) => {}
            Ok(outcome) => wrong.push(format!(
                "{fault}: {outcome}, and docs/faults.md says {words}"
            )),
            Err(error) => wrong.push(format!("{fault}: {error:#}")),
        }
    }
    ensure!(wrong.is_empty(), "{deed}\n{}", wrong.join("\n"));
    Ok(())
}

macro_rules! rows {
    ($($name:ident: $deed:ident,)*) => {
        $(#[tokio::test]
        async fn $name() -> Result<()> {
            holds(Deed::$deed).await
        })*
        const ROWS: &[Deed] = &[$(Deed::$deed),*];
    };
}

rows! {
    swap: Swap,
    stop: Stop,
    download: Download,
    copy: Copy,
    delete: Delete,
    verify: Verify,
    image_pull: ImagePull,
    image_copy: ImageCopy,
    image_remove: ImageRemove,
    service_start: ServiceStart,
    service_stop: ServiceStop,
}

#[test]
fn the_page_has_every_operation_and_every_fault() -> Result<()> {
    ensure!(ROWS == Deed::ALL);
    let head = PAGE.lines().find(|l| l.starts_with("| operation |"));
    let head = head.context("no head of the table")?;
    for fault in Fault::ALL {
        ensure!(
            head.contains(&format!("| {fault} |")),
            "{fault} is not in {head}"
        );
    }
    for deed in Deed::ALL {
        ensure!(written(deed)?.len() == Fault::ALL.len(), "{deed}");
    }
    Ok(())
}
