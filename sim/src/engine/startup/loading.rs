//! The engine process: ranks, weights, compilation, KV cache, graphs, each with its log lines and its time.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use super::{Prepared, core, parallel};
use crate::engine::{
    failure::Failure,
    host::{EngineFault, EngineHost, MemoryClaim, OutOfMemory},
    log::{Log, Speaker},
    memory::{self, Cache, Plan},
    ranks::{Lost, Meeting, Peers},
    stage::{Stage, Timeline},
    units::{GIB, at_speed, gib, ratio, scale, thousands},
};

/// An engine that could answer. Dropping it frees its memory and leaves the other ranks.
pub(crate) struct Loaded {
    /// The KV cache.
    pub(crate) cache: Cache,
    /// The other ranks.
    pub(crate) peers: Peers,
    _memory: Box<dyn MemoryClaim>,
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loaded")
            .field("cache", &self.cache)
            .finish_non_exhaustive()
    }
}

/// Loads what `prepare` found.
pub(crate) async fn load(
    prepared: &Prepared,
    host: &Arc<dyn EngineHost>,
    log: &Log,
) -> Result<Loaded, Failure> {
    let mut loader = Loader::new(prepared, host, log);
    loader.init().await?;
    let (memory, plan) = loader.ranks_joined().await?;
    let mut held = Held {
        memory,
        bytes: 0,
        total: host.memory_total(),
    };
    loader.weights(&mut held, &plan).await?;
    loader.compile(&mut held, &plan).await?;
    let cache = loader.kv_cache(&mut held, &plan).await?;
    loader.graphs(&mut held, &plan).await?;
    loader.agree("ready", 0).await?;
    Ok(Loaded {
        cache,
        peers: loader.peers,
        _memory: held.memory,
    })
}

struct Loader<'a> {
    prepared: &'a Prepared,
    host: &'a dyn EngineHost,
    log: &'a Log,
    who: Speaker,
    time: Timeline,
    peers: Peers,
}

impl<'a> Loader<'a> {
    fn new(prepared: &'a Prepared, host: &'a Arc<dyn EngineHost>, log: &'a Log) -> Self {
        let settings = &prepared.settings;
        let world = settings.ranks.world().max(1);
        let bytes = prepared.model.weight_bytes() / u64::from(world);
        let who = if world > 1 {
            Speaker::Worker(settings.ranks.rank)
        } else {
            Speaker::Core
        };
        let time = Timeline::new(
            bytes,
            &settings.load_format,
            settings.eager,
            settings.ranks.nodes,
        );
        Self {
            prepared,
            host: host.as_ref(),
            log,
            who,
            time,
            peers: Peers::default(),
        }
    }

    fn say(&self, at: &str, text: &str) {
        self.log.info(self.who, at, text);
    }

    async fn init(&self) -> Result<(), Failure> {
        let Prepared {
            settings,
            image,
            max_len,
            ..
        } = self.prepared;
        self.enter(Stage::EngineInit).await?;
        if settings.ranks.rank == 0 {
            let text = format!(
                "Initializing a V1 LLM engine (v{}) with config: model='{}', trust_remote_code={}, max_seq_len={max_len}, load_format={}, tensor_parallel_size={}, pipeline_parallel_size={}, quantization={}, enforce_eager={}, kv_cache_dtype={}, device_config=cuda",
                image.vllm_version,
                settings.model,
                if settings.trust_remote_code {
                    "True"
                } else {
                    "False"
                },
                settings.load_format,
                settings.ranks.tensor,
                settings.ranks.pipeline,
                self.prepared
                    .model
                    .facts
                    .quantization
                    .as_deref()
                    .unwrap_or("None"),
                if settings.eager { "True" } else { "False" },
                settings.kv_dtype,
            );
            self.log.info(Speaker::Core, "core.py:96", &text);
        }
        Ok(())
    }

