use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tempfile::TempDir;

use super::{Capability, Guard, Instance, Mount, MountError, StartOptions};

/// How long a server may take until it says that it is ready.
const READY: Duration = Duration::from_secs(20);

/// Returns the binary under test: `TRACEWAY_BIN`, else the newer of the release and debug builds.
pub fn binary() -> Result<PathBuf, MountError> {
    if let Some(path) = std::env::var_os("TRACEWAY_BIN") {
        let path = PathBuf::from(path);
        return if path.is_file() { Ok(path) } else { Err(MountError::NoBinary(path.display().to_string())) };
    }
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from);
    let built = |profile: &str| {
        let path = target.join(profile).join("traceway");
        let changed = fs::metadata(&path).and_then(|file| file.modified()).ok()?;
        Some((changed, path))
    };
    let newest = built("release").into_iter().chain(built("debug")).max();
    newest.map(|(_, path)| path).ok_or_else(|| MountError::NoBinary("target/release/traceway".to_owned()))
}

/// The real binary with a data folder of its own, on free ports. Dropping it kills the process.
pub struct LocalServer {
    /// Base URL of the API.
    pub api: String,
    /// Base URL of the recording proxy.
    pub proxy: String,
    child: Child,
    folder: TempDir,
}

impl LocalServer {
    /// Starts the binary and returns once it answers.
    ///
    /// `env` and `args` are added to what every instance gets. Nothing of this process's own settings is handed on.
    pub fn start(env: &[(String, String)], args: &[&str]) -> Result<Self, MountError> {
        let folder = tempfile::Builder::new().prefix("traceway-").tempdir()?;
        let log = File::create(folder.path().join("log"))?;
        let mut command = Command::new(binary()?);
        command
            .args(["serve", "--api-addr", "127.0.0.1:0", "--proxy-addr", "127.0.0.1:0"])
            .args(args)
            .env_clear()
            .env("HOME", folder.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("TRACEWAY_DATA_DIR", folder.path().join("data"))
            .env("LOG_FORMAT", "json")
            .envs(env.iter().map(|(name, value)| (name, value)))
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let child = command.spawn()?;
        let mut server = Self { api: String::new(), proxy: String::new(), child, folder };
        server.wait_until_ready()?;
        Ok(server)
    }

    /// Returns what the server has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The folder that holds everything of this server; its data is in `data`.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The process id.
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Asks the process to stop, as service managers do, and returns how it ended.
    pub fn terminate(mut self) -> std::io::Result<ExitStatus> {
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        self.child.wait()
    }

    fn wait_until_ready(&mut self) -> Result<(), MountError> {
        let started = Instant::now();
        loop {
            if let Some((api, proxy)) = self.log().lines().find_map(urls) {
                (self.api, self.proxy) = (api, proxy);
                return Ok(());
            }
            let ended = self.child.try_wait()?;
            if ended.is_some() || started.elapsed() > READY {
                let reason = ended.map_or_else(|| "no ready line".to_owned(), |status| status.to_string());
                return Err(MountError::NotStarted { reason, log: self.log() });
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Guard for LocalServer {
    fn log(&self) -> String {
        LocalServer::log(self)
    }
}

/// Returns the URLs of the API and the proxy from a ready line.
///
/// Both are turned into 127.0.0.1, where the ports were opened, since `localhost` may also be `::1`.
fn urls(line: &str) -> Option<(String, String)> {
    let found: Vec<String> = line
        .match_indices("http://")
        .filter_map(|(at, scheme)| {
            let rest = &line[at + scheme.len()..];
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || ".:-[]".contains(c)))?;
            let (_, port) = rest[..end].rsplit_once(':')?;
            let port: u16 = port.parse().ok()?;
            Some(format!("http://127.0.0.1:{port}"))
        })
        .collect();
    match found.as_slice() {
        [api, proxy, ..] => Some((api.clone(), proxy.clone())),
        _ => None,
    }
}

/// The local product: one binary, SQLite, no credentials.
#[derive(Debug, Default)]
pub struct LocalMount;

impl LocalMount {
    async fn instance(options: &StartOptions) -> Result<Instance, MountError> {
        let env = options.env.clone();
        let server = tokio::task::spawn_blocking(move || LocalServer::start(&env, &[]))
            .await
            .map_err(std::io::Error::other)??;
        Ok(Instance {
            api: vec![server.api.clone()],
            proxy: Some(server.proxy.clone()),
            headers: Vec::new(),
            proxy_headers: Vec::new(),
            settle: Duration::ZERO,
            guard: Box::new(server),
        })
    }
}

#[async_trait]
impl Mount for LocalMount {
    fn name(&self) -> &'static str {
        "local"
    }

    fn capabilities(&self) -> &[Capability] {
        &[
            Capability::LocalAccess,
            Capability::Proxy,
            Capability::Grpc,
            Capability::Fresh,
            Capability::Settings,
            Capability::Dashboard,
            Capability::InsideWords,
            Capability::HealthCounts,
            Capability::LargeBodies,
            Capability::Listener,
            Capability::Metrics,
            Capability::MemoryLog,
        ]
    }

    async fn shared(&self) -> Result<Instance, MountError> {
        Self::instance(&StartOptions::default()).await
    }

    async fn fresh(&self, options: &StartOptions) -> Result<Instance, MountError> {
        Self::instance(options).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ready_line_holds_both_urls() {
        let line = r#"{"message":"ready","api.url":"http://localhost:3000","proxy.url":"http://[::1]:3001"}"#;
        let expected = ("http://127.0.0.1:3000".to_owned(), "http://127.0.0.1:3001".to_owned());
        assert_eq!(urls(line), Some(expected));
        assert_eq!(urls(r#"{"message":"listening","api.url":"http://localhost:3000"}"#), None);
    }
}
