//! The calls behind acts and pages.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use spark_ipc::client::Client;
use spark_ipc::model::deep::{DeepHealth, DeepRequest};
use spark_ipc::model::operation::OperationStarted;
use spark_ipc::model::transfer::{CopyRequest, DownloadRequest, VerifyRequest};

use super::{decoded, post};
use crate::msg::Msg;
use crate::state::act::{Act, Look};
use crate::state::page::{Content, Topic};
use crate::trouble::Trouble;

/// The daemon asks the Hub, a registry or every node before it answers.
const PATIENCE: Duration = Duration::from_secs(240);
/// Between two looks at probes that go on.
const PAUSE: Duration = Duration::from_secs(1);
/// Lines of a service's log.
const TAIL: u32 = 500;

/// What `act` would come to.
pub(super) async fn look(client: &Client, act: &Act) -> Result<Look, Trouble> {
    let client = client.within(PATIENCE);
    match act {
        Act::Download(request) => {
            let request = DownloadRequest {
                dry_run: true,
                ..request.clone()
            };
            let preview = post(&client, "/api/downloads", &request).await?;
            Ok(Look::Transfer(Box::new(preview)))
        }
        Act::Copy(request) => {
            let request = CopyRequest {
                dry_run: true,
                ..request.clone()
            };
            let preview = post(&client, "/api/copies", &request).await?;
            Ok(Look::Transfer(Box::new(preview)))
        }
        Act::SetUp(repo, _) => {
            let path = format!("/api/models/{repo}/recipe?suggest=true");
            Ok(Look::SetUp(Box::new(get(&client, &path).await?)))
        }
        Act::Delete(repo) => {
            let preview = delete(&client, &format!("/api/models/{repo}?dry_run=true")).await?;
            Ok(Look::Delete(Box::new(preview)))
        }
        Act::Verify(_) | Act::Service(..) | Act::Adopt(_) | Act::Release(_) => {
            Err(unexpected("nothing is told of this beforehand"))
        }
    }
}

/// Does `act`; the answer names it.
pub(super) async fn perform(client: &Client, act: Act) -> Msg {
    let client = &client.within(PATIENCE);
    match act {
        Act::Download(r) => begun("download of", post(client, "/api/downloads", &r).await),
        Act::Copy(r) => begun("copy of", post(client, "/api/copies", &r).await),
        Act::Delete(repo) => {
            let path = format!("/api/models/{repo}?dry_run=false");
            begun("deletion of", delete(client, &path).await)
        }
        Act::Verify(repo) => {
            let request = VerifyRequest {
                repo,
                nodes: Vec::new(),
                repair: false,
            };
            begun(
                "verification of",
                post(client, "/api/verifications", &request).await,
            )
        }
        Act::Service(name, verb) => {
            let word = verb.word();
            let path = format!("/api/services/{name}/{word}");
            begun(word, post(client, &path, &json!({})).await)
        }
        Act::SetUp(repo, recipe) => {
            let answer = match recipe {
                Some(recipe) => put(client, &format!("/api/models/{repo}/recipe"), &recipe).await,
                None => Err(unexpected("no recipe was proposed")),
            };
            done(format!("recipe of {repo}"), answer)
        }
        Act::Adopt(unit) => {
            let path = format!("/api/units/{unit}/adopt");
            let answer = post::<_, Value>(client, &path, &json!({})).await;
            done(format!("take over {unit}"), answer)
        }
        Act::Release(unit) => {
            let path = format!("/api/units/{unit}/adopt");
            let answer = delete::<Value>(client, &path).await;
            done(format!("let {unit} go"), answer)
        }
    }
}

/// What the daemon tells of `topic`.
pub(super) async fn read(client: &Client, topic: &Topic) -> Result<Content, Trouble> {
    let client = &client.within(PATIENCE);
    match topic {
        Topic::Model(repo) => {
            let detail = get(client, &format!("/api/models/{repo}")).await?;
            let users = delete(client, &format!("/api/models/{repo}?dry_run=true")).await;
            let users = users.map(Box::new).map_err(|t: Trouble| t.message);
            Ok(Content::Model(Box::new(detail), users))
        }
        Topic::Logs(name) => {
            let path = format!("/api/services/{name}/logs?tail={TAIL}");
            let text = client.text(&path).await?;
            Ok(Content::Logs(spark_ipc::text::clean_text(&text)))
        }
        Topic::Health { probe } => {
            let health = if *probe {
                probed(client).await?
            } else {
                get(client, "/api/health/deep").await?
            };
            let history = get(client, "/api/connectivity").await?;
            Ok(Content::Health(Box::new(health), Box::new(history)))
        }
        Topic::Doctor => {
            let report = post(client, "/api/doctor", &json!({})).await?;
            Ok(Content::Doctor(Box::new(report)))
        }
    }
}

/// Asks everything anew, and waits until no probe goes on; each has deadlines of its own.
async fn probed(client: &Client) -> Result<DeepHealth, Trouble> {
    let mut health: DeepHealth = post(client, "/api/health/deep", &DeepRequest::default()).await?;
    while health.results.iter().any(|result| result.running) {
        tokio::time::sleep(PAUSE).await;
        health = get(client, "/api/health/deep").await?;
    }
    Ok(health)
}

fn begun(what: &'static str, answer: Result<OperationStarted, Trouble>) -> Msg {
    Msg::Started {
        what,
        answer: answer.map(|started| Box::new(started.operation)),
    }
}

fn done(what: String, answer: Result<Value, Trouble>) -> Msg {
    Msg::Answered {
        what,
        answer: answer.map(|_| ()),
    }
}

async fn get<T: DeserializeOwned>(client: &Client, path: &str) -> Result<T, Trouble> {
    decoded(client.get(path).await?)
}

async fn delete<T: DeserializeOwned>(client: &Client, path: &str) -> Result<T, Trouble> {
    decoded(client.delete(path).await?)
}

async fn put<B: Serialize + Sync, T: DeserializeOwned>(
    client: &Client,
    path: &str,
    body: &B,
) -> Result<T, Trouble> {
    decoded(client.put(path, body).await?)
}

fn unexpected(text: &str) -> Trouble {
    Trouble::new(crate::exit::Exit::Failed, "internal", text)
}
