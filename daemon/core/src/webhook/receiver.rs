//! Where events may be sent: an `http` or `https` address of the LAN or the internet, never one that would turn
//! the daemon into somebody's arm on this machine or in its cloud's control network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// A receiver whose form is in order. Which addresses its name stands for is looked at before each connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receiver {
    url: Url,
    loopback: bool,
}

/// Why a text is no receiver.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadReceiver {
    #[error("it is not a URL; use e.g. https://hooks.example.org/spark")]
    NotAUrl,
    #[error(
        "it has characters that do not belong in a URL (spaces, controls, backslashes, non-ASCII)"
    )]
    Characters,
    #[error("it begins with neither http:// nor https://")]
    Scheme,
    #[error("it has a user name or a password; use WEBHOOK_SECRET to prove who sends")]
    Credentials,
    #[error("its address is not allowed: {0}")]
    Address(&'static str),
}

impl Receiver {
    /// Reads a URL; `loopback` allows receivers on this machine.
    ///
    /// # Errors
    /// When it is no plain http(s) URL, or its host is an address that is not allowed.
    pub fn parse(text: &str, loopback: bool) -> Result<Self, BadReceiver> {
        // The parser would quietly drop or change these.
        let plain = text.bytes().all(|b| b.is_ascii_graphic()) && !text.contains('\\');
        if !plain || text.len() > 2048 {
            return Err(BadReceiver::Characters);
        }
        let url = Url::parse(text).map_err(|_parse| BadReceiver::NotAUrl)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(BadReceiver::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BadReceiver::Credentials);
        }
        let address = match url.host() {
            Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
            Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
            Some(Host::Domain(name)) if is_local_name(name) && !loopback => {
                return Err(BadReceiver::Address("it is this machine"));
            }
            Some(Host::Domain(_)) => None,
            None => return Err(BadReceiver::NotAUrl),
        };
        if let Some(address) = address {
            allowed_address(address, loopback).map_err(BadReceiver::Address)?;
        }
        Ok(Self { url, loopback })
    }

    pub fn as_str(&self) -> &str {
        self.url.as_str()
    }

    /// Whether addresses of this machine are allowed.
    pub fn allows_loopback(&self) -> bool {
        self.loopback
    }

    /// The port that is connected to.
    pub fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or(0)
    }

    /// The address, when it is written as one.
    pub fn address(&self) -> Option<IpAddr> {
        match self.url.host()? {
            Host::Ipv4(ip) => Some(IpAddr::V4(ip)),
            Host::Ipv6(ip) => Some(embedded_v4(ip).map_or(IpAddr::V6(ip), IpAddr::V4)),
            Host::Domain(_) => None,
        }
    }

    /// Scheme, host and port: what may be shown. Paths and queries of webhooks hold tokens.
    pub fn shown(&self) -> String {
        self.url.origin().ascii_serialization()
    }
}

fn is_local_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name == "localhost" || name.ends_with(".localhost")
}

/// Whether events may go to `address`; the reason when not. Private networks are allowed: that is where the
/// receivers of a home are. The address inside an IPv6 form of an IPv4 address is what counts.
///
/// # Errors
/// The reason, in a few words.
pub fn allowed_address(address: IpAddr, loopback: bool) -> Result<(), &'static str> {
    match address {
        IpAddr::V4(ip) => allowed_v4(ip, loopback),
        IpAddr::V6(ip) => match embedded_v4(ip) {
            Some(inner) => allowed_v4(inner, loopback),
            None => allowed_v6(ip, loopback),
        },
    }
}

fn allowed_v4(ip: Ipv4Addr, loopback: bool) -> Result<(), &'static str> {
    let [first, ..] = ip.octets();
    if ip.is_loopback() && !loopback {
        Err("it is this machine (WEBHOOK_ALLOW_LOOPBACK allows it)")
    } else if first == 0 {
        Err("it is unspecified")
    } else if ip.is_link_local() {
        Err("it is link-local, where clouds keep their metadata")
    } else if ip.is_multicast() || ip.is_broadcast() {
        Err("it is many receivers, not one")
    } else if first >= 240 {
        Err("it is reserved")
    } else {
        Ok(())
    }
}

fn allowed_v6(ip: Ipv6Addr, loopback: bool) -> Result<(), &'static str> {
    if ip.is_loopback() && !loopback {
        Err("it is this machine (WEBHOOK_ALLOW_LOOPBACK allows it)")
    } else if ip.is_unspecified() {
        Err("it is unspecified")
    } else if ip.is_unicast_link_local() {
        Err("it is link-local")
    } else if ip.is_multicast() {
        Err("it is many receivers, not one")
    } else {
        Ok(())
    }
}

