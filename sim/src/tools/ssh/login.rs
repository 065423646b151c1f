//! From a destination to a session: every reason for which there is none, in OpenSSH's words.

use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use russh::keys::PublicKey;
use uuid::Uuid;

use super::known_hosts;
use super::options::Options;
use crate::node::{Node, peers::Peer};
use crate::ssh::keys;
use crate::tools::{Env, Refusal};

/// Seconds for which a client without a limit of its own waits.
const PATIENCE_S: u32 = 130;

/// Seconds after which TCP gives a silent peer up: shortened, the real one takes a quarter of an hour.
const SILENCE_S: u32 = 60;

/// How long a connection to a port of this machine may take.
const LOCAL: Duration = Duration::from_secs(5);

/// A connection to another node.
#[derive(Debug)]
pub(in crate::tools) struct Session {
    node: Node,
    peer: Peer,
    host: String,
    port: u16,
    boot_id: Uuid,
    alive_s: Option<u32>,
    /// Since when nothing comes through.
    silent_since: std::cell::Cell<Option<Instant>>,
}

impl Session {
    /// Opens one; the refusal ends with 255.
    pub(in crate::tools) fn open(
        node: &Node,
        options: &Options,
        env: &Env,
    ) -> Result<Self, Refusal> {
        let (host, port) = (&options.host, options.port);
        let peer = find(node, options)?;
        let wait = || {
            let seconds = options.connect_timeout_s.unwrap_or(PATIENCE_S);
            thread::sleep(node.paced(seconds.into()));
        };
        let refuse = |why: &str| {
            Err(Refusal::new(
                255,
                format!("ssh: connect to host {host} port {port}: {why}"),
            ))
        };
        let faults = peer.node.faults();
        let state = peer.node.state()?;
        if peer.is_cut_off(node) {
            return refuse("No route to host");
        }
        if state.booted_at > Timestamp::now() {
            wait();
            return refuse("Connection timed out");
        }
        let listens = SocketAddrV4::new(peer.node.config().address, port);
        if faults.refuse_ssh() || TcpStream::connect_timeout(&listens.into(), LOCAL).is_err() {
            return refuse("Connection refused");
        }
        if faults.frozen_ssh() {
            wait();
            let text = format!(
                "Connection timed out during banner exchange\nConnection to {host} port {port} timed out"
            );
            return Err(Refusal::new(255, text));
        }
        if let Some(delay) = faults.slow_ssh() {
            thread::sleep(delay);
        }
        let key = keys::host_key(&peer.node, faults.host_key());
        let key = key
            .map_err(|error| Refusal::new(255, format!("kex_exchange_identification: {error}")))?;
        known_hosts::check(node, options, key.public_key())?;
        authenticate(node, &peer.node, options, env)?;
        Ok(Self {
            node: node.clone(),
            peer,
            host: host.clone(),
            port,
            boot_id: state.boot_id,
            alive_s: options.alive_s,
            silent_since: std::cell::Cell::new(None),
        })
    }

    /// The other node.
    pub(in crate::tools) fn peer(&self) -> &Node {
        &self.peer.node
    }

    /// Whether it goes over the fabric.
    pub(in crate::tools) fn is_over_fabric(&self) -> bool {
        self.peer.over_fabric
    }

    /// Whether bytes pass right now.
    pub(in crate::tools) fn flows(&self) -> bool {
        !self.peer.is_cut_off(&self.node) && !self.peer.node.faults().frozen_ssh()
    }

    /// What the client says when the connection is gone.
    pub(in crate::tools) fn lost(&self) -> Option<String> {
        let (host, port) = (&self.host, self.port);
        let same = self
            .peer
            .node
            .state()
            .is_ok_and(|state| state.boot_id == self.boot_id);
        if !same {
            return Some(format!(
                "client_loop: send disconnect: Broken pipe\nConnection to {host} closed by remote host."
            ));
        }
        if self.flows() {
            self.silent_since.set(None);
            return None;
        }
        let since = self.silent_since.get().unwrap_or_else(Instant::now);
        self.silent_since.set(Some(since));
        let limit = self.node.paced(self.alive_s.unwrap_or(SILENCE_S).into());
        (since.elapsed() >= limit).then(|| match self.alive_s {
            Some(_) => format!("Timeout, server {host} not responding."),
            None => format!("Read from remote host {host} port {port}: Connection timed out\nclient_loop: send disconnect: Broken pipe"),
        })
    }
}

fn find(node: &Node, options: &Options) -> Result<Peer, Refusal> {
    let (host, port) = (&options.host, options.port);
    if let Some(peer) = node.peer(host) {
        return Ok(peer);
    }
    let Ok(address) = host.parse::<Ipv4Addr>() else {
        let text = format!("ssh: Could not resolve hostname {host}: Name or service not known");
        return Err(Refusal::new(255, text));
    };
    let why = if address.is_loopback() {
        "Connection refused"
    } else {
        "No route to host"
    };
    Err(Refusal::new(
        255,
        format!("ssh: connect to host {host} port {port}: {why}"),
    ))
}

/// Offers the user's keys; a user that the other node does not have is refused like a wrong key.
fn authenticate(node: &Node, peer: &Node, options: &Options, env: &Env) -> Result<(), Refusal> {
    let home = env.get("HOME").map_or_else(|| node.home(), PathBuf::from);
    let usual = ["id_rsa", "id_ecdsa", "id_ed25519"].map(|name| home.join(".ssh").join(name));
    let files = if options.identities.is_empty() {
        usual.to_vec()
    } else {
        options.identities.clone()
    };
    let offered = files.iter().filter_map(|file| {
        let public = PathBuf::from(format!("{}.pub", file.display()));
        let text = std::fs::read_to_string(public).ok()?;
        PublicKey::from_openssh(text.trim())
            .ok()
            .filter(|_| file.exists())
    });
    let accepted = |key: PublicKey| keys::is_authorized(peer, &key);
    let known = options.user == peer.config().user && !node.faults().no_peer_key();
    if known && offered.into_iter().any(accepted) {
        return Ok(());
    }
    let text = format!(
        "{}@{}: Permission denied (publickey).",
        options.user, options.host
    );
    Err(Refusal::new(255, text))
}
