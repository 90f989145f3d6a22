//! The emulator as a process: one function behind a Function URL, for trying it by hand and for tests in other
//! languages.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use lambda_emulator::{Function, FunctionOptions, FunctionUrl, Limits, Schedule};
use serde_json::Value;

/// Runs a function as AWS Lambda does, behind a Function URL.
#[derive(Debug, Parser)]
struct Flags {
    /// The program, the `bootstrap` of a deployment package.
    binary: PathBuf,
    /// Address of the Function URL.
    #[arg(long, default_value = "127.0.0.1:9000")]
    listen: SocketAddr,
    /// The function's name.
    #[arg(long, default_value = "function")]
    name: String,
    /// A variable of every instance, as NAME=VALUE; may be repeated.
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = variable)]
    env: Vec<(String, String)>,
    /// Seconds an invocation may take.
    #[arg(long, default_value_t = 60)]
    timeout: u64,
    /// The memory figure instances are told, in MB.
    #[arg(long, default_value_t = 512)]
    memory: u32,
    /// How many instances there may be at once.
    #[arg(long, default_value_t = 10)]
    max_instances: usize,
    /// Do not stop instances while they wait.
    #[arg(long)]
    no_freezing: bool,
    /// Kill an instance, by chance, once in so many invocations.
    #[arg(long)]
    kill_one_in: Option<u32>,
    /// Invoke the function every so many seconds, with `--input`.
    #[arg(long)]
    every: Option<u64>,
    /// JSON for `--every`.
    #[arg(long, default_value = "{}")]
    input: Value,
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("NAME=VALUE is needed")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let flags = Flags::parse();
    let function = Function::start(FunctionOptions {
        env: flags.env,
        limits: Limits {
            timeout: Duration::from_secs(flags.timeout),
            memory_mb: flags.memory,
            max_instances: flags.max_instances,
            ..Limits::default()
        },
        freezing: !flags.no_freezing,
        kill_one_in: flags.kill_one_in,
        ..FunctionOptions::new(&flags.name, flags.binary)
    })?;
    let url = FunctionUrl::bind(&function, flags.listen).await?;
    let every = flags.every.map(Duration::from_secs);
    let _schedule = every.map(|every| Schedule::start(&function, every, &flags.input));
    // A test that asked for port 0 reads the port from the first line.
    writeln!(std::io::stdout(), "{{\"url\":\"{}\"}}", url.url)?;
    std::io::stdout().flush()?;
    tokio::signal::ctrl_c().await?;
    std::io::stderr().write_all(function.log().as_bytes())?;
    writeln!(std::io::stdout(), "{}", serde_json::to_string(&function.figures())?)?;
    Ok(())
}
