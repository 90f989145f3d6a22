//! The command line.

use std::path::PathBuf;

use anstyle::{AnsiColor, Style};
use clap::{Args, Parser, Subcommand};
use cloud::CloudFlags;

pub(crate) const RED: Style = AnsiColor::Red.on_default().bold();
pub(crate) const RESET: anstyle::Reset = anstyle::Reset;

/// Observability for LLM applications: see every call, with its prompts, answers, tokens, latency and cost.
///
/// Without a command, `traceway` serves. Point an LLM client's base URL at http://localhost:3001/v1 and open
/// http://localhost:3000.
#[derive(Parser)]
#[command(name = "traceway", version, args_conflicts_with_subcommands = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    #[command(flatten)]
    pub(crate) serve: ServeFlags,
}

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Record LLM calls and show them (the default).
    ///
    /// Every setting is a flag, an environment variable and, where noted, a key of the config file; a flag beats the
    /// environment, which beats the file. A `.env` file in the working folder is read first.
    Serve(Box<ServeFlags>),
    /// Write everything a server holds, or one trace, as one JSON document.
    Export(ExportFlags),
    /// Show calls in the terminal as they happen, one line each.
    Tail(TailFlags),
    /// Ask a server how it is; exit code 0 when it is well.
    Health(ClientFlags),
    /// Bring the database of cloud mode up to date, as a server does when it starts.
    Migrate(DatabaseFlags),
    /// List the jobs of cloud mode that could not be done, or try one again.
    Jobs(JobsFlags),
}

/// What can be set from outside; `Settings::resolve` merges it with the config file.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ServeFlags {
    /// Address of the API and dashboard [default: 127.0.0.1:3000] [config: api.addr].
    #[arg(long, env = "TRACEWAY_API_ADDR", value_name = "ADDR", help_heading = "Addresses")]
    pub(crate) api_addr: Option<String>,

    /// Address of the recording proxy [default: 127.0.0.1:3001] [config: proxy.addr].
    #[arg(long, env = "TRACEWAY_PROXY_ADDR", value_name = "ADDR", help_heading = "Addresses")]
    pub(crate) proxy_addr: Option<String>,

    /// A further address for OTLP over gRPC, such as 127.0.0.1:4317; the API port takes it too.
    #[arg(long, env = "TRACEWAY_OTLP_GRPC_ADDR", value_name = "ADDR", help_heading = "Addresses")]
    pub(crate) otlp_grpc_addr: Option<String>,

    /// Port of the API when no address is given, as hosting platforms set it.
    #[arg(long, env = "PORT", value_name = "PORT", help_heading = "Addresses", hide_short_help = true)]
    pub(crate) port: Option<String>,

    /// Host names this server may be called by besides local ones, separated by commas.
    #[arg(long, env = "TRACEWAY_ALLOWED_HOSTS", value_name = "HOSTS", help_heading = "Addresses")]
    pub(crate) allowed_hosts: Option<String>,

    /// Web origins whose pages may call the API, separated by commas [default: pages of this machine].
    #[arg(long, env = "ALLOWED_ORIGINS", value_name = "ORIGINS", help_heading = "Addresses")]
    pub(crate) allowed_origins: Option<String>,

    /// Folder of the database, created when missing [default: .] [config: storage.data_dir].
    #[arg(long, env = "TRACEWAY_DATA_DIR", value_name = "DIR", help_heading = "Storage")]
    pub(crate) data_dir: Option<PathBuf>,

    /// Database file [default: <data-dir>/traceway.db] [config: `storage.db_path`].
    #[arg(long, env = "DB_PATH", value_name = "FILE", help_heading = "Storage")]
    pub(crate) db_path: Option<PathBuf>,

    /// Where the proxy sends calls that name no other target [default: by path, else OpenAI] [config: proxy.target].
    #[arg(long, env = "TRACEWAY_PROXY_TARGET", value_name = "URL", help_heading = "Proxy")]
    pub(crate) target_url: Option<String>,

    /// How much of inputs and outputs the proxy keeps: full, preview, preview:N or off [default: full]
    /// [config: `proxy.capture_mode`].
    #[arg(long, env = "TRACEWAY_CAPTURE_MODE", value_name = "MODE", help_heading = "Proxy")]
    pub(crate) capture_mode: Option<String>,

    /// Largest request body the proxy relays, in MiB [default: 64].
    #[arg(long, env = "TRACEWAY_PROXY_MAX_BODY", value_name = "MIB", help_heading = "Proxy")]
    pub(crate) proxy_max_body: Option<String>,

    /// A JSON file of model prices that override the built-in ones, in the form of the built-in table.
    #[arg(long, env = "TRACEWAY_PRICES", value_name = "FILE", help_heading = "Recording")]
    pub(crate) prices: Option<PathBuf>,

    /// Write synthetic traces, tagged `synthetic` and `dev`, to try the dashboard.
    #[arg(long, help_heading = "Recording")]
    pub(crate) dev_ingest: bool,

    /// Seconds between synthetic traces [default: 5].
    #[arg(long, value_name = "S", help_heading = "Recording")]
    pub(crate) dev_ingest_interval: Option<String>,

    /// How much to log: error, warn, info, debug, trace, or a filter such as `info,proxy=debug` [default: info]
    /// [config: logging.level].
    #[arg(long, env = "TRACEWAY_LOG", value_name = "LEVEL", help_heading = "Operation")]
    pub(crate) log_level: Option<String>,

    /// Form of log lines: pretty or json [default: pretty on a terminal, else json].
    #[arg(long, env = "LOG_FORMAT", value_name = "FORMAT", help_heading = "Operation")]
    pub(crate) log_format: Option<String>,

    /// Whether /api/metrics is served [default: true].
    #[arg(long, env = "METRICS_ENABLED", value_name = "BOOL", help_heading = "Operation")]
    pub(crate) metrics: Option<String>,

    /// Config file (TOML) [default: ~/.traceway/config.toml].
    #[arg(long, value_name = "FILE", help_heading = "Operation")]
    pub(crate) config: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) cloud: CloudFlags,
}

