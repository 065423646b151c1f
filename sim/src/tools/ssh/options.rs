//! The words of `ssh`: options, where to, what to run there.

use std::path::PathBuf;

use crate::tools::{Env, Refusal};

const USAGE: &str = "usage: ssh [-46AaCfGgKkMNnqsTtVvXxYy] [-B bind_interface] [-b bind_address]\n           [-c \
                     cipher_spec] [-D [bind_address:]port] [-E log_file]\n           [-i identity_file] [-J \
                     destination] [-l login_name] [-o option]\n           [-p port] destination [command [argument \
                     ...]]";

/// Options that are known and change nothing here.
const WITHOUT_EFFECT: [&str; 16] = [
    "addressfamily",
    "ciphers",
    "compression",
    "connectionattempts",
    "controlmaster",
    "controlpath",
    "controlpersist",
    "forwardagent",
    "identitiesonly",
    "kbdinteractiveauthentication",
    "loglevel",
    "numberofpasswordprompts",
    "passwordauthentication",
    "preferredauthentications",
    "requesttty",
    "tcpkeepalive",
];

/// What is done about a host key that is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tools) enum Strict {
    /// Ask, which nobody answers here.
    Ask,
    /// Refuse.
    Yes,
    /// Take a new one, refuse a changed one.
    AcceptNew,
    /// Take any.
    No,
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::tools) struct Options {
    pub(super) user: String,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) identities: Vec<PathBuf>,
    pub(super) known_hosts: Option<PathBuf>,
    pub(super) strict: Strict,
    pub(super) connect_timeout_s: Option<u32>,
    /// Seconds without an answer after which the client gives up.
    pub(super) alive_s: Option<u32>,
    pub(super) no_input: bool,
    pub(super) command: Vec<String>,
}

impl Options {
    /// Reads the words after `ssh`.
    pub(in crate::tools) fn read(args: &[String], env: &Env) -> Result<Self, Refusal> {
        let mut reader = Reader {
            found: Self {
                user: env.get("USER").unwrap_or_default().to_owned(),
                host: String::new(),
                port: 22,
                identities: Vec::new(),
                known_hosts: None,
                strict: Strict::Ask,
                connect_timeout_s: None,
                alive_s: None,
                no_input: false,
                command: Vec::new(),
            },
            user: None,
            alive_count: 3,
        };
        reader.words(args)?;
        let mut found = reader.found;
        found.alive_s = found
            .alive_s
            .filter(|every| *every > 0)
            .map(|every| every * reader.alive_count);
        if let Some(user) = reader.user {
            found.user = user;
        }
        if found.host.is_empty() {
            return Err(Refusal::new(255, USAGE));
        }
        Ok(found)
    }
}

struct Reader {
    found: Options,
    /// The first one that is named counts.
    user: Option<String>,
    alive_count: u32,
}

impl Reader {
    fn words(&mut self, args: &[String]) -> Result<(), Refusal> {
        let mut rest = args.iter();
        while let Some(word) = rest.next() {
            let cluster = word.strip_prefix('-').filter(|cluster| !cluster.is_empty());
            let Some(cluster) = cluster.filter(|_| word != "--") else {
                // Options may stand behind the destination too, before the command.
                if self.found.host.is_empty() && word != "--" {
                    self.destination(word);
                    continue;
                }
                let first = (word != "--").then(|| word.clone());
                self.found.command = first.into_iter().chain(rest.cloned()).collect();
                return Ok(());
            };
            let mut letters = cluster.chars();
            while let Some(letter) = letters.next() {
                if "46AaCfGgKkMNnqsTtvXxYy".contains(letter) {
                    self.found.no_input |= letter == 'n';
                    continue;
                }
                let glued = letters.as_str();
                let value = if glued.is_empty() {
                    rest.next().map(String::as_str)
                } else {
                    Some(glued)
                };
                let value = value.ok_or_else(|| {
                    Refusal::new(
                        255,
                        format!("option requires an argument -- {letter}\n{USAGE}"),
                    )
                })?;
                self.letter(letter, value)?;
                break;
            }
        }
        Ok(())
    }

