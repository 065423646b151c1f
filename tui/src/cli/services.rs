//! `services`: speech, embeddings, rerank and NIM containers beside the model.

use serde_json::json;
use spark_ipc::id::ServiceName;
use spark_ipc::model::operation::OperationStarted;
use spark_ipc::model::service::{
    Service, ServiceChange, ServiceDetail, ServiceList, ServiceProfiles, ServiceStart, ServiceState,
};

use super::context::Context;
use super::failure::Failure;
use super::{follow, logs, table};
use crate::args::{ServiceAct, ServiceLogs, ServiceSet, ServiceStop, ServicesCommand};
use crate::exit::Exit;
use crate::format::{UNKNOWN, bytes, or_unknown};
use crate::paint::{Line, Span, Tone};
use crate::words;

pub(super) async fn run(
    context: &mut Context,
    command: Option<ServicesCommand>,
) -> Result<Exit, Failure> {
    match command.unwrap_or(ServicesCommand::List) {
        ServicesCommand::List => list(context).await,
        ServicesCommand::Start(args) => act(context, "start", args).await,
        ServicesCommand::Restart(args) => act(context, "restart", args).await,
        ServicesCommand::Stop(args) => stop(context, args).await,
        ServicesCommand::Logs(args) => say(context, args).await,
        ServicesCommand::Profiles { name } => profiles(context, &name).await,
        ServicesCommand::Set(args) => set(context, *args).await,
    }
}

async fn list(context: &mut Context) -> Result<Exit, Failure> {
    let list: ServiceList = context.client.get("/api/services").await?;
    let well = !list.services.iter().any(|s| is_bad(s.state));
    if context.json {
        context.print_json("spark.services/1", &list)?;
    } else if context.quiet {
        for service in &list.services {
            context.out.line(&Line::plain(service.name.as_str()))?;
        }
    } else {
        let headers = ["NAME", "STATE", "NODE", "PORT", "MEMORY", "AUTO", "WHAT"];
        let rows = list.services.iter().map(row).collect();
        let lines = table::lines(&headers, rows, context.out.width);
        context.out.lines(&lines)?;
        let told = list
            .services
            .iter()
            .filter_map(|s| Some((s, s.message.as_ref()?)));
        for (service, message) in told {
            let line = Line::of(Tone::Warn, format!("{}: {message}", service.name));
            context.out.line(&line)?;
        }
        for error in &list.errors {
            context.out.line(&Line::of(Tone::Bad, error.clone()))?;
        }
    }
    Ok(if well { Exit::Done } else { Exit::Degraded })
}

fn is_bad(state: ServiceState) -> bool {
    matches!(
        state,
        ServiceState::Failed | ServiceState::CrashLoop | ServiceState::Degraded
    )
}

fn row(service: &Service) -> Vec<Span> {
    let what = service.title.clone().unwrap_or_default();
    let node = service.node.as_ref().map_or(UNKNOWN, |n| n.as_str());
    let auto = if service.autostart { "yes" } else { "no" };
    let state = if service.enabled {
        words::service(service.state).span()
    } else {
        Span::new(Tone::Dim, "– not enabled")
    };
    vec![
        Span::new(Tone::Strong, service.name.as_str()),
        state,
        Span::new(Tone::Plain, node),
        Span::new(Tone::Plain, service.port.to_string()),
        Span::new(Tone::Plain, or_unknown(service.memory_bytes, bytes)),
        Span::new(Tone::Dim, auto),
        Span::new(Tone::Dim, what),
    ]
}

async fn act(context: &mut Context, verb: &str, args: ServiceAct) -> Result<Exit, Failure> {
    let wish = ServiceStart { node: args.node };
    let path = format!("/api/services/{}/{verb}", args.name);
    let started: OperationStarted = context.client.post(&path, &wish).await?;
    if args.no_wait {
        return follow::left_running(context, &started.operation);
    }
    follow::to_the_end(context, started.operation, args.timeout, &[]).await
}

async fn stop(context: &mut Context, args: ServiceStop) -> Result<Exit, Failure> {
    let path = format!("/api/services/{}/stop", args.name);
    let started: OperationStarted = context.client.post(&path, &json!({})).await?;
    if args.no_wait {
        return follow::left_running(context, &started.operation);
    }
    follow::to_the_end(context, started.operation, args.timeout, &[]).await
}

async fn say(context: &mut Context, args: ServiceLogs) -> Result<Exit, Failure> {
    let path = format!("/api/services/{}/logs?tail={}", args.name, args.tail);
    logs::print(context, &path, args.follow).await
}

async fn profiles(context: &mut Context, name: &ServiceName) -> Result<Exit, Failure> {
    let path = format!("/api/services/{name}/profiles");
    let profiles: ServiceProfiles = context.client.get(&path).await?;
    if context.json {
        return context.print_json("spark.profiles/1", &profiles);
    }
    let lines = profiles.text.lines().map(Line::plain).collect::<Vec<_>>();
    context.out.lines(&lines)?;
    Ok(Exit::Done)
}

async fn set(context: &mut Context, args: ServiceSet) -> Result<Exit, Failure> {
    let name: ServiceName = args.name;
    let change = ServiceChange {
        node: args.node,
        port: args.port,
        autostart: args.autostart,
        enabled: args.enabled,
        memory_gib: args.memory_gib,
        order: args.order,
        image: args.image,
        reset: args.reset,
        ..ServiceChange::default()
    };
    let path = format!("/api/services/{name}");
    let detail: ServiceDetail = context.client.put(&path, &change).await?;
    if context.json {
        return context.print_json("spark.service/1", &detail);
    }
    if !context.quiet {
        let spec = &detail.spec;
        let place = spec.node.as_ref().map_or("any node", |n| n.as_str());
        let text = format!(
            "{name}: {place}, port {}, {} GiB, autostart {}, enabled {}",
            spec.port, spec.memory_gib, spec.autostart, spec.enabled
        );
        context.out.line(&Line::plain(text))?;
    }
    Ok(Exit::Done)
}
