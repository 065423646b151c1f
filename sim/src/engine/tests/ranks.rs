//! Two ranks in one process.

use std::net::SocketAddr;

use crate::engine::{
    host::EngineFault,
    stage::Stage,
    testing::{TestHost, free_address},
};

fn line(rank: u32, master: SocketAddr) -> String {
    let headless = if rank == 0 { "" } else { "--headless" };
    format!(
        "serve org/tiny --tensor-parallel-size 2 --distributed-executor-backend mp --nnodes 2 --node-rank {rank} --master-addr {} --master-port {} {headless}",
        master.ip(),
        master.port()
    )
}

/// A head whose node owns the master address, and a worker.
fn pair() -> (TestHost, TestHost, SocketAddr) {
    let (head, worker) = (TestHost::new(), TestHost::new());
    let master = SocketAddr::new(head.node.ip(), free_address().port());
    (head, worker, master)
}

#[tokio::test]
async fn two_ranks_load_half_each_and_end_together() {
    let (head, worker, master) = pair();
    let stop = async {
        head.wait_for("Uvicorn running on").await;
        head.stop.cancel();
    };
    let (head_line, worker_line) = (line(0, master), line(1, master));
    let (first, second, ()) = tokio::join!(head.run(&head_line), worker.run(&worker_line), stop);
    assert_eq!(
        (first, second),
        (0, 1),
        "{}\n{}",
        head.text(),
        worker.text()
    );
    for host in [&head, &worker] {
        assert!(
            host.text().contains("Model loading took 1.00 GiB memory"),
            "{}",
            host.text()
        );
        assert_eq!(host.used(), 0);
    }
    assert!(head.text().contains("rank 0 in world size 2"));
    assert!(!worker.text().contains("Uvicorn"));
    assert_eq!(*worker.claims.lock().unwrap(), ["VLLM::Worker_TP1"]);
    assert!(
        worker.text().contains("ncclRemoteError"),
        "{}",
        worker.text()
    );
}

#[tokio::test]
async fn a_rank_that_dies_takes_the_head_with_it() {
    let (head, worker, master) = pair();
    let kill = async {
        head.wait_for("Uvicorn running on").await;
        worker.set_fault(EngineFault::Die {
            stage: Stage::Ready,
            log: vec![],
            exit_code: 137,
        });
    };
    let (head_line, worker_line) = (line(0, master), line(1, master));
    let (first, second, ()) = tokio::join!(head.run(&head_line), worker.run(&worker_line), kill);
    assert_eq!((first, second), (1, 137));
    assert!(
        head.text()
            .contains("EngineDeadError: EngineCore encountered an issue.")
    );
}

#[tokio::test]
async fn ranks_with_different_flags_both_fail() {
    let (head, worker, master) = pair();
    let head_line = line(0, master);
    let worker_line = format!("{} --kv-cache-dtype fp8", line(1, master));
    let codes = tokio::join!(head.run(&head_line), worker.run(&worker_line));
    assert_eq!(codes, (1, 1));
    for host in [head, worker] {
        assert!(host.text().contains("(kv_cache_dtype)"), "{}", host.text());
    }
}

#[tokio::test]
async fn a_wrong_interface_is_named() {
    let (mut head, _, master) = pair();
    head.env.push(("NCCL_SOCKET_IFNAME", "enp9".to_owned()));
    assert_eq!(head.run(&line(0, master)).await, 1);
    assert!(
        head.text()
            .contains("Bootstrap : no socket interface found")
    );
}

#[tokio::test]
async fn a_head_can_only_listen_on_its_own_address() {
    let (head, other, master) = pair();
    let foreign = SocketAddr::new(other.node.ip(), master.port());
    assert_eq!(head.run(&line(0, foreign)).await, 1);
    assert!(
        head.text().contains("Cannot assign requested address"),
        "{}",
        head.text()
    );
}

#[tokio::test]
async fn a_worker_that_cannot_load_fails_the_heads_start() {
    let (head, worker, master) = pair();
    std::fs::remove_file(worker.folder().join("model-00001-of-00002.safetensors")).unwrap();
    let (head_line, worker_line) = (line(0, master), line(1, master));
    let codes = tokio::join!(head.run(&head_line), worker.run(&worker_line));
    assert_eq!(codes, (1, 1));
    assert!(
        worker
            .text()
            .contains("were not initialized from checkpoint: {'a'}")
    );
    assert!(
        head.text().contains("Engine core initialization failed"),
        "{}",
        head.text()
    );
    assert!(!head.text().contains("startup complete"));
}
