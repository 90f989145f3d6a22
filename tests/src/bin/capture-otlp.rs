//! Runs the instrumented clients against the provider emulator and saves what they export as fixtures.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Parser;
use conformance::clients::{Addresses, Client, INSTRUMENTED};
use conformance::collector::Collector;

/// Saves real OTLP requests as JSON.
#[derive(Parser)]
struct Arguments {
    /// Where to save.
    #[arg(long, default_value = "tests/fixtures/otlp")]
    folder: PathBuf,
    /// Only clients whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let provider = conformance::providers::start().await?;
    let collector = Collector::start(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    conformance::clients::set_up().await?;
    let addresses = Addresses {
        api: collector.base_url().to_owned(),
        proxy: String::new(),
        provider: provider.base_url().to_owned(),
    };
    for client in INSTRUMENTED.iter().filter(|client| client.name.contains(&arguments.only)) {
        run(client, &addresses).await.with_context(|| client.name.to_owned())?;
    }
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    for (name, request) in collector.fixtures() {
        let text = serde_json::to_string_pretty(&request)? + "\n";
        save(&arguments.folder, &name, &text.replace(&*repository.to_string_lossy(), "/app"))?;
    }
    Ok(())
}

async fn run(client: &Client, addresses: &Addresses) -> anyhow::Result<()> {
    let header = format!("x-fixture={}", client.name);
    client.run(addresses, &[("OTEL_EXPORTER_OTLP_HEADERS", &header)]).await?;
    Ok(())
}

fn save(folder: &Path, name: &str, request: &str) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    let path = folder.join(format!("{name}.json"));
    std::fs::write(&path, request)?;
    tracing::info!(path = %path.display(), "saved");
    Ok(())
}
