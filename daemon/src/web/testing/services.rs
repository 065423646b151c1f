//! A house without services and strangers.

use futures_util::FutureExt as _;
use spark_ipc::id::{ServiceName, UnitId};
use spark_ipc::model::service::{ServiceChange, ServiceDetail, ServiceList};
use spark_ipc::model::unit::Unit;
use spark_ipc::{ApiError, ErrorCode};

use crate::web::{AdoptionActions, Answer, LogStream, ServiceActions};

pub(super) struct NoServices;

fn none<T: Send + 'static>(name: &impl std::fmt::Display) -> Answer<'static, T> {
    let error = ApiError::new(ErrorCode::NotFound, format!("there is no {name}"));
    std::future::ready(Err(error)).boxed()
}

impl ServiceActions for NoServices {
    fn list(&self) -> Answer<'_, ServiceList> {
        let (services, errors) = (Vec::new(), Vec::new());
        std::future::ready(Ok(ServiceList { services, errors })).boxed()
    }

    fn detail(&self, name: ServiceName) -> Answer<'_, ServiceDetail> {
        none(&name)
    }

    fn change(&self, name: ServiceName, _change: ServiceChange) -> Answer<'_, ServiceDetail> {
        none(&name)
    }

    fn tail(&self, name: ServiceName, _lines: usize) -> Answer<'_, String> {
        none(&name)
    }

    fn follow(&self, name: ServiceName, _lines: usize) -> Answer<'_, LogStream> {
        none(&name)
    }
}

impl AdoptionActions for NoServices {
    fn adopt(&self, unit: UnitId, _actor: String) -> Answer<'_, Unit> {
        none(&unit)
    }

    fn release(&self, unit: UnitId) -> Answer<'_, Unit> {
        none(&unit)
    }
}
