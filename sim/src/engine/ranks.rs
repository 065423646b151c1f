//! The ranks of one engine: how they meet at the master port and how each learns that another is gone.
//!
//! Real sockets on the simulated nodes' addresses, one line of JSON per message. As with torch's store the
//! wait is bounded; as with NCCL a rank that goes away takes the others with it.

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf, tcp::OwnedWriteHalf},
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep, timeout_at},
};
use tokio_util::sync::CancellationToken;

/// Flags by destination name; those that must be equal on every rank.
pub(crate) type Flags = BTreeMap<String, Vec<String>>;

/// Where and as whom to meet.
#[derive(Clone, Debug)]
pub(crate) struct Meeting {
    /// This rank.
    pub(crate) rank: u32,
    /// Ranks in all.
    pub(crate) nodes: u32,
    /// What the command line calls the master.
    pub(crate) master: SocketAddr,
    /// The loopback address that stands for it; `None` if no packet gets there.
    pub(crate) reached: Option<IpAddr>,
    /// Flags to compare.
    pub(crate) flags: Flags,
    /// How long to wait for the others.
    pub(crate) patience: Duration,
}

/// A meeting that did not come about, in torch's and vLLM's words.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MeetingError {
    /// Rank 0 waited in vain.
    #[error(
        "torch.distributed.DistStoreError: Timed out after 601 seconds waiting for clients. {joined}/{nodes} clients joined."
    )]
    Alone {
        /// Ranks there, with rank 0.
        joined: usize,
        /// Ranks wanted.
        nodes: u32,
    },
    /// Another rank found no rank 0.
    #[error(
        "torch.distributed.DistNetworkError: The client socket has timed out after 600000ms while trying to connect to ({}, {}).",
        .0.ip(),
        .0.port()
    )]
    NoMaster(SocketAddr),
    /// The master port cannot be had.
    #[error(
        "torch.distributed.DistNetworkError: The server socket has failed to listen on any local network address. port: {port}, useIpv6: false, code: {}, name: EADDRINUSE, message: address already in use",
        -.source.raw_os_error().unwrap_or(98)
    )]
    Port {
        /// The port.
        port: u16,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The ranks were started with different flags.
    #[error(
        "RuntimeError: Configuration mismatch detected between ranks ({0}). Please ensure all workers are started with the same command-line arguments."
    )]
    Mismatch(String),
    /// A rank went away in the middle.
    #[error("torch.distributed.DistBackendError: Broken pipe: a rank closed the connection")]
    Lost,
}

/// Another rank is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lost;

#[derive(Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
enum Message {
    Hello { rank: u32, nodes: u32, flags: Flags },
    Welcome,
    Refused { why: String },
    Value { about: String, value: i64 },
}

/// The other ranks: on rank 0 all of them, elsewhere rank 0.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    head: bool,
    links: Vec<Link>,
    lost: CancellationToken,
    readers: JoinSet<()>,
}

impl Peers {
    /// Meets the other ranks.
    pub(crate) async fn meet(meeting: &Meeting) -> Result<Self, MeetingError> {
        if meeting.nodes <= 1 {
            return Ok(Self::default());
        }
        let deadline = Instant::now() + meeting.patience;
        let mut peers = Self {
            head: meeting.rank == 0,
            ..Self::default()
        };
        if peers.head {
            peers.gather(meeting, deadline).await?;
        } else {
            peers.call(meeting, deadline).await?;
        }
        Ok(peers)
    }

    /// Cancelled when another rank is gone.
    pub(crate) fn lost(&self) -> CancellationToken {
        self.lost.clone()
    }

