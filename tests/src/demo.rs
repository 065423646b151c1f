//! `spark-sim demo`, as people start it, on a free port and with data of its own.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::programs::program;

/// A running demo; dropping it ends it with everything on it.
#[derive(Debug)]
pub struct Demo {
    child: Child,
    url: String,
    folder: TempDir,
}

impl Demo {
    /// Starts it at `speed`; returns when it has told its address.
    pub fn start(speed: u32) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("spark-demo").tempdir()?;
        let mut child = Command::new(program("spark-sim")?)
            .args(["demo", "--port", "0", "--no-open", "--speed"])
            .arg(speed.to_string())
            .arg("--data-dir")
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let said = BufReader::new(child.stdout.take().context("no standard output")?);
        let mut demo = Self {
            child,
            url: String::new(),
            folder,
        };
        let mut lines = said.lines();
        let told = lines.find_map(|line| {
            let line = line.ok()?;
            Some(line.trim().strip_prefix("dashboard")?.trim().to_owned())
        });
        told.context("the demo told no address")?
            .clone_into(&mut demo.url);
        // Ends with the demo, whose standard output it reads.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Ok(demo)
    }

    /// Where its dashboard is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The folders of its two nodes, as `spark-sim fault` takes them.
    pub fn nodes(&self) -> [PathBuf; 2] {
        ["spark1", "spark2"].map(|name| self.folder.path().join(name))
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Asked, not killed: it ends its daemon and the nodes' processes.
        let _gone = kill_process(Pid::from_child(&self.child), Signal::TERM);
        drop(self.child.wait());
    }
}
