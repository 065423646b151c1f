//! The grammar of what moves models and images.

use std::time::Duration;

use clap::{Args as ClapArgs, Subcommand};
use spark_ipc::id::{ImageRef, NodeId, RepoId};

use super::node;
use crate::format::parse_duration;

/// How long one waits for a transfer: until it ends.
const DAY: &str = "24h";

#[derive(Debug, ClapArgs)]
pub struct Download {
    /// ORG/NAME on huggingface.co
    pub repo: RepoId,
    /// To this node (repeat for more; all of them without it)
    #[arg(long = "node", value_name = "NODE", value_parser = node)]
    pub nodes: Vec<NodeId>,
    /// Branch, tag or commit
    #[arg(long)]
    pub revision: Option<String>,
    /// Only files that match (repeat for more)
    #[arg(long, value_name = "PATTERN")]
    pub include: Vec<String>,
    /// No files that match (repeat for more)
    #[arg(long, value_name = "PATTERN")]
    pub exclude: Vec<String>,
    /// Compare every file with the Hub's checksums at the end; slow
    #[arg(long)]
    pub verify: bool,
    /// Show what would come, and whether there is room; change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Do not wait for the end
    #[arg(long, visible_alias = "detach")]
    pub no_wait: bool,
    /// How long to wait for the end
    #[arg(long, value_parser = parse_duration, default_value = DAY, value_name = "TIME")]
    pub timeout: Duration,
}

#[derive(Debug, ClapArgs)]
pub struct Copy {
    /// Repository, or a part of its name that only it has
    pub model: String,
    /// The node that has it
    #[arg(long, value_name = "NODE", value_parser = node)]
    pub from: NodeId,
    /// The node that gets it
    #[arg(long, value_name = "NODE", value_parser = node)]
    pub to: NodeId,
    /// Through the daemon, when the nodes cannot reach each other; slow
    #[arg(long)]
    pub relay: bool,
    /// Show which way it would go; change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Do not wait for the end
    #[arg(long, visible_alias = "detach")]
    pub no_wait: bool,
    /// How long to wait for the end
    #[arg(long, value_parser = parse_duration, default_value = DAY, value_name = "TIME")]
    pub timeout: Duration,
}

#[derive(Debug, ClapArgs)]
pub struct Rm {
    /// Repository, or a part of its name that only it has
    pub model: String,
    /// From this node (repeat for more; all of them without it)
    #[arg(long = "node", value_name = "NODE", value_parser = node)]
    pub nodes: Vec<NodeId>,
    /// Show sizes, last use and what uses it; change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Do not wait for the end
    #[arg(long, visible_alias = "detach")]
    pub no_wait: bool,
    /// How long to wait for the end
    #[arg(long, value_parser = parse_duration, default_value = "20m", value_name = "TIME")]
    pub timeout: Duration,
}

#[derive(Debug, ClapArgs)]
pub struct Verify {
    /// Repository, or a part of its name that only it has
    pub model: String,
    /// On this node (repeat for more; all that have it without it)
    #[arg(long = "node", value_name = "NODE", value_parser = node)]
    pub nodes: Vec<NodeId>,
    /// Remove damaged files, so that a download brings them anew
    #[arg(long)]
    pub repair: bool,
    /// Do not wait for the end
    #[arg(long, visible_alias = "detach")]
    pub no_wait: bool,
    /// How long to wait for the end
    #[arg(long, value_parser = parse_duration, default_value = DAY, value_name = "TIME")]
    pub timeout: Duration,
}

#[derive(Debug, Subcommand)]
pub enum ImagesCommand {
    /// All of them, and those that a recipe needs (the default)
    List,
    /// Remove one from the disks; refused while a container was made from it
    Rm {
        image: ImageRef,
        /// From this node (repeat for more; all of them without it)
        #[arg(long = "node", value_name = "NODE", value_parser = node)]
        nodes: Vec<NodeId>,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// From one node to another, over the fabric
    Copy {
        image: ImageRef,
        /// The node that has it
        #[arg(long, value_name = "NODE", value_parser = node)]
        from: NodeId,
        /// The node that gets it
        #[arg(long, value_name = "NODE", value_parser = node)]
        to: NodeId,
        #[command(flatten)]
        wait: Wait,
    },
}

#[derive(Debug, ClapArgs)]
pub struct Pull {
    pub image: ImageRef,
    /// To this node (repeat for more; all of them without it)
    #[arg(long = "node", value_name = "NODE", value_parser = node)]
    pub nodes: Vec<NodeId>,
    #[command(flatten)]
    pub wait: Wait,
}

/// Whether and how long one waits.
#[derive(Debug, ClapArgs)]
pub struct Wait {
    /// Show what would come, and whether there is room; change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Do not wait for the end
    #[arg(long, visible_alias = "detach")]
    pub no_wait: bool,
    /// How long to wait for the end
    #[arg(long, value_parser = parse_duration, default_value = DAY, value_name = "TIME")]
    pub timeout: Duration,
}
