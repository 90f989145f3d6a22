//! The processes under measurement: the real server and the provider emulator, each started afresh.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;

/// A running server with its provider. Both end when it is dropped.
pub struct Subject {
    /// `http://127.0.0.1:<port>` of the API.
    pub api_url: String,
    /// The same of the proxy.
    pub proxy_url: String,
    provider_port: u16,
    server: Child,
    provider: Option<Child>,
    folder: tempfile::TempDir,
    ready_after: Duration,
}

/// The folder of the release binaries.
fn binaries() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target")).join("release")
}

/// Where the server's data is put: a folder on the disk under test, not in memory.
fn new_folder() -> anyhow::Result<tempfile::TempDir> {
    let parent = binaries();
    Ok(tempfile::Builder::new().prefix("bench-").tempdir_in(parent)?)
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Returns the server's binary: the one `TRACEWAY_BIN` names, so that two can be compared, else the release build.
pub fn server_binary() -> PathBuf {
    std::env::var_os("TRACEWAY_BIN").map_or_else(|| binaries().join("traceway"), PathBuf::from)
}

fn spawn(path: &Path, arguments: &[&str]) -> anyhow::Result<Child> {
    Command::new(path)
        .args(arguments)
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| {
            format!("{} is not built; run `cargo build --release -p api -p conformance`", path.display())
        })
}

/// Waits until something answers on the port; polls often, since start times are measured with it.
fn await_port(port: u16) -> anyhow::Result<()> {
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(30) {
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_micros(500));
    }
    anyhow::bail!("nothing listens on port {port}")
}

impl Subject {
    /// Starts provider and server on an empty data folder.
    pub async fn start() -> anyhow::Result<Self> {
        let mut subject = Self::server_only(new_folder()?).await?;
        let address = format!("127.0.0.1:{}", subject.provider_port);
        subject.provider = Some(spawn(&binaries().join("provider-emulator"), &["--addr", &address])?);
        await_port(subject.provider_port)?;
        Ok(subject)
    }

    /// Starts the server alone, on data that is already there.
    pub async fn server_only(folder: tempfile::TempDir) -> anyhow::Result<Self> {
        let (api, proxy, provider_port) = (free_port()?, free_port()?, free_port()?);
        let (api_addr, proxy_addr) = (format!("127.0.0.1:{api}"), format!("127.0.0.1:{proxy}"));
        let target = format!("http://127.0.0.1:{provider_port}");
        let data = folder.path().to_str().context("the folder is not UTF-8")?.to_owned();
        let arguments = [
            "serve",
            "--api-addr",
            &api_addr,
            "--proxy-addr",
            &proxy_addr,
            "--target-url",
            &target,
            "--data-dir",
            &data,
            "--log-level",
            "warn",
        ];
        let started = Instant::now();
        let server = spawn(&server_binary(), &arguments)?;
        let api_url = format!("http://{api_addr}");
        await_port(api)?;
        while !reqwest::get(format!("{api_url}/api/ready")).await?.status().is_success() {
            anyhow::ensure!(started.elapsed() < Duration::from_secs(30), "the server does not become ready");
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
        let ready_after = started.elapsed();
        let proxy_url = format!("http://{proxy_addr}");
        Ok(Self { api_url, proxy_url, provider_port, server, provider: None, folder, ready_after })
    }

    /// Stops the server gracefully and returns its data folder.
    pub async fn stop(mut self) -> anyhow::Result<tempfile::TempDir> {
        reqwest::Client::new().post(format!("{}/api/shutdown", self.api_url)).send().await?;
        self.server.wait()?;
        let replacement = tempfile::tempdir()?;
        Ok(std::mem::replace(&mut self.folder, replacement))
    }

    /// `http://127.0.0.1:<port>` of the provider.
    pub fn provider_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.provider_port)
    }

    /// From starting the process to the first 200 of `/api/ready`.
    pub fn ready_after(&self) -> Duration {
        self.ready_after
    }

    /// The folder of the server's data.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Memory the server holds, in bytes.
    pub fn resident(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.server.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS")?;
        let kib: u64 = line.split_whitespace().nth(1).context("no figure")?.parse()?;
        Ok(kib * 1024)
    }

    /// Processor time the server has used so far.
    pub fn cpu(&self) -> anyhow::Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.server.id()))?;
        let (_, rest) = stat.rsplit_once(')').context("no name")?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let ticks =
            |index: usize| -> anyhow::Result<u64> { Ok(fields.get(index).context("no figure")?.parse()?) };
        // Linux counts in hundredths of a second: user time, then system time.
        Ok(Duration::from_millis((ticks(11)? + ticks(12)?) * 10))
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
        if let Some(provider) = &mut self.provider {
            let _ = provider.kill();
            let _ = provider.wait();
        }
    }
}

/// Returns how many spans the server holds that have ended or run.
pub async fn spans_recorded(subject: &Subject) -> anyhow::Result<u64> {
    let stats: serde_json::Value =
        reqwest::get(format!("{}/api/stats", subject.api_url)).await?.json().await?;
    stats["span_count"].as_u64().context("no span_count")
}

/// Returns how many bytes the files of a folder take.
pub fn bytes_on_disk(folder: &Path) -> anyhow::Result<u64> {
    let mut total = 0;
    for entry in std::fs::read_dir(folder)? {
        total += entry?.metadata()?.len();
    }
    Ok(total)
}
