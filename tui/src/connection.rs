//! The connection to the daemon: one task that keeps the event stream, and makes it again when it is lost.

use std::time::Duration;

use spark_ipc::client::{Client, EventStream};
use spark_ipc::model::event::Event;
use spark_ipc::version::{PROTOCOL, VersionInfo};
use tokio::sync::mpsc::Sender;
use tokio::time::timeout;

use crate::exit::Exit;
use crate::msg::{LinkMsg, Msg};
use crate::trouble::Trouble;
use crate::wire;

/// The first wait before the next try; it doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(5);
/// Heartbeats come every ten seconds; without two of them the connection is dead.
const SILENCE: Duration = Duration::from_secs(25);

/// The receiver of the messages is gone: the client ends.
struct Gone;

/// Keeps the stream of events flowing into `to`, until nobody reads there.
pub async fn keep(client: Client, to: Sender<Msg>) {
    let mut wait = FIRST_WAIT;
    loop {
        let mut had_data = false;
        let Ok(trouble) = follow(&client, &to, &mut had_data).await else {
            return;
        };
        if to.send(Msg::Link(LinkMsg::Lost(trouble))).await.is_err() {
            return;
        }
        if had_data {
            wait = FIRST_WAIT;
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// One connection, to its end; why it ended.
async fn follow(client: &Client, to: &Sender<Msg>, had_data: &mut bool) -> Result<Trouble, Gone> {
    let version = match answered(client.get::<VersionInfo>("/api/version")).await {
        Ok(version) => version,
        Err(trouble) => return Ok(trouble),
    };
    let speaks = version.protocol == PROTOCOL;
    let hello = Msg::Link(LinkMsg::Hello(Box::new(version)));
    to.send(hello).await.map_err(|_closed| Gone)?;
    if !speaks {
        // Perhaps the daemon is being upgraded: look again, but do not speak.
        return wait_for_another(client).await;
    }
    match answered(client.events("/api/events", None)).await {
        Ok(stream) => read(stream, to, had_data).await,
        Err(trouble) => Ok(trouble),
    }
}

async fn wait_for_another(client: &Client) -> Result<Trouble, Gone> {
    loop {
        tokio::time::sleep(LONGEST_WAIT).await;
        match answered(client.get::<VersionInfo>("/api/version")).await {
            Ok(version) if version.protocol != PROTOCOL => {}
            Ok(_) => {
                return Ok(Trouble::new(
                    Exit::Failed,
                    "protocol",
                    "the daemon was changed",
                ));
            }
            Err(trouble) => return Ok(trouble),
        }
    }
}

async fn read(
    mut stream: EventStream,
    to: &Sender<Msg>,
    had_data: &mut bool,
) -> Result<Trouble, Gone> {
    let lost = |why: &str| Trouble::new(Exit::Unreachable, "unreachable", why);
    loop {
        let raw = match timeout(SILENCE, stream.next()).await {
            Ok(Ok(Some(raw))) => raw,
            Ok(Ok(None)) => return Ok(lost("the daemon closed the stream")),
            Ok(Err(error)) => return Ok(error.into()),
            Err(_elapsed) => return Ok(lost("no sign of life for 25 s")),
        };
        match Event::decode(&raw.name, &wire::clean_json(&raw.data)) {
            Ok(event) => {
                *had_data = true;
                let msg = Msg::Event(Box::new(event));
                to.send(msg).await.map_err(|_closed| Gone)?;
            }
            Err(e) => {
                return Ok(lost(&format!(
                    "event {:?} is not understood: {e}",
                    raw.name
                )));
            }
        }
    }
}

async fn answered<T>(
    call: impl Future<Output = Result<T, spark_ipc::client::ClientError>>,
) -> Result<T, Trouble> {
    match timeout(ANSWER, call).await {
        Ok(answer) => answer.map_err(Trouble::from),
        Err(_elapsed) => Err(Trouble::new(
            Exit::Unreachable,
            "unreachable",
            "the daemon does not answer",
        )
        .hint("it is there but stalled: look at its log")),
    }
}