    async fn ranks_joined(&mut self) -> Result<(Box<dyn MemoryClaim>, Plan), Failure> {
        let settings = &self.prepared.settings;
        let (rank, world) = (settings.ranks.rank, settings.ranks.world());
        let master = SocketAddr::new(settings.ranks.master, settings.ranks.port);
        self.say(
            "parallel_state.py:1212",
            &format!("world_size={world} rank={rank} local_rank=0 distributed_init_method=tcp://{master} backend=nccl"),
        );
        self.strike(Stage::RanksJoined).await?;
        if settings.ranks.nodes > 1 {
            self.meet(master).await?;
            self.say("pynccl.py:111", "vLLM is using nccl==2.28.9");
        }
        self.pause(self.time.seconds(Stage::RanksJoined)).await?;
        self.say(
            "parallel_state.py:1423",
            &format!("rank {rank} in world size {world} is assigned as DP rank 0, PP rank 0, PCP rank 0, TP rank {rank}, EP rank N/A"),
        );
        let (free, total) = (self.host.memory_available(), self.host.memory_total());
        let wanted = memory::check_free(settings.utilization, free, total).map_err(core)?;
        let model = &self.prepared.model;
        let plan = memory::plan(&model.facts, settings, model.weight_bytes(), wanted);
        let process = if rank == 0 {
            "VLLM::EngineCore".to_owned()
        } else {
            format!("VLLM::Worker_TP{rank}")
        };
        let claim = self
            .host
            .claim(&process, GIB / 2)
            .map_err(|lack| oom(lack, total, 0))?;
        Ok((claim, plan))
    }

    async fn meet(&mut self, master: SocketAddr) -> Result<(), Failure> {
        parallel::check_interfaces(self.host)?;
        let ranks = &self.prepared.settings.ranks;
        let own = self.host.owns(ranks.master) || ranks.master == Ipv4Addr::LOCALHOST;
        if ranks.rank == 0 && !own {
            return Err(core(format!(
                "torch.distributed.DistNetworkError: The server socket has failed to bind to {master} (errno: 99 - Cannot assign requested address)."
            )));
        }
        let meeting = Meeting {
            rank: ranks.rank,
            nodes: ranks.nodes,
            master,
            reached: self.host.reach(ranks.master),
            flags: self.prepared.flags.clone(),
            // Rank start times differ by real seconds however fast simulated time runs.
            patience: at_speed(600.0, self.host.speed()).max(Duration::from_secs(10)),
        };
        let stop = self.host.shutdown();
        self.peers = tokio::select! {
            met = Peers::meet(&meeting) => met.map_err(core)?,
            () = stop.cancelled() => return Err(Failure::Terminated),
        };
        Ok(())
    }

    async fn weights(&self, held: &mut Held, plan: &Plan) -> Result<(), Failure> {
        let settings = &self.prepared.settings;
        let files = self.prepared.model.files.len();
        self.say(
            "gpu_model_runner.py:4033",
            &format!("Starting to load model {}...", settings.model),
        );
        self.strike(Stage::LoadingWeights).await?;
        let seconds = self.time.seconds(Stage::LoadingWeights);
        let peak = peak_while_loading(plan.weights, &settings.load_format);
        for index in 0..files {
            self.progress(index, files, seconds);
            self.read(index)?;
            self.pause(seconds * ratio(1, files as u64)).await?;
            held.set(peak * (index as u64 + 1) / files as u64)?;
        }
        self.progress(files, files, seconds);
        self.prepared.model.all_initialised().map_err(core)?;
        held.set(plan.weights)?;
        self.enter(Stage::WeightsLoaded).await?;
        self.say(
            "default_loader.py:291",
            &format!("Loading weights took {seconds:.2} seconds"),
        );
        let took = seconds + self.time.seconds(Stage::WeightsLoaded);
        let text = format!(
            "Model loading took {:.2} GiB memory and {took:.6} seconds",
            gib(plan.weights)
        );
        self.say("gpu_model_runner.py:4130", &text);
        Ok(())
    }

