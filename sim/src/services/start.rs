//! The start of a service: its log lines over a time, its memory, its port.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};

use super::host::ServiceHost;
use crate::engine::units::{at_speed, gib};
use crate::engine::{EngineFault, MemoryClaim, Stage};

/// How often a service looks whether it is to end.
const WATCH: Duration = Duration::from_millis(40);

/// How a service ends before it serves, or by a fault: its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End(pub(super) i32);

/// Exit code of a process that SIGTERM ended.
const TERMINATED: End = End(143);

/// The service while it starts.
#[derive(Clone)]
pub(super) struct Start {
    pub(super) host: Arc<dyn ServiceHost>,
}

impl Start {
    pub(super) fn new(host: Arc<dyn ServiceHost>) -> Self {
        Self { host }
    }

    /// One line of the log.
    pub(super) fn say(&self, line: &str) {
        self.host.log(line);
    }

    /// Lines, all at once.
    pub(super) fn say_all(&self, text: &str) {
        text.lines().for_each(|line| self.say(line));
    }

    /// Lets `seconds` of the real thing pass; ends early with SIGTERM.
    pub(super) async fn pause(&self, seconds: f64) -> Result<(), End> {
        let stop = self.host.shutdown();
        let waited = async {
            tokio::time::sleep(at_speed(seconds, self.host.speed())).await;
            if let Some(EngineFault::Hang { stage }) = self.host.fault()
                && stage != Stage::Ready
            {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = stop.cancelled() => Err(TERMINATED),
            () = waited => Ok(()),
        }
    }

    /// Takes memory of the GPU, or says what `PyTorch` says when there is none.
    pub(super) fn claim(&self, process: &str, bytes: u64) -> Result<Box<dyn MemoryClaim>, End> {
        if self.host.gpus() == 0 {
            self.say("RuntimeError: Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU and installed a driver from http://www.nvidia.com/Download/index.aspx");
            return Err(End(1));
        }
        self.host.claim(process, bytes).map_err(|lack| {
            self.say(&format!(
                "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate {:.2} GiB. GPU 0 has a total capacity of {:.2} GiB of which {:.2} GiB is free.",
                gib(lack.wanted),
                gib(self.host.memory_total()),
                gib(lack.available),
            ));
            End(1)
        })
    }

    /// Takes memory outside the GPU; the kernel kills a process that finds none.
    pub(super) fn claim_ram(&self, process: &str, bytes: u64) -> Result<Box<dyn MemoryClaim>, End> {
        self.host.claim_ram(process, bytes).map_err(|_lack| {
            self.say("Killed");
            End(137)
        })
    }

    /// Listens on `port` of the container's address; the error is the system's, for the service to put in its
    /// own words.
    pub(super) fn listen(&self, port: u16) -> std::io::Result<TcpListener> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(SocketAddr::new(self.host.address(), port))?;
        socket.listen(1024)
    }

    /// Listens as uvicorn does, which tells a port that is taken in its own words.
    pub(super) fn listen_as_uvicorn(&self, port: u16) -> Result<TcpListener, End> {
        self.listen(port).map_err(|_taken| {
            self.say(&format!(
                "ERROR:    [Errno 98] error while attempting to bind on address ('0.0.0.0', {port}): address already in use"
            ));
            self.say("INFO:     Waiting for application shutdown.");
            self.say("INFO:     Application shutdown complete.");
            End(1)
        })
    }
}

/// Returns when a fault or the death of its GPU process ends the service, with the exit code.
pub(super) async fn doom(host: &dyn ServiceHost) -> End {
    loop {
        if let Some(EngineFault::Die { log, exit_code, .. }) = host.fault() {
            for line in &log {
                host.log(line);
            }
            return End(exit_code);
        }
        tokio::time::sleep(WATCH).await;
    }
}
