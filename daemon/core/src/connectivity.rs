//! Who was up when: transitions, and what follows from them.
//!
//! [`Ledger::observe`] is the fold: what is seen now, against what was known, gives the entries of the log. Time in
//! which nobody looked, above all that in which the daemon did not run, is unknown: it is neither counted as up nor
//! as down. The entries alone hold everything, so a restart reads them back and goes on.

mod entry;
mod figures;
mod seen;

use std::collections::{BTreeMap, VecDeque};

use spark_ipc::Time;
use spark_ipc::id::NodeId;
use spark_ipc::model::connectivity::{
    Availability, ConnectivitySummary, EntryKind, Subject, SubjectKind, Transition,
};

pub use entry::{Record, read};
pub use figures::report;
pub use seen::{Seen, daemon, nodes, services, units};

/// Most entries that are kept.
pub const MAX_ENTRIES: usize = 10_000;
/// Days that entries are kept: those of the longest figure and some more.
pub const MAX_DAYS: i64 = 35;
/// Seconds after which the containers of a node that answers have been looked at.
const SETTLING_S: f64 = 15.0;
/// The cause of what has been started and has not answered.
const LOADING: &str = "loading";
/// The cause of what the daemon has not looked at yet.
const NEVER_SEEN: &str = "never_seen";
/// Entries that the status carries.
const NEWEST: usize = 20;

/// The state of one subject, and what is remembered of it.
#[derive(Debug, Clone, PartialEq)]
struct Current {
    state: Availability,
    since: Time,
    cause: String,
    node: Option<NodeId>,
    boot_id: Option<String>,
    links: Links,
}

/// Carrier and number of changes of each link, as the node counts them.
type Links = BTreeMap<String, (Option<bool>, Option<u64>)>;

/// What is remembered of a node beside its state: which boot it is, and its links.
type Facts = (Option<String>, Links);

/// The entries, and the state that they lead to.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    entries: VecDeque<Transition>,
    current: BTreeMap<Subject, Current>,
    /// When the daemon was last known to run.
    alive: Option<Time>,
    next_seq: u64,
}

impl Ledger {
    /// Goes on from `records` at `now`. The time since the daemon was last alive is a gap: whoever was known then
    /// is unknown from then on. Gives the ledger and the entries that this adds.
    pub fn resume(records: Vec<Record>, now: Time) -> (Self, Vec<Transition>) {
        let mut ledger = Self::default();
        for record in records {
            ledger.take(record);
        }
        let mut added = Vec::new();
        if let Some(alive) = ledger.alive.map(|at| at.min(now)) {
            added = ledger.gap(alive, now);
        }
        ledger.alive = Some(now);
        (ledger, added)
    }

    /// Compares what is seen at `now` with what was known; gives what the log must hold. Subjects of the kinds in
    /// `complete` that are not seen any more are off.
    pub fn observe(&mut self, seen: &[Seen], complete: &[SubjectKind], now: Time) -> Vec<Record> {
        let now = self.not_before(now);
        let mut added = Vec::new();
        for one in seen {
            let facts = self.current.get(&one.subject).map(Current::facts);
            added.extend(self.look_at(one, now).into_iter().map(Record::Entry));
            let current = self.current.get(&one.subject);
            let changed = current.filter(|c| facts.as_ref() != Some(&c.facts()) && c.has_facts());
            added.extend(changed.map(|c| c.record(&one.subject)));
        }
        let is_gone = |(subject, current): &(&Subject, &Current)| {
            let seen = seen.iter().any(|one| one.subject == **subject);
            let off = current.state == Availability::Off;
            complete.contains(&subject.kind)
                && !seen
                && !off
                && self.is_settled(subject, current, now)
        };
        let gone: Vec<Subject> = self
            .current
            .iter()
            .filter(is_gone)
            .map(|(s, _)| s.clone())
            .collect();
        for subject in gone {
            let entry = self.change(&subject, None, Availability::Off, ("removed", None), now);
            added.push(Record::Entry(entry));
        }
        self.trim(now);
        added
    }

    /// The daemon runs at `now`.
    pub fn mark_alive(&mut self, now: Time) -> Record {
        let at = self.not_before(now);
        self.alive = Some(at);
        Record::Alive { at }
    }

