//! A process that behaves like `vllm serve` to everybody outside it.
//!
//! It reads the command line as argparse does, finds the model in the cache, divides the node's memory as
//! vLLM divides it, meets its other ranks, writes the log lines of every stage, and serves `OpenAI`'s API. It
//! refuses what a real engine refuses, in the same words; only the words of the model are made up.
//!
//! - [`host`]: what the node and container must give it
//! - `stage`: the stages of a start and their times
//! - `arguments`, `catalog`, `settings`: the command line
//! - `model`, `memory`: what is on disk, and whether it fits
//! - `startup`, `ranks`: from the command line to a loaded engine
//! - `serve`, `answer`: the HTTP side

use std::{sync::Arc, time::Duration};

use tokio::net::TcpSocket;
use tokio_util::sync::CancellationToken;

mod answer;
mod arguments;
mod catalog;
mod failure;
pub mod host;
mod log;
mod memory;
mod model;
mod ranks;
mod serve;
mod settings;
mod stage;
mod startup;
mod task;
pub(crate) mod tokens;
pub(crate) mod units;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use self::{
    catalog::FlagSpec,
    host::{EngineFault, EngineHost, EngineImage, Fetching, MemoryClaim, OutOfMemory},
    stage::Stage,
};
use self::{
    failure::Failure,
    log::{Log, Speaker},
    serve::Server,
    startup::{Loaded, Prepared},
};

/// How often a serving engine looks whether it is to die.
const WATCH: Duration = Duration::from_millis(100);
/// Seconds that answers may go on after SIGTERM, and their least however fast time runs.
const GRACE: (f64, Duration) = (10.0, Duration::from_millis(300));

/// Runs `vllm` with `argv` (without the program's name) until it ends, and gives its exit code.
///
/// 0 after SIGTERM to a serving engine, 143 after SIGTERM to one that starts, 1 after an exception, 2 for a
/// refused command line, or what a fault says.
pub async fn run(argv: Vec<String>, host: Arc<dyn EngineHost>) -> i32 {
    let log = Log::new(Arc::clone(&host));
    let prepared = match Box::pin(startup::prepare(&argv, &host, &log)).await {
        Ok(prepared) => prepared,
        Err(failure) => return failure.report(&log, 0),
    };
    let rank = prepared.settings.ranks.rank;
    match Box::pin(engine(prepared, &host, &log)).await {
        Ok(()) => 0,
        Err(failure) => failure.report(&log, rank),
    }
}

async fn engine(
    mut prepared: Prepared,
    host: &Arc<dyn EngineHost>,
    log: &Log,
) -> Result<(), Failure> {
    let loaded = startup::load(&prepared, host, log).await?;
    match prepared.socket.take() {
        Some(socket) => serve(socket, &prepared, &loaded, host, log).await,
        None => watch(&loaded, host.as_ref()).await,
    }
}

/// Serves until SIGTERM, a fault or the loss of another rank.
async fn serve(
    socket: TcpSocket,
    prepared: &Prepared,
    loaded: &Loaded,
    host: &Arc<dyn EngineHost>,
    log: &Log,
) -> Result<(), Failure> {
    let listener = socket
        .listen(2048)
        .map_err(|error| startup::os_error(&error))?;
    let (dead, stop) = (CancellationToken::new(), CancellationToken::new());
    let server = Server::new(Arc::clone(host), prepared, loaded.cache, dead.clone());
    announce(prepared, log);
    let mut serving = std::pin::pin!(server.run(listener, stop.clone()));
    let end = tokio::select! {
        served = &mut serving => served.map_err(|error| startup::os_error(&error)),
        end = watch(loaded, host.as_ref()) => end,
    };
    stop.cancel();
    if end.is_err() {
        dead.cancel();
        return end;
    }
    log.uvicorn("Shutting down");
    let grace = units::at_speed(GRACE.0, host.speed()).max(GRACE.1);
    if tokio::time::timeout(grace, &mut serving).await.is_err() {
        dead.cancel();
    }
    for line in [
        "Waiting for application shutdown.",
        "Application shutdown complete.",
        "Finished server process [1]",
    ] {
        log.uvicorn(line);
    }
    Ok(())
}

fn announce(prepared: &Prepared, log: &Log) {
    let door = &prepared.settings.door;
    let host = door.host.as_deref().unwrap_or("0.0.0.0");
    let address = format!("http://{host}:{}", door.port);
    let tasks = prepared.task.supported();
    log.info(
        Speaker::Api,
        "api_server.py:665",
        &format!("Supported tasks: {tasks}"),
    );
    log.info(
        Speaker::Api,
        "api_server.py:946",
        &format!("Starting vLLM API server 0 on {address}"),
    );
    log.uvicorn("Started server process [1]");
    log.uvicorn("Waiting for application startup.");
    log.uvicorn("Application startup complete.");
    log.uvicorn(&format!(
        "Uvicorn running on {address} (Press CTRL+C to quit)"
    ));
}

/// Returns when a loaded engine has to end: well after SIGTERM, otherwise with the reason.
async fn watch(loaded: &Loaded, host: &dyn EngineHost) -> Result<(), Failure> {
    let (stop, lost) = (host.shutdown(), loaded.peers.lost());
    loop {
        if let Some(EngineFault::Die {
            stage: Stage::Ready,
            log,
            exit_code,
        }) = host.fault()
        {
            return Err(Failure::Injected { log, exit_code });
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = lost.cancelled() => return Err(Failure::PeerLostServing),
            () = tokio::time::sleep(WATCH) => {}
        }
    }
}