/// The IPv4 address that an IPv6 address stands for: mapped (`::ffff:0:0/96`), compatible (`::/96`), NAT64
/// (`64:ff9b::/96`, RFC 6052), 6to4 (`2002::/16`, RFC 3056).
fn embedded_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let from = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match ip.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] => Some(from(high, low)),
        // Unspecified and loopback are no IPv4 addresses.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0, high, low] => Some(from(high, low)),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(from(high, low)),
        [0x2002, high, low, ..] => Some(from(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receivers_of_the_lan_and_the_internet_are_allowed() {
        for text in [
            "https://hooks.example.org/T000/B000/xyz",
            "http://192.168.1.20:8080/hook",
            "http://10.0.0.5/",
            "http://172.16.3.4/a?b=c",
            "http://homeassistant.local:8123/api/webhook/abc",
            "https://[2001:db8::1]/x",
            "http://[fd00::5]:9000/",
            "http://[::ffff:192.168.1.20]/",
        ] {
            assert!(Receiver::parse(text, false).is_ok(), "{text}");
        }
    }

    #[test]
    fn every_way_to_this_machine_and_to_special_networks_is_refused() {
        for text in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0177.0.0.1/",
            "http://127.0.0.1.:80/",
            "http://localhost/",
            "http://LOCALHOST./",
            "http://api.localhost/",
            "http://0.0.0.0/",
            "http://0/",
            "http://0.1.2.3/",
            "http://[::1]/",
            "http://[::]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[::ffff:7f00:1]/",
            "http://[::127.0.0.1]/",
            "http://[64:ff9b::7f00:1]/",
            "http://[64:ff9b::169.254.169.254]/",
            "http://[2002:7f00:1::]/",
            "http://[2002:a9fe:a9fe::1]/",
            "http://169.254.169.254/latest/meta-data/",
            "http://169.254.0.1/",
            "http://[fe80::1]/",
            "http://[ff02::1]/",
            "http://224.0.0.1/",
            "http://239.255.255.250/",
            "http://255.255.255.255/",
            "http://240.0.0.1/",
        ] {
            let refused = Receiver::parse(text, false);
            assert!(
                matches!(refused, Err(BadReceiver::Address(_))),
                "{text}: {refused:?}"
            );
        }
    }

    #[test]
    fn what_is_no_plain_url_is_refused() {
        use BadReceiver::{Characters, Credentials, NotAUrl, Scheme};
        for (text, why) in [
            ("", NotAUrl),
            ("hooks.example.org/x", NotAUrl),
            ("//example.org/", NotAUrl),
            ("http://", NotAUrl),
            ("http://[::1", NotAUrl),
            ("http://example.org:99999/", NotAUrl),
            ("http://256.256.256.256/", NotAUrl),
            ("ftp://example.org/", Scheme),
            ("file:///etc/passwd", Scheme),
            ("gopher://example.org/", Scheme),
            ("javascript:alert(1)", Scheme),
            ("unix:/var/run/docker.sock", Scheme),
            ("http://user@example.org/", Credentials),
            ("http://user:pass@example.org/", Credentials),
            ("http://127.0.0.1@example.org/", Credentials),
            ("http:\\\\example.org\\", Characters),
            ("http://example.org\\@127.0.0.1/", Characters),
            (" http://example.org/", Characters),
            ("http://exa mple.org/", Characters),
            ("http://example.org/\n", Characters),
            ("http://exa\tmple.org/", Characters),
            ("http://example.org/\0", Characters),
            ("http://ⓛocalhost/", Characters),
            ("http://１２７.0.0.1/", Characters),
        ] {
            assert_eq!(Receiver::parse(text, false), Err(why), "{text:?}");
        }
    }

    #[test]
    fn loopback_is_a_setting_and_nothing_else_comes_with_it() {
        for text in ["http://127.0.0.1:1/", "http://localhost/", "http://[::1]/"] {
            assert!(Receiver::parse(text, true).is_ok(), "{text}");
        }
        for text in [
            "http://169.254.169.254/",
            "http://0.0.0.0/",
            "http://224.0.0.1/",
        ] {
            assert!(Receiver::parse(text, true).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_shown_has_no_token() {
        let receiver =
            Receiver::parse("https://hooks.example.org:8443/T0/secret?k=v", false).unwrap();
        assert_eq!(receiver.shown(), "https://hooks.example.org:8443");
    }
}
