//! Authorities (`host[:port]`), and which hosts are ours.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// Reads the setting `ALLOWED_HOSTS` at use: exact names, or `.suffix`.
pub type AllowedHosts = Arc<dyn Fn() -> Vec<String> + Send + Sync>;

/// Suffixes that nobody can own in the public DNS.
///
/// `.local`, `.internal`, `.home.arpa`, `.onion` and `.localhost` are reserved for good; ICANN has blocked
/// `.home` and `.corp`; the others are conventional and not delegated (root zone, November 2026).
const PRIVATE_SUFFIXES: [&str; 13] = [
    ".localhost",
    ".local",
    ".internal",
    ".home.arpa",
    ".lan",
    ".home",
    ".corp",
    ".localdomain",
    ".intranet",
    ".private",
    ".onion",
    ".startos",
    ".embassy",
];

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Host {
    Ip(IpAddr),
    /// In lower case, without a dot at the end.
    Name(String),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Authority {
    pub(super) host: Host,
    pub(super) port: Option<u16>,
}

impl Authority {
    /// Strict: what a browser would never write is no authority.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Some(rest) = text.strip_prefix('[') {
            let (ip, rest) = rest.split_once(']')?;
            let host = Host::Ip(ip.parse::<Ipv6Addr>().ok()?.into());
            let port = if rest.is_empty() {
                None
            } else {
                Some(parse_port(rest.strip_prefix(':')?)?)
            };
            return Some(Self { host, port });
        }
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => (host, Some(parse_port(port)?)),
            None => (text, None),
        };
        Some(Self {
            host: parse_host(host)?,
            port,
        })
    }
}

fn parse_port(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    if digits { text.parse().ok() } else { None }
}

fn parse_host(text: &str) -> Option<Host> {
    if let Ok(ip) = text.parse::<Ipv4Addr>() {
        return Some(Host::Ip(ip.into()));
    }
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let last = name.rsplit('.').next().unwrap_or("");
    let ends_in_number = last.starts_with("0x") || last.bytes().all(|b| b.is_ascii_digit());
    let ok = name.len() <= 253 && name.split('.').all(label) && !ends_in_number;
    ok.then_some(Host::Name(name))
}

/// Which hosts are ours.
#[derive(Clone)]
pub struct Hosts {
    own: Arc<[String]>,
    allowed: AllowedHosts,
}

impl fmt::Debug for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hosts")
            .field("own", &self.own)
            .finish_non_exhaustive()
    }
}

impl Hosts {
    /// This machine's name, alone and under each search domain of its resolver, and what the operator
    /// allows.
    pub fn of_this_machine(allowed: AllowedHosts) -> Self {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        Self::new(
            &read("/proc/sys/kernel/hostname"),
            &read("/etc/resolv.conf"),
            allowed,
        )
    }

    /// As [`Hosts::of_this_machine`], from the text of `hostname` and `resolv.conf`.
    pub fn new(hostname: &str, resolv_conf: &str, allowed: AllowedHosts) -> Self {
        let hostname = hostname.trim().to_ascii_lowercase();
        let short = hostname.split('.').next().unwrap_or("");
        let domains = resolv_conf.lines().filter_map(|line| {
            let mut words = line.split_whitespace();
            matches!(words.next(), Some("search" | "domain")).then_some(words)
        });
        let full = domains.flatten().map(|domain| {
            let domain = domain.trim_matches('.').to_ascii_lowercase();
            format!("{short}.{domain}")
        });
        let own = full
            .chain([hostname.clone()])
            .filter(|_| !short.is_empty())
            .collect();
        Self { own, allowed }
    }

    /// Whether no stranger can own this host: an IP address (a page has such an origin only if that
    /// address served it), a name that the public DNS cannot hold, our own name, or an allowed one.
    pub(super) fn allow(&self, authority: &Authority) -> bool {
        let Host::Name(name) = &authority.host else {
            return true;
        };
        !name.contains('.')
            || PRIVATE_SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
            || self.own.iter().any(|own| own == name)
            || (self.allowed)().iter().any(|allowed| covers(allowed, name))
    }
}

fn covers(allowed: &str, name: &str) -> bool {
    let allowed = allowed.trim().trim_end_matches('.').to_ascii_lowercase();
    if allowed.starts_with('.') {
        name.ends_with(&allowed)
    } else {
        name == allowed
    }
}
