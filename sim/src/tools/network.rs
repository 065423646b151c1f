//! Programs about the network: `ss`, `ip`, `ethtool`, `ibdev2netdev`, `ping`.

use std::fmt::Write;
use std::net::Ipv4Addr;

use crate::node::Node;
use crate::tools::{Outcome, Refusal, console};

mod sockets;

pub(super) use sockets::ss;

/// `ip`, for what the node's interfaces are.
pub(super) fn ip(node: &Node, args: &[String]) -> Outcome {
    let (mut brief, mut ipv4) = (false, false);
    let mut words = args.iter().map(String::as_str).peekable();
    while let Some(option) = words.next_if(|word| word.starts_with('-')) {
        match option {
            "-br" | "-brief" => brief = true,
            "-4" => ipv4 = true,
            "-o" | "-oneline" | "-s" | "-d" => {}
            other => {
                return Err(Refusal::new(
                    255,
                    format!("Option \"{other}\" is unknown, try \"ip -help\"."),
                ));
            }
        }
    }
    let object = words.next().unwrap_or("help");
    let link = match object {
        "a" | "addr" | "address" => false,
        "l" | "link" => true,
        other => {
            return Err(Refusal::new(
                1,
                format!("Object \"{other}\" is unknown, try \"ip help\"."),
            ));
        }
    };
    let mut wanted = None;
    while let Some(word) = words.next() {
        match word {
            "show" | "list" | "ls" | "up" => {}
            "dev" => wanted = words.next(),
            name => wanted = Some(name),
        }
    }
    let rows = rows(node);
    if let Some(name) = wanted
        && !rows.iter().any(|row| row.name == name)
    {
        return Err(Refusal::new(
            1,
            format!("Device \"{name}\" does not exist."),
        ));
    }
    for row in rows
        .iter()
        .filter(|row| wanted.is_none_or(|name| row.name == name))
    {
        if ipv4 && row.address.is_none() && !link {
            continue;
        }
        console::out(&if brief {
            row.brief(link)
        } else {
            row.full(link)
        });
    }
    Ok(0)
}

/// One interface as `ip` prints it.
struct Row {
    index: usize,
    name: String,
    up: bool,
    mtu: u32,
    mac: String,
    address: Option<Ipv4Addr>,
}

fn rows(node: &Node) -> Vec<Row> {
    let lo = Row {
        index: 1,
        name: "lo".to_owned(),
        up: true,
        mtu: 65536,
        mac: "00:00:00:00:00:00".to_owned(),
        address: Some(Ipv4Addr::LOCALHOST),
    };
    let others = node
        .interfaces()
        .into_iter()
        .enumerate()
        .map(|(at, interface)| Row {
            index: at + 2,
            name: interface.name.to_owned(),
            up: interface.up,
            mtu: interface.mtu,
            mac: interface.mac,
            address: interface.address,
        });
    std::iter::once(lo).chain(others).collect()
}

impl Row {
    fn state(&self) -> &'static str {
        match (self.index, self.up) {
            (1, _) => "UNKNOWN",
            (_, true) => "UP",
            (_, false) => "DOWN",
        }
    }

    fn flags(&self) -> &'static str {
        match (self.index, self.up) {
            (1, _) => "<LOOPBACK,UP,LOWER_UP>",
            (_, true) => "<BROADCAST,MULTICAST,UP,LOWER_UP>",
            (_, false) => "<NO-CARRIER,BROADCAST,MULTICAST,UP>",
        }
    }

    fn prefix(&self) -> u8 {
        if self.index == 1 { 8 } else { 24 }
    }

    fn brief(&self, link: bool) -> String {
        let tail = match (link, self.address) {
            (true, _) => format!("{} {}", self.mac, self.flags()),
            (false, Some(address)) => format!("{address}/{}", self.prefix()),
            (false, None) => String::new(),
        };
        format!("{:<17}{:<15}{tail} ", self.name, self.state())
    }

    fn full(&self, link: bool) -> String {
        let kind = if self.index == 1 { "loopback" } else { "ether" };
        let mut text = format!(
            "{}: {}: {} mtu {} qdisc mq state {} group default qlen 1000",
            self.index,
            self.name,
            self.flags(),
            self.mtu,
            self.state()
        );
        write!(text, "\n    link/{kind} {} brd ff:ff:ff:ff:ff:ff", self.mac).ok();
        if let (false, Some(address)) = (link, self.address) {
            write!(
            text,
                "\n    inet {address}/{} scope global {}\n       valid_lft forever preferred_lft forever",
                self.prefix(),
                self.name
            )
            .ok();
        }
        text
    }
}

/// `ethtool INTERFACE`.
pub(super) fn ethtool(node: &Node, args: &[String]) -> Outcome {
    let [name] = args else {
        return Err(Refusal::new(
            1,
            "ethtool: bad command line argument(s)\nFor more information run ethtool -h",
        ));
    };
    let interfaces = node.interfaces();
    let Some(interface) = interfaces.iter().find(|interface| interface.name == name) else {
        return Err(Refusal::new(
            75,
            "netlink error: no device matches name (offset 24)\nnetlink error: No such device\nNo data available",
        ));
    };
    let (speed, duplex) = match interface.speed_mbps {
        -1 => ("Unknown!".to_owned(), "Unknown! (255)"),
        speed => (format!("{speed}Mb/s"), "Full"),
    };
    let port = if interface.hca.is_some() {
        "FIBRE"
    } else {
        "TP"
    };
    let link = if interface.up { "yes" } else { "no" };
    console::out(&format!(
        "Settings for {name}:\n\tSupported ports: [ {port} ]\n\tSpeed: {speed}\n\tDuplex: {duplex}\n\
         \tAuto-negotiation: on\n\tPort: {port}\n\tLink detected: {link}"
    ));
    Ok(0)
}

