//! What an operation did on the nodes: nothing twice, and nothing left that is not shown.

use std::path::Path;

use anyhow::{Result, ensure};
use spark_ipc::id::OperationId;
use spark_ipc::model::operation::{Operation, OperationState};

use super::fault::Fault;
use crate::fleet::{Fleet, Record};

/// Where the records of each node stand.
pub(super) struct Marks {
    /// Words of the record of `docker`, and lines of the record of every tool.
    nodes: Vec<(usize, usize)>,
}

pub(super) fn marks(fleet: &Fleet) -> Result<Marks> {
    let of = |spark: &crate::fleet::Spark| -> Result<_> {
        let docker = spark.recorded(Record::DockerWords)?.len();
        Ok((docker, spark.node()?.recorded()?.len()))
    };
    let nodes = fleet.sparks.iter().map(of).collect::<Result<_>>()?;
    Ok(Marks { nodes })
}

/// Nothing was launched twice by the operation, and no long work was begun again that was still there.
pub(super) fn once(fleet: &Fleet, marks: &Marks, id: &OperationId, fault: Fault) -> Result<()> {
    for (spark, (docker, tools)) in fleet.sparks.iter().zip(&marks.nodes) {
        let words = spark.recorded(Record::DockerWords)?;
        let launches = launches(words.get(*docker..).unwrap_or_default(), id);
        ensure!(launches <= 1, "{launches} launches of {id}");
        if fault.loses_work() {
            continue;
        }
        let lines = spark.node()?.recorded()?;
        for program in ["download", "rsync", "pull", "save"] {
            let begun = lines
                .iter()
                .skip(*tools)
                .filter(|line| works(&line.argv, program));
            let mut processes: Vec<u32> = begun.map(|line| line.pid).collect();
            processes.sort_unstable();
            processes.dedup();
            ensure!(
                processes.len() <= 1,
                "{} times {program}: {:?}",
                processes.len(),
                lines
                    .iter()
                    .skip(*tools)
                    .filter(|l| works(&l.argv, program))
                    .collect::<Vec<_>>()
            );
        }
    }
    Ok(())
}

/// Calls of `docker run` or `docker create` with the label of this operation.
fn launches(mut words: &[String], id: &OperationId) -> usize {
    let label = format!("sparkctl.launch={id}");
    let mut found = 0;
    while let Some((count, rest)) = words.split_first() {
        let count = count.parse().unwrap_or(0).min(rest.len());
        let (call, next) = rest.split_at(count);
        let launches = call
            .first()
            .is_some_and(|verb| verb == "run" || verb == "create");
        found += usize::from(launches && call.iter().any(|word| word.contains(&label)));
        words = next;
    }
    found
}

/// Whether a tool's words are the long work itself and not a look at it.
fn works(argv: &[String], program: &str) -> bool {
    let tool = argv
        .first()
        .map(|t| t.rsplit('/').next().unwrap_or_default());
    let dry = argv
        .iter()
        .any(|w| w == "--dry-run" || w == "--help" || w == "--version");
    let verb = argv.get(1).map(String::as_str);
    !dry && match program {
        "rsync" => tool == Some("rsync") && !argv.iter().any(|w| w == "--server"),
        "download" => tool == Some("hf") && verb == Some("download"),
        verb_of_docker => tool == Some("docker") && verb == Some(verb_of_docker),
    }
}

/// Whether the process of a job is there.
fn lives(job: &Path) -> bool {
    let noted = std::fs::read_to_string(job.join("pid")).unwrap_or_default();
    let pid = noted.split_whitespace().next();
    pid.is_some_and(|pid| Path::new("/proc").join(pid).join("exe").exists())
}

/// After an end that is no success no container of it is left, and whatever the end, no process of its work.
pub(super) fn nothing_left(fleet: &Fleet, end: &Operation, id: &OperationId) -> Result<()> {
    for spark in &fleet.sparks {
        let filter =
            format!("docker ps -a --filter label=sparkctl.launch={id} --format '{{{{.Names}}}}'");
        let left = spark.run(&filter)?;
        let success = end.state == OperationState::Succeeded;
        ensure!(success || left.trim().is_empty(), "it left {left:?}");
        let jobs = spark.node()?.home().join(".cache/spark-control/jobs");
        for job in std::fs::read_dir(jobs).into_iter().flatten().flatten() {
            let ours = job.file_name().to_string_lossy().starts_with(id.as_str());
            let path = job.path();
            ensure!(!ours || !lives(&path), "{} still runs", path.display());
        }
    }
    Ok(())
}
