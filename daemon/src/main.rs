//! `spark-controld`: parse, read the set-up, run, exit with a code that says what happened.

use std::process::ExitCode;

use clap::Parser;
use spark_controld::cli::{self, Cli};
use spark_controld::config::Vars;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli::run(&cli, &Vars::of_process()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.tell();
            ExitCode::from(failure.exit_code())
        }
    }
}
