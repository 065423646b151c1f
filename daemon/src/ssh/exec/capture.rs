//! What a command has said so far, within its limits, and how it ended as far as that is known.

use russh::ChannelMsg;
use spark_core::shell::{Framing, Nonce};

use super::first_line;
use crate::ssh::{Limits, Outcome};

/// Collects the messages of one channel.
#[derive(Debug)]
pub(super) struct Capture {
    framing: Framing,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    limits: Limits,
    truncated: bool,
    /// The shell's own status; the command's is in the end marker.
    shell_status: Option<u32>,
    ended: bool,
}

impl Capture {
    pub(super) fn new(nonce: &Nonce, limits: Limits) -> Self {
        Self {
            framing: Framing::new(nonce),
            stdout: Vec::new(),
            stderr: Vec::new(),
            limits,
            truncated: false,
            shell_status: None,
            ended: false,
        }
    }

    pub(super) fn take(&mut self, message: ChannelMsg) {
        match message {
            ChannelMsg::Data { data } => {
                self.framing.push(&data, &mut self.stdout);
                self.truncated |= cut(&mut self.stdout, self.limits.max_stdout);
            }
            ChannelMsg::ExtendedData { data, .. } => {
                self.stderr.extend_from_slice(&data);
                self.truncated |= cut(&mut self.stderr, self.limits.max_stderr);
            }
            ChannelMsg::ExitStatus { exit_status } => {
                self.shell_status = Some(exit_status);
                self.ended = true;
            }
            ChannelMsg::ExitSignal { .. } => self.ended = true,
            _ => {}
        }
    }

    /// The command's status, from the end marker and from nothing else.
    pub(super) fn status(&self) -> Option<u8> {
        self.framing.status()
    }

    /// Whether the node has said that the shell is gone.
    pub(super) fn has_ended(&self) -> bool {
        self.ended || self.status().is_some()
    }

    pub(super) fn exited(self, status: u8) -> Outcome {
        Outcome::Exited {
            status: i32::from(status),
            stdout: text(self.stdout),
            stderr: text(self.stderr),
            truncated: self.truncated,
        }
    }

    /// Why there is no end marker although the channel has closed.
    pub(super) fn complaint(&self) -> String {
        let said = first_line(&self.stderr);
        match (self.framing.begun(), self.shell_status) {
            (false, Some(status)) => {
                format!(
                    "the login shell ended with status {status} before the command began: {said}"
                )
            }
            (false, None) => "the channel closed before the command began".to_owned(),
            (true, _) => "the channel closed before the command's end was told".to_owned(),
        }
    }
}

/// Cuts `bytes` to `limit`; whether there was something to cut.
fn cut(bytes: &mut Vec<u8>, limit: usize) -> bool {
    let over = bytes.len() > limit;
    bytes.truncate(limit);
    over
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