    fn destination(&mut self, word: &str) {
        let word = word.strip_prefix("ssh://").unwrap_or(word);
        match word.rsplit_once('@') {
            Some((user, host)) => {
                self.user.get_or_insert_with(|| user.to_owned());
                host.clone_into(&mut self.found.host);
            }
            None => word.clone_into(&mut self.found.host),
        }
    }

    fn letter(&mut self, letter: char, value: &str) -> Result<(), Refusal> {
        match letter {
            'p' => self.found.port = port(value)?,
            'l' => drop(self.user.get_or_insert_with(|| value.to_owned())),
            'i' => self.found.identities.push(PathBuf::from(value)),
            'o' => self.option(value)?,
            'c' | 'm' | 'F' | 'E' | 'b' | 'B' | 'L' | 'R' | 'D' | 'J' | 'S' | 'e' | 'W' => {}
            other => {
                return Err(Refusal::new(
                    255,
                    format!("unknown option -- {other}\n{USAGE}"),
                ));
            }
        }
        Ok(())
    }

    fn option(&mut self, text: &str) -> Result<(), Refusal> {
        let (name, value) = text.split_once(['=', ' ']).unwrap_or((text, ""));
        let value = value.trim();
        let bad = || {
            Refusal::new(
                255,
                format!("command-line line 0: invalid number \"{value}\"."),
            )
        };
        let number = || value.parse::<u32>().map_err(|_e| bad());
        match name.to_ascii_lowercase().as_str() {
            "port" => self.found.port = port(value)?,
            "user" => drop(self.user.get_or_insert_with(|| value.to_owned())),
            "identityfile" => self.found.identities.push(PathBuf::from(value)),
            "userknownhostsfile" => self.found.known_hosts = Some(PathBuf::from(value)),
            "connecttimeout" => self.found.connect_timeout_s = Some(number()?),
            "serveraliveinterval" => self.found.alive_s = Some(number()?),
            "serveralivecountmax" => self.alive_count = number()?,
            "batchmode" => {}
            "stricthostkeychecking" => {
                self.found.strict = match value {
                    "yes" => Strict::Yes,
                    "no" | "off" => Strict::No,
                    "accept-new" => Strict::AcceptNew,
                    _ => Strict::Ask,
                }
            }
            known if WITHOUT_EFFECT.contains(&known) => {}
            _ => {
                let text = format!(
                    "command-line: line 0: Bad configuration option: {}",
                    name.to_ascii_lowercase()
                );
                return Err(Refusal::new(255, text));
            }
        }
        Ok(())
    }
}

fn port(text: &str) -> Result<u16, Refusal> {
    let port = text.parse().ok().filter(|port| *port > 0);
    port.ok_or_else(|| Refusal::new(255, format!("Bad port '{text}'")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Options, Refusal> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        Options::read(&words, &Env::of([("USER", "me")]))
    }

    #[test]
    fn options_destination_and_command_are_told_apart() {
        let options = read(
            "-o BatchMode=yes -oPort=2222 -o ServerAliveInterval=5 -c aes128-gcm@openssh.com -l you 127.0.0.9 docker load",
        )
        .unwrap();
        assert_eq!(
            (options.user.as_str(), options.host.as_str(), options.port),
            ("you", "127.0.0.9", 2222)
        );
        assert_eq!(
            (options.command, options.alive_s),
            (vec!["docker".to_owned(), "load".to_owned()], Some(15))
        );
        let plain = read("-p 22 a@b -n -- -x").unwrap();
        assert_eq!(
            (plain.user.as_str(), plain.host.as_str(), plain.no_input),
            ("a", "b", true)
        );
        assert_eq!(plain.command, ["-x"]);
        assert_eq!(read("h").unwrap().user, "me");
    }

    #[test]
    fn mistakes_are_refused_as_openssh_does() {
        let text = |line: &str| read(line).unwrap_err().text;
        assert_eq!(
            text("-o Bogus=1 h"),
            "command-line: line 0: Bad configuration option: bogus"
        );
        assert_eq!(text("-p x h"), "Bad port 'x'");
        assert!(text("-Z 1 h").starts_with("unknown option -- Z\nusage: ssh"));
    }
}
