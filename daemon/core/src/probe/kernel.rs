//! Lines of the kernel's log that tell of trouble, as `journalctl --output=short-unix` prints them.

use spark_ipc::Time;
use spark_ipc::model::node::KernelLine;
use spark_ipc::text::clean_line;

use super::section::{Sections, lines};

/// `None` when the look was a light one.
pub(super) fn kernel(sections: &Sections<'_>) -> Option<Vec<KernelLine>> {
    let body = sections.optional("kernel")?;
    Some(lines(body).map(line).collect())
}

/// `1763900000.123456 kernel: NVRM: Xid …`
fn line(text: &str) -> KernelLine {
    let (at, rest) = match text.split_once(' ') {
        Some((first, rest)) if time(first).is_some() => (time(first), rest),
        _ => (None, text),
    };
    let rest = rest.strip_prefix("kernel: ").unwrap_or(rest);
    KernelLine {
        at,
        text: clean_line(rest, 300),
    }
}

fn time(text: &str) -> Option<Time> {
    let (seconds, _micros) = text.split_once('.')?;
    let seconds = seconds.parse().ok().filter(|s| *s > 0)?;
    jiff::Timestamp::from_second(seconds).ok().map(Time)
}