    /// Waits for every rank to come to `about` and gives the smallest value of all.
    pub(crate) async fn agree(&mut self, about: &str, own: i64) -> Result<i64, Lost> {
        let message = |value| Message::Value {
            about: about.to_owned(),
            value,
        };
        if !self.head {
            for link in &mut self.links {
                link.send(&message(own)).await?;
            }
        }
        let mut least = own;
        for link in &mut self.links {
            if let Message::Value { value, .. } = link.receive().await? {
                least = least.min(value);
            }
        }
        if self.head {
            for link in &mut self.links {
                link.send(&message(least)).await?;
            }
        }
        Ok(least)
    }

    async fn gather(&mut self, meeting: &Meeting, deadline: Instant) -> Result<(), MeetingError> {
        let address = SocketAddr::new(
            meeting.reached.unwrap_or(meeting.master.ip()),
            meeting.master.port(),
        );
        let listener = TcpListener::bind(address)
            .await
            .map_err(|source| MeetingError::Port {
                port: address.port(),
                source,
            })?;
        let mut present = vec![meeting.rank];
        while present.len() < meeting.nodes as usize {
            let alone = MeetingError::Alone {
                joined: present.len(),
                nodes: meeting.nodes,
            };
            let accepted = timeout_at(deadline, listener.accept()).await;
            let Ok(accepted) = accepted else {
                return Err(alone);
            };
            let Ok((stream, _)) = accepted else { continue };
            let mut link = self.link(stream);
            let Ok(Ok(Message::Hello { rank, nodes, flags })) =
                timeout_at(deadline, link.receive()).await
            else {
                continue;
            };
            if present.contains(&rank) {
                continue;
            }
            if let Some(why) = mismatch(meeting, nodes, &flags) {
                let refused = link.send(&Message::Refused { why: why.clone() }).await;
                tracing::debug!(rank, ?refused, "ranks disagree");
                return Err(MeetingError::Mismatch(why));
            }
            present.push(rank);
            self.links.push(link);
        }
        for link in &mut self.links {
            link.send(&Message::Welcome)
                .await
                .map_err(|Lost| MeetingError::Lost)?;
        }
        Ok(())
    }

    async fn call(&mut self, meeting: &Meeting, deadline: Instant) -> Result<(), MeetingError> {
        let late = || MeetingError::NoMaster(meeting.master);
        let stream = timeout_at(deadline, connect(meeting))
            .await
            .map_err(|_elapsed| late())?;
        let mut link = self.link(stream);
        let Meeting {
            rank, nodes, flags, ..
        } = meeting.clone();
        link.send(&Message::Hello { rank, nodes, flags })
            .await
            .map_err(|Lost| MeetingError::Lost)?;
        let answer = timeout_at(deadline, link.receive())
            .await
            .map_err(|_elapsed| late())?;
        match answer {
            Ok(Message::Welcome) => self.links.push(link),
            Ok(Message::Refused { why }) => return Err(MeetingError::Mismatch(why)),
            Ok(_) | Err(Lost) => return Err(MeetingError::Lost),
        }
        Ok(())
    }

    fn link(&mut self, stream: TcpStream) -> Link {
        let (read, write) = stream.into_split();
        let (sender, inbox) = mpsc::channel(8);
        let lost = self.lost.clone();
        self.readers.spawn(read_lines(read, sender, lost));
        Link { write, inbox }
    }
}

#[derive(Debug)]
struct Link {
    write: OwnedWriteHalf,
    inbox: mpsc::Receiver<String>,
}

impl Link {
    async fn send(&mut self, message: &Message) -> Result<(), Lost> {
        let mut line = serde_json::to_string(message).map_err(|_unprintable| Lost)?;
        line.push('\n');
        self.write
            .write_all(line.as_bytes())
            .await
            .map_err(|_gone| Lost)
    }

    async fn receive(&mut self) -> Result<Message, Lost> {
        let line = self.inbox.recv().await.ok_or(Lost)?;
        serde_json::from_str(&line).map_err(|_foreign| Lost)
    }
}

