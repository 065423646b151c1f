//! Why a node cannot be reached, in words, each with its own remedy.

use spark_ipc::model::node::LinkCause;

/// Where we tried to connect.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    pub host: &'a str,
    pub port: u16,
    pub user: &'a str,
}

/// A cause in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// A few words.
    pub title: &'static str,
    pub message: String,
    pub fix: String,
}

/// What `cause` means at `place`, and what to do about it.
///
/// "TCP connects, SSH is silent" means a frozen machine on GB10: with about 2 GiB of memory left it answers
/// pings and nothing else (reported by several owners of DGX Sparks).
pub fn explain(cause: LinkCause, place: Place<'_>) -> Explained {
    let Place { host, port, user } = place;
    let (title, message, fix) = match cause {
        LinkCause::Dns => (
            "Name not found",
            format!("The name {host} does not resolve."),
            name_fix(host).to_owned(),
        ),
        LinkCause::Refused => (
            "Connection refused",
            format!("{host} refuses connections on port {port}: it is up, its SSH server is not."),
            "It may be starting: wait a minute. Otherwise run on the Spark: sudo systemctl start ssh"
                .to_owned(),
        ),
        LinkCause::TimedOut => (
            "No answer",
            format!("{host} does not answer on port {port}: it is off, or has another address."),
            "Check that the Spark has power and network, and that its address is still the same."
                .to_owned(),
        ),
        LinkCause::NoRoute => (
            "No route",
            format!("There is no route to {host}."),
            "Check the address and the network between this machine and the Spark.".to_owned(),
        ),
        LinkCause::NoBanner => (
            "Frozen",
            format!("{host} accepts connections, but its SSH server is silent: it is frozen, most likely out of memory."),
            "Give it some minutes. If it stays so, hold its power button until it is off, start it, and give the \
             model less memory (--gpu-memory-utilization)."
                .to_owned(),
        ),
        LinkCause::Auth => (
            "Log-in refused",
            format!("{host} does not let {user} in with our key."),
            format!("Add our public key to ~/.ssh/authorized_keys of {user} on the Spark: the line to paste is \
                     shown with the SSH key."),
        ),
        LinkCause::HostKeyUnknown | LinkCause::HostKeyChanged => return host_key(cause, host),
        LinkCause::Lost => (
            "Connection lost",
            format!("The connection to {host} broke."),
            "It is made again by itself. If this repeats, look at the network and the memory of the Spark."
                .to_owned(),
        ),
        LinkCause::Protocol => (
            "SSH failed",
            format!("The SSH connection to {host} failed."),
            "See what the SSH server says, on the Spark: sudo journalctl -u ssh -n 50".to_owned(),
        ),
    };
    Explained {
        title,
        message,
        fix,
    }
}

fn host_key(cause: LinkCause, host: &str) -> Explained {
    if cause == LinkCause::HostKeyUnknown {
        return Explained {
            title: "New host key",
            message: format!(
                "{host} was contacted for the first time; its host key is not accepted yet."
            ),
            fix: "Compare the fingerprint with the one that the Spark shows for `ssh-keygen -lf \
                  /etc/ssh/ssh_host_ed25519_key.pub`, then accept it."
                .to_owned(),
        };
    }
    Explained {
        title: "Host key changed",
        message: format!(
            "{host} shows another host key than the accepted one: it was installed anew, or this is \
                          another machine."
        ),
        fix:
            "Accept the new key only if you know why it changed. Until then nothing is sent to it."
                .to_owned(),
    }
}

fn name_fix(host: &str) -> &'static str {
    let is_mdns = host
        .rsplit_once('.')
        .is_some_and(|(_, last)| last.eq_ignore_ascii_case("local"));
    if is_mdns {
        "Names in .local do not reach into containers or other networks: use the IP address of the Spark."
    } else {
        "Check the name, or use the IP address of the Spark."
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAUSES: [LinkCause; 10] = [
        LinkCause::Dns,
        LinkCause::Refused,
        LinkCause::TimedOut,
        LinkCause::NoRoute,
        LinkCause::NoBanner,
        LinkCause::Auth,
        LinkCause::HostKeyUnknown,
        LinkCause::HostKeyChanged,
        LinkCause::Lost,
        LinkCause::Protocol,
    ];

    #[test]
    fn every_cause_has_words_of_its_own() {
        let place = Place {
            host: "spark-1.lan",
            port: 2222,
            user: "ada",
        };
        let mut all: Vec<Explained> = CAUSES.iter().map(|cause| explain(*cause, place)).collect();
        assert!(
            all.iter()
                .all(|e| e.message.contains("spark-1.lan") && !e.fix.is_empty())
        );
        all.sort_by(|a, b| a.message.cmp(&b.message));
        all.dedup_by(|a, b| a.message == b.message || a.fix == b.fix || a.title == b.title);
        assert_eq!(all.len(), CAUSES.len());
    }

    #[test]
    fn an_mdns_name_is_told_apart() {
        let place = Place {
            host: "spark-12ab.local",
            port: 22,
            user: "ada",
        };
        assert!(explain(LinkCause::Dns, place).fix.contains(".local"));
    }
}