    fn read(&self, index: usize) -> Result<(), Failure> {
        if self.host.fault() == Some(EngineFault::CorruptShard { index }) {
            let name = self
                .prepared
                .model
                .files
                .get(index)
                .map_or("", |file| file.name.as_str());
            return Err(core(format!(
                "safetensors_rust.SafetensorError: Error while deserializing header: InvalidHeaderDeserialization ({name})"
            )));
        }
        self.prepared.model.read_file(index).map_err(core)
    }

    fn progress(&self, done: usize, all: usize, seconds: f64) {
        let percent = (done * 100).checked_div(all).unwrap_or(100);
        let fast = self.prepared.settings.load_format == "fastsafetensors";
        let what = if fast {
            "Loading safetensors using fastsafetensors loader"
        } else {
            "Loading safetensors checkpoint shards"
        };
        let spent = seconds * ratio(done as u64, all.max(1) as u64);
        self.log.raw(&format!(
            "{what}: {percent:3}% Completed | {done}/{all} [{:02}:{:02}<{:02}:{:02}]",
            spent.div_euclid(60.0),
            spent.rem_euclid(60.0).floor(),
            (seconds - spent).div_euclid(60.0),
            (seconds - spent).rem_euclid(60.0).floor(),
        ));
    }

    async fn compile(&self, held: &mut Held, plan: &Plan) -> Result<(), Failure> {
        self.strike(Stage::Compile).await?;
        held.set(plan.weights + plan.overhead)?;
        let seconds = self.time.seconds(Stage::Compile);
        self.pause(seconds).await?;
        if !self.prepared.settings.eager {
            let dynamo = format!("Dynamo bytecode transform time: {:.2} s", seconds * 0.4);
            self.say("backends.py:872", &dynamo);
            self.say(
                "monitor.py:34",
                &format!("torch.compile takes {seconds:.2} s in total"),
            );
        }
        Ok(())
    }

    async fn kv_cache(&mut self, held: &mut Held, plan: &Plan) -> Result<Cache, Failure> {
        let Prepared {
            settings,
            model,
            max_len,
            ..
        } = self.prepared;
        self.enter(Stage::KvCache).await?;
        let available = ratio(plan.kv.unsigned_abs(), GIB);
        let sign = if plan.kv < 0 { "-" } else { "" };
        let text = format!("Available KV cache memory: {sign}{available:.2} GiB");
        self.say("gpu_worker.py:356", &text);
        let least = self.agree("kv", plan.kv).await?;
        let cache = memory::cache(&model.facts, settings, least, *max_len).map_err(core)?;
        if settings.ranks.rank == 0 {
            self.say_cache(&cache);
        }
        held.set(plan.weights + plan.overhead + cache.bytes)?;
        Ok(cache)
    }

    fn say_cache(&self, cache: &Cache) {
        let say = |at: &str, text: String| self.log.info(Speaker::Core, at, &text);
        if cache.max_len < self.prepared.max_len {
            say(
                "kv_cache_utils.py:1290",
                format!(
                    "Auto-fit max_model_len: reduced from {} to {} to fit in available GPU memory",
                    self.prepared.max_len, cache.max_len
                ),
            );
        }
        say(
            "kv_cache_utils.py:1307",
            format!("GPU KV cache size: {} tokens", thousands(cache.tokens)),
        );
        say(
            "kv_cache_utils.py:1312",
            format!(
                "Maximum concurrency for {} tokens per request: {:.2}x",
                thousands(cache.max_len),
                cache.concurrency
            ),
        );
    }

