//! Rows about SSH.

use super::Certainty::{Certain, Likely};
use super::Pattern;

pub(super) const ROWS: &[Pattern] = &[
    Pattern::new(
        "host_key_changed",
        Certain,
        &[
            r"REMOTE HOST IDENTIFICATION HAS CHANGED",
            r"host key mismatch",
        ],
        [
            "The node shows another host key",
            "It was installed anew, or something else answers in its place.",
            "Compare both fingerprints; accept the new one only if you know why it changed.",
        ],
    ),
    Pattern::new(
        "host_key_unknown",
        Certain,
        &[r"Host key verification failed"],
        [
            "The node's host key is not known yet",
            "It is the first contact.",
            "Compare the fingerprint with the one on the node, then accept it.",
        ],
    ),
    Pattern::new(
        "key_refused",
        Certain,
        &[r"Permission denied \(publickey"],
        [
            "The node does not know our key",
            "Our public key is not in the user's authorized_keys.",
            "Paste the line that the settings page shows into a shell of the node.",
        ],
    ),
    Pattern::new(
        "name_unresolved",
        Certain,
        &[r"Could not resolve hostname (\S+)"],
        [
            "The name does not resolve",
            "{1} is not known here: .local names do not cross containers or networks.",
            "Use the node's IP address.",
        ],
    ),
    Pattern::new(
        "ssh_refused",
        Certain,
        &[r"ssh: connect to host (\S+).*Connection refused"],
        [
            "The node refuses SSH",
            "{1} is up, but its SSH server is not, or listens on another port.",
            "It may be starting: wait a minute. Otherwise on the node: sudo systemctl start ssh",
        ],
    ),
    Pattern::new(
        "ssh_timed_out",
        Certain,
        &[r"ssh: connect to host (\S+).*timed out"],
        [
            "The node does not answer",
            "{1} is off, or has another address.",
            "Check power, network and address.",
        ],
    ),
    Pattern::new(
        "ssh_no_route",
        Certain,
        &[r"ssh: connect to host (\S+).*(?:No route to host|Network is unreachable)"],
        [
            "There is no way to the node",
            "The network to {1} is missing: a cable, an address or a route.",
            "Check the cable and the addresses of both ends.",
        ],
    ),
    Pattern::new(
        "ssh_frozen",
        Certain,
        &[r"Connection timed out during banner exchange"],
        [
            "The node is frozen",
            "It accepts connections, but its SSH server is silent: most likely its memory is used up.",
            "Give it some minutes. If it stays so, switch it off and on, and give the model less memory.",
        ],
    ),
    Pattern::new(
        "ssh_limits",
        Likely,
        &[
            r"Too many authentication failures",
            r"kex_exchange_identification: Connection closed",
        ],
        [
            "The node refuses more SSH connections",
            "Too many keys were tried, or it limits connections.",
            "Wait a minute; offer one key only.",
        ],
    ),
    Pattern::new(
        "sudo_password",
        Certain,
        &[r"sudo: a (password|terminal) is required"],
        [
            "The helper may not use sudo",
            "The node wants a password for it.",
            "Add the sudoers line that is shown, or go on without.",
        ],
    ),
];
