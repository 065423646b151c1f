//! Making a connection, stage by stage, with a cause of its own for each way to fail.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use russh::client;
use russh::keys::{Algorithm, EcdsaCurve, PrivateKeyWithHashAlg};
use russh::{Preferred, SshId};
use spark_ipc::model::node::{HostKeyState, LinkCause};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::host_keys::{HostKeys, Shown};
use super::key::ClientKey;
use super::link::Options;
use super::session::{Client, Session, Traces};
use crate::settings::HostKeyPolicy;

/// Where a node is and who we are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// A name or an address.
    pub host: String,
    pub port: u16,
    pub user: String,
}

/// The stages of making a connection, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Name,
    Tcp,
    HostKey,
    Auth,
}

/// The stages that were passed, what is to be said of each, and how long it took.
#[derive(Debug, Clone)]
pub struct Stages {
    pub passed: Vec<(Stage, String, Duration)>,
    last: Instant,
}

impl Stages {
    pub fn begin() -> Self {
        Self {
            passed: Vec::with_capacity(4),
            last: Instant::now(),
        }
    }

    /// Time since the last stage was passed.
    pub fn elapsed(&self) -> Duration {
        self.last.elapsed()
    }

    fn pass(&mut self, stage: Stage, detail: String) {
        self.passed.push((stage, detail, self.elapsed()));
        self.last = Instant::now();
    }
}

/// A connection that was not made.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    pub stage: Stage,
    pub cause: LinkCause,
    /// What is known beyond the cause.
    pub detail: Option<String>,
    /// The host key that was seen, if it came so far.
    pub shown: Option<Shown>,
}

impl Failure {
    fn new(stage: Stage, cause: LinkCause, detail: impl Into<Option<String>>) -> Self {
        Self {
            stage,
            cause,
            detail: detail.into(),
            shown: None,
        }
    }

    /// The end of a connection that stood.
    pub(super) fn lost(reason: String, shown: Option<Shown>) -> Self {
        Self {
            shown,
            ..Self::new(Stage::Auth, LinkCause::Lost, reason)
        }
    }
}

/// What a connection is made with.
#[derive(Debug)]
pub(super) struct Means<'a> {
    pub(super) key: &'a ClientKey,
    pub(super) host_keys: &'a Arc<HostKeys>,
    pub(super) policy: HostKeyPolicy,
    pub(super) options: &'a Options,
}

/// Connects and logs in.
pub(super) async fn connect(
    endpoint: &Endpoint,
    means: Means<'_>,
    stages: &mut Stages,
) -> Result<Session, Failure> {
    let addresses = resolve(endpoint, means.options).await?;
    stages.pass(Stage::Name, listed(&addresses));
    let stream = reach(&addresses, means.options).await?;
    stages.pass(Stage::Tcp, format!("port {} answers", endpoint.port));
    let (client, traces) = Client::new(endpoint.clone(), Arc::clone(means.host_keys), means.policy);
    let handle = shake_hands(endpoint, &means, stream, client, &traces).await?;
    let fingerprint = traces
        .shown()
        .and_then(|s| s.describe())
        .map(|k| k.fingerprint.to_string());
    stages.pass(Stage::HostKey, fingerprint.unwrap_or_default());
    let mut session = Session {
        handle,
        shown: traces.shown(),
        ending: traces.ending,
    };
    log_in(endpoint, &means, &mut session).await?;
    stages.pass(Stage::Auth, format!("logged in as {}", endpoint.user));
    Ok(session)
}

async fn resolve(endpoint: &Endpoint, options: &Options) -> Result<Vec<SocketAddr>, Failure> {
    let lookup = tokio::net::lookup_host((endpoint.host.as_str(), endpoint.port));
    let failed = |detail: String| Failure::new(Stage::Name, LinkCause::Dns, detail);
    match timeout(options.connect_timeout, lookup).await {
        Ok(Ok(found)) => {
            let addresses: Vec<SocketAddr> = found.take(4).collect();
            if addresses.is_empty() {
                Err(failed("no address".to_owned()))
            } else {
                Ok(addresses)
            }
        }
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(_) => Err(failed("the name server does not answer".to_owned())),
    }
}

fn listed(addresses: &[SocketAddr]) -> String {
    let shown: Vec<String> = addresses.iter().map(|a| a.ip().to_string()).collect();
    shown.join(", ")
}

/// The first address that takes a connection and speaks.
async fn reach(addresses: &[SocketAddr], options: &Options) -> Result<TcpStream, Failure> {
    let mut last = Failure::new(Stage::Tcp, LinkCause::TimedOut, None);
    for address in addresses {
        match dial(*address, options).await {
            Ok(stream) => return Ok(stream),
            Err(failure) => last = failure,
        }
    }
    Err(last)
}

