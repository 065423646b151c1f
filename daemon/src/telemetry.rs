//! Logs: one line an event on stderr, where journald and containers pick them up.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::config::Vars;

/// Starts logging. `LOG` takes filter directives (`info`, `spark_controld=debug`); `LOG_FORMAT=json`
/// gives JSON lines. Fields with text from elsewhere are logged by `Debug`, which escapes control
/// characters, and were cleaned when they came in.
pub fn init(vars: &Vars) {
    let directives = vars.get("LOG").unwrap_or("info");
    let filter = EnvFilter::builder().parse_lossy(directives);
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_span_events(FmtSpan::NONE)
        .with_target(false)
        .with_ansi(false);
    let result = if vars.get("LOG_FORMAT") == Some("json") {
        builder.json().try_init()
    } else {
        builder.try_init()
    };
    if let Err(error) = result {
        tracing::debug!(%error, "logging was started before");
    }
}
