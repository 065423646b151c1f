//! `SPARKn_HOST`, `SPARKn_USER`, `SPARKn_SSH_PORT`, `SPARKn_NAME`.

use std::collections::BTreeSet;
use std::net::IpAddr;

use spark_ipc::FieldError;
use spark_ipc::id::NodeId;

use super::{Vars, fault, parse_port};

/// Highest number a node may have.
const MAX_NODES: u32 = 64;

/// Where a node is and who we are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeConfig {
    pub id: NodeId,
    /// What people call it.
    pub name: String,
    /// A host name or an IP address.
    pub host: String,
    pub user: String,
    pub ssh_port: u16,
}

pub(super) fn read(vars: &Vars, faults: &mut Vec<FieldError>) -> Vec<NodeConfig> {
    let mut numbers: BTreeSet<u32> = vars.names().filter_map(number_of).collect();
    numbers.insert(1);
    numbers
        .into_iter()
        .filter_map(|n| read_one(vars, n, faults))
        .collect()
}

/// `2` for `SPARK2_HOST`, `SPARK2_USER`, `SPARK2_SSH_PORT`, `SPARK2_NAME`, when set.
fn number_of(name: &str) -> Option<u32> {
    let (number, field) = name.strip_prefix("SPARK")?.split_once('_')?;
    let known = matches!(field, "HOST" | "USER" | "SSH_PORT" | "NAME");
    let number = number.parse().ok()?;
    (known && (1..=MAX_NODES).contains(&number)).then_some(number)
}

fn read_one(vars: &Vars, n: u32, faults: &mut Vec<FieldError>) -> Option<NodeConfig> {
    let key = |field: &str| format!("SPARK{n}_{field}");
    let any = ["HOST", "USER", "SSH_PORT", "NAME"]
        .iter()
        .any(|f| vars.get(&key(f)).is_some());
    if n > 1 && !any {
        return None;
    }
    let before = faults.len();
    let host = required(vars, &key("HOST"), is_host, HOST_RULE, faults);
    let user = required(vars, &key("USER"), is_user, USER_RULE, faults);
    let port = vars.get(&key("SSH_PORT")).unwrap_or("22");
    let ssh_port = parse_port(port).unwrap_or_else(|| {
        fault(
            faults,
            &key("SSH_PORT"),
            format!("{port:?} is not a port; use a number from 1 to 65535"),
        );
        0
    });
    let id = NodeId::numbered(n);
    let name = vars.get(&key("NAME")).unwrap_or(id.as_str());
    if spark_ipc::text::clean_line(name, 64) != name {
        fault(
            faults,
            &key("NAME"),
            format!("{name:?} has control characters or is over 64 characters"),
        );
    }
    let name = name.to_owned();
    (faults.len() == before).then_some(NodeConfig {
        id,
        name,
        host,
        user,
        ssh_port,
    })
}

const HOST_RULE: &str = "a host name (letters, digits, - and dots) or an IP address";
const USER_RULE: &str = "1-32 of a-z 0-9 _ - , beginning with a letter or _";

fn required(
    vars: &Vars,
    key: &str,
    check: fn(&str) -> bool,
    rule: &str,
    faults: &mut Vec<FieldError>,
) -> String {
    match vars.get(key) {
        None => fault(faults, key, format!("is not set; it takes {rule}")),
        Some(value) if !check(value) => fault(faults, key, format!("{value:?} is not {rule}")),
        Some(value) => return value.to_owned(),
    }
    String::new()
}

/// RFC 1123 labels, at most 253, the last one not a number; or an IP address.
fn is_host(host: &str) -> bool {
    let label = |l: &str| {
        (1..=63).contains(&l.len())
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !l.starts_with('-')
            && !l.ends_with('-')
    };
    let named = host.len() <= 253
        && host.split('.').all(label)
        && host
            .rsplit('.')
            .next()
            .is_some_and(|last| !last.bytes().all(|b| b.is_ascii_digit()));
    host.parse::<IpAddr>().is_ok() || named
}

/// The grammar of `useradd`.
fn is_user(user: &str) -> bool {
    user.len() <= 32
        && user.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && user
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_users_have_grammars() {
        for good in ["spark.local", "192.168.1.2", "fe80::1", "a", "spark-1.lan"] {
            assert!(is_host(good), "{good}");
        }
        for bad in [
            "a b",
            "-a",
            "a-",
            "a..b",
            "1.2.3",
            "a;b",
            "$(id)",
            "256.1.1.1",
        ] {
            assert!(!is_host(bad), "{bad}");
        }
        assert!(is_user("dgx_user-1") && !is_user("Root") && !is_user("a$") && !is_user("-a"));
    }
}
