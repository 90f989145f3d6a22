//! Settings: the variables of cloud mode, and those that only functions have.

use std::ffi::OsString;
use std::time::Duration;

use clap::{Args, CommandFactory, FromArgMatches, Parser};
use cloud::{CloudFlags, CloudSettings, InvalidSettings, Mistakes, Secret};
use proxy::Base;
use trace::capture::CaptureMode;
use trace::host::Origins;

use crate::secrets::Secrets;

/// How long a live stream stays open, unless told otherwise: open time is paid for.
const STREAM: u64 = 60;

/// What functions are told from outside, all of it through variables.
#[derive(Args, Clone, Default)]
struct LambdaFlags {
    /// ARN of a secret in Secrets Manager: a JSON object of variables, which beat those of the environment.
    #[arg(long, env = "TRACEWAY_SECRET_ARN", value_name = "ARN")]
    secret_arn: Option<String>,

    /// URL of the queue that wakes the worker.
    #[arg(long, env = "TRACEWAY_JOBS_QUEUE_URL", value_name = "URL")]
    jobs_queue_url: Option<String>,

    /// Seconds a live stream stays open before its client has to come back [default: 60].
    #[arg(long, env = "TRACEWAY_SSE_SECONDS", value_name = "S")]
    sse_seconds: Option<String>,

    /// What `x-origin-verify` must carry, where something in front of the functions adds it.
    #[arg(long, env = "TRACEWAY_ORIGIN_SECRET", hide_env_values = true, value_name = "SECRET")]
    origin_secret: Option<String>,

    /// Web origins whose pages may call the API, separated by commas.
    #[arg(long, env = "ALLOWED_ORIGINS", value_name = "ORIGINS")]
    allowed_origins: Option<String>,

    /// Where the proxy sends calls that name no other target.
    #[arg(long, env = "TRACEWAY_PROXY_TARGET", value_name = "URL")]
    target_url: Option<String>,

    /// How much of inputs and outputs the proxy keeps.
    #[arg(long, env = "TRACEWAY_CAPTURE_MODE", value_name = "MODE")]
    capture_mode: Option<String>,

    /// Whether `/api/metrics` is served [default: true].
    #[arg(long, env = "METRICS_ENABLED", value_name = "BOOL")]
    metrics: Option<String>,
}

#[derive(Parser)]
#[command(name = "traceway")]
struct Variables {
    #[command(flatten)]
    lambda: LambdaFlags,
    #[command(flatten)]
    cloud: CloudFlags,
}

/// What a function runs with.
#[derive(Clone)]
pub struct Settings {
    /// The settings of cloud mode.
    pub cloud: CloudSettings,
    /// Web origins whose pages may call the API.
    pub origins: Origins,
    /// The queue that wakes the worker; `None` leaves it to the worker's clock.
    pub jobs_queue_url: Option<String>,
    /// How long a live stream stays open.
    pub stream: Duration,
    /// What `x-origin-verify` must carry; `None` when nothing stands in front.
    pub origin_secret: Option<Secret>,
    /// Where the proxy sends calls that name no other target.
    pub target: Option<Base>,
    /// How much of inputs and outputs the proxy keeps.
    pub capture: CaptureMode,
    /// Whether `/api/metrics` is served.
    pub metrics: bool,
    /// What to say once.
    pub warnings: Vec<String>,
}

/// Where the settings come from.
#[derive(Clone)]
pub enum Start {
    /// They are all here.
    Ready(Box<Settings>),
    /// Some are in a secret, which the first request reads.
    Secret(Secrets),
}

impl Start {
    /// Reads the environment. Without a secret, every mistake is named at once.
    pub fn from_env() -> Result<Self, InvalidSettings> {
        let variables = Variables::parse_from(["traceway"]);
        match text(variables.lambda.secret_arn.as_deref()) {
            Some(arn) => Ok(Self::Secret(Secrets::new(arn))),
            None => Settings::resolve(variables).map(|settings| Self::Ready(Box::new(settings))),
        }
    }

    /// Returns the settings, with those of the secret.
    pub async fn settings(&self) -> anyhow::Result<Settings> {
        match self {
            Self::Ready(settings) => Ok((**settings).clone()),
            Self::Secret(secrets) => Ok(Settings::with(&secrets.read().await?)?),
        }
    }
}

