//! The grammar of `services` and `adopt`.

use std::time::Duration;

use clap::{Args as ClapArgs, Subcommand};
use spark_ipc::id::{ImageRef, NodeId, ServiceName, UnitId};

use super::node;
use crate::format::parse_duration;

#[derive(Debug, Subcommand)]
pub enum ServicesCommand {
    /// All of them (the default)
    List,
    /// Start one, and wait until it gives a real answer
    Start(ServiceAct),
    /// Stop one; its container is removed
    Stop(ServiceStop),
    /// Stop one and start it with its entry as it is now
    Restart(ServiceAct),
    /// What one says
    Logs(ServiceLogs),
    /// Which profiles of a NIM suit the GPU
    Profiles {
        /// Its name, as `services` lists it
        name: ServiceName,
    },
    /// Change the entry of one; what runs of it stays as it is until its next start
    Set(Box<ServiceSet>),
}

#[derive(Debug, ClapArgs)]
pub struct ServiceAct {
    /// Its name, as `services` lists it
    pub name: ServiceName,
    /// On this node, this time
    #[arg(long, value_parser = node)]
    pub node: Option<NodeId>,
    /// Do not wait for the end
    #[arg(long)]
    pub no_wait: bool,
    /// How long to wait for the end
    #[arg(long, value_parser = parse_duration, default_value = "1h", value_name = "TIME")]
    pub timeout: Duration,
}

#[derive(Debug, ClapArgs)]
pub struct ServiceStop {
    /// Its name, as `services` lists it
    pub name: ServiceName,
    /// Do not wait for the end
    #[arg(long)]
    pub no_wait: bool,
    /// How long to wait for the end
    #[arg(long, value_parser = parse_duration, default_value = "5m", value_name = "TIME")]
    pub timeout: Duration,
}

#[derive(Debug, ClapArgs)]
pub struct ServiceLogs {
    /// Its name, as `services` lists it
    pub name: ServiceName,
    /// Go on with new lines until Ctrl-C
    #[arg(short, long)]
    pub follow: bool,
    /// Lines from the end
    #[arg(short = 'n', long, default_value_t = 100, value_name = "LINES")]
    pub tail: u32,
}

#[derive(Debug, ClapArgs)]
pub struct ServiceSet {
    /// Its name, as `services` lists it
    pub name: ServiceName,
    /// Where it runs
    #[arg(long, value_parser = node)]
    pub node: Option<NodeId>,
    /// The port on the node
    #[arg(long)]
    pub port: Option<u16>,
    /// Whether it starts after its node came up
    #[arg(long, value_name = "true|false")]
    pub autostart: Option<bool>,
    /// Whether it may be started at all
    #[arg(long, value_name = "true|false")]
    pub enabled: Option<bool>,
    /// The most memory that it may take
    #[arg(long, value_name = "GIB")]
    pub memory_gib: Option<u32>,
    /// Smaller numbers start first
    #[arg(long)]
    pub order: Option<u32>,
    /// Another image
    #[arg(long)]
    pub image: Option<ImageRef>,
    /// Forget every change first, so that the bundled entry holds again
    #[arg(long)]
    pub reset: bool,
}

#[derive(Debug, ClapArgs)]
pub struct Adopt {
    /// Unit that somebody else started, as `status` names it
    pub unit: UnitId,
    /// Let it go instead: it is not touched any more
    #[arg(long)]
    pub release: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}
