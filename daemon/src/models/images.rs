//! Which images are on which nodes, asked when somebody wants to know.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use spark_core::infer::KnownImage;
use spark_core::launch::{facts_command, read_facts};
use spark_ipc::id::{ImageRef, NodeId};
use spark_ipc::model::node::{LinkState, Node};
use tokio::sync::watch;

use crate::nodes::Nodes;
use crate::ssh::{Limits, Outcome};

/// How long a node may take to tell.
const LOOK: Duration = Duration::from_secs(20);

/// A way to ask; cheap to clone.
#[derive(Debug, Clone)]
pub struct Images {
    /// `None` where there are no nodes to ask, as in tests of the API alone.
    pub nodes: Option<Nodes>,
    pub list: watch::Receiver<Arc<Vec<Node>>>,
}

impl Images {
    /// Which of `wanted` are on the nodes, one round trip to each node, all at once. A node that does not
    /// answer has none.
    pub async fn known(&self, wanted: &[ImageRef]) -> Vec<KnownImage> {
        let connected = |n: &&Node| n.link.state == LinkState::Connected;
        let nodes = Arc::clone(&self.list.borrow());
        let ids: Vec<NodeId> = nodes
            .iter()
            .filter(connected)
            .map(|n| n.id.clone())
            .collect();
        let told = join_all(ids.iter().map(|id| self.on(id, wanted))).await;
        let mut found: BTreeMap<ImageRef, Vec<NodeId>> = BTreeMap::new();
        for (id, images) in ids.into_iter().zip(told) {
            for image in images {
                found.entry(image).or_default().push(id.clone());
            }
        }
        let known = |(image, nodes)| KnownImage {
            image,
            nodes,
            says: None,
        };
        found.into_iter().map(known).collect()
    }

    async fn on(&self, id: &NodeId, wanted: &[ImageRef]) -> Vec<ImageRef> {
        let Some(link) = self.nodes.as_ref().and_then(|nodes| nodes.link(id)) else {
            return Vec::new();
        };
        match link.run(&facts_command(wanted), Limits::within(LOOK)).await {
            Outcome::Exited {
                status: 0, stdout, ..
            } => {
                let (facts, _warnings) = read_facts(&stdout);
                let here = |i: &&ImageRef| facts.images.contains_key(i.as_str());
                wanted.iter().filter(here).cloned().collect()
            }
            other => {
                tracing::warn!(node = %id, outcome = ?other, "the images of the node are not known");
                Vec::new()
            }
        }
    }
}