    async fn graphs(&self, held: &mut Held, plan: &Plan) -> Result<(), Failure> {
        self.strike(Stage::Graphs).await?;
        let seconds = self.time.seconds(Stage::Graphs);
        if self.prepared.settings.eager {
            self.log.warning(
                self.who,
                "vllm.py:751",
                "Enforce eager set, disabling torch.compile and CUDAGraphs.",
            );
        } else {
            self.log.raw("Capturing CUDA graphs (mixed prefill-decode, PIECEWISE):   0%|          | 0/35 [00:00<?, ?it/s]");
            held.set(held.bytes + plan.graphs)?;
            self.pause(seconds).await?;
            self.log.raw("Capturing CUDA graphs (mixed prefill-decode, PIECEWISE): 100%|██████████| 35/35 [00:04<00:00,  8.75it/s]");
            let text = format!(
                "Graph capturing finished in {seconds:.0} secs, took {:.2} GiB",
                gib(plan.graphs)
            );
            self.say("gpu_model_runner.py:5063", &text);
        }
        let took = [Stage::Compile, Stage::KvCache, Stage::Graphs].map(|s| self.time.seconds(s));
        let text = format!(
            "init engine (profile, create kv cache, warmup model) took {:.2} seconds",
            took.iter().sum::<f64>()
        );
        if self.prepared.settings.ranks.rank == 0 {
            self.log.info(Speaker::Core, "core.py:272", &text);
        }
        Ok(())
    }

    async fn agree(&mut self, about: &str, value: i64) -> Result<i64, Failure> {
        let stop = self.host.shutdown();
        let lost = self.peers.lost();
        tokio::select! {
            agreed = self.peers.agree(about, value) => agreed.map_err(|Lost| Failure::PeerLost),
            () = lost.cancelled() => Err(Failure::PeerLost),
            () = stop.cancelled() => Err(Failure::Terminated),
        }
    }

    /// Begins `stage`: its fault strikes, then its time passes.
    async fn enter(&self, stage: Stage) -> Result<(), Failure> {
        self.strike(stage).await?;
        self.pause(self.time.seconds(stage)).await
    }

    async fn strike(&self, stage: Stage) -> Result<(), Failure> {
        match self.host.fault() {
            Some(EngineFault::Die {
                stage: at,
                log,
                exit_code,
            }) if at == stage => Err(Failure::Injected { log, exit_code }),
            Some(EngineFault::Hang { stage: at }) if at == stage => {
                self.wait(std::future::pending()).await
            }
            _ => Ok(()),
        }
    }

    /// Lets `seconds` of simulated time pass, unless the engine has to end.
    async fn pause(&self, seconds: f64) -> Result<(), Failure> {
        self.wait(tokio::time::sleep(at_speed(seconds, self.host.speed())))
            .await
    }

    async fn wait(&self, done: impl Future<Output = ()>) -> Result<(), Failure> {
        let (stop, lost) = (self.host.shutdown(), self.peers.lost());
        tokio::select! {
            () = done => Ok(()),
            () = stop.cancelled() => Err(Failure::Terminated),
            () = lost.cancelled() => Err(Failure::PeerLost),
        }
    }
}

/// fastsafetensors keeps file buffers beside the weights; weights over 0.8 of the memory do not load.
fn peak_while_loading(weights: u64, load_format: &str) -> u64 {
    if load_format == "fastsafetensors" {
        scale(weights, 1.25)
    } else {
        weights
    }
}

struct Held {
    memory: Box<dyn MemoryClaim>,
    bytes: u64,
    total: u64,
}

impl Held {
    /// Holds `bytes`, and at least the CUDA context.
    fn set(&mut self, bytes: u64) -> Result<(), Failure> {
        self.memory
            .resize(bytes.max(GIB / 2))
            .map_err(|lack| oom(lack, self.total, self.bytes))?;
        self.bytes = bytes;
        Ok(())
    }
}

fn oom(lack: OutOfMemory, total: u64, held: u64) -> Failure {
    core(format!(
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate {:.2} GiB. GPU 0 has a total capacity of {:.2} GiB of which {:.2} GiB is free. Including non-PyTorch memory, this process has {:.2} GiB memory in use.",
        gib(lack.wanted),
        gib(total),
        gib(lack.available),
        gib(held),
    ))
}