    /// Everything that a new log must hold.
    pub fn records(&self) -> Vec<Record> {
        let facts = self
            .current
            .iter()
            .filter(|(_, current)| current.has_facts());
        let facts = facts.map(|(subject, current)| current.record(subject));
        let entries = self.entries.iter().cloned().map(Record::Entry);
        let alive = self.alive.map(|at| Record::Alive { at });
        entries.chain(facts).chain(alive).collect()
    }

    /// The newest entries.
    pub fn summary(&self, warning: Option<String>) -> ConnectivitySummary {
        let first = self.entries.len().saturating_sub(NEWEST);
        ConnectivitySummary {
            transitions: self.entries.iter().skip(first).cloned().collect(),
            warning,
        }
    }

    /// Whether what runs on its node is known: the node has answered for long enough that its containers have been
    /// looked at. Until then what is not seen there is not gone.
    fn is_settled(&self, subject: &Subject, current: &Current, now: Time) -> bool {
        if !matches!(subject.kind, SubjectKind::Unit | SubjectKind::Service) {
            return true;
        }
        let node = current.node.as_ref().map(|node| Subject {
            kind: SubjectKind::Node,
            id: node.to_string(),
        });
        let state = node.and_then(|node| self.current.get(&node));
        state.is_none_or(|node| match node.state {
            Availability::Up | Availability::Degraded => {
                now.seconds_since(node.since) >= SETTLING_S
            }
            Availability::Off => true,
            Availability::Down | Availability::Unknown => false,
        })
    }

    fn take(&mut self, record: Record) {
        match record {
            Record::Entry(entry) => {
                self.alive = self.alive.max(Some(entry.at));
                if entry.kind == EntryKind::State {
                    let current = self.current.entry(entry.subject.clone());
                    let current = current.or_insert_with(|| Current::new(&entry));
                    current.state = entry.to;
                    current.since = entry.at;
                    current.cause.clone_from(&entry.cause);
                    current.node.clone_from(&entry.node);
                }
                self.next_seq = self.next_seq.max(entry.seq + 1);
                self.entries.push_back(entry);
            }
            Record::Facts {
                subject,
                boot_id,
                links,
            } => {
                if let Some(current) = self.current.get_mut(&subject) {
                    current.boot_id = boot_id;
                    current.links = links;
                }
            }
            Record::Alive { at } => self.alive = self.alive.max(Some(at)),
        }
    }

    /// Nobody looked from `alive` to `now`.
    fn gap(&mut self, alive: Time, now: Time) -> Vec<Transition> {
        let known = |(_, current): &(&Subject, &Current)| {
            !matches!(current.state, Availability::Unknown | Availability::Off)
        };
        // A daemon that said that it ended has its entry.
        let ended = |(subject, current): &(&Subject, &Current)| {
            subject.kind == SubjectKind::Daemon && current.state == Availability::Down
        };
        let subjects: Vec<Subject> = self
            .current
            .iter()
            .filter(known)
            .filter(|one| !ended(one))
            .map(|(s, _)| s.clone())
            .collect();
        let alive = self.not_before(alive);
        let mut added = Vec::new();
        for subject in subjects {
            let own = subject.kind == SubjectKind::Daemon;
            let (state, cause) = if own {
                (
                    Availability::Down,
                    (
                        "killed",
                        Some("The daemon ended without saying so.".to_owned()),
                    ),
                )
            } else {
                (Availability::Unknown, ("daemon_down", None))
            };
            let node = self.current.get(&subject).and_then(|c| c.node.clone());
            added.push(self.change(&subject, node, state, cause, alive));
        }
        self.trim(now);
        added
    }

    fn look_at(&mut self, one: &Seen, now: Time) -> Vec<Transition> {
        let mut added = Vec::new();
        let known = self
            .current
            .get(&one.subject)
            .map(|c| (c.state, c.cause.clone()));
        // Another cause of the same trouble is news; another one of being well is not.
        let same = known.as_ref().is_some_and(|(state, cause)| {
            *state == one.state && (*cause == one.cause || one.state == Availability::Up)
        });
        // A daemon that has just come back has not looked yet, and takes what runs for loading until it has been
        // asked; who was unknown stays so until then.
        let unclear = known
            .as_ref()
            .is_some_and(|(state, _)| *state == Availability::Unknown);
        let unclear = unclear && [LOADING, NEVER_SEEN].contains(&one.cause.as_str());
        // Who was never known and is not known now has no history yet.
        let nothing = known.is_none() && one.state == Availability::Unknown;
        if !(same || nothing || unclear) {
            let cause = (one.cause.as_str(), one.message.clone());
            added.push(self.change(&one.subject, one.node.clone(), one.state, cause, now));
        }
        added.extend(self.side_events(one, now));
        added
    }

