//! Timelines and uptime, from the entries.

use spark_ipc::Time;
use spark_ipc::model::connectivity::{
    Availability, Connectivity, EntryKind, Span, Subject, SubjectHistory, Transition, UptimeWindow,
};

use super::{Current, Ledger};

/// Most entries of one report.
const MOST: usize = 2000;
/// 24 hours, 7 days, 30 days.
const WINDOWS_S: [u32; 3] = [86_400, 7 * 86_400, 30 * 86_400];

/// `GET /api/connectivity?since=`, as of `now`.
pub fn report(ledger: &Ledger, since: Time, now: Time, warning: Option<String>) -> Connectivity {
    let since = since.min(now);
    let after: Vec<&Transition> = ledger.entries.iter().filter(|e| e.at >= since).collect();
    let first = after.len().saturating_sub(MOST);
    let subjects = ledger.current.iter();
    Connectivity {
        now,
        since,
        truncated: first > 0,
        transitions: after.into_iter().skip(first).cloned().collect(),
        subjects: subjects
            .map(|(s, current)| history(ledger, s, current, since, now))
            .collect(),
        warning,
    }
}

fn history(
    ledger: &Ledger,
    subject: &Subject,
    current: &Current,
    since: Time,
    now: Time,
) -> SubjectHistory {
    let own: Vec<&Transition> = ledger
        .entries
        .iter()
        .filter(|e| e.subject == *subject)
        .collect();
    let count = |kind| {
        let seen = own.iter().filter(|e| e.kind == kind && e.at >= since);
        u64::try_from(seen.count()).unwrap_or(u64::MAX)
    };
    let window = |length: u32| {
        let from = now.plus_seconds(-i64::from(length));
        uptime(&spans(&own, from, now), u64::from(length))
    };
    SubjectHistory {
        subject: subject.clone(),
        state: current.state,
        since: current.since,
        uptime: WINDOWS_S.map(window).into(),
        timeline: spans(&own, since, now),
        reboots: count(EntryKind::Reboot),
        link_changes: count(EntryKind::Link),
    }
}

/// The states from `from` to `until`, without gaps: what is not known is a span too.
fn spans(entries: &[&Transition], from: Time, until: Time) -> Vec<Span> {
    let mut out = Vec::new();
    let mut add = |begin: Time, end: Time, state: Availability, cause: &str| {
        let (begin, end) = (begin.max(from), end.min(until));
        if begin < end {
            out.push(Span {
                from: begin,
                until: end,
                state,
                cause: cause.to_owned(),
            });
        }
    };
    let changes = entries.iter().filter(|e| e.kind == EntryKind::State);
    let mut reached = from;
    let mut standing: Option<&Transition> = None;
    for change in changes {
        if let Some(before) = standing {
            add(reached, change.at, before.to, &before.cause);
        } else {
            // How long the state before the first entry had lasted is all that is known of the time before.
            let begun = begun_at(change.at, change.lasted_s.unwrap_or(0.0));
            add(from, begun, Availability::Unknown, "not_recorded");
            add(begun, change.at, change.from, "not_recorded");
        }
        reached = change.at;
        standing = Some(change);
    }
    match standing {
        Some(last) => add(reached, until, last.to, &last.cause),
        None => add(from, until, Availability::Unknown, "not_recorded"),
    }
    out
}

fn begun_at(at: Time, lasted_s: f64) -> Time {
    let lasted = jiff::SignedDuration::try_from_secs_f64(lasted_s).unwrap_or_default();
    Time(at.0.saturating_sub(lasted).unwrap_or(at.0))
}

fn uptime(spans: &[Span], window_s: u64) -> UptimeWindow {
    let sum = |state| {
        let of = spans.iter().filter(|span| span.state == state);
        of.map(|span| span.until.seconds_since(span.from))
            .sum::<f64>()
    };
    let (up_s, degraded_s, down_s) = (
        sum(Availability::Up),
        sum(Availability::Degraded),
        sum(Availability::Down),
    );
    let told = up_s + degraded_s + down_s;
    UptimeWindow {
        window_s,
        up_s,
        degraded_s,
        down_s,
        off_s: sum(Availability::Off),
        unknown_s: sum(Availability::Unknown),
        uptime_percent: (told > 0.0).then(|| (up_s + degraded_s) / told * 100.0),
    }
}
