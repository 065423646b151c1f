//! The terminal client and command line of Spark Control.

use std::process::ExitCode;

use clap::Parser;
use spark_control::args::Args;
use spark_control::env::Env;

fn main() -> ExitCode {
    spark_control::run(Args::parse(), &Env::of_process()).into()
}
