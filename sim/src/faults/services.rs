//! Faults of what serves: engines and services that run, and are not well.

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::{Fault, Faults};

/// A failure of a running container, whatever it serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Args)]
#[serde(deny_unknown_fields)]
pub struct ServiceFault {
    /// What is wrong with it.
    #[arg(long, value_enum)]
    pub mode: ServiceFailure,
    /// Only in containers whose name contains this.
    #[arg(long)]
    #[serde(default)]
    pub container: Option<String>,
    /// Seconds after the start of its process from which on it shows, at speed 1. With 0 an ending process ends at
    /// once, and under a restart policy again and again.
    #[arg(long = "after-s", default_value_t = 0)]
    #[serde(default)]
    pub after_s: u64,
    /// Exit code of a process that ends.
    #[arg(long, default_value_t = 1)]
    #[serde(default = "super::one")]
    pub code: i32,
    /// Lines that an ending process logs first; may be given several times.
    #[arg(long = "line")]
    #[serde(default)]
    pub lines: Vec<String>,
    /// Requests that wait at a busy engine; as many are running.
    #[arg(long, default_value_t = 8)]
    #[serde(default = "eight")]
    pub waiting: u64,
}

/// What can be wrong with a running service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum ServiceFailure {
    /// Answers are nonsense: wrong sums, like vectors for unlike texts, the worst document first.
    Garbage,
    /// Answers have nothing in them: no text, vectors of zeros, no sound, no speakers.
    Empty,
    /// Speech is silent.
    Silent,
    /// Vectors have half their length.
    WrongDimension,
    /// The list of models has another name.
    WrongName,
    /// Health is well, and no request is ever answered.
    Frozen,
    /// Health is well, and every request is answered with status 500.
    Error,
    /// Requests are waiting, says the metrics page.
    Busy,
    /// The process ends.
    Exit,
}

impl Faults {
    /// The failure of what runs in `container` since `age_s` simulated seconds.
    pub fn service(&self, container: &str, age_s: f64) -> Option<&ServiceFault> {
        self.iter().find_map(|fault| match fault {
            Fault::Service(service)
                if service.is_for(container)
                    && age_s >= std::time::Duration::from_secs(service.after_s).as_secs_f64() =>
            {
                Some(service)
            }
            _ => None,
        })
    }
}

impl ServiceFault {
    fn is_for(&self, container: &str) -> bool {
        let part = self.container.as_deref();
        part.is_none_or(|part| container.contains(part))
    }
}

fn eight() -> u64 {
    8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_shows_in_its_container_after_its_time() {
        let mut faults = Faults::default();
        let fault: Fault = serde_json::from_str(
            r#"{"fault":"service","mode":"exit","container":"kokoro","after_s":5}"#,
        )
        .unwrap();
        faults.set(fault);
        let code = |name, age| faults.service(name, age).map(|fault| fault.code);
        assert_eq!(code("sparkctl-svc-kokoro", 5.0), Some(1));
        assert_eq!(code("sparkctl-svc-kokoro", 4.9), None);
        assert_eq!(code("main", 60.0), None);
    }
}
