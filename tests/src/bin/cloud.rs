//! Runs a cloud on this machine until it is told to stop: two replicas behind a load balancer, seeded with a demo
//! organisation. `scripts/cloud.sh` starts what it needs.

use std::net::SocketAddr;

use clap::Parser;
use conformance::cloud::{Balancer, PASSWORD, Stack, StackOptions, Tenant, seed};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

/// A cloud on one machine.
#[derive(Parser)]
struct Arguments {
    /// Where the balancer listens for the API and the dashboard; port 0 is any.
    #[arg(long, default_value = "127.0.0.1:3000")]
    api_addr: SocketAddr,

    /// Where the balancer listens for the proxy; port 0 is any.
    #[arg(long, default_value = "127.0.0.1:3001")]
    proxy_addr: SocketAddr,

    /// How many replicas.
    #[arg(long, default_value_t = 2)]
    replicas: usize,

    /// The demo organisation's plan: pro, team or enterprise.
    #[arg(long, default_value = "pro", value_parser = ["pro", "team", "enterprise"])]
    plan: String,

    /// How many runs of an agent the demo organisation has recorded.
    #[arg(long, default_value_t = 60)]
    runs: usize,

    /// A variable of every replica, as NAME=VALUE; may be repeated.
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = variable)]
    env: Vec<(String, String)>,

    /// Print one line of JSON instead of text.
    #[arg(long)]
    json: bool,
}

const EMAIL: &str = "demo@example.com";

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("NAME=VALUE is needed")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let (api, proxy) =
        (Balancer::bind(arguments.api_addr).await?, Balancer::bind(arguments.proxy_addr).await?);
    let mut env = vec![("APP_URL".to_owned(), api.url.clone())];
    env.extend(arguments.env.iter().cloned());
    let options = StackOptions { replicas: arguments.replicas, env, ..StackOptions::default() };
    let stack = Stack::start(options).await?;
    for replica in &stack.replicas {
        let ready = format!("{}/api/ready", replica.api);
        api.add(&replica.api, ready.clone())?;
        proxy.add(&replica.proxy, ready)?;
    }
    let tenant = Tenant::sign_up_as(&api.url, EMAIL, "Demo", "Demo Inc").await?;
    tenant.subscribe(&api.url, &arguments.plan).await?;
    seed(&api.url, &tenant.api_key, arguments.runs).await?;
    print(&arguments, &stack, &tenant, &api.url, &proxy.url);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "this is what the program is for")]
fn print(arguments: &Arguments, stack: &Stack, tenant: &Tenant, api: &str, proxy: &str) {
    if arguments.json {
        let replicas: Vec<_> = stack
            .replicas
            .iter()
            .map(|replica| {
                json!({"api_url": replica.api, "proxy_url": replica.proxy, "process_id": replica.process_id(),
                    "log": replica.folder().join("log")})
            })
            .collect();
        let facts = json!({
            "api_url": api,
            "proxy_url": proxy,
            "email": EMAIL,
            "password": PASSWORD,
            "api_key": tenant.api_key,
            "org_id": tenant.org_id,
            "project_id": tenant.project_id,
            "plan": arguments.plan,
            "resend_url": stack.resend.url,
            "polar_url": stack.polar.url,
            "webhook_secret": conformance::cloud::WEBHOOK_SECRET,
            "replicas": replicas,
        });
        println!("{facts}");
        return;
    }
    let (resend, polar, key, plan) = (&stack.resend.url, &stack.polar.url, &tenant.api_key, &arguments.plan);
    println!("\n  A cloud on this machine, with {} replicas\n", stack.replicas.len());
    println!("  Dashboard   {api}");
    println!("  Login       {EMAIL}, password: {PASSWORD} (plan {plan})");
    println!("  API key     {key}");
    println!("  Proxy       {proxy}/v1, with the header X-Traceway-Api-Key: {key}");
    println!("  OTLP        {api}/v1/traces, with the header Authorization: Bearer {key}");
    println!("  Mails       {resend}/sent");
    println!("  Checkouts   {polar}/checkouts");
    for (n, replica) in stack.replicas.iter().enumerate() {
        let log = replica.folder().join("log");
        println!("  Replica {n}   {}, log {}", replica.api, log.display());
    }
    println!("\n  Ctrl-C stops it and deletes its data; scripts/services.sh stop ends Postgres and Redis.\n");
}
