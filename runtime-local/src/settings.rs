//! Settings: flags and environment over the config file over defaults, every mistake named at once.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cloud::{CloudSettings, InvalidSettings, Mistakes};
use proxy::Base;
use trace::capture::CaptureMode;
use trace::host::Origins;
use trace::price::Prices;

use crate::cli::ServeFlags;
use crate::config_file::{FileSettings, read_file};

/// What the server runs with.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) api_addr: SocketAddr,
    pub(crate) proxy_addr: SocketAddr,
    pub(crate) otlp_grpc_addr: Option<SocketAddr>,
    pub(crate) allowed_hosts: Arc<[String]>,
    pub(crate) origins: Origins,
    pub(crate) db_path: PathBuf,
    pub(crate) target: Option<Base>,
    pub(crate) capture: CaptureMode,
    pub(crate) proxy_max_body: usize,
    pub(crate) prices: Arc<Prices>,
    pub(crate) dev_ingest: Option<Duration>,
    pub(crate) log_level: Option<String>,
    pub(crate) log_format: LogFormat,
    pub(crate) metrics: bool,
    pub(crate) config_path: Option<PathBuf>,
    /// `None` in local mode.
    pub(crate) cloud: Option<CloudSettings>,
    /// What to say once logging works.
    pub(crate) warnings: Vec<String>,
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}

impl Settings {
    /// Merges flags and environment with the config file and checks everything.
    pub(crate) fn resolve(flags: ServeFlags, stderr_is_terminal: bool) -> Result<Self, InvalidSettings> {
        let flags = without_empty(flags);
        let mut mistakes = Mistakes::default();
        let mut warnings = Vec::new();
        let config_path = flags.config.clone().or_else(default_config_path);
        let file = config_path.as_deref().map_or_else(FileSettings::default, |path| {
            let named = flags.config.is_some();
            let mut file = read_file(path, named).unwrap_or_else(|error| {
                warnings.push(format!("the config file {} is ignored: {error}", path.display()));
                FileSettings::default()
            });
            for mistake in file.drop_invalid().into_iter().chain(file.unknown()) {
                warnings.push(format!("in the config file {}: {mistake}", path.display()));
            }
            file
        });
        let port = flags.port.as_ref().and_then(|port| {
            let port = port.parse::<u16>().map_err(|_| format!("{port:?} is not a port from 0 to 65535"));
            mistakes.note("PORT", port)
        });
        let is_cloud = flags.cloud.is_on();
        // Local mode asks for no credentials, so it is reached from this machine only.
        let host = if is_cloud { "0.0.0.0" } else { "127.0.0.1" };
        let own_port = port.map(|port| format!("{host}:{port}"));
        let api_addr = flags.api_addr.or(own_port).or(file.api.addr);
        let api_addr = address(&api_addr.unwrap_or_else(|| format!("{host}:3000")));
        let proxy_addr = flags.proxy_addr.or(file.proxy.addr);
        let proxy_addr = address(&proxy_addr.unwrap_or_else(|| format!("{host}:3001")));
        let grpc_addr = flags.otlp_grpc_addr.as_deref().map(address).transpose();
        let data_dir = flags.data_dir.or(file.storage.data_dir).unwrap_or_else(|| PathBuf::from("."));
        let db_path = flags.db_path.or(file.storage.db_path).unwrap_or_else(|| data_dir.join("traceway.db"));
        let target = flags.target_url.or(file.proxy.target).map(|text| http_url(&text)).transpose();
        let capture = flags.capture_mode.or(file.proxy.capture_mode);
        let capture = capture.as_deref().map_or(Ok(CaptureMode::Full), str::parse);
        let max_body = flags.proxy_max_body.as_deref().map_or(Ok(64 * 1024 * 1024), mebibytes);
        let prices = flags.prices.as_deref().map_or_else(|| Ok(Prices::default()), read_prices);
        let interval = flags.dev_ingest_interval.as_deref().map_or(Ok(Duration::from_secs(5)), seconds);
        let interval = mistakes.note("--dev-ingest-interval", interval);
        let log_format = match flags.log_format.as_deref() {
            None if stderr_is_terminal && !is_cloud => Ok(LogFormat::Pretty),
            None | Some("json") => Ok(LogFormat::Json),
            Some("pretty") => Ok(LogFormat::Pretty),
            Some(other) => Err(format!("{other:?} is neither pretty nor json")),
        };
        let metrics = flags.metrics.as_deref().map_or(Ok(true), boolean);
        let level = flags.log_level.as_deref().map(crate::logging::check).transpose();
        let rust_log = rust_log(std::env::var("RUST_LOG").ok(), &mut warnings);
        let log_level = flags.log_level.or(rust_log).or(file.logging.level);
        let cloud = is_cloud.then(|| CloudSettings::resolve(flags.cloud, &mut mistakes, &mut warnings));
        let settings = (
            mistakes.note("--api-addr", api_addr),
            mistakes.note("--proxy-addr", proxy_addr),
            mistakes.note("--otlp-grpc-addr", grpc_addr),
            mistakes.note("--target-url", target),
            mistakes.note("--capture-mode", capture),
            mistakes.note("--proxy-max-body", max_body),
            mistakes.note("--prices", prices),
            mistakes.note("--log-format", log_format),
            mistakes.note("--metrics", metrics),
            mistakes.note("--log-level", level),
        );
        let (
            Some(api_addr),
            Some(proxy_addr),
            Some(otlp_grpc_addr),
            Some(target),
            Some(capture),
            Some(proxy_max_body),
            Some(prices),
            Some(log_format),
            Some(metrics),
            Some(_),
        ) = settings
        else {
            return Err(InvalidSettings(mistakes.0));
        };
        if !mistakes.0.is_empty() {
            return Err(InvalidSettings(mistakes.0));
        }
        let unlisted = if is_cloud { Origins::Any } else { Origins::Loopback };
        let origins = flags.allowed_origins.as_deref().map_or(unlisted, Origins::listed);
        Ok(Self {
            api_addr,
            proxy_addr,
            otlp_grpc_addr,
            allowed_hosts: list(flags.allowed_hosts.as_deref().unwrap_or_default()),
            origins,
            db_path,
            target,
            capture,
            proxy_max_body,
            prices: Arc::new(prices),
            dev_ingest: interval.filter(|_| flags.dev_ingest),
            log_level,
            log_format,
            metrics,
            config_path,
            cloud: cloud.flatten(),
            warnings,
        })
    }
}

