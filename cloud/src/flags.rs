//! What only cloud mode is told from outside.

use clap::Args;

/// Settings of cloud mode; local mode ignores them.
#[derive(Args, Clone, Default)]
pub struct CloudFlags {
    /// Serve teams: users, projects and keys, with all state in Postgres, Turbopuffer and Redis.
    #[arg(long, env = "TRACEWAY_CLOUD", num_args = 0..=1, default_missing_value = "1", require_equals = true,
        value_name = "BOOL", help_heading = "Cloud")]
    pub cloud: Option<String>,

    /// Seconds between the signal to stop and the end of accepting, so that load balancers notice [default: 3].
    #[arg(long, env = "TRACEWAY_DRAIN", value_name = "S", help_heading = "Cloud")]
    pub drain: Option<String>,

    /// Postgres: users, organisations, keys, usage, jobs and sums [default: required].
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL", help_heading = "Cloud")]
    pub database_url: Option<String>,

    /// Connections to Postgres at most [default: 10].
    #[arg(long, env = "TRACEWAY_DATABASE_POOL", value_name = "N", help_heading = "Cloud")]
    pub database_pool: Option<String>,

    /// Key of Turbopuffer, which keeps traces, spans and payloads [default: required].
    #[arg(
        long,
        env = "TURBOPUFFER_API_KEY",
        hide_env_values = true,
        value_name = "KEY",
        help_heading = "Cloud"
    )]
    pub turbopuffer_api_key: Option<String>,

    /// Region of Turbopuffer [default: gcp-us-central1].
    #[arg(long, env = "TURBOPUFFER_REGION", value_name = "REGION", help_heading = "Cloud")]
    pub turbopuffer_region: Option<String>,

    /// Address of Turbopuffer, instead of that of a region; may contain `{region}`.
    #[arg(long, env = "TURBOPUFFER_BASE_URL", value_name = "URL", help_heading = "Cloud")]
    pub turbopuffer_base_url: Option<String>,

    /// First word of the namespaces in Turbopuffer [default: tw].
    #[arg(long, env = "TURBOPUFFER_NAMESPACE", value_name = "WORD", help_heading = "Cloud")]
    pub turbopuffer_namespace: Option<String>,

    /// Seconds a request to Turbopuffer may take [default: 30].
    #[arg(long, env = "TURBOPUFFER_TIMEOUT", value_name = "S", help_heading = "Cloud")]
    pub turbopuffer_timeout: Option<String>,

    /// Redis: live events between instances, replay and rate limits [default: each instance for itself].
    #[arg(long, env = "REDIS_URL", hide_env_values = true, value_name = "URL", help_heading = "Cloud")]
    pub redis_url: Option<String>,

    /// What sessions are signed with, at least 32 characters [default: required].
    #[arg(long, env = "JWT_SECRET", hide_env_values = true, value_name = "SECRET", help_heading = "Cloud")]
    pub jwt_secret: Option<String>,

    /// Where people open the dashboard: the base of links in mails [default: http://localhost:<port>].
    #[arg(long, env = "APP_URL", value_name = "URL", help_heading = "Cloud")]
    pub app_url: Option<String>,

    /// Domain of the session cookie, when the dashboard has another host than the API.
    #[arg(long, env = "SESSION_COOKIE_DOMAIN", value_name = "DOMAIN", help_heading = "Cloud")]
    pub session_cookie_domain: Option<String>,

    /// Key of Resend, which sends mail; set but empty switches mail off [default: required].
    #[arg(
        long,
        env = "RESEND_API_KEY",
        hide_env_values = true,
        value_name = "KEY",
        help_heading = "Mail and billing"
    )]
    pub resend_api_key: Option<String>,

    /// Sender of mails [default: Traceway <noreply@traceway.ai>].
    #[arg(long, env = "RESEND_FROM", value_name = "ADDRESS", help_heading = "Mail and billing")]
    pub resend_from: Option<String>,

    /// Address of Resend [default: https://api.resend.com].
    #[arg(
        long,
        env = "RESEND_BASE_URL",
        value_name = "URL",
        help_heading = "Mail and billing",
        hide_short_help = true
    )]
    pub resend_base_url: Option<String>,

    /// Token of Polar, which sells plans; without it billing is off.
    #[arg(
        long,
        env = "POLAR_ACCESS_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN",
        help_heading = "Mail and billing"
    )]
    pub polar_access_token: Option<String>,

    /// What Polar signs its webhooks with; without it webhooks are refused.
    #[arg(
        long,
        env = "POLAR_WEBHOOK_SECRET",
        hide_env_values = true,
        value_name = "SECRET",
        help_heading = "Mail and billing"
    )]
    pub polar_webhook_secret: Option<String>,

    /// Product of the plan pro in Polar. `POLAR_PRO_PRODUCT_ID` is read too.
    #[arg(long, env = "POLAR_PRODUCT_PRO_ID", value_name = "ID", help_heading = "Mail and billing")]
    pub polar_product_pro_id: Option<String>,

    /// Product of the plan team in Polar. `POLAR_TEAM_PRODUCT_ID` is read too.
    #[arg(long, env = "POLAR_PRODUCT_TEAM_ID", value_name = "ID", help_heading = "Mail and billing")]
    pub polar_product_team_id: Option<String>,

    /// Address of Polar [default: https://api.polar.sh].
    #[arg(
        long,
        env = "POLAR_BASE_URL",
        value_name = "URL",
        help_heading = "Mail and billing",
        hide_short_help = true
    )]
    pub polar_base_url: Option<String>,

    /// Keys of the operator, besides those of users: `key` or `name:key`, separated by commas. The variable
    /// `TRACEWAY_API_KEY` adds one more.
    #[arg(
        long,
        env = "TRACEWAY_API_KEYS",
        hide_env_values = true,
        value_name = "KEYS",
        help_heading = "Cloud limits"
    )]
    pub api_keys: Option<String>,

    /// Requests per second and organisation [default: 100].
    #[arg(long, env = "TRACEWAY_RATE_LIMIT", value_name = "N", help_heading = "Cloud limits")]
    pub rate_limit: Option<String>,

    /// Names and addresses of the own network that the proxy may call all the same, separated by commas.
    #[arg(long, env = "TRACEWAY_PROXY_ALLOW", value_name = "HOSTS", help_heading = "Cloud limits")]
    pub proxy_allow: Option<String>,
}

impl CloudFlags {
    /// Returns whether cloud mode is asked for: with the flag, or a variable that is neither empty, 0 nor false.
    pub fn is_on(&self) -> bool {
        let text = self.cloud.as_deref().map(str::trim).unwrap_or_default();
        !(text.is_empty() || text == "0" || text.eq_ignore_ascii_case("false"))
    }
}

impl std::fmt::Debug for CloudFlags {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Half of it is secret, and none of it is needed in a message.
        f.write_str("CloudFlags")
    }
}