async fn read_lines(read: OwnedReadHalf, sender: mpsc::Sender<String>, lost: CancellationToken) {
    let mut lines = BufReader::new(read).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if sender.send(line).await.is_err() {
            // The link was refused; its end is not the end of the engine.
            return;
        }
    }
    if !sender.is_closed() {
        lost.cancel();
    }
}

async fn connect(meeting: &Meeting) -> TcpStream {
    loop {
        if let Some(ip) = meeting.reached
            && let Ok(stream) = TcpStream::connect((ip, meeting.master.port())).await
        {
            return stream;
        }
        sleep(Duration::from_millis(20)).await;
    }
}

fn mismatch(own: &Meeting, nodes: u32, flags: &Flags) -> Option<String> {
    if nodes != own.nodes {
        return Some(format!("nnodes: {} and {nodes}", own.nodes));
    }
    let names = own.flags.keys().chain(flags.keys());
    let mut different: Vec<&str> = names
        .filter(|name| own.flags.get(*name) != flags.get(*name))
        .map(String::as_str)
        .collect();
    different.sort_unstable();
    different.dedup();
    (!different.is_empty()).then(|| different.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::free_address;

    fn meeting(rank: u32, master: SocketAddr) -> Meeting {
        Meeting {
            rank,
            nodes: 2,
            master,
            reached: Some(master.ip()),
            flags: Flags::from([("tensor_parallel_size".into(), vec!["2".into()])]),
            patience: Duration::from_secs(20),
        }
    }

    async fn pair() -> (Peers, Peers) {
        let master = free_address();
        let (head, worker) = (meeting(0, master), meeting(1, master));
        let (head, worker) = tokio::join!(Peers::meet(&head), Peers::meet(&worker));
        (head.unwrap(), worker.unwrap())
    }

    #[tokio::test]
    async fn ranks_meet_and_agree_on_the_least() {
        let (mut head, mut worker) = pair().await;
        let agreed = tokio::join!(head.agree("kv", 7), worker.agree("kv", 5));
        assert_eq!(agreed, (Ok(5), Ok(5)));
    }

    #[tokio::test]
    async fn each_notices_that_the_other_is_gone() {
        let (head, worker) = pair().await;
        let lost = head.lost();
        drop(worker);
        lost.cancelled().await;
        let (head, mut worker) = pair().await;
        drop(head);
        worker.lost().cancelled().await;
        assert_eq!(worker.agree("kv", 1).await, Err(Lost));
    }

    #[tokio::test]
    async fn different_flags_end_both() {
        let master = free_address();
        let head = meeting(0, master);
        let mut worker = meeting(1, master);
        worker
            .flags
            .insert("kv_cache_dtype".into(), vec!["fp8".into()]);
        let (head, worker) = tokio::join!(Peers::meet(&head), Peers::meet(&worker));
        for end in [head, worker] {
            let text = end.expect_err("flags differ").to_string();
            assert!(
                text.contains("mismatch detected between ranks (kv_cache_dtype)"),
                "{text}"
            );
        }
    }

    #[tokio::test]
    async fn waits_are_bounded() {
        let patience = Duration::from_millis(50);
        let head = Meeting {
            patience,
            ..meeting(0, free_address())
        };
        let text = Peers::meet(&head)
            .await
            .expect_err("nobody comes")
            .to_string();
        assert!(
            text.ends_with("waiting for clients. 1/2 clients joined."),
            "{text}"
        );
        let worker = Meeting {
            patience,
            ..meeting(1, free_address())
        };
        let text = Peers::meet(&worker)
            .await
            .expect_err("nobody listens")
            .to_string();
        assert!(
            text.contains("The client socket has timed out after 600000ms"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn a_master_port_in_use_is_said() {
        let master = free_address();
        let _holder = TcpListener::bind(master).await.unwrap();
        let text = Peers::meet(&meeting(0, master))
            .await
            .expect_err("port in use")
            .to_string();
        assert!(text.contains("EADDRINUSE"), "{text}");
    }
}
