//! A start, stage by stage, up to an engine that could serve.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use tokio::net::TcpSocket;

use super::{
    arguments::Arguments,
    catalog::Catalog,
    failure::Failure,
    host::{EngineHost, EngineImage},
    log::{Log, Speaker},
    memory,
    model::{Model, ModelError},
    settings::Settings,
    task::Task,
};

mod loading;
mod parallel;

pub(crate) use self::loading::{Loaded, load};

/// Everything the API server decides before there is an engine.
pub(crate) struct Prepared {
    /// Typed flags.
    pub(crate) settings: Settings,
    /// Flags to compare between ranks.
    pub(crate) flags: super::ranks::Flags,
    /// The image's facts.
    pub(crate) image: EngineImage,
    /// The model on disk.
    pub(crate) model: Model,
    /// What it is used for.
    pub(crate) task: Task,
    /// Context length before the memory is known.
    pub(crate) max_len: u64,
    /// The port, bound but not yet listening; none on headless ranks.
    pub(crate) socket: Option<TcpSocket>,
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prepared")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// Reads the command line, binds the port and looks at the model, in vLLM's order.
pub(crate) async fn prepare(
    argv: &[String],
    host: &Arc<dyn EngineHost>,
    log: &Log,
) -> Result<Prepared, Failure> {
    let image = host.image();
    let catalog = Catalog::of(&image);
    let arguments = Arguments::parse(argv, &catalog)?;
    refuse_config_file(&arguments)?;
    let settings = Settings::read(&arguments, &catalog).map_err(api)?;
    let socket = if settings.ranks.headless {
        None
    } else {
        Some(bind(host.as_ref(), &settings)?)
    };
    banner(log, &arguments, &settings, &image);
    let model = open_model(host.as_ref(), &settings, &image).await?;
    log.info(
        Speaker::Api,
        "model.py:541",
        &format!(
            "Resolved architecture: {}",
            model.facts.architectures.first().map_or("", String::as_str)
        ),
    );
    let task = Task::of(
        &model.facts,
        settings.runner,
        &settings.overrides,
        model.folder(),
    )
    .map_err(api)?;
    let allow_long = host
        .env("VLLM_ALLOW_LONG_MAX_MODEL_LEN")
        .is_some_and(|v| v == "1");
    let max_len = memory::context(&model.facts, settings.max_len, allow_long).map_err(api)?;
    log.info(
        Speaker::Api,
        "model.py:1561",
        &format!("Using max model len {max_len}"),
    );
    parallel::check(&settings.ranks, &model.facts, host.as_ref(), &image)?;
    let flags = parallel::flags_to_compare(&arguments);
    Ok(Prepared {
        settings,
        flags,
        image,
        model,
        task,
        max_len,
        socket,
    })
}

/// An exception in the API server.
pub(super) fn api(error: impl std::fmt::Display) -> Failure {
    Failure::Api(error.to_string())
}

/// An exception in the engine.
pub(super) fn core(error: impl std::fmt::Display) -> Failure {
    Failure::Core(error.to_string())
}

fn refuse_config_file(arguments: &Arguments) -> Result<(), Failure> {
    match arguments.text("config") {
        Some(path) => Err(api(format!(
            "ValueError: The config file at {path} could not be read: this node has no such file"
        ))),
        None => Ok(()),
    }
}

/// Binds the port without listening: connections are refused until the engine is up, yet a port that
/// somebody listens on ends the start at once (Linux allows the address to be shared only before that).
fn bind(host: &dyn EngineHost, settings: &Settings) -> Result<TcpSocket, Failure> {
    let door = &settings.door;
    let unknown = || api("socket.gaierror: [Errno -2] Name or service not known");
    let asked = door.address().ok_or_else(unknown)?;
    let address = SocketAddr::new(own_address(host, asked)?, door.port);
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    };
    let socket = socket.map_err(|error| os_error(&error))?;
    socket
        .set_reuseaddr(true)
        .map_err(|error| os_error(&error))?;
    socket.bind(address).map_err(|error| os_error(&error))?;
    Ok(socket)
}

