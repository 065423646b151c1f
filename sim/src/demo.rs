//! `spark-sim demo`: simulated Sparks and Spark Control on top of them, with one command.
//!
//! The demo is started like a real installation: the daemon gets addresses, users and a key, and
//! finds over SSH what there is. It is run as a program of its own and told nothing else.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::Context as _;
use clap::Args;
use uuid::Uuid;

use crate::cli::{asked_to_stop, say};
use crate::host::Host;
use crate::ssh::keys;

mod daemon;
mod foreign;
mod nodes;

use daemon::Daemon;

/// How to run the demo.
#[derive(Debug, Clone, Args)]
pub struct DemoOptions {
    /// Port of the dashboard and the API on 127.0.0.1; 0 for a free one.
    #[arg(long, default_value_t = 9999)]
    pub port: u16,
    /// Where everything is kept, to go on with next time; a folder that is removed at the end when
    /// not given.
    #[arg(long)]
    pub data_dir: Option<PathBuf>,
    /// Do not open a browser.
    #[arg(long)]
    pub no_open: bool,
    /// Times faster than the real thing.
    #[arg(long, default_value_t = 10.0)]
    pub speed: f64,
    /// How many Sparks.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=4))]
    pub nodes: u8,
}

/// Longest path of a Unix socket that every system takes, with some room.
const SOCKET_PATH_LIMIT: usize = 100;

/// Runs the demo until Ctrl-C; an error when the daemon could not be started or ended by itself.
#[tokio::main]
pub async fn run(options: &DemoOptions) -> anyhow::Result<()> {
    let place = Place::of(options)?;
    let result = run_in(&place, options).await;
    place.clean();
    result
}

async fn run_in(place: &Place, options: &DemoOptions) -> anyhow::Result<()> {
    let program = daemon::find()?;
    let key = place.data.join("id_ed25519");
    let public = keys::key_at(&key)?.public_key().clone();
    let mut hosts = Vec::new();
    let started = async {
        for index in 0..usize::from(options.nodes) {
            let node = nodes::open(&place.data, index, options.speed)?;
            keys::authorize(&node, &public)?;
            hosts.push(Host::start(node, true)?);
        }
        let nodes: Vec<_> = hosts.iter().map(|host| host.node().clone()).collect();
        keys::introduce(&nodes)?;
        if let Some(last) = nodes.last() {
            foreign::start(last)?;
        }
        let port = daemon::port(options.port)?;
        let environment = environment(place, &hosts, &key, port);
        let mut daemon = Daemon::start(&program, &place.data, environment)?;
        let outcome = attend(&mut daemon, place, &hosts, port, options).await;
        daemon.stop().await;
        outcome
    };
    let result = started.await;
    for host in hosts {
        host.power_off().await;
    }
    result
}

/// Waits until the daemon is there, shows the way to it, and stays until asked to stop.
async fn attend(
    daemon: &mut Daemon,
    place: &Place,
    hosts: &[Host],
    port: u16,
    options: &DemoOptions,
) -> anyhow::Result<()> {
    let work = async {
        daemon.ready(port).await?;
        announce(place, hosts, port);
        if !options.no_open {
            open_browser(port);
        }
        daemon.ended().await
    };
    tokio::select! {
        asked = asked_to_stop() => {
            say("stopping");
            asked.context("cannot listen for signals")
        }
        ended = work => ended,
    }
}

/// What the daemon is told.
fn environment(place: &Place, hosts: &[Host], key: &Path, port: u16) -> Vec<(String, String)> {
    let mut all = vec![
        ("DATA_DIR".to_owned(), text(&place.data.join("controld"))),
        ("BIND_ADDR".to_owned(), "127.0.0.1".to_owned()),
        ("BIND_PORT".to_owned(), port.to_string()),
        ("SPARK_CONTROL_SOCKET".to_owned(), text(&place.socket)),
        ("SSH_KEY_PATH".to_owned(), text(key)),
        ("SPARK_CONTROL_DEMO".to_owned(), "1".to_owned()),
        ("HOST_KEY_POLICY".to_owned(), "accept-new".to_owned()),
    ];
    for (host, number) in hosts.iter().zip(1..) {
        let config = host.node().config();
        let named = |name: &str, value: String| (format!("SPARK{number}_{name}"), value);
        all.extend([
            named("HOST", config.address.to_string()),
            named("USER", config.user.clone()),
            named("SSH_PORT", config.ssh_port.to_string()),
            named("NAME", config.name.clone()),
        ]);
    }
    all
}

fn announce(place: &Place, hosts: &[Host], port: u16) {
    let socket = place.socket.display();
    say("Spark Control runs on simulated Sparks.");
    say(&format!("  dashboard  http://127.0.0.1:{port}/"));
    say(&format!("  socket     {socket}"));
    say(&format!("  terminal   spark-control --socket {socket}"));
    say(&format!(
        "  curl       curl --unix-socket {socket} http://localhost/api/status"
    ));
    for host in hosts {
        let node = host.node();
        let name = &node.config().name;
        say(&format!(
            "  {name}     spark-sim fault {} set slow_ssh",
            node.dir().display()
        ));
    }
    say("Ctrl-C stops everything.");
}

/// Shows the dashboard where there is a screen; a demo on a server has none and says nothing.
fn open_browser(port: u16) {
    let screen = ["DISPLAY", "WAYLAND_DISPLAY"]
        .iter()
        .any(|name| std::env::var_os(name).is_some());
    if screen {
        let opener = tokio::process::Command::new("xdg-open")
            .arg(format!("http://127.0.0.1:{port}/"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        if let Err(error) = opener {
            tracing::debug!(%error, "no browser");
        }
    }
}

/// Where a demo keeps its things.
struct Place {
    data: PathBuf,
    socket: PathBuf,
    /// Made for this run only.
    fresh: bool,
}

impl Place {
    fn of(options: &DemoOptions) -> anyhow::Result<Self> {
        let id = Uuid::new_v4().simple().to_string();
        let id = id.get(..8).unwrap_or("demo");
        let fresh = options.data_dir.is_none();
        let wanted = options
            .data_dir
            .clone()
            .unwrap_or_else(|| state_folder().join(format!("demo-{id}")));
        std::fs::create_dir_all(&wanted)
            .with_context(|| format!("cannot create {}", wanted.display()))?;
        let data = wanted
            .canonicalize()
            .context("cannot find the data folder")?;
        let mut socket = data.join("control.sock");
        if socket.as_os_str().len() > SOCKET_PATH_LIMIT {
            let folder = std::env::temp_dir().join(format!("spark-demo-{id}"));
            std::fs::create_dir_all(&folder).context("cannot create the socket's folder")?;
            socket = folder.join("control.sock");
        }
        Ok(Self {
            data,
            socket,
            fresh,
        })
    }

    /// Removes what nobody asked to keep.
    fn clean(&self) {
        let socket_folder = self.socket.parent().filter(|folder| *folder != self.data);
        let folders = socket_folder
            .into_iter()
            .chain(self.fresh.then_some(&*self.data));
        for folder in folders {
            if let Err(error) = std::fs::remove_dir_all(folder) {
                tracing::debug!(%error, folder = %folder.display(), "cannot remove");
            }
        }
    }
}

/// `$XDG_STATE_HOME/spark-sim`, `~/.local/state/spark-sim`, or a place for temporary files.
fn state_folder() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let state = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")));
    let absolute = state.filter(|path| path.is_absolute());
    absolute
        .unwrap_or_else(std::env::temp_dir)
        .join("spark-sim")
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
