//! The `spark-sim` executable: a node's tool by the name that it is called with, else its own
//! commands.

use std::path::Path;
use std::process::ExitCode;

use spark_sim::{cli, tools};

fn main() -> ExitCode {
    let called = std::env::args_os().next().unwrap_or_default();
    let name = Path::new(&called)
        .file_name()
        .and_then(|name| name.to_str());
    match name.filter(|name| tools::is_tool(name)) {
        Some(name) => run_tool(name),
        None => cli::run(),
    }
}

/// Bytes of an argument that are not UTF-8 show as the replacement character, as they would in the
/// messages of the real tools.
fn run_tool(name: &str) -> ExitCode {
    let lossy = |argument: std::ffi::OsString| argument.to_string_lossy().into_owned();
    let arguments: Vec<String> = std::env::args_os().skip(1).map(lossy).collect();
    let code = tools::dispatch(name, &arguments);
    ExitCode::from(u8::try_from(code & 0xff).unwrap_or(1))
}
