//! The bug report: what somebody else needs to see to help, in one archive, without secrets.
//!
//! Everything is gathered at once and under deadlines; what cannot be had is said in its place, so that a report can
//! be made just when things are broken. [`Bundle`] is the only way into the archive, and it scrubs.

mod bundle;
mod gather;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join;
use spark_core::scrub::Scrubber;
use spark_ipc::version::VersionInfo;
use spark_ipc::{ApiError, ErrorCode};

use crate::clock;
use crate::doctor::Doctor;
use crate::nodes::Nodes;
use crate::operations::Operations;
use crate::settings::Live;
use crate::units::Logs;
use crate::view::View;
use bundle::Bundle;

/// A client waits for thirty seconds.
const DEADLINE: Duration = Duration::from_secs(24);

/// Makes bug reports; cheap to clone.
#[derive(Debug, Clone)]
pub struct BugReports {
    pub version: VersionInfo,
    pub view: View,
    pub nodes: Nodes,
    pub operations: Operations,
    pub logs: Logs,
    pub doctor: Doctor,
    /// The values of all secret settings.
    pub secrets: Live<Vec<String>>,
}

impl BugReports {
    /// A `tar.gz`, of which nothing is kept here.
    pub async fn make(&self) -> Result<Vec<u8>, ApiError> {
        let now = clock::now();
        let mut bundle = Bundle::new(Scrubber::new(self.secrets.get()), now);
        gather::state(&mut bundle, self, now);
        let within = |part| tokio::time::timeout(DEADLINE, part);
        let doctor = tokio::time::timeout(DEADLINE, self.doctor_report());
        let (texts, doctor) = join(within(gather::texts(self)), doctor).await;
        for (name, text) in texts.unwrap_or_default() {
            bundle.text(&name, &text);
        }
        match doctor {
            Ok(Ok(report)) => bundle.json("doctor.json", &*report),
            Ok(Err(error)) => bundle.text("doctor.txt", &error.message),
            Err(_elapsed) => bundle.text("doctor.txt", "it was not done in time"),
        }
        // Compressing some megabytes takes a moment.
        let packed = tokio::task::spawn_blocking(move || bundle.pack()).await;
        let failed = |cause: String| {
            ApiError::new(
                ErrorCode::Internal,
                format!("the report cannot be packed: {cause}"),
            )
        };
        packed
            .map_err(|e| failed(e.to_string()))?
            .map_err(|e| failed(e.to_string()))
    }

    /// The last report, or a new one when there is none.
    async fn doctor_report(&self) -> Result<Arc<spark_ipc::model::doctor::DoctorReport>, ApiError> {
        match self.doctor.last() {
            Some(report) => Ok(report),
            None => self.doctor.examine().await.map(Arc::new),
        }
    }
}
