//! The terminal client and command line of Spark Control.
//!
//! Both are clients of the daemon's API through `spark-ipc`, and know nothing else of it. The command
//! line is [`cli`]. The terminal client is a loop around two pure functions: every key, reply and event
//! is a [`msg::Msg`] on one queue, `update(&mut State, Msg) -> Vec<Effect>` decides, `view(&State)`
//! draws; only [`effect`] and [`connection`] touch the network, and neither is ever waited for.

pub mod app;
pub mod args;
pub mod bench;
pub mod cli;
pub mod connection;
pub mod effect;
pub mod endpoint;
pub mod env;
pub mod exit;
pub mod format;
pub mod keymap;
pub mod msg;
pub mod outcome;
pub mod page;
pub mod paint;
pub mod preview;
pub mod state;
pub mod term;
pub mod trouble;
pub mod update;
pub mod view;
pub mod wire;
pub mod words;

#[cfg(test)]
mod fixture;

use spark_ipc::client::Client;

use args::{Args, Color, Command};
use cli::context::{Context, Out};
use env::Env;
use exit::Exit;
use trouble::Trouble;

/// Runs one command line to its end.
pub fn run(args: Args, env: &Env) -> Exit {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let json = args.global.json;
    let result = match runtime {
        Ok(runtime) => {
            let exit = runtime.block_on(dispatch(args, env));
            // A call to a daemon that hangs, or a read of the keyboard, is not waited for.
            runtime.shutdown_background();
            exit
        }
        Err(e) => Err(Trouble::new(Exit::Failed, "internal", format!("cannot start: {e}")).into()),
    };
    result.unwrap_or_else(|failure| failure.report(json, &mut std::io::stderr()))
}

async fn dispatch(args: Args, env: &Env) -> Result<Exit, cli::failure::Failure> {
    let global = args.global;
    let endpoint = endpoint::choose(
        global.socket,
        global.url.as_deref(),
        |name| env.var(name),
        std::path::Path::exists,
    );
    let color = match (global.no_color, global.color) {
        (true, _) | (_, Color::Never) => false,
        (_, Color::Always) => true,
        (_, Color::Auto) => env.stdout_is_tty && !env.refuses_color(),
    };
    let ascii = global.ascii || !env.is_utf8();
    let client = Client::new(endpoint);
    let dumb = env.var("TERM").as_deref() == Some("dumb");
    let command = match args.command {
        Some(command) => command,
        None if env.stdout_is_tty && env.stdin_is_tty && !global.json && !dumb => {
            return app::run(client, view::Theme::new(color, ascii)).await;
        }
        None => Command::Status { watch: false },
    };
    let mut context = Context {
        client,
        out: Out::stdout(env, color, ascii),
        json: global.json,
        quiet: global.quiet,
        may_ask: env.stdin_is_tty && env.stdout_is_tty && !global.no_input,
    };
    cli::run(command, &mut context).await
}
