//! The `traceway` binary: `serve` runs the product, the other commands are small clients of its API.

mod background;
mod cli;
mod client;
mod config_file;
mod dev_ingest;
mod export;
mod gate;
mod health;
mod interrupted;
mod listen;
mod logging;
mod operate;
#[cfg(test)]
mod reference;
mod routers;
mod serve;
mod settings;
mod spool;
mod sse;
mod stores;
mod supervise;
mod tail;
mod workers;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    // Read before the command line, which takes defaults from the environment. A missing file is no error; one of a
    // folder above is none of ours.
    let dotenv = dotenv();
    let cli = cli::Cli::parse();
    let outcome = match cli.command {
        None => serve::run(cli.serve, dotenv),
        Some(cli::Command::Serve(flags)) => serve::run(*flags, dotenv),
        Some(cli::Command::Export(flags)) => export::run(flags),
        Some(cli::Command::Tail(flags)) => tail::run(flags),
        Some(cli::Command::Health(flags)) => health::run(flags),
        Some(cli::Command::Migrate(flags)) => operate::migrate(&flags),
        Some(cli::Command::Jobs(flags)) => operate::jobs(&flags),
    };
    match outcome {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("{}error:{} {error:#}", cli::RED, cli::RESET);
            std::process::ExitCode::FAILURE
        }
    }
}

/// Reads `.env` into the environment, all of it or, when a line of it cannot be read, nothing.
fn dotenv() -> Result<(), dotenvy::Error> {
    for line in dotenvy::from_path_iter(".env")? {
        line?;
    }
    dotenvy::from_path(".env")
}