fn own_address(host: &dyn EngineHost, asked: IpAddr) -> Result<IpAddr, Failure> {
    if asked.is_unspecified() {
        return Ok(host.address());
    }
    match host.reach(asked) {
        Some(address) if asked.is_loopback() || host.owns(asked) => Ok(address),
        _ => Err(api("OSError: [Errno 99] Cannot assign requested address")),
    }
}

/// `error` as Python's `OSError`.
pub(super) fn os_error(error: &io::Error) -> Failure {
    let number = error.raw_os_error().unwrap_or(0);
    let text = match error.kind() {
        io::ErrorKind::AddrInUse => "Address already in use".to_owned(),
        io::ErrorKind::AddrNotAvailable => "Cannot assign requested address".to_owned(),
        io::ErrorKind::PermissionDenied => "Permission denied".to_owned(),
        _ => error.to_string(),
    };
    api(format!("OSError: [Errno {number}] {text}"))
}

fn banner(log: &Log, arguments: &Arguments, settings: &Settings, image: &EngineImage) {
    let version = &image.vllm_version;
    for line in [
        String::new(),
        "       █     █     █▄   ▄█".to_owned(),
        format!(" ▄▄ ▄█ █     █     █ ▀▄▀ █  version {version}"),
        format!("  █▄█▀ █     █     █     █  model   {}", settings.model),
        "   ▀▀  ▀▀▀▀▀ ▀▀▀▀▀ ▀     ▀".to_owned(),
    ] {
        log.info(Speaker::Api, "utils.py:325", &format!("{line} "));
    }
    let tag = arguments
        .model_tag()
        .map(|tag| format!("'model_tag': '{tag}'"));
    let given = arguments
        .given()
        .map(|(dest, values)| format!("'{dest}': {}", python(dest, values)));
    let all: Vec<String> = tag.into_iter().chain(given).collect();
    log.info(
        Speaker::Api,
        "utils.py:261",
        &format!("non-default args: {{{}}}", all.join(", ")),
    );
}

/// A value as Python prints it; keys are not for the log.
fn python(dest: &str, values: &[String]) -> String {
    if matches!(dest, "api_key" | "hf_token") {
        return "['***']".to_owned();
    }
    match values {
        [one] if one == "true" => "True".to_owned(),
        [one] if one == "false" => "False".to_owned(),
        [one] if one.parse::<f64>().is_ok() => one.clone(),
        [one] => format!("'{one}'"),
        several => format!("{several:?}").replace('"', "'"),
    }
}

async fn open_model(
    host: &dyn EngineHost,
    settings: &Settings,
    image: &EngineImage,
) -> Result<Model, Failure> {
    let repo = &settings.model;
    let revision = settings.revision.as_deref();
    let mut folder = host.snapshot(repo, revision);
    if folder.is_none() {
        fetch(host, repo, revision).await?;
        folder = host.snapshot(repo, revision);
    }
    let folder = folder.ok_or_else(|| api(ModelError::Unreachable(repo.clone())))?;
    let model = Model::open(repo, &folder).map_err(api)?;
    model
        .check(
            repo,
            settings.trust_remote_code,
            &image.unknown_architectures,
        )
        .map_err(api)?;
    Ok(model)
}

/// Gets a model from the Hub, unless the container may not ask it.
async fn fetch(host: &dyn EngineHost, repo: &str, revision: Option<&str>) -> Result<(), Failure> {
    let offline = ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"]
        .iter()
        .filter_map(|name| host.env(name))
        .any(|value| matches!(value.as_str(), "1" | "true" | "yes" | "on"));
    if offline {
        return Err(api(ModelError::Offline(repo.to_owned())));
    }
    let stop = host.shutdown();
    tokio::select! {
        () = stop.cancelled() => Err(Failure::Terminated),
        fetched = host.fetch(repo, revision) => fetched.map_err(|why| match why {
            Some(why) => api(why),
            None => api(ModelError::Unreachable(repo.to_owned())),
        }),
    }
}
