//! A model off the disk: what a node has of it, what holds it, and the one command that removes it.

use spark_ipc::Time;
use spark_ipc::id::{NodeId, RepoId};
use spark_ipc::model::transfer::{DeleteOnNode, DeletePreview, DeleteState, ModelUser};
use spark_ipc::text::clean_line;

use crate::shell::Remote;

use super::job::folder;
use super::words::InvalidWord;

/// What a node has of a model.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OnDisk {
    /// The folder in the cache.
    pub path: String,
    pub present: bool,
    pub size_bytes: Option<u64>,
    /// When the disk says that it was read last.
    pub last_read: Option<Time>,
    /// Where the folder leads when it is a link: it is never followed.
    pub link: Option<String>,
    /// A folder that the login user cannot write.
    pub locked: Option<String>,
    /// An unfinished file grew in the last minute.
    pub growing: bool,
    /// Containers that run and name it, whoever started them.
    pub containers: Vec<String>,
}

/// Looks at the model on a node; changes nothing.
pub fn look(repo: &RepoId) -> Result<Remote, InvalidWord> {
    let remote = Remote::script("delete-look", include_str!("scripts/delete_look.sh"));
    Ok(remote.arg(folder(repo)?).arg(repo).timeout(60))
}

/// Removes the model's folder and its locks, and nothing else.
pub fn remove(repo: &RepoId) -> Result<Remote, InvalidWord> {
    let remote = Remote::script("delete", include_str!("scripts/delete.sh"));
    Ok(remote.arg(folder(repo)?).timeout(600))
}

/// Reads the answer of [`look`].
pub fn read(output: &str) -> Result<OnDisk, String> {
    let mut found = OnDisk {
        present: true,
        ..OnDisk::default()
    };
    let mut ended = false;
    for line in output.lines() {
        let (word, rest) = line.split_once('\t').unwrap_or((line, ""));
        match word {
            "path" => found.path = clean_line(rest, 600),
            "link" => found.link = Some(clean_line(rest, 300)),
            "size" => found.size_bytes = rest.parse().ok(),
            "used" => {
                let seconds = rest.parse().ok();
                found.last_read = seconds
                    .and_then(|s| jiff::Timestamp::from_second(s).ok())
                    .map(Time);
            }
            "growing" => found.growing = true,
            "locked" => found.locked = Some(clean_line(rest, 600)),
            "absent" => found.present = false,
            "container" => found.containers.push(clean_line(rest, 120)),
            "end" => ended = true,
            _ => {}
        }
    }
    if ended {
        Ok(found)
    } else {
        Err("the node's answer about the model was cut".to_owned())
    }
}

/// What else is known of the model's users on one node.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Users {
    pub last_launch: Option<Time>,
    /// Units and operations that use it there, and recipes that name it.
    pub used_by: Vec<ModelUser>,
    /// Containers of those units: they are named once.
    pub own_containers: Vec<String>,
}

/// One node's part of the preview.
pub fn on_node(node: &NodeId, look: Result<OnDisk, String>, users: Users) -> DeleteOnNode {
    let found = match look {
        Ok(found) => found,
        Err(why) => return unknown(node, users, why),
    };
    let mut used_by = users.used_by;
    let foreign = found
        .containers
        .iter()
        .filter(|name| !users.own_containers.contains(name));
    used_by.extend(foreign.map(|name| ModelUser::Container { name: name.clone() }));
    let downloads = used_by
        .iter()
        .any(|u| matches!(u, ModelUser::Operation { .. }));
    if found.growing && !downloads {
        used_by.push(ModelUser::Download);
    }
    let (state, detail) = state_of(&found, &used_by);
    DeleteOnNode {
        node: node.clone(),
        state,
        size_bytes: if found.present {
            found.size_bytes
        } else {
            Some(0)
        },
        last_used: found.last_read.max(users.last_launch),
        used_by,
        detail: Some(detail),
    }
}

fn state_of(found: &OnDisk, used_by: &[ModelUser]) -> (DeleteState, String) {
    let path = &found.path;
    if !found.present {
        (DeleteState::Absent, format!("{path} is not there"))
    } else if let Some(link) = &found.link {
        let why = format!("{path} is a link to {link}; remove it by hand if that is meant");
        (DeleteState::Refused, why)
    } else if used_by.iter().any(ModelUser::holds) {
        (DeleteState::InUse, path.clone())
    } else if let Some(locked) = &found.locked {
        let why = format!(
            "{locked} cannot be written; run on the node: sudo chown -R $USER ~/.cache/huggingface"
        );
        (DeleteState::Refused, why)
    } else {
        (DeleteState::Present, path.clone())
    }
}

fn unknown(node: &NodeId, users: Users, why: String) -> DeleteOnNode {
    DeleteOnNode {
        node: node.clone(),
        state: DeleteState::Unknown,
        size_bytes: None,
        last_used: users.last_launch,
        used_by: users.used_by,
        detail: Some(why),
    }
}

/// The preview of all nodes.
pub fn preview(repo: &RepoId, nodes: Vec<DeleteOnNode>) -> DeletePreview {
    let freed = nodes.iter().filter(|n| n.state == DeleteState::Present);
    let recipes = nodes
        .iter()
        .flat_map(|n| &n.used_by)
        .filter_map(|u| match u {
            ModelUser::Recipe { recipe } => Some(recipe.clone()),
            _ => None,
        });
    let mut recipes: Vec<String> = recipes.collect();
    recipes.sort();
    recipes.dedup();
    DeletePreview {
        repo: repo.clone(),
        total_bytes: freed.filter_map(|n| n.size_bytes).sum(),
        warnings: recipes
            .into_iter()
            .map(|r| format!("the recipe {r} launches it; it stays and needs the model again"))
            .collect(),
        nodes,
    }
}

#[cfg(test)]
mod tests;
