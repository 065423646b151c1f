//! `docker ps -a`: one JSON object a line, or one of Docker's complaints.

use serde::Deserialize;
use spark_ipc::model::node::{Container, DockerState};
use spark_ipc::text::clean_line;

use super::section::{Sections, ended, lines};
use super::{Problem, Reading, Warning};
use crate::owner::owner;

/// What is read of one object; Docker prints more.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    #[serde(rename = "ID")]
    id: String,
    names: String,
    image: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    labels: String,
}

pub(super) fn containers(
    sections: &Sections<'_>,
    reading: &mut Reading,
    warnings: &mut Vec<Warning>,
) {
    let Some(body) = sections.body("docker", warnings) else {
        return;
    };
    let output = match ended(body) {
        Ok(output) => output,
        Err(problem) => {
            reading.docker = state(&problem, body);
            return warnings.push(Warning {
                section: "docker",
                problem,
            });
        }
    };
    let mut found = Vec::new();
    let mut odd = None;
    for line in lines(output) {
        match serde_json::from_str::<Row>(line) {
            Ok(row) => found.push(container(&row)),
            Err(_) => odd = odd.or(Some(line)),
        }
    }
    if let Some(line) = odd {
        warnings.push(Warning::not_understood("docker", line));
        if found.is_empty() {
            return;
        }
    }
    reading.docker = Some(DockerState::Ok);
    reading.containers = Some(found);
}

fn state(problem: &Problem, body: &str) -> Option<DockerState> {
    let said = body.to_ascii_lowercase();
    match problem {
        Problem::NoTool => Some(DockerState::Missing),
        _ if said.contains("permission denied") => Some(DockerState::Denied),
        _ if said.contains("cannot connect to the docker daemon")
            || said.contains("is the docker daemon running") =>
        {
            Some(DockerState::Down)
        }
        Problem::TooSlow => Some(DockerState::Down),
        _ => None,
    }
}

fn container(row: &Row) -> Container {
    let name = row.names.split(',').next().unwrap_or_default();
    Container {
        id: clean_line(&row.id, 64),
        name: clean_line(name, 128),
        image: clean_line(&row.image, 255),
        state: clean_line(&row.state, 20),
        status: clean_line(&row.status, 80),
        // Docker joins names and labels with commas; ours have none in their values.
        owner: owner(name, &row.image, row.labels.split(','))
            .unwrap_or("other")
            .to_owned(),
    }
}
