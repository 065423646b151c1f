//! Containers that Docker starts again and again.
//!
//! Docker's own count of restarts is not in `docker ps`, and asking for it would cost the node another command with
//! every look. It shows in what is there: each restart makes the age of a container that runs, or waits to be
//! started, fall.

use std::collections::BTreeMap;

use spark_ipc::Time;
use spark_ipc::model::alert::{AlertKind, Severity};
use spark_ipc::model::node::Container;

use super::{Case, Finding, Timing};
use crate::advice;

/// How far back restarts count, and how many are a loop.
const WINDOW_S: f64 = 600.0;
const RESTARTS: usize = 3;

/// What is remembered of each container, by its id.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Starts(BTreeMap<String, Trail>);

#[derive(Debug, Clone, Default, PartialEq)]
struct Trail {
    age_s: u64,
    restarts: Vec<Time>,
}

pub(super) fn containers(case: &Case<'_>, starts: &mut Starts) -> Vec<Finding> {
    let containers = &case.node.containers;
    starts
        .0
        .retain(|id, _| containers.iter().any(|c| c.id == *id));
    let found = containers.iter().filter_map(|container| {
        let restarts = restarts(container, starts, case.now);
        let detail = container.name.clone();
        let standing = case.standing(AlertKind::CrashLoop, Some(&detail)).is_some();
        let least = if standing { 1 } else { RESTARTS };
        (restarts >= least).then(|| finding(container, restarts))
    });
    found.collect()
}

/// Restarts of `container` within the window, with its present age taken in.
fn restarts(container: &Container, starts: &mut Starts, now: Time) -> usize {
    let Some(age_s) = age_s(container) else {
        // It was stopped: a later start is somebody's wish.
        starts.0.remove(&container.id);
        return 0;
    };
    let trail = starts.0.entry(container.id.clone()).or_default();
    if age_s < trail.age_s {
        trail.restarts.push(now);
    }
    trail.age_s = age_s;
    trail
        .restarts
        .retain(|at| now.seconds_since(*at) < WINDOW_S);
    trail.restarts.len()
}

fn finding(container: &Container, restarts: usize) -> Finding {
    let name = &container.name;
    let advice = advice::crash_loop(name, restarts);
    Finding {
        kind: AlertKind::CrashLoop,
        detail: Some(name.clone()),
        severity: Severity::Critical,
        title: advice.title,
        text: advice.cause,
        fix: Some(format!("{} docker logs --tail 50 {name}", advice.remedy)),
        timing: Timing::AT_ONCE,
    }
}

/// The age in Docker's sentence, `Up 2 hours (healthy)` or `Restarting (1) 5 seconds ago`, in seconds and rounded
/// down as Docker does. `None` for a container that was stopped.
fn age_s(container: &Container) -> Option<u64> {
    let status = container.status.as_str();
    let ago = status.strip_prefix("Up ").or_else(|| {
        let rest = status.strip_prefix("Restarting (")?;
        rest.split_once(") ").map(|(_, ago)| ago)
    })?;
    let mut words = ago.split(' ');
    let (count, unit) = match (words.next()?, words.next()?) {
        ("Less", _) => return Some(0),
        ("About", _) => (1, words.next()?),
        (count, unit) => (count.parse().ok()?, unit),
    };
    let seconds: u64 = match unit.trim_end_matches('s') {
        "second" => 1,
        "minute" => 60,
        "hour" => 3600,
        "day" => 86_400,
        "week" => 604_800,
        "month" => 2_592_000,
        "year" => 31_536_000,
        _ => return None,
    };
    seconds.checked_mul(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_is_read_from_dockers_sentence() {
        let of = |status: &str| {
            age_s(&Container {
                id: String::new(),
                name: String::new(),
                image: String::new(),
                state: String::new(),
                status: status.to_owned(),
                owner: String::new(),
            })
        };
        assert_eq!(of("Up Less than a second"), Some(0));
        assert_eq!(of("Up 1 second"), Some(1));
        assert_eq!(of("Up About a minute"), Some(60));
        assert_eq!(of("Up About an hour (unhealthy)"), Some(3600));
        assert_eq!(of("Up 47 hours (healthy)"), Some(169_200));
        assert_eq!(of("Restarting (1) 5 seconds ago"), Some(5));
        assert_eq!(of("Exited (0) 3 days ago"), None);
        assert_eq!(of("Up a while"), None);
    }
}