/// How to reach a server.
#[derive(Args, Clone, Debug)]
pub(crate) struct ClientFlags {
    /// URL of the server.
    #[arg(long, env = "TRACEWAY_URL", default_value = "http://localhost:3000", value_name = "URL")]
    pub(crate) url: String,

    /// API key, where the server asks for one.
    #[arg(long, env = "TRACEWAY_API_KEY", hide_env_values = true, value_name = "KEY")]
    pub(crate) api_key: Option<String>,
}

/// Which database of cloud mode.
#[derive(Args, Clone)]
pub(crate) struct DatabaseFlags {
    /// Postgres, by its direct or session-mode endpoint.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) database_url: Option<String>,
}

/// What to do with dead jobs.
#[derive(Args, Clone)]
pub(crate) struct JobsFlags {
    #[command(flatten)]
    pub(crate) database: DatabaseFlags,

    /// Give this job all its tries back, at once.
    #[arg(long, value_name = "ID")]
    pub(crate) retry: Option<String>,
}

/// What to export.
#[derive(Args, Clone, Debug)]
pub(crate) struct ExportFlags {
    #[command(flatten)]
    pub(crate) client: ClientFlags,

    /// Only this trace.
    #[arg(long, value_name = "ID")]
    pub(crate) trace: Option<String>,

    /// Write to this file instead of the terminal.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// What to watch.
#[derive(Args, Clone, Debug)]
pub(crate) struct TailFlags {
    #[command(flatten)]
    pub(crate) client: ClientFlags,

    /// Only spans of this kind, such as `llm_call` or `tool_call`.
    #[arg(long)]
    pub(crate) kind: Option<String>,

    /// Only calls of this model.
    #[arg(long)]
    pub(crate) model: Option<String>,

    /// Only spans in this state: running, completed or failed.
    #[arg(long)]
    pub(crate) status: Option<String>,

    /// Only spans of this session.
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<String>,

    /// Print each event as a line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