async fn dial(address: SocketAddr, options: &Options) -> Result<TcpStream, Failure> {
    let stream = match timeout(options.connect_timeout, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(tcp_failure(&error)),
        Err(_) => return Err(Failure::new(Stage::Tcp, LinkCause::TimedOut, None)),
    };
    stream
        .set_nodelay(true)
        .map_err(|error| tcp_failure(&error))?;
    // A peer that stops acknowledging is given up by the kernel, even while a write is stuck.
    let patience = u32::try_from(options.keepalive.as_millis().saturating_mul(3)).unwrap_or(30_000);
    rustix::net::sockopt::set_tcp_user_timeout(&stream, patience)
        .map_err(|error| tcp_failure(&error.into()))?;
    // An SSH server speaks first; one that is silent is frozen, one that closes has turned us away.
    match timeout(options.banner_timeout, stream.peek(&mut [0])).await {
        Ok(Ok(0)) => {
            let detail =
                "the node closed the connection before SSH began: too many log-ins, or a ban";
            Err(Failure::new(
                Stage::Tcp,
                LinkCause::Protocol,
                detail.to_owned(),
            ))
        }
        Ok(Ok(_)) => Ok(stream),
        Ok(Err(error)) => Err(tcp_failure(&error)),
        Err(_) => Err(Failure::new(Stage::Tcp, LinkCause::NoBanner, None)),
    }
}

fn tcp_failure(error: &io::Error) -> Failure {
    let cause = match error.kind() {
        io::ErrorKind::ConnectionRefused => LinkCause::Refused,
        io::ErrorKind::TimedOut => LinkCause::TimedOut,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => LinkCause::NoRoute,
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => LinkCause::Lost,
        _ => LinkCause::Protocol,
    };
    let detail = (cause == LinkCause::Protocol).then(|| error.to_string());
    Failure::new(Stage::Tcp, cause, detail)
}

async fn shake_hands(
    endpoint: &Endpoint,
    means: &Means<'_>,
    stream: TcpStream,
    client: Client,
    traces: &Traces,
) -> Result<client::Handle<Client>, Failure> {
    let config = Arc::new(config(endpoint, means));
    let shaking = Box::pin(client::connect_stream(config, stream, client));
    let (cause, detail) = match timeout(means.options.banner_timeout, shaking).await {
        Ok(Ok(handle)) => return Ok(handle),
        Ok(Err(russh::Error::UnknownKey)) => (refused_key(traces.shown().as_ref()), None),
        Ok(Err(error)) => (LinkCause::Protocol, Some(error.to_string())),
        Err(_) => (LinkCause::NoBanner, None),
    };
    Err(Failure {
        shown: traces.shown(),
        ..Failure::new(Stage::HostKey, cause, detail)
    })
}

fn refused_key(shown: Option<&Shown>) -> LinkCause {
    match shown.map(|shown| shown.state) {
        Some(HostKeyState::Unknown) => LinkCause::HostKeyUnknown,
        Some(HostKeyState::Changed) => LinkCause::HostKeyChanged,
        Some(HostKeyState::Accepted) | None => LinkCause::Protocol,
    }
}

async fn log_in(
    endpoint: &Endpoint,
    means: &Means<'_>,
    session: &mut Session,
) -> Result<(), Failure> {
    let key = PrivateKeyWithHashAlg::new(means.key.private(), None);
    let asking = Box::pin(session.handle.authenticate_publickey(&endpoint.user, key));
    let (cause, detail) = match timeout(means.options.banner_timeout, asking).await {
        Ok(Ok(answer)) if answer.success() => return Ok(()),
        Ok(Ok(_)) => (LinkCause::Auth, None),
        Ok(Err(error)) => (LinkCause::Lost, Some(error.to_string())),
        Err(_) => (LinkCause::NoBanner, None),
    };
    let shown = session.shown.clone();
    Err(Failure {
        shown,
        ..Failure::new(Stage::Auth, cause, detail)
    })
}

fn config(endpoint: &Endpoint, means: &Means<'_>) -> client::Config {
    client::Config {
        client_id: SshId::Standard("SSH-2.0-SparkControl".into()),
        keepalive_interval: Some(means.options.keepalive),
        keepalive_max: 2,
        inactivity_timeout: None,
        nodelay: true,
        preferred: Preferred {
            key: key_types(means.host_keys.algorithms(&endpoint.host, endpoint.port)).into(),
            ..Preferred::DEFAULT
        },
        ..client::Config::default()
    }
}

/// The host key types that we take: those already accepted for the host first, so that it shows us those.
fn key_types(accepted: Vec<Algorithm>) -> Vec<Algorithm> {
    let mut types = accepted;
    types.retain(|kind| matches!(kind, Algorithm::Ed25519 | Algorithm::Ecdsa { .. }));
    types.push(Algorithm::Ed25519);
    types.extend(
        [
            EcdsaCurve::NistP256,
            EcdsaCurve::NistP384,
            EcdsaCurve::NistP521,
        ]
        .map(|curve| Algorithm::Ecdsa { curve }),
    );
    let mut seen = Vec::with_capacity(types.len());
    for kind in types {
        if !seen.contains(&kind) {
            seen.push(kind);
        }
    }
    seen
}
