//! The table of settings: one entry says everything about one of them.

use super::Values;

/// What is done with the key of a host that is seen for the first time. A changed key always waits for
/// the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostKeyPolicy {
    /// The operator looks at the fingerprint and accepts it.
    Ask,
    /// It is accepted, as `StrictHostKeyChecking=accept-new` of OpenSSH does.
    AcceptNew,
}

/// A parsed value.
pub(super) enum Parsed {
    Number(u64),
    Flag(bool),
    Choice(&'static str),
    List(Vec<String>),
}

/// One setting.
pub(super) struct Field {
    /// The name of its variable, and its name in the overlay.
    pub(super) key: &'static str,
    pub(super) kind: &'static str,
    pub(super) label: &'static str,
    pub(super) help: &'static str,
    pub(super) group: &'static str,
    /// The value, or the rule that it broke.
    pub(super) parse: fn(&str) -> Result<Parsed, &'static str>,
    pub(super) get: fn(&Values) -> Parsed,
    pub(super) put: fn(&mut Values, Parsed),
}

macro_rules! number {
    ($key:literal, $field:ident, $group:literal, $range:expr, $rule:literal, $label:literal, $help:literal) => {
        Field {
            key: $key,
            kind: "integer",
            label: $label,
            help: $help,
            group: $group,
            parse: |text| {
                let value = text.parse::<u64>().ok().filter(|n| $range.contains(n));
                value.map(Parsed::Number).ok_or($rule)
            },
            get: |values| Parsed::Number(values.$field),
            put: |values, parsed| {
                if let Parsed::Number(n) = parsed {
                    values.$field = n;
                }
            },
        }
    };
}

pub(super) const FIELDS: &[Field] = &[
    number!(
        "POLL_INTERVAL_S",
        poll_interval_s,
        "nodes",
        1..=300,
        "a number of seconds from 1 to 300",
        "Poll interval",
        "Seconds between two looks at a node's health."
    ),
    number!(
        "INVENTORY_INTERVAL_S",
        inventory_interval_s,
        "nodes",
        5..=86400,
        "a number of seconds from 5 to 86400",
        "Inventory interval",
        "Seconds between two looks at the models on a node's disk."
    ),
    Field {
        key: "HOST_KEY_POLICY",
        kind: "choice",
        label: "Unknown host keys",
        help: "ask: the operator accepts the fingerprint. accept-new: the first key seen is accepted. \
               A changed key always waits for the operator.",
        group: "nodes",
        parse: |text| match text {
            "ask" => Ok(Parsed::Choice("ask")),
            "accept-new" => Ok(Parsed::Choice("accept-new")),
            _ => Err("one of ask, accept-new"),
        },
        get: |values| {
            Parsed::Choice(match values.host_key_policy {
                HostKeyPolicy::Ask => "ask",
                HostKeyPolicy::AcceptNew => "accept-new",
            })
        },
        put: |values, parsed| {
            values.host_key_policy = match parsed {
                Parsed::Choice("accept-new") => HostKeyPolicy::AcceptNew,
                _ => HostKeyPolicy::Ask,
            };
        },
    },
    Field {
        key: "RESTORE_LAST_GOOD",
        kind: "boolean",
        label: "Restore after a failed swap",
        help: "Start the last good model again, once, when a swap fails. Otherwise it is only offered.",
        group: "swap",
        parse: |text| match text {
            "true" | "1" | "yes" | "on" => Ok(Parsed::Flag(true)),
            "false" | "0" | "no" | "off" => Ok(Parsed::Flag(false)),
            _ => Err("true or false"),
        },
        get: |values| Parsed::Flag(values.restore_last_good),
        put: |values, parsed| {
            if let Parsed::Flag(flag) = parsed {
                values.restore_last_good = flag;
            }
        },
    },
    number!(
        "DRAIN_TIMEOUT_S",
        drain_timeout_s,
        "swap",
        0..=3600,
        "a number of seconds from 0 to 3600",
        "Drain time",
        "Seconds that requests in flight get before a swap stops the model under them."
    ),
    number!(
        "FREE_TIMEOUT_S",
        free_timeout_s,
        "swap",
        5..=600,
        "a number of seconds from 5 to 600",
        "Memory release time",
        "Seconds in which the memory of a stopped model must come back."
    ),
    number!(
        "LOAD_TIMEOUT_S",
        load_timeout_s,
        "swap",
        10..=14400,
        "a number of seconds from 10 to 14400",
        "Load time",
        "Seconds without any progress after which a load is given up."
    ),
    Field {
        key: "ALLOWED_HOSTS",
        kind: "text",
        label: "Allowed host names",
        help: "Public names that the dashboard is reached by, separated by commas; `.suffix` allows all below it. \
               IP addresses, localhost and private suffixes need no entry.",
        group: "access",
        parse: |text| {
            let names: Vec<String> = text
                .split(',')
                .map(|n| n.trim().to_ascii_lowercase())
                .filter(|n| !n.is_empty())
                .collect();
            let host = |n: &String| {
                n.len() <= 253
                    && n.bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b))
            };
            if names.iter().all(host) {
                Ok(Parsed::List(names))
            } else {
                Err("a list of host names")
            }
        },
        get: |values| Parsed::List(values.allowed_hosts.clone()),
        put: |values, parsed| {
            if let Parsed::List(list) = parsed {
                values.allowed_hosts = list;
            }
        },
    },
];
