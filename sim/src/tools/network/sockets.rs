//! `ss`: the sockets that really listen on the node's addresses.

use std::fs;
use std::net::Ipv4Addr;

use crate::node::{Node, process};
use crate::tools::{Outcome, Refusal, console};

/// A listening socket of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Socket {
    address: Ipv4Addr,
    port: u16,
    inode: u64,
}

/// Which columns are shown.
#[derive(Debug, Default)]
struct Options {
    bare: bool,
    processes: bool,
    port: Option<u16>,
}

/// `ss`, for listening TCP sockets.
pub(crate) fn ss(node: &Node, args: &[String]) -> Outcome {
    let options = options(args)?;
    let text = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    let config = node.config();
    let ours = |socket: &Socket| {
        socket.address == config.address || config.fabric.contains(&socket.address)
    };
    let owners = if options.processes {
        owners(node)
    } else {
        Vec::new()
    };
    if !options.bare {
        console::out("State  Recv-Q Send-Q Local Address:Port  Peer Address:PortProcess");
    }
    for socket in text.lines().filter_map(listening).filter(ours) {
        if options.port.is_some_and(|port| port != socket.port) {
            continue;
        }
        // The node's own address stands for all of them: programs are told to listen on 0.0.0.0.
        let all = socket.address == config.address;
        let address = if all {
            "0.0.0.0".to_owned()
        } else {
            socket.address.to_string()
        };
        let local = format!("{address}:{}", socket.port);
        let user = user(&socket, &owners, config.ssh_port);
        let line = format!("LISTEN 0      4096   {local:>17}  0.0.0.0:*    {user}");
        console::out(line.trim_end());
    }
    Ok(0)
}

fn options(args: &[String]) -> Result<Options, Refusal> {
    let mut options = Options::default();
    let mut filter = Vec::new();
    for word in args {
        match word.as_str() {
            "--no-header" => options.bare = true,
            "--processes" => options.processes = true,
            "--listening" | "--tcp" | "--numeric" | "--ipv4" => {}
            word if word.starts_with("--") => {
                return Err(Refusal::new(
                    255,
                    format!("ss: unrecognized option '{word}'"),
                ));
            }
            word => match word.strip_prefix('-') {
                Some(letters) => short(letters, &mut options)?,
                None => filter.push(word),
            },
        }
    }
    options.port = match filter.as_slice() {
        ["sport", "=" | "==" | "eq", port] => port.trim_start_matches(':').parse().ok(),
        _ => None,
    };
    Ok(options)
}

fn short(letters: &str, options: &mut Options) -> Result<(), Refusal> {
    for letter in letters.chars() {
        match letter {
            'H' => options.bare = true,
            'p' => options.processes = true,
            'l' | 't' | 'n' | '4' | 'a' | 'e' => {}
            bad => return Err(Refusal::new(255, format!("ss: invalid option -- '{bad}'"))),
        }
    }
    Ok(())
}

/// A line of `/proc/net/tcp`, when it is a socket that listens (state 0A).
fn listening(line: &str) -> Option<Socket> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
    let (address, port) = local.split_once(':')?;
    let address = u32::from_str_radix(address, 16).ok()?;
    (*state == "0A").then_some(Socket {
        address: Ipv4Addr::from(address.swap_bytes()),
        port: u16::from_str_radix(port, 16).ok()?,
        inode: inode.parse().ok()?,
    })
}

/// Sockets of the node's processes: inode, pid, descriptor.
fn owners(node: &Node) -> Vec<(u64, u32, String)> {
    let mut owners = Vec::new();
    for pid in process::of_node(node.dir()) {
        for entry in fs::read_dir(format!("/proc/{pid}/fd"))
            .into_iter()
            .flatten()
            .flatten()
        {
            let target = fs::read_link(entry.path()).unwrap_or_default();
            let target = target.to_string_lossy();
            let inode = target
                .strip_prefix("socket:[")
                .and_then(|rest| rest.strip_suffix(']'));
            if let Some(inode) = inode.and_then(|inode| inode.parse().ok()) {
                owners.push((inode, pid, entry.file_name().to_string_lossy().into_owned()));
            }
        }
    }
    owners
}

fn user(socket: &Socket, owners: &[(u64, u32, String)], ssh_port: u16) -> String {
    let Some((_, pid, fd)) = owners.iter().find(|(inode, ..)| *inode == socket.inode) else {
        return String::new();
    };
    let name = if socket.port == ssh_port {
        "sshd".to_owned()
    } else {
        fs::read_to_string(format!("/proc/{pid}/comm"))
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    format!("users:((\"{name}\",pid={pid},fd={fd}))")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sockets_that_listen_are_read() {
        let line = "   1: 0500007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1";
        assert_eq!(
            listening(line),
            Some(Socket {
                address: Ipv4Addr::new(127, 0, 0, 5),
                port: 8000,
                inode: 4711
            })
        );
        assert_eq!(listening(&line.replace(" 0A ", " 01 ")), None);
        assert_eq!(listening("  sl  local_address rem_address   st"), None);
    }

    #[test]
    fn unknown_letters_are_refused() {
        let words = |word: &str| vec![word.to_owned()];
        assert!(options(&words("-Hltnp")).unwrap().processes);
        assert_eq!(
            options(&words("-Z")).unwrap_err().text,
            "ss: invalid option -- 'Z'"
        );
    }
}
