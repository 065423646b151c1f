//! `kill -9` of the daemon at every write of its journal: the next start finishes, adopts or undoes, and
//! nothing is ever launched twice.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use spark_e2e::fleet::{Fleet, FleetOptions, PAIR, SMALL};
use spark_ipc::model::operation::OperationState;
use spark_ipc::model::status::{ProxyState, Snapshot};

/// Swaps from one model to another with an abort after the `n`-th write; whether the abort happened.
async fn swap_with_abort(fleet: &mut Fleet, n: u64, repo: &str) -> Result<bool> {
    fleet.daemon.terminate()?;
    fleet
        .daemon
        .set("SPARK_CONTROL_ABORT_AT_JOURNAL_WRITE", &n.to_string());
    fleet.daemon.start()?;
    fleet.daemon.settled().await?;
    // The answer may be cut off with the daemon; what counts is what the next run finds.
    let begun = fleet.daemon.swap(repo).await;
    let finished = match &begun {
        Ok(operation) => fleet.daemon.ended_or_dead(&operation.id).await?,
        Err(_) => false,
    };
    fleet.daemon.unset("SPARK_CONTROL_ABORT_AT_JOURNAL_WRITE");
    if finished {
        return Ok(false);
    }
    ensure!(
        !fleet.daemon.ended()?.success(),
        "it ended well instead of being aborted"
    );
    fleet.daemon.start()?;
    Ok(true)
}

/// Every container that was ever started on a node, by the id of its launch.
fn started_launches(fleet: &Fleet) -> Result<Vec<(usize, String)>> {
    let mut all = Vec::new();
    for (n, spark) in fleet.sparks.iter().enumerate() {
        let list = spark.run("docker ps -a --filter label=sparkctl.unit --format '{{json .}}'")?;
        for line in list.lines() {
            let row: serde_json::Value = serde_json::from_str(line)?;
            let labels = row["Labels"].as_str().unwrap_or_default();
            let launch = labels
                .split(',')
                .find_map(|l| l.strip_prefix("sparkctl.launch="))
                .unwrap_or_default();
            all.push((n, launch.to_owned()));
        }
    }
    Ok(all)
}

/// Swaps again and again to `repo`, aborted after one more write each time, until a swap comes to its end.
async fn kill_at_every_point(nodes: usize, repo: &'static str) -> Result<()> {
    let options = FleetOptions {
        nodes,
        speed: 200.0,
        models: vec![repo],
        ..FleetOptions::default()
    };
    let mut fleet = Fleet::start(&options)?;
    fleet.daemon.settled().await?;
    let mut ends = BTreeSet::new();
    let mut n = 1;
    while swap_with_abort(&mut fleet, n, repo).await? {
        let snapshot = fleet
            .daemon
            .wait_for("no operation under way", |s| {
                let nodes = &s.status.nodes;
                !nodes.is_empty()
                    && nodes.iter().all(|n| n.observed_at.is_some())
                    && s.status.operations.iter().all(|o| o.state.is_final())
            })
            .await?;
        let launches = started_launches(&fleet)?;
        let ids: BTreeSet<&String> = launches.iter().map(|(_, id)| id).collect();
        assert!(
            ids.len() <= 1,
            "after write {n}: containers of several launches: {launches:?}"
        );
        let per_node: BTreeSet<usize> = launches.iter().map(|(node, _)| *node).collect();
        assert_eq!(
            per_node.len(),
            launches.len(),
            "after write {n}: launched twice: {launches:?}"
        );
        if let Some(operation) = snapshot.status.operations.first() {
            ends.insert(format!("{:?}", operation.state));
            if operation.state == OperationState::Succeeded {
                let serving = |s: &Snapshot| s.status.proxy.state == ProxyState::Serving;
                fleet
                    .daemon
                    .wait_for("the model to be served again", serving)
                    .await?;
                fleet.daemon.ask("Reply with the single word OK.").await?;
            } else {
                assert!(
                    launches.is_empty(),
                    "after write {n}: {:?} left {launches:?}",
                    operation.state
                );
            }
        }
        n += 1;
        assert!(n < 80, "the journal is written without end");
    }
    assert!(n > 12, "only {n} writes were seen");
    assert!(ends.contains("Succeeded"), "{ends:?}");
    Ok(())
}

#[tokio::test]
async fn the_daemon_may_be_killed_at_every_point_of_a_swap_on_one_node() -> Result<()> {
    kill_at_every_point(1, SMALL).await
}

#[tokio::test]
async fn the_daemon_may_be_killed_at_every_point_of_a_swap_over_two_nodes() -> Result<()> {
    kill_at_every_point(2, PAIR).await
}

/// The way back after a failed load is killed too: every third write, since each round needs three swaps.
#[tokio::test]
async fn the_daemon_may_be_killed_at_every_point_of_the_way_back() -> Result<()> {
    let options = FleetOptions {
        speed: 200.0,
        models: vec![SMALL, PAIR],
        settings: vec![("RESTORE_LAST_GOOD", "true".to_owned())],
        ..FleetOptions::default()
    };
    let mut fleet = Fleet::start(&options)?;
    fleet.daemon.settled().await?;
    fleet.sparks[1].set_fault(&["engine", "--stage", "kv", "--rank", "1"])?;
    let mut n = 2;
    loop {
        let ready = fleet.daemon.swapped(SMALL).await?;
        assert_eq!(ready.state, OperationState::Succeeded, "{:?}", ready.error);
        let aborted = swap_with_abort(&mut fleet, n, PAIR).await?;
        let over = |s: &Snapshot| {
            let nodes = &s.status.nodes;
            !nodes.is_empty()
                && nodes.iter().all(|n| n.observed_at.is_some())
                && s.status.operations.iter().all(|o| o.state.is_final())
        };
        let snapshot = fleet
            .daemon
            .wait_for("no operation under way", over)
            .await?;
        let launches = started_launches(&fleet)?;
        let last = snapshot.status.operations.first();
        let state = last.filter(|o| o.subject == PAIR).map(|o| o.state);
        assert_ne!(
            state,
            Some(OperationState::Succeeded),
            "after write {n}: {last:?}"
        );
        if state == Some(OperationState::RolledBack) {
            assert_eq!(launches.len(), 1, "after write {n}: {launches:?}");
        }
        assert!(launches.len() <= 1, "after write {n}: {launches:?}");
        if !aborted {
            assert_eq!(state, Some(OperationState::RolledBack));
            break;
        }
        n += 3;
        assert!(n < 120, "the journal is written without end");
    }
    assert!(n > 20, "only {n} writes were seen");
    Ok(())
}
