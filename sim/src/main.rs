//! The `spark-sim` executable: the node's tools by the name it is called with, else its own
//! commands.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::SUCCESS
}
