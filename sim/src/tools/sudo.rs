//! `sudo` of a user who has to give a password, except for what a sudoers line allows.
//!
//! The lines are those of the node's own `etc/sudoers.d`; without one nothing is allowed.

use std::fs;
use std::io::Read;
use std::process::Command;

use crate::node::{Node, files};
use crate::tools::{Outcome, Refusal, console};

const NEEDED: &str = "sudo: a password is required";
const NO_TERMINAL: &str = "sudo: a terminal is required to read the password; either use the -S option \
                           to read from standard input or configure an askpass helper";
const DROP_CACHES: &str = "/proc/sys/vm/drop_caches";

/// Runs `sudo`.
pub(super) fn main(node: &Node, args: &[String]) -> Outcome {
    let mut words = args.iter().peekable();
    let mut quiet = false;
    while let Some(flag) = words.next_if(|word| word.starts_with('-')) {
        match flag.as_str() {
            "-n" | "--non-interactive" => quiet = true,
            "-u" | "-g" => drop(words.next()),
            "-E" | "-H" | "-S" | "-k" | "-b" => {}
            "--" => break,
            "-V" | "--version" => return Err(Refusal::help("Sudo version 1.9.15p5")),
            "-l" | "-v" => return Err(refused(quiet)),
            other => {
                return Err(Refusal::new(
                    1,
                    format!(
                        "sudo: invalid option -- '{}'",
                        other.trim_start_matches('-')
                    ),
                ));
            }
        }
    }
    let command: Vec<&str> = words.map(String::as_str).collect();
    let Some((program, arguments)) = command.split_first() else {
        return Err(Refusal::new(
            1,
            "usage: sudo -h | -K | -k | -V\nusage: sudo [-ABbEHnPS] [command [arg ...]]",
        ));
    };
    let path = if program.contains('/') {
        (*program).to_owned()
    } else {
        format!("/usr/bin/{program}")
    };
    let line = std::iter::once(path.as_str())
        .chain(arguments.iter().copied())
        .collect::<Vec<_>>();
    if !allowed(&rules(node), &line.join(" ")) {
        return Err(refused(quiet));
    }
    if path == "/usr/bin/tee" && arguments == [DROP_CACHES] {
        return drop_caches(node);
    }
    let status = Command::new(&path).args(arguments).status();
    match status {
        Ok(status) => Ok(status.code().unwrap_or(255)),
        Err(_) => Err(Refusal::new(
            1,
            format!("sudo: {program}: command not found"),
        )),
    }
}

fn refused(quiet: bool) -> Refusal {
    let text = if quiet {
        NEEDED.to_owned()
    } else {
        format!("{NO_TERMINAL}\n{NEEDED}")
    };
    Refusal::new(1, text)
}

/// What `tee` would do, to the node's own file: the machine's cache is nobody's here.
fn drop_caches(node: &Node) -> Outcome {
    let mut text = Vec::new();
    std::io::stdin().read_to_end(&mut text).ok();
    files::write_atomic(&node.root("proc/sys/vm/drop_caches"), &text)?;
    console::raw(&text);
    Ok(0)
}

/// Every line of the node's sudoers files.
fn rules(node: &Node) -> Vec<String> {
    let entries = fs::read_dir(node.root("etc/sudoers.d"))
        .into_iter()
        .flatten()
        .flatten();
    let texts = entries.filter_map(|entry| fs::read_to_string(entry.path()).ok());
    texts
        .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// Whether a rule lets the command run without a password.
fn allowed(rules: &[String], command: &str) -> bool {
    rules
        .iter()
        .filter(|rule| !rule.trim_start().starts_with('#'))
        .filter_map(|rule| rule.split_once("NOPASSWD:"))
        .flat_map(|(_, commands)| commands.split(','))
        .map(str::trim)
        .any(|rule| {
            let program = command.split(' ').next().unwrap_or_default();
            rule == "ALL" || rule == command || rule == program
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_allows_its_command_only() {
        let rules =
            vec!["nvidia ALL=(root) NOPASSWD: /usr/bin/tee /proc/sys/vm/drop_caches".to_owned()];
        assert!(allowed(&rules, "/usr/bin/tee /proc/sys/vm/drop_caches"));
        assert!(!allowed(&rules, "/usr/bin/tee /etc/passwd"));
        assert!(!allowed(
            &[format!("# {}", rules[0])],
            "/usr/bin/tee /proc/sys/vm/drop_caches"
        ));
    }
}