impl Settings {
    /// Returns the settings of the environment, with variables that beat it.
    fn with(secret: &[(String, Secret)]) -> Result<Self, InvalidSettings> {
        let command = Variables::command();
        let known: Vec<(&str, &Secret)> = secret.iter().map(|(name, value)| (name.as_str(), value)).collect();
        let mut arguments = vec![OsString::from("traceway")];
        let mut unknown: Vec<&str> = Vec::new();
        for (name, value) in known {
            let flag = command.get_arguments().find(|flag| flag.get_env().is_some_and(|env| env == name));
            match flag.and_then(clap::Arg::get_long) {
                // A flag beats the environment, so that a value from the secret is one.
                Some(long) => arguments.push(format!("--{long}={}", value.reveal()).into()),
                None => unknown.push(name),
            }
        }
        // The message of a failed parse would hold the values.
        let wrong = |_| InvalidSettings(vec!["TRACEWAY_SECRET_ARN: the secret cannot be used".to_owned()]);
        let matches = Variables::command().try_get_matches_from(arguments).map_err(wrong)?;
        let variables = Variables::from_arg_matches(&matches).map_err(wrong)?;
        let mut settings = Self::resolve(variables)?;
        if !unknown.is_empty() {
            let names = unknown.join(", ");
            settings.warnings.push(format!("the secret has variables that nothing reads: {names}"));
        }
        Ok(settings)
    }

    fn resolve(variables: Variables) -> Result<Self, InvalidSettings> {
        let Variables { lambda, cloud } = variables;
        let (mut mistakes, mut warnings) = (Mistakes::default(), Vec::new());
        let stream = text(lambda.sse_seconds.as_deref()).map_or(Ok(STREAM), |text| {
            let seconds = text.parse().ok().filter(|seconds| (1..=840).contains(seconds));
            seconds.ok_or_else(|| format!("{text:?} is not a number from 1 to 840"))
        });
        let stream = mistakes.note("TRACEWAY_SSE_SECONDS", stream);
        let target = text(lambda.target_url.as_deref())
            .map(|url| url.parse::<Base>().map_err(|error| format!("{url:?} cannot be used: {error}")));
        let target = mistakes.note("TRACEWAY_PROXY_TARGET", target.transpose());
        let capture = text(lambda.capture_mode.as_deref()).map_or(Ok(CaptureMode::Full), str::parse);
        let capture = mistakes.note("TRACEWAY_CAPTURE_MODE", capture);
        let metrics = match text(lambda.metrics.as_deref()).unwrap_or("true") {
            "1" | "true" | "yes" | "on" => Ok(true),
            "0" | "false" | "no" | "off" => Ok(false),
            other => Err(format!("{other:?} is neither true nor false")),
        };
        let metrics = mistakes.note("METRICS_ENABLED", metrics);
        let origins = text(lambda.allowed_origins.as_deref()).map_or(Origins::Any, Origins::listed);
        let cloud = CloudSettings::resolve(cloud, &mut mistakes, &mut warnings);
        let (Some(stream), Some(target), Some(capture), Some(metrics), Some(cloud), true) =
            (stream, target, capture, metrics, cloud, mistakes.0.is_empty())
        else {
            return Err(InvalidSettings(mistakes.0));
        };
        Ok(Self {
            cloud,
            origins,
            jobs_queue_url: text(lambda.jobs_queue_url.as_deref()).map(str::to_owned),
            stream: Duration::from_secs(stream),
            origin_secret: text(lambda.origin_secret.as_deref()).map(|text| Secret::new(text.to_owned())),
            target,
            capture,
            metrics,
            warnings,
        })
    }
}

/// A variable that is set but empty says nothing.
fn text(value: Option<&str>) -> Option<&str> {
    value.map(str::trim).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn secret(pairs: &[(&str, &str)]) -> Vec<(String, Secret)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), Secret::new((*value).to_owned()))).collect()
    }

    #[test]
    fn what_the_secret_holds_is_used_and_what_nothing_reads_is_a_warning() {
        let settings = Settings::with(&secret(&[
            ("DATABASE_URL", "postgres://u:--p=1@db/t"),
            ("TURBOPUFFER_API_KEY", "tpuf_1"),
            ("JWT_SECRET", &"x".repeat(32)),
            ("RESEND_API_KEY", ""),
            ("TRACEWAY_ORIGIN_SECRET", "-edge"),
            ("SOMETHING", "else"),
        ]))
        .unwrap();
        assert_eq!(settings.cloud.database_url.reveal(), "postgres://u:--p=1@db/t");
        assert_eq!(settings.origin_secret.unwrap().reveal(), "-edge");
        assert_eq!(settings.stream, Duration::from_mins(1));
        assert!(
            settings.warnings.iter().any(|warning| warning.contains("SOMETHING")),
            "{:?}",
            settings.warnings
        );
    }

    #[test]
    fn every_mistake_is_named_and_no_secret_is_shown() {
        let error = Settings::with(&secret(&[("JWT_SECRET", "hunter2"), ("TRACEWAY_SSE_SECONDS", "0")]));
        let error = error.err().unwrap().to_string();
        for name in ["DATABASE_URL", "TURBOPUFFER_API_KEY", "JWT_SECRET", "TRACEWAY_SSE_SECONDS"] {
            assert!(error.contains(name), "{error}");
        }
        assert!(!error.contains("hunter2"), "{error}");
    }
}