    /// Restarts and link changes: the node told of them, its state did not change by them.
    fn side_events(&mut self, one: &Seen, now: Time) -> Vec<Transition> {
        let Some(current) = self.current.get_mut(&one.subject) else {
            return Vec::new();
        };
        let mut news = Vec::new();
        if let Some(boot) = &one.boot_id {
            let before = current.boot_id.replace(boot.clone());
            if before.is_some_and(|before| before != *boot) {
                news.push((EntryKind::Reboot, "reboot", one.boot_message()));
                // A new boot counts from zero.
                current.links.clear();
            }
        }
        for link in &one.links {
            let before = current
                .links
                .insert(link.name.clone(), (link.carrier, link.changes));
            let told = before.and_then(|before| link.change_from(before));
            news.extend(told.map(|(cause, text)| (EntryKind::Link, cause, text)));
        }
        let state = current.state;
        let entry = |(kind, cause, text): (EntryKind, &str, String)| {
            let seq = self.next_seq;
            self.next_seq += 1;
            Transition {
                seq,
                at: now,
                kind,
                subject: one.subject.clone(),
                node: one.node.clone(),
                from: state,
                to: state,
                cause: cause.to_owned(),
                message: Some(text),
                lasted_s: None,
            }
        };
        let entries: Vec<Transition> = news.into_iter().map(entry).collect();
        self.entries.extend(entries.iter().cloned());
        entries
    }

    fn change(
        &mut self,
        subject: &Subject,
        node: Option<NodeId>,
        to: Availability,
        (cause, message): (&str, Option<String>),
        at: Time,
    ) -> Transition {
        let before = self.current.get(subject);
        let transition = Transition {
            seq: self.next_seq,
            at,
            kind: EntryKind::State,
            subject: subject.clone(),
            node: node.or_else(|| before.and_then(|c| c.node.clone())),
            from: before.map_or(Availability::Unknown, |c| c.state),
            to,
            cause: cause.to_owned(),
            message,
            lasted_s: before.map(|c| at.seconds_since(c.since)),
        };
        self.take(Record::Entry(transition.clone()));
        transition
    }

    /// A clock that was set back does not make history run backwards.
    fn not_before(&self, now: Time) -> Time {
        let last = self.entries.back().map(|entry| entry.at);
        last.map_or(now, |last| last.max(now))
    }

    /// Drops what is too old or too much; the newest change of a subject is kept, since it says how it is now.
    fn trim(&mut self, now: Time) {
        let oldest = now.plus_seconds(-MAX_DAYS * 86_400);
        let surplus = self.entries.len().saturating_sub(MAX_ENTRIES);
        let aged = self.entries.front().is_some_and(|entry| entry.at < oldest);
        if surplus == 0 && !aged {
            return;
        }
        let current = &self.current;
        let newest = |entry: &Transition| {
            let state = current.get(&entry.subject);
            let last = state.is_some_and(|c| c.since == entry.at && c.state == entry.to);
            last && entry.kind == EntryKind::State
        };
        let mut index = 0;
        self.entries.retain(|entry| {
            let goes = index < surplus || entry.at < oldest;
            index += 1;
            !goes || newest(entry)
        });
        self.forget(oldest);
    }

    /// Who has been off since before the oldest entry is forgotten.
    fn forget(&mut self, oldest: Time) {
        let gone = |current: &Current| current.state == Availability::Off && current.since < oldest;
        self.current.retain(|_, current| !gone(current));
        let known = &self.current;
        self.entries
            .retain(|entry| known.contains_key(&entry.subject));
    }
}

impl Current {
    fn new(entry: &Transition) -> Self {
        Self {
            state: entry.to,
            since: entry.at,
            cause: entry.cause.clone(),
            node: entry.node.clone(),
            boot_id: None,
            links: BTreeMap::new(),
        }
    }

    fn facts(&self) -> Facts {
        (self.boot_id.clone(), self.links.clone())
    }

    fn has_facts(&self) -> bool {
        self.boot_id.is_some() || !self.links.is_empty()
    }

    fn record(&self, subject: &Subject) -> Record {
        let (boot_id, links) = self.facts();
        Record::Facts {
            subject: subject.clone(),
            boot_id,
            links,
        }
    }
}

#[cfg(test)]
mod tests;
