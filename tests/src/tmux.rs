//! A real terminal: a tmux server of one's own with one window in it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use tempfile::TempDir;

use crate::place::screens;

/// Longest that a text may take to appear.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at the screen.
const LOOK: Duration = Duration::from_millis(50);

/// A window with a shell in it; dropping it ends the server and what runs in it.
#[derive(Debug)]
pub struct Tmux {
    socket: PathBuf,
    // Removed after the server has ended.
    _folder: TempDir,
}

impl Tmux {
    /// A shell in a window of `columns` by `rows`; its prompt is `$ `.
    pub fn start(columns: u16, rows: u16) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("spark-tmux").tempdir()?;
        let tmux = Self {
            socket: folder.path().join("tmux"),
            _folder: folder,
        };
        let (columns, rows) = (columns.to_string(), rows.to_string());
        let shell = "env -i PATH=/usr/bin:/bin TERM=tmux-256color LANG=C.UTF-8 PS1='$ ' sh";
        tmux.tmux(&[
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            &columns,
            "-y",
            &rows,
            shell,
        ])?;
        tmux.wait_for("the prompt", |screen| screen.starts_with('$'))?;
        Ok(tmux)
    }

    fn tmux(&self, words: &[&str]) -> Result<String> {
        let output = Command::new("tmux")
            .arg("-S")
            .arg(&self.socket)
            .args(words)
            .env("LANG", "C.UTF-8")
            .output()?;
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "tmux {words:?}: {error}");
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Types `text`, letter by letter.
    pub fn type_text(&self, text: &str) -> Result<()> {
        self.tmux(&["send-keys", "-l", "--", text]).map(drop)
    }

    /// Presses a key by tmux's name of it: `Enter`, `Escape`, `BTab`, `C-c`.
    pub fn press(&self, key: &str) -> Result<()> {
        self.tmux(&["send-keys", "--", key]).map(drop)
    }

    /// Gives a line to the shell.
    pub fn run(&self, line: &str) -> Result<()> {
        self.type_text(line)?;
        self.press("Enter")
    }

    /// What the screen shows, a line a row, without the blanks at their ends.
    pub fn screen(&self) -> Result<String> {
        self.tmux(&["capture-pane", "-p"])
    }

    /// Whether `text` stands on the screen in reverse.
    pub fn is_marked(&self, text: &str) -> Result<bool> {
        let screen = self.tmux(&["capture-pane", "-p", "-e"])?;
        let before = screen.split(text).next().filter(|b| b.len() < screen.len());
        let sequence = before.and_then(|b| b.rsplit_once("\x1b["));
        Ok(sequence.is_some_and(|(_, last)| last.strip_suffix('m').is_some_and(has_reverse)))
    }

    /// Whether the cursor is shown, and whether the alternate screen is: `1 0`.
    pub fn cursor_and_screen(&self) -> Result<String> {
        let flags = self.tmux(&["display-message", "-p", "#{cursor_flag} #{alternate_on}"])?;
        Ok(flags.trim().to_owned())
    }

    /// Id of the process that has the terminal: the shell's child, or the shell.
    pub fn foreground(&self) -> Result<i32> {
        let shell = self.tmux(&["display-message", "-p", "#{pane_pid}"])?;
        let output = Command::new("ps")
            .args(["-o", "pid=", "--ppid", shell.trim()])
            .output()?;
        let children = String::from_utf8(output.stdout)?;
        Ok(children.lines().next().unwrap_or(&shell).trim().parse()?)
    }

    /// Waits until the screen is as it should be; gives it.
    pub fn wait_for(&self, what: &str, holds: impl Fn(&str) -> bool) -> Result<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let screen = self.screen()?;
            if holds(&screen) {
                return Ok(screen);
            }
            if Instant::now() > deadline {
                bail!("{what} did not appear within {PATIENCE:?}; the screen:\n{screen}");
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Waits for a text; gives the screen.
    pub fn wait_for_text(&self, text: &str) -> Result<String> {
        self.wait_for(&format!("{text:?}"), |screen| screen.contains(text))
    }

    /// Leaves what the screen shows in `target/screens/NAME.txt`.
    pub fn leave(&self, name: &str) -> Result<()> {
        let path: PathBuf = Path::new(&screens()?).join(format!("{name}.txt"));
        Ok(std::fs::write(path, self.screen()?)?)
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        drop(self.tmux(&["kill-server"]));
    }
}

/// Whether a sequence of attributes, as `1;7`, has the one for reverse.
fn has_reverse(attributes: &str) -> bool {
    attributes.split(';').any(|a| a == "7")
}