/// An environment variable that is set but empty says nothing.
fn without_empty(mut flags: ServeFlags) -> ServeFlags {
    let texts = [
        &mut flags.api_addr,
        &mut flags.proxy_addr,
        &mut flags.otlp_grpc_addr,
        &mut flags.port,
        &mut flags.allowed_hosts,
        &mut flags.allowed_origins,
        &mut flags.target_url,
        &mut flags.capture_mode,
        &mut flags.proxy_max_body,
        &mut flags.dev_ingest_interval,
        &mut flags.log_level,
        &mut flags.log_format,
        &mut flags.metrics,
    ];
    for text in texts {
        *text = text.take().filter(|text| !text.trim().is_empty());
    }
    for path in [&mut flags.data_dir, &mut flags.db_path, &mut flags.prices, &mut flags.config] {
        *path = path.take().filter(|path| !path.as_os_str().is_empty());
    }
    flags
}

/// Returns the filter many programs share. It may be written for others, so a mistake in it is only a warning.
fn rust_log(value: Option<String>, warnings: &mut Vec<String>) -> Option<String> {
    let value = value.filter(|value| !value.trim().is_empty())?;
    match crate::logging::check_filter(&value) {
        Ok(()) => Some(value),
        Err(error) => {
            warnings.push(format!("RUST_LOG={value} is ignored: {error}"));
            None
        }
    }
}

fn default_config_path() -> Option<PathBuf> {
    std::env::home_dir().map(|home| home.join(".traceway").join("config.toml"))
}

/// Reads `host:port`, where the host may be `localhost` or missing.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    let text = text.trim();
    let full = match text.strip_prefix(':') {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.replacen("localhost:", "127.0.0.1:", 1),
    };
    full.parse().map_err(|_| format!("{text:?} is not an address such as 127.0.0.1:3000"))
}

/// Reads the base URL of a provider.
pub(crate) fn http_url(text: &str) -> Result<Base, String> {
    text.parse().map_err(|error| format!("{text:?} cannot be used: {error}"))
}

