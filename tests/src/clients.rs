//! The vendors' own client libraries, run as their users run them: a process per scenario.
//!
//! The scripts are in `tests/clients`; each prints one line of JSON that tells what the client saw.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

/// How long a script may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// What runs a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Python with the libraries of `requirements.txt`.
    Python,
    /// Python with the libraries of `requirements-traceloop.txt`.
    Traceloop,
    /// Node.
    Node,
    /// A shell with curl.
    Shell,
}

/// A script and the settings it is run with.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    /// Names the scenario, and its fixture.
    pub name: &'static str,
    /// What runs it.
    pub language: Language,
    /// The script's file, relative to the language's folder.
    pub script: &'static str,
    /// What the script is told to do, where it can do several things.
    pub scene: &'static [&'static str],
    /// Environment variables.
    pub env: &'static [(&'static str, &'static str)],
}

/// Where a script finds the server and the provider.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// Base URL of the API.
    pub api: String,
    /// Base URL of the recording proxy.
    pub proxy: String,
    /// Base URL of the provider emulator.
    pub provider: String,
}

/// Why a script did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// It could not be started or watched.
    #[error("{0} cannot be run")]
    NotRun(String, #[source] std::io::Error),
    /// It took too long.
    #[error("{0} did not end")]
    Endless(String),
    /// It failed, or what it printed is not the one line of JSON.
    #[error("{name} failed\n{output}")]
    Failed {
        /// The script.
        name: String,
        /// What it printed.
        output: String,
    },
}

const MESSAGES_IN_SPANS: &[(&str, &str)] = &[
    ("OTEL_SEMCONV_STABILITY_OPT_IN", "gen_ai_latest_experimental"),
    ("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "span_only"),
];

/// The clients that export spans of their own.
pub const INSTRUMENTED: &[Client] = &[
    Client {
        name: "genai-http",
        language: Language::Python,
        script: "otel_genai.py",
        scene: &[],
        env: MESSAGES_IN_SPANS,
    },
    Client {
        name: "genai-grpc",
        language: Language::Python,
        script: "otel_genai.py",
        scene: &[],
        env: &[
            ("OTEL_SEMCONV_STABILITY_OPT_IN", "gen_ai_latest_experimental"),
            ("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "span_only"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ],
    },
    Client {
        name: "genai-v1.30",
        language: Language::Python,
        script: "otel_genai.py",
        scene: &[],
        env: &[("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "true")],
    },
    Client {
        name: "openinference-http",
        language: Language::Python,
        script: "otel_openinference.py",
        scene: &[],
        env: &[],
    },
    Client {
        name: "traceloop-http",
        language: Language::Traceloop,
        script: "otel_traceloop.py",
        scene: &[],
        env: &[],
    },
    // The Anthropic client has spans of its own. An instrumentation adds to them, unless they are switched off.
    Client {
        name: "anthropic-sdk",
        language: Language::Python,
        script: "otel_anthropic.py",
        scene: &[],
        env: &[("ANTHROPIC_OPEN_TELEMETRY_TRACES_CONTENT_MODE", "content")],
    },
    Client {
        name: "openinference-anthropic",
        language: Language::Python,
        script: "otel_anthropic.py",
        scene: &["openinference"],
        env: &[("ANTHROPIC_OPEN_TELEMETRY", "false")],
    },
    Client {
        name: "openinference-anthropic-both",
        language: Language::Python,
        script: "otel_anthropic.py",
        scene: &["openinference"],
        env: &[],
    },
    Client {
        name: "traceloop-anthropic",
        language: Language::Traceloop,
        script: "otel_traceloop_anthropic.py",
        scene: &[],
        env: &[("ANTHROPIC_OPEN_TELEMETRY", "false")],
    },
    Client { name: "vercel-ai-proto", language: Language::Node, script: "ai_sdk.js", scene: &[], env: &[] },
    Client {
        name: "vercel-ai-json",
        language: Language::Node,
        script: "ai_sdk.js",
        scene: &[],
        env: &[("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")],
    },
    Client {
        name: "vercel-ai-legacy-json",
        language: Language::Node,
        script: "ai_sdk.js",
        scene: &[],
        env: &[("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"), ("AI_SDK_SPANS", "legacy")],
    },
];

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients")
}

/// Where the libraries are installed.
fn installed() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target")).join("clients")
}

/// Installs the libraries unless they are there.
pub async fn set_up() -> Result<(), ClientError> {
    let name = || "setup.sh".to_owned();
    let output = Command::new(here().join("setup.sh"))
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(|error| ClientError::NotRun(name(), error))?;
    if output.status.success() {
        return Ok(());
    }
    Err(ClientError::Failed { name: name(), output: String::from_utf8_lossy(&output.stderr).into_owned() })
}

impl Client {
    /// Runs the script and returns what the client saw.
    ///
    /// `env` is added to the client's own settings. Nothing of this process's settings is handed on, so that no proxy
    /// or key of the machine reaches the libraries.
    pub async fn run(&self, addresses: &Addresses, env: &[(&str, &str)]) -> Result<Value, ClientError> {
        let name = || self.name.to_owned();
        let output = self.command(addresses).envs(env.iter().copied()).output();
        let output = tokio::time::timeout(PATIENCE, output)
            .await
            .map_err(|_| ClientError::Endless(name()))?
            .map_err(|error| ClientError::NotRun(name(), error))?;
        let printed = String::from_utf8_lossy(&output.stdout);
        let seen = printed.lines().last().and_then(|line| serde_json::from_str(line).ok());
        match seen {
            Some(seen) if output.status.success() => Ok(seen),
            _ => {
                let output = format!("{printed}{}", String::from_utf8_lossy(&output.stderr));
                Err(ClientError::Failed { name: name(), output })
            }
        }
    }

    fn command(&self, addresses: &Addresses) -> Command {
        let (program, folder) = match self.language {
            Language::Python => (installed().join("python/bin/python"), "python"),
            Language::Traceloop => (installed().join("traceloop/bin/python"), "python"),
            Language::Node => (installed().join("node/interpreter"), "node"),
            Language::Shell => (PathBuf::from("bash"), "shell"),
        };
        let folder = here().join(folder);
        let mut command = Command::new(program);
        command
            .arg(folder.join(self.script))
            .args(self.scene)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", std::env::temp_dir())
            .env("LANG", "C.UTF-8")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("TRACEWAY_URL", &addresses.api)
            .env("TRACEWAY_PROXY_URL", &addresses.proxy)
            .env("PROVIDER_URL", &addresses.provider)
            .envs(self.env.iter().copied())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }
}
