//! What the router asks of services, and of units that others started.

use spark_ipc::id::{ServiceName, UnitId};
use spark_ipc::model::service::{ServiceChange, ServiceDetail, ServiceList};
use spark_ipc::model::unit::Unit;

use crate::services::ServiceLogs;
use crate::units::Units;
use crate::web::{AdoptionActions, Answer, LogStream, ServiceActions};

/// The services.
#[derive(Debug)]
pub(crate) struct ServiceHandle(pub ServiceLogs);

impl ServiceActions for ServiceHandle {
    fn list(&self) -> Answer<'_, ServiceList> {
        Box::pin(async move { Ok(self.0.services.all()) })
    }

    fn detail(&self, name: ServiceName) -> Answer<'_, ServiceDetail> {
        Box::pin(async move { self.0.services.detail(&name) })
    }

    fn change(&self, name: ServiceName, change: ServiceChange) -> Answer<'_, ServiceDetail> {
        Box::pin(async move { self.0.services.change(&name, change).await })
    }

    fn tail(&self, name: ServiceName, lines: usize) -> Answer<'_, String> {
        Box::pin(async move { self.0.tail(&name, lines).await })
    }

    fn follow(&self, name: ServiceName, lines: usize) -> Answer<'_, LogStream> {
        Box::pin(async move { self.0.follow(&name, lines).await })
    }
}

/// Units of others.
#[derive(Debug)]
pub(crate) struct AdoptionHandle(pub Units);

impl AdoptionActions for AdoptionHandle {
    fn adopt(&self, unit: UnitId, actor: String) -> Answer<'_, Unit> {
        Box::pin(async move { self.0.adopt(&unit, actor).await })
    }

    fn release(&self, unit: UnitId) -> Answer<'_, Unit> {
        Box::pin(async move { self.0.release(&unit).await })
    }
}