/// `ibdev2netdev`.
pub(super) fn ibdev2netdev(node: &Node) -> i32 {
    let mut interfaces = node.interfaces();
    interfaces.sort_by_key(|interface| interface.hca);
    for interface in &interfaces {
        if let Some(hca) = interface.hca {
            let state = if interface.up { "Up" } else { "Down" };
            console::out(&format!("{hca} port 1 ==> {} ({state})", interface.name));
        }
    }
    0
}

/// What `ping` was asked.
struct Ping<'a> {
    host: &'a str,
    count: u32,
    size: u32,
    whole: bool,
    quiet: bool,
}

/// `ping`: answers from every simulated address, and none over a fabric whose cable is out.
pub(super) fn ping(node: &Node, args: &[String]) -> Outcome {
    let ping = read_ping(args)?;
    let Ok(address) = ping.host.parse::<Ipv4Addr>() else {
        return Err(Refusal::new(
            2,
            format!("ping: {}: Name or service not known", ping.host),
        ));
    };
    let fabric = &node.config().fabric;
    let net = |a: Ipv4Addr| a.octets().first_chunk::<3>().copied();
    let over_fabric = fabric
        .iter()
        .any(|own| net(*own) == net(address) && *own != address);
    let interfaces = node.interfaces();
    let out = interfaces
        .iter()
        .filter(|i| i.address.is_some_and(|own| fabric.contains(&own)))
        .find(|i| over_fabric && i.address.is_some_and(|own| net(own) == net(address)));
    let mtu = out.map_or(1500, |interface| interface.mtu);
    console::out(&format!(
        "PING {address} ({address}) {}({}) bytes of data.",
        ping.size,
        ping.size + 28
    ));
    let too_long = ping.whole && ping.size + 28 > mtu;
    let lost = too_long || !address.is_loopback() || (over_fabric && node.faults().link_down());
    for sequence in 1..=ping.count {
        if too_long {
            console::err(&format!("ping: local error: message too long, mtu={mtu}"));
        } else if !lost && !ping.quiet {
            console::out(&format!(
                "{} bytes from {address}: icmp_seq={sequence} ttl=64 time=0.{}1 ms",
                ping.size + 8,
                4 + sequence % 5
            ));
        }
    }
    let (received, percent) = if lost { (0, 100) } else { (ping.count, 0) };
    console::out(&format!(
        "\n--- {address} ping statistics ---\n{} packets transmitted, {received} received, {percent}% packet \
         loss, time {}ms",
        ping.count,
        ping.count.saturating_sub(1) * 1001
    ));
    if !lost {
        console::out("rtt min/avg/max/mdev = 0.411/0.612/0.811/0.141 ms");
    }
    Ok(i32::from(lost))
}

fn read_ping(args: &[String]) -> Result<Ping<'_>, Refusal> {
    let mut ping = Ping {
        host: "",
        count: 4,
        size: 56,
        whole: false,
        quiet: false,
    };
    let mut words = args.iter().map(String::as_str);
    while let Some(word) = words.next() {
        let Some(option) = word.strip_prefix('-') else {
            ping.host = word;
            continue;
        };
        let (letter, glued) = option.split_at_checked(1).unwrap_or((option, ""));
        if let "n" | "4" | "q" = letter {
            ping.quiet |= letter == "q";
            continue;
        }
        let value = if glued.is_empty() {
            words.next().unwrap_or_default()
        } else {
            glued
        };
        let number = || {
            value
                .parse::<u32>()
                .map_err(|_e| Refusal::new(1, format!("ping: invalid argument: '{value}'")))
        };
        match letter {
            "c" => ping.count = number()?,
            "s" => ping.size = number()?,
            "M" => ping.whole = value == "do",
            "W" | "w" | "i" | "I" => {}
            other => {
                return Err(Refusal::new(
                    2,
                    format!("ping: invalid option -- '{other}'"),
                ));
            }
        }
    }
    if ping.host.is_empty() {
        return Err(Refusal::new(
            1,
            "ping: usage error: Destination address required",
        ));
    }
    Ok(ping)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_reads_as_ip_prints_it() {
        let row = Row {
            index: 4,
            name: "enP7s7".to_owned(),
            up: true,
            mtu: 1500,
            mac: "4c:bb:47:00:00:01".to_owned(),
            address: Some(Ipv4Addr::new(127, 0, 0, 5)),
        };
        assert_eq!(
            row.brief(false),
            "enP7s7           UP             127.0.0.5/24 "
        );
        assert!(
            row.full(false)
                .contains("inet 127.0.0.5/24 scope global enP7s7")
        );
    }

    #[test]
    fn ping_takes_its_options_glued_or_apart() {
        let words: Vec<String> = ["-c1", "-M", "do", "-s", "8972", "127.0.1.1"]
            .map(str::to_owned)
            .to_vec();
        let ping = read_ping(&words).unwrap();
        assert_eq!(
            (ping.count, ping.size, ping.whole, ping.host),
            (1, 8972, true, "127.0.1.1")
        );
    }
}
