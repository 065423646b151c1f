//! What the pane of the services lists: our services, then the units on the nodes.

use spark_ipc::model::service::Service;
use spark_ipc::model::unit::Unit;

use super::State;

/// One line of the list.
#[derive(Debug, Clone, Copy)]
pub enum Entry<'a> {
    Service(&'a Service),
    Unit(&'a Unit),
}

impl Entry<'_> {
    /// What the cursor knows it by.
    pub fn key(&self) -> String {
        match self {
            Self::Service(service) => format!("service/{}", service.name),
            Self::Unit(unit) => format!("unit/{}", unit.id),
        }
    }
}

impl State {
    /// Every entry, in the order that is shown.
    pub fn service_entries(&self) -> Vec<Entry<'_>> {
        let Some(world) = &self.world else {
            return Vec::new();
        };
        let status = &world.snapshot.status;
        let services = status.services.iter().map(Entry::Service);
        services
            .chain(status.units.iter().map(Entry::Unit))
            .collect()
    }

    /// The place of the cursor among [`Self::service_entries`].
    pub fn service_place(&self) -> usize {
        let keys: Vec<String> = self.service_entries().iter().map(Entry::key).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        self.services.place(&keys)
    }

    /// The entry under the cursor.
    pub fn selected_entry(&self) -> Option<Entry<'_>> {
        self.service_entries().get(self.service_place()).copied()
    }
}
