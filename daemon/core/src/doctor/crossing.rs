//! The second round: one node tries another one over the cable.

use std::net::Ipv4Addr;

use spark_ipc::id::NodeId;
use spark_ipc::model::doctor::DoctorCheck;
use spark_ipc::text::clean_line;

use super::pair::common;
use super::{Patient, Verdict, pairs};
use crate::advice::{Evidence, first_cause};
use crate::shell::{InvalidArg, RawArg, Remote};

/// Bytes of the headers of IP and ICMP: a frame holds so much less.
const HEADERS: u32 = 28;

/// One try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crossing {
    pub from: NodeId,
    pub to: NodeId,
    address: Ipv4Addr,
    way: Way,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Way {
    /// As a copy between nodes does it.
    Login { user: String, port: u16 },
    /// One whole frame of this many bytes.
    Frame { mtu: u32 },
    /// There is nothing to try, for this reason.
    None(&'static str),
}

/// What became of the command of a crossing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    Exited {
        status: i32,
        text: String,
    },
    /// It did not end in its time.
    TooSlow,
    /// The node it was to run on did not answer.
    Lost(String),
}

/// What is to be tried, in both directions of each pair: a login over the first network that both are in, and a
/// frame over each.
pub fn crossings(patients: &[Patient]) -> Vec<Crossing> {
    let both = pairs(patients).flat_map(|(one, other)| [(one, other), (other, one)]);
    both.flat_map(|(from, to)| between(from, to)).collect()
}

fn between(from: &Patient, to: &Patient) -> Vec<Crossing> {
    let networks = common(from, to);
    let crossing = |address: Ipv4Addr, way: Way| Crossing {
        from: from.node.clone(),
        to: to.node.clone(),
        address,
        way,
    };
    let mut all = Vec::new();
    let live = networks.iter().find(|c| c.from.0.up && c.to.0.up);
    if let Some(first) = live {
        let way = Way::Login {
            user: to.user.clone(),
            port: to.ssh_port,
        };
        all.push(crossing(first.to.1.ip, way));
    }
    all.extend(networks.iter().map(|c| {
        let way = if !(c.from.0.up && c.to.0.up) {
            Way::None("the link is down")
        } else if let Some(mtu) = c.from.0.mtu {
            Way::Frame { mtu }
        } else {
            Way::None("the largest frame is not known")
        };
        crossing(c.to.1.ip, way)
    }));
    all
}

impl Crossing {
    /// What is run on [`Crossing::from`]; `None` when there is nothing to try.
    pub fn command(&self) -> Result<Option<Remote>, InvalidArg> {
        let address = RawArg::checked(&self.address.to_string())?;
        Ok(match &self.way {
            Way::None(_) => None,
            Way::Frame { mtu } => Some(
                Remote::command("ping")
                    .lit("-c1")
                    .lit("-W2")
                    .lit("-M")
                    .lit("do")
                    .lit("-s")
                    .arg(mtu.saturating_sub(HEADERS))
                    .arg(address)
                    .timeout(6),
            ),
            // Like a copy, which accepts a host that it sees for the first time and no changed one.
            Way::Login { user, port } => Some(
                Remote::command("ssh")
                    .lit("-oBatchMode=yes")
                    .lit("-oStrictHostKeyChecking=accept-new")
                    .lit("-oConnectTimeout=5")
                    .lit("-p")
                    .arg(*port)
                    .lit("-l")
                    .arg(RawArg::checked(user)?)
                    .arg(address)
                    .lit("true")
                    .timeout(8),
            ),
        })
    }

    /// What it came to; `None` for what was not run.
    pub fn judge(&self, said: Option<&Said>, took_ms: f64) -> DoctorCheck {
        let (name, verdict) = match (&self.way, said) {
            (Way::None(why), _) => ("ping", Verdict::skipped(*why)),
            (Way::Frame { mtu }, Some(said)) => ("ping", self.frame(*mtu, said)),
            (Way::Login { user, port }, Some(said)) => ("ssh", self.login(user, *port, said)),
            (Way::Frame { .. }, None) => ("ping", Verdict::skipped("it was not tried")),
            (Way::Login { .. }, None) => ("ssh", Verdict::skipped("it was not tried")),
        };
        DoctorCheck {
            duration_ms: took_ms,
            ..verdict.between(name, &self.from, &self.to)
        }
    }

    fn frame(&self, mtu: u32, said: &Said) -> Verdict {
        let address = self.address;
        match said {
            Said::Exited { status: 0, text } => {
                let took = text.split("time=").nth(1).and_then(|t| t.lines().next());
                let took = took.map_or(String::new(), |t| format!(" in {}", clean_line(t, 20)));
                Verdict::passed(format!(
                    "a whole frame of {mtu} bytes reached {address}{took}"
                ))
            }
            Said::Exited { text, .. }
                if text.contains("too long") || text.contains("Frag needed") =>
            {
                Verdict::failed(
                    format!("a frame of {mtu} bytes does not pass to {address}"),
                    "Set the same MTU on every port of the cable; the check `mtu` names the odd one.",
                )
            }
            Said::Exited { status: 127, .. } => Verdict::warning(
                "ping is not installed",
                format!("On {}: sudo apt install iputils-ping", self.from),
            ),
            Said::Exited { .. } | Said::TooSlow => Verdict::failed(
                format!("no answer from {address} to a whole frame of {mtu} bytes"),
                format!(
                    "See whether small frames pass: ping -c1 {address}. If so, the MTU of {} is smaller; if not, a \
                     firewall or the cable is in the way.",
                    self.to
                ),
            ),
            Said::Lost(why) => self.lost(why),
        }
    }

    fn login(&self, user: &str, port: u16, said: &Said) -> Verdict {
        let Self {
            from, to, address, ..
        } = self;
        let install = format!(
            "On {from}, as {user}: [ -e ~/.ssh/id_ed25519 ] || ssh-keygen -t ed25519 -N '' -f ~/.ssh/id_ed25519; \
             ssh-copy-id -p {port} {user}@{address}"
        );
        let text = match said {
            Said::Exited { status: 0, .. } => {
                return Verdict::passed(format!("{from} can log in at {address}"));
            }
            Said::Exited { text, .. } => text,
            Said::TooSlow => "ssh: connect to host: timed out",
            Said::Lost(why) => return self.lost(why),
        };
        let lines = text.lines().map(|line| Evidence {
            node: from.clone(),
            rank: None,
            at: None,
            text: line.to_owned(),
        });
        let lines: Vec<Evidence> = lines.collect();
        let Some(cause) = first_cause(&lines, &[]) else {
            let said = clean_line(text.trim(), 200);
            return Verdict::failed(
                format!("{from} cannot log in at {address}: {said}"),
                install,
            );
        };
        let fix = match cause.id.as_str() {
            "key_refused" | "host_key_unknown" => install,
            "host_key_changed" => format!(
                "If {to} was installed anew, on {from}: ssh-keygen -R '[{address}]:{port}'; ssh-keygen -R {address}"
            ),
            _ => cause.remedy,
        };
        let detail = format!("{from} cannot log in at {address}: {}", cause.title);
        Verdict::failed(detail, fix)
    }

    fn lost(&self, why: &str) -> Verdict {
        let from = &self.from;
        let why = clean_line(why, 120);
        Verdict::failed(
            format!("{from} could not try it: {why}"),
            format!("First: spark-control nodes test {from}"),
        )
    }
}
