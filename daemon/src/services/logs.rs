//! The logs of services: what `docker logs` says of the container, running or dead.

use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use spark_ipc::id::ServiceName;
use spark_ipc::model::operation::LogLine;
use spark_ipc::model::service::Service;
use spark_ipc::model::unit::Rank;
use spark_ipc::{ApiError, ErrorCode};

use super::{Services, unknown};
use crate::nodes::Nodes;
use crate::units::RankLogs;

/// Reads logs; cheap to clone.
#[derive(Debug, Clone)]
pub struct ServiceLogs {
    pub services: Services,
    pub nodes: Nodes,
}

impl ServiceLogs {
    /// The last `lines` lines.
    pub async fn tail(&self, name: &ServiceName, lines: usize) -> Result<String, ApiError> {
        let rank = self.rank(name)?;
        RankLogs(&self.nodes).tail(&rank, lines).await
    }

    /// The last `lines` lines, and the new ones as they come.
    pub async fn follow(
        &self,
        name: &ServiceName,
        lines: usize,
    ) -> Result<BoxStream<'static, LogLine>, ApiError> {
        let rank = self.rank(name)?;
        let lines = RankLogs(&self.nodes).follow(&rank, lines).await?;
        let numbered = lines.zip(stream::iter(1u64..)).map(|(line, seq)| LogLine {
            seq,
            rank: None,
            ..line
        });
        Ok(numbered.boxed())
    }

    fn rank(&self, name: &ServiceName) -> Result<Rank, ApiError> {
        let list = Arc::clone(&self.services.list.borrow());
        let service = list.iter().find(|s| s.name == *name);
        let service = service.ok_or_else(|| unknown(name, &self.services.catalog()))?;
        container(service).ok_or_else(|| {
            let message = format!("{name} has no container, so there is no log");
            ApiError::new(ErrorCode::NotFound, message).with_hint("start it first")
        })
    }
}

fn container(service: &Service) -> Option<Rank> {
    Some(Rank {
        node: service.node.clone()?,
        rank: 0,
        container: service.container.as_ref()?.to_string(),
        container_id: service.container_id.clone()?,
        image: service.image.to_string(),
        state: String::new(),
        exit_code: None,
        started_at: service.started_at,
    })
}
