//! Why an engine ends, and what its log says then.

use super::{
    arguments::UsageError,
    log::{Log, Speaker},
};

/// The end of an engine that did not come to serve, or stopped serving by itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// The command line is refused.
    #[error(transparent)]
    Usage(#[from] UsageError),
    /// An exception in the API server, before there is an engine.
    #[error("{0}")]
    Api(String),
    /// An exception in the engine while it starts.
    #[error("{0}")]
    Core(String),
    /// Another rank went away while this one started.
    #[error("another rank of the engine is gone")]
    PeerLost,
    /// Another rank went away from a serving engine.
    #[error("another rank of the serving engine is gone")]
    PeerLostServing,
    /// A fault that was asked for.
    #[error("the engine dies as asked")]
    Injected {
        /// Last lines of the log.
        log: Vec<String>,
        /// Exit code.
        exit_code: i32,
    },
    /// SIGTERM before the server answered.
    #[error("terminated")]
    Terminated,
}

impl Failure {
    /// Writes the last lines and gives the exit code. `rank` is this node's.
    pub(crate) fn report(&self, log: &Log, rank: u32) -> i32 {
        match self {
            Self::Usage(error) => {
                for line in error.to_string().lines() {
                    log.raw(line);
                }
                2
            }
            Self::Api(error) => {
                log.traceback(Speaker::Api, API_FILE, error);
                1
            }
            Self::Core(error) => core_failed(log, rank, error),
            Self::PeerLost => {
                peer_lost(log, rank);
                core_failed(log, rank, REMOTE)
            }
            Self::PeerLostServing => {
                peer_lost(log, rank);
                engine_dead(log, rank)
            }
            Self::Injected {
                log: lines,
                exit_code,
            } => {
                for line in lines {
                    log.raw(line);
                }
                *exit_code
            }
            Self::Terminated => 143,
        }
    }
}

const API_FILE: &str =
    "/usr/local/lib/python3.12/dist-packages/vllm/entrypoints/cli/serve.py\", line 118, in cmd";

fn core_failed(log: &Log, rank: u32, error: &str) -> i32 {
    let who = if rank == 0 {
        Speaker::Core
    } else {
        Speaker::Worker(rank)
    };
    log.error(who, "core.py:936", "EngineCore failed to start.");
    log.error(who, "core.py:936", "Traceback (most recent call last):");
    log.error(who, "core.py:936", error);
    if rank == 0 {
        let root = "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {'EngineCore_DP0': 1}";
        log.traceback(Speaker::Api, API_FILE, root);
    }
    1
}

/// What NCCL says of a rank that went away.
const REMOTE: &str = "torch.distributed.DistBackendError: NCCL error: remote process exited or there was a network error, NCCL version 2.28.9";

fn peer_lost(log: &Log, rank: u32) {
    let who = Speaker::Worker(rank);
    log.raw(&format!(
        "[rank{rank}]:[E ProcessGroupNCCL.cpp:2068] [PG ID 2 PG GUID 3 Rank {rank}] Process group watchdog thread terminated with exception: NCCL error: ncclRemoteError: A call failed possibly due to a network error or a remote process exiting prematurely."
    ));
    log.error(
        who,
        "multiproc_executor.py:871",
        "WorkerProc hit an exception.",
    );
    log.error(who, "multiproc_executor.py:871", REMOTE);
}

fn engine_dead(log: &Log, rank: u32) -> i32 {
    if rank == 0 {
        log.error(
            Speaker::Core,
            "core.py:946",
            "EngineCore encountered a fatal error.",
        );
        let dead = "vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. See stack trace (above) for the root cause.";
        log.error(
            Speaker::Api,
            "async_llm.py:708",
            "AsyncLLM output_handler failed.",
        );
        log.error(Speaker::Api, "async_llm.py:708", dead);
    }
    1
}