fn mebibytes(text: &str) -> Result<usize, String> {
    let wrong = || format!("{text:?} is not a number of MiB from 1 to 4096");
    let number: usize = text.parse().map_err(|_| wrong())?;
    if (1..=4096).contains(&number) { Ok(number * 1024 * 1024) } else { Err(wrong()) }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a number of seconds above 0");
    let number: f64 = text.parse().map_err(|_| wrong())?;
    if number > 0.0 { Duration::try_from_secs_f64(number).map_err(|_| wrong()) } else { Err(wrong()) }
}

fn boolean(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err(format!("{text:?} is neither true nor false")),
    }
}

fn list(text: &str) -> Arc<[String]> {
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
}

fn read_prices(path: &Path) -> Result<Prices, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Prices::with_overrides(&text).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn flags(config: &str) -> ServeFlags {
        ServeFlags { config: Some(PathBuf::from(config)), ..ServeFlags::default() }
    }

    fn written(name: &str, content: &str) -> (tempfile::TempDir, String) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        (dir, path.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_flag_beats_the_file_which_beats_the_default() {
        let (_dir, path) =
            written("c.toml", "[api]\naddr = '127.0.0.1:4000'\n[proxy]\naddr = '127.0.0.1:4001'\n");
        let given = ServeFlags { api_addr: Some(":5000".to_owned()), ..flags(&path) };
        let settings = Settings::resolve(given, false).unwrap();
        assert_eq!(settings.api_addr.port(), 5000);
        assert_eq!(settings.proxy_addr.port(), 4001);
        assert_eq!(settings.db_path, Path::new("./traceway.db"));
    }

    #[test]
    fn every_mistake_is_named_at_once() {
        let given = ServeFlags {
            api_addr: Some("nowhere".to_owned()),
            target_url: Some("ftp://x".to_owned()),
            capture_mode: Some("some".to_owned()),
            ..flags("/nonexistent/config.toml")
        };
        let error = Settings::resolve(given, false).err().unwrap().to_string();
        for name in ["--api-addr", "--target-url", "--capture-mode"] {
            assert!(error.contains(name), "{error}");
        }
    }

    #[test]
    fn an_invalid_config_file_is_a_warning_and_defaults() {
        let (_dir, path) = written("c.toml", "[api\n");
        let settings = Settings::resolve(flags(&path), false).unwrap();
        assert_eq!((settings.warnings.len(), settings.api_addr.port()), (1, 3000));
    }

    #[test]
    fn an_invalid_value_in_the_file_is_a_warning_and_its_default() {
        let content = "[api]\naddr = 'nowhere'\n[proxy]\naddr = ':4001'\ntarget = 'ftp://x'\ntarged = 'a'\n\
                       capture_mode = 'some'\n[logging]\nlevel = 'loud'\n[more]\n";
        let (_dir, path) = written("c.toml", content);
        let settings = Settings::resolve(flags(&path), false).unwrap();
        assert_eq!((settings.api_addr.port(), settings.proxy_addr.port()), (3000, 4001));
        assert_eq!((settings.target, settings.capture), (None, CaptureMode::Full));
        let warnings = settings.warnings.join("\n");
        for key in ["api.addr", "proxy.target", "proxy.targed", "proxy.capture_mode", "logging.level", "more"]
        {
            assert!(warnings.contains(key), "{key}: {warnings}");
        }
    }

    #[test]
    fn rust_log_is_used_when_it_can_be() {
        let mut warnings = Vec::new();
        assert_eq!(rust_log(Some(" ".to_owned()), &mut warnings), None);
        assert_eq!(rust_log(Some("hyper".to_owned()), &mut warnings).as_deref(), Some("hyper"));
        assert!(warnings.is_empty());
        assert_eq!(rust_log(Some("a=loud".to_owned()), &mut warnings), None);
        assert_eq!(warnings.len(), 1);
    }

    #[test]
    fn empty_values_count_as_absent() {
        let given = ServeFlags { api_addr: Some(String::new()), port: Some(" ".to_owned()), ..flags("") };
        assert_eq!(Settings::resolve(given, false).unwrap().api_addr.port(), 3000);
    }
}
