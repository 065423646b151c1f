//! `nodes`: the Sparks, the test of a connection, and the trust in a host key.

use serde_json::Value;
use spark_ipc::id::{Fingerprint, NodeId};
use spark_ipc::model::node::{HostKey, HostKeyState, Node, NodeList, NodeTest, TrustRequest};
use spark_ipc::model::status::Status;

use super::context::Context;
use super::failure::Failure;
use super::status::node_table;
use crate::args::NodesCommand;
use crate::exit::Exit;
use crate::format::duration;
use crate::paint::{Line, Tone};
use crate::words;

pub(super) async fn run(
    context: &mut Context,
    command: Option<NodesCommand>,
) -> Result<Exit, Failure> {
    match command {
        None | Some(NodesCommand::List) => list(context).await,
        Some(NodesCommand::Test { node }) => test(context, &node).await,
        Some(NodesCommand::Trust { node, fingerprint }) => trust(context, &node, fingerprint).await,
    }
}

async fn list(context: &mut Context) -> Result<Exit, Failure> {
    // The status has the daemon's clock, which the ages need.
    let status: Status = context.client.get("/api/status").await?;
    if context.json {
        let nodes = NodeList {
            nodes: status.nodes,
        };
        return context.print_json("spark.nodes/1", &nodes);
    }
    if context.quiet {
        let ids: Vec<Line> = status
            .nodes
            .iter()
            .map(|n| Line::plain(n.id.as_str()))
            .collect();
        context.out.lines(&ids)?;
        return Ok(Exit::Done);
    }
    let table = node_table(&status, context.out.width);
    context.out.lines(&table)?;
    for node in &status.nodes {
        context.out.lines(&link(node))?;
    }
    Ok(Exit::Done)
}

/// What is wrong with the link, and what to do.
fn link(node: &Node) -> Vec<Line> {
    let mut lines = Vec::new();
    if let Some(message) = &node.link.message {
        lines.push(Line::of(Tone::Warn, format!("▲ {}: {message}", node.id)));
    }
    if let Some(fix) = &node.link.fix {
        lines.push(Line::of(Tone::Dim, format!("  fix: {fix}")));
    }
    if let Some(key) = node
        .link
        .host_key
        .as_ref()
        .filter(|k| k.state != HostKeyState::Accepted)
    {
        lines.extend(host_key(node, key));
    }
    lines
}

fn host_key(node: &Node, key: &HostKey) -> Vec<Line> {
    let mut lines = vec![Line::plain(format!(
        "  it shows {} {}",
        key.algorithm, key.fingerprint
    ))];
    if let Some(accepted) = &key.accepted {
        lines.push(Line::of(
            Tone::Bad,
            format!("  but {accepted} was accepted before"),
        ));
    }
    let command = format!(
        "  to accept it: spark-control nodes trust {} {}",
        node.id, key.fingerprint
    );
    lines.push(Line::of(Tone::Dim, command));
    lines
}

async fn test(context: &mut Context, node: &NodeId) -> Result<Exit, Failure> {
    let path = format!("/api/nodes/{node}/test");
    let test: NodeTest = context.client.post(&path, &serde_json::json!({})).await?;
    let exit = if test.passed {
        Exit::Done
    } else {
        Exit::Degraded
    };
    if context.json {
        context.print_json("spark.node_test/1", &test)?;
        return Ok(exit);
    }
    for step in &test.steps {
        let word = words::check(step.state);
        let took = duration(step.duration_ms / 1000.0);
        let line = Line::of(word.tone, format!("{} ", word.glyph))
            .add(Tone::Strong, format!("{:<9}", step.name))
            .add(Tone::Plain, step.detail.clone())
            .add(Tone::Dim, format!("  {took}"));
        context.out.line(&line)?;
        if let Some(fix) = &step.fix {
            context
                .out
                .line(&Line::of(Tone::Dim, format!("  fix: {fix}")))?;
        }
    }
    Ok(exit)
}

async fn trust(
    context: &mut Context,
    node: &NodeId,
    fingerprint: Fingerprint,
) -> Result<Exit, Failure> {
    let path = format!("/api/nodes/{node}/trust");
    let request = TrustRequest { fingerprint };
    let answer: Value = context.client.post(&path, &request).await?;
    if context.json {
        return context.print_json("spark.trust/1", &answer);
    }
    let text = format!("{node}: {} is accepted", request.fingerprint);
    context.out.line(&Line::plain(text))?;
    Ok(Exit::Done)
}
