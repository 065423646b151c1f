//! The table of settings: one entry says everything about one of them.

use spark_core::webhook::Receiver;
use spark_ipc::model::webhook::WebhookEventName;

use super::{Secret, Values};

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
    Secret(Option<Secret>),
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

impl Field {
    /// Whether its value is never shown.
    pub(super) fn is_secret(&self) -> bool {
        matches!((self.get)(&Values::default()), Parsed::Secret(_))
    }
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

/// A value that is never shown.
macro_rules! secret {
    ($key:literal, $field:ident, $group:literal, $good:expr, $rule:literal, $label:literal, $help:literal) => {
        Field {
            key: $key,
            kind: "text",
            label: $label,
            help: $help,
            group: $group,
            parse: |text| {
                let secret = || Parsed::Secret(Some(Secret::new(text)));
                $good(text).then(secret).ok_or($rule)
            },
            get: |values| Parsed::Secret(values.$field.clone()),
            put: |values, parsed| {
                if let Parsed::Secret(secret) = parsed {
                    values.$field = secret;
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
        "DEEP_HEALTH_INTERVAL_S",
        deep_health_interval_s,
        "nodes",
        0..=86400,
        "a number of seconds from 0 to 86400",
        "Deep health interval",
        "Seconds between two deep health checks: a real question to each unit and service. 0 turns them off."
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
    Field {
        key: "HF_TOKEN",
        kind: "text",
        label: "Hugging Face token",
        help: "Opens gated and private models, and raises the limits of downloads. It is given to the node in the \
               environment of the download alone. Without it the node's own token is used.",
        group: "transfers",
        parse: |text| {
            let good =
                (1..=512).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
            let secret = || Parsed::Secret(Some(Secret::new(text)));
            good.then(secret).ok_or("1-512 visible ASCII characters")
        },
        get: |values| Parsed::Secret(values.hf_token.clone()),
        put: |values, parsed| {
            if let Parsed::Secret(secret) = parsed {
                values.hf_token = secret;
            }
        },
    },
    secret!(
        "NGC_API_KEY",
        ngc_api_key,
        "services",
        |text: &str| (16..=256).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()),
        "16-256 visible ASCII characters",
        "NGC API key",
        "Opens nvcr.io and is given to NIM containers. Docker keeps the login in ~/.docker/config.json of the node, base64 \
         and not encrypted."
    ),
    Field {
        key: "SERVICES_AUTOSTART",
        kind: "boolean",
        label: "Start services",
        help: "After a node or the daemon came up, start the services that are set to start by themselves, in order, and \
               start one again that died.",
        group: "services",
        parse: |text| match text {
            "true" | "1" | "yes" | "on" => Ok(Parsed::Flag(true)),
            "false" | "0" | "no" | "off" => Ok(Parsed::Flag(false)),
            _ => Err("true or false"),
        },
        get: |values| Parsed::Flag(values.services_autostart),
        put: |values, parsed| {
            if let Parsed::Flag(flag) = parsed {
                values.services_autostart = flag;
            }
        },
    },
    number!(
        "DISK_RESERVE_GB",
        disk_reserve_gb,
        "transfers",
        0..=100_000,
        "a number of gigabytes from 0 to 100000",
        "Disk reserve",
        "Gigabytes that stay free on a node's disk after a download or a copy; one that would use them is refused."
    ),
    secret!(
        "WEBHOOK_URL",
        webhook_url,
        "webhook",
        |text| Receiver::parse(text, true).is_ok(),
        "an http or https URL without user name",
        "Webhook address",
        "Where events are sent: swaps, nodes and services that go down or come back, alerts. It may hold a token and is not shown again."
    ),
    secret!(
        "WEBHOOK_SECRET",
        webhook_secret,
        "webhook",
        |text: &str| (8..=512).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()),
        "8-512 visible ASCII characters",
        "Webhook secret",
        "Each request is signed with it (HMAC-SHA256), so that the receiver knows who sends."
    ),
    Field {
        key: "WEBHOOK_EVENTS",
        kind: "text",
        label: "Webhook events",
        help: "Names of the events that are sent, separated by commas; empty for all: swap.started, swap.done, \
               swap.failed, node.down, node.up, service.down, service.up, alert.",
        group: "webhook",
        parse: |text| {
            let names: Vec<String> = text
                .split(',')
                .map(|n| n.trim().to_owned())
                .filter(|n| !n.is_empty())
                .collect();
            let known = |n: &String| WebhookEventName::ALL.iter().any(|e| e.as_str() == n);
            if names.iter().all(known) {
                Ok(Parsed::List(names))
            } else {
                Err(
                    "a list of events: swap.started, swap.done, swap.failed, node.down, node.up, service.down, service.up, alert",
                )
            }
        },
        get: |values| Parsed::List(values.webhook_events.clone()),
        put: |values, parsed| {
            if let Parsed::List(list) = parsed {
                values.webhook_events = list;
            }
        },
    },
    Field {
        key: "WEBHOOK_ALLOW_LOOPBACK",
        kind: "boolean",
        label: "Webhook to this machine",
        help: "Whether the receiver may be on the machine of the daemon.",
        group: "webhook",
        parse: |text| match text {
            "true" | "1" | "yes" | "on" => Ok(Parsed::Flag(true)),
            "false" | "0" | "no" | "off" => Ok(Parsed::Flag(false)),
            _ => Err("true or false"),
        },
        get: |values| Parsed::Flag(values.webhook_allow_loopback),
        put: |values, parsed| {
            if let Parsed::Flag(flag) = parsed {
                values.webhook_allow_loopback = flag;
            }
        },
    },
];
