//! What the state asks for: calls to the daemon, each in its own task, each answered by a message.

mod calls;

use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use spark_ipc::client::Client;
use spark_ipc::id::{Fingerprint, NodeId, OperationId};
use spark_ipc::model::node::TrustRequest;
use spark_ipc::model::operation::{
    Operation, OperationEvent, OperationStarted, StopRequest, SwapRequest,
};
use spark_ipc::model::preflight::PreflightRequest;
use tokio::sync::mpsc::Sender;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::msg::Msg;
use crate::state::act::Act;
use crate::state::page::Topic;
use crate::trouble::Trouble;
use crate::wire;

/// One thing to be done outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    Preflight(PreflightRequest),
    Swap(SwapRequest),
    Stop(StopRequest),
    Cancel(OperationId),
    Trust {
        node: NodeId,
        fingerprint: Fingerprint,
    },
    /// Ask what this would come to.
    Look(Box<Act>),
    /// Do it.
    Do(Box<Act>),
    /// Ask for the content of a page.
    Read(Topic),
    /// Read the news of this operation, and of no other, from after this event on.
    Follow {
        id: OperationId,
        after: Option<u64>,
    },
    /// Stop this process, as Ctrl-Z does.
    Suspend,
}

/// Runs effects. Nothing here is ever waited for by the loop.
#[derive(Debug)]
pub struct Runner {
    client: Client,
    to: Sender<Msg>,
    tasks: TaskTracker,
    stop: CancellationToken,
    following: CancellationToken,
}

impl Runner {
    /// One whose answers go to `to`, and whose tasks end with `stop`.
    pub fn new(
        client: Client,
        to: Sender<Msg>,
        tasks: TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        let following = stop.child_token();
        Self {
            client,
            to,
            tasks,
            stop,
            following,
        }
    }

    /// Begins `effect`. [`Effect::Suspend`] is the loop's own affair.
    pub fn run(&mut self, effect: Effect) {
        let client = self.client.clone();
        match effect {
            Effect::Preflight(request) => self.answer(async move {
                let answer = post(&client, "/api/preflight", &request).await;
                Msg::Preflight {
                    repo: request.repo,
                    answer: answer.map(Box::new),
                }
            }),
            Effect::Swap(request) => self.answer(async move {
                Msg::Started {
                    what: "swap to",
                    answer: start(&client, "/api/swap", &request).await,
                }
            }),
            Effect::Stop(request) => self.answer(async move {
                Msg::Started {
                    what: "stop of",
                    answer: start(&client, "/api/stop", &request).await,
                }
            }),
            Effect::Cancel(id) => self.answer(async move {
                let path = format!("/api/operations/{id}/cancel");
                let answer = post::<_, Value>(&client, &path, &json!({})).await;
                Msg::Answered {
                    what: "cancel".to_owned(),
                    answer: answer.map(|_| ()),
                }
            }),
            Effect::Trust { node, fingerprint } => self.answer(async move {
                let path = format!("/api/nodes/{node}/trust");
                let answer = post::<_, Value>(&client, &path, &TrustRequest { fingerprint }).await;
                Msg::Answered {
                    what: format!("host key of {node}"),
                    answer: answer.map(|_| ()),
                }
            }),
            Effect::Look(act) => self.answer(async move {
                let answer = calls::look(&client, &act).await;
                Msg::Looked { act, answer }
            }),
            Effect::Do(act) => self.answer(async move { calls::perform(&client, *act).await }),
            Effect::Read(topic) => self.answer(async move {
                let answer = calls::read(&client, &topic).await;
                Msg::Page { topic, answer }
            }),
            Effect::Follow { id, after } => self.follow(client, id, after),
            Effect::Suspend => {}
        }
    }

    fn answer(&self, call: impl Future<Output = Msg> + Send + 'static) {
        let (to, stop) = (self.to.clone(), self.stop.clone());
        self.tasks.spawn(async move {
            let send = async {
                let msg = call.await;
                to.send(msg).await
            };
            // A loop that has ended wants no answer.
            let _ended = stop.run_until_cancelled(send).await;
        });
    }

    fn follow(&mut self, client: Client, id: OperationId, after: Option<u64>) {
        self.following.cancel();
        self.following = self.stop.child_token();
        let (to, stop) = (self.to.clone(), self.following.clone());
        self.tasks.spawn(async move {
            let _ended = stop.run_until_cancelled(news(client, to, id, after)).await;
        });
    }
}

async fn post<B: Serialize + Sync, T: serde::de::DeserializeOwned>(
    client: &Client,
    path: &str,
    body: &B,
) -> Result<T, Trouble> {
    decoded(client.post(path, body).await?)
}

/// `value`, cleaned, as what it should be.
fn decoded<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, Trouble> {
    serde_json::from_value(wire::clean(value)).map_err(|e| {
        Trouble::new(
            crate::exit::Exit::Failed,
            "protocol",
            format!("the daemon's answer is not understood: {e}"),
        )
    })
}

async fn start<B: Serialize + Sync>(
    client: &Client,
    path: &str,
    body: &B,
) -> Result<Box<Operation>, Trouble> {
    let started: OperationStarted = post(client, path, body).await?;
    Ok(Box::new(started.operation))
}

/// Reads the news of an operation until it has ended; a lost stream is resumed.
async fn news(client: Client, to: Sender<Msg>, id: OperationId, mut after: Option<u64>) {
    let path = format!("/api/operations/{id}/events");
    let mut wait = Duration::from_millis(500);
    loop {
        if let Ok(mut stream) = client.events(&path, after).await {
            while let Ok(Some(raw)) = stream.next().await {
                wait = Duration::from_millis(500);
                let sequence = raw.id.as_deref().and_then(|s| s.parse().ok());
                after = sequence.or(after);
                let Ok(event) = serde_json::from_str(&wire::clean_json(&raw.data)) else {
                    continue;
                };
                let ended = matches!(&event, OperationEvent::Operation { operation } if operation.state.is_final());
                let msg = Msg::Operation {
                    id: id.clone(),
                    sequence,
                    event,
                };
                if to.send(msg).await.is_err() || ended {
                    return;
                }
            }
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(Duration::from_secs(5));
    }
}
