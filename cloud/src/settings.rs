//! What cloud mode runs with, every mistake named at once.

use std::time::Duration;

use trace::identity::ApiKeyText;
use trace::keyring::preconfigured_keys;

use crate::flags::CloudFlags;
use crate::mistakes::Mistakes;
use crate::secret::Secret;

/// The shortest secret sessions may be signed with, in characters.
const SECRET_MIN: usize = 32;

/// What cloud mode runs with.
#[derive(Clone)]
pub struct CloudSettings {
    /// How long the server goes on accepting after it said that it stops.
    pub drain: Duration,
    /// The URL of Postgres.
    pub database_url: Secret,
    /// Connections to Postgres at most; `None` leaves it to the process.
    pub database_pool: Option<u32>,
    /// How to reach Turbopuffer.
    pub turbopuffer: TurbopufferSettings,
    /// The URL of Redis; `None` when each process is on its own.
    pub redis_url: Option<Secret>,
    /// What sessions are signed with.
    pub jwt_secret: Secret,
    /// Where people open the dashboard, without a final slash; `None` is the server's own address.
    pub app_url: Option<String>,
    /// Domain of the session cookie; `None` is that of the API.
    pub cookie_domain: Option<String>,
    /// `None` when mail is switched off.
    pub mail: Option<MailSettings>,
    /// `None` when billing is off.
    pub billing: Option<BillingSettings>,
    /// What Polar signs its webhooks with; `None` when they are refused.
    pub webhook_secret: Option<Secret>,
    /// The operator's keys, besides those of users.
    pub operator_keys: Vec<ApiKeyText>,
    /// Requests per second and organisation.
    pub rate_limit: u32,
    /// Hosts of the own network that the proxy may call.
    pub proxy_allow: Vec<String>,
}

/// How to reach Turbopuffer.
#[derive(Clone)]
pub struct TurbopufferSettings {
    /// The key.
    pub api_key: Secret,
    /// The region; `None` is the adapter's default.
    pub region: Option<String>,
    /// The address, instead of that of a region.
    pub base_url: Option<String>,
    /// First word of namespaces.
    pub namespace: String,
    /// How long a request may take.
    pub timeout: Duration,
}

/// How to reach Resend.
#[derive(Clone)]
pub struct MailSettings {
    /// The key.
    pub api_key: Secret,
    /// The sender.
    pub from: String,
    /// The address, instead of Resend's own.
    pub base_url: Option<String>,
}

/// How to reach Polar.
#[derive(Clone)]
pub struct BillingSettings {
    /// The token.
    pub token: Secret,
    /// The product of the plan pro.
    pub pro: Option<String>,
    /// The product of the plan team.
    pub team: Option<String>,
    /// The address, instead of Polar's own.
    pub base_url: Option<String>,
}

impl CloudSettings {
    /// Checks everything. `None` when something is wrong or missing, which `mistakes` then names.
    pub fn resolve(flags: CloudFlags, mistakes: &mut Mistakes, warnings: &mut Vec<String>) -> Option<Self> {
        let wanted =
            |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let database = required(wanted(flags.database_url), "the URL of a Postgres database");
        let database = database.and_then(|url| url_of(url, &["postgres://", "postgresql://"]));
        let database = mistakes.note("DATABASE_URL", database);
        let puffer_key = required(wanted(flags.turbopuffer_api_key), "the key of Turbopuffer");
        let puffer_key = mistakes.note("TURBOPUFFER_API_KEY", puffer_key);
        let jwt = mistakes.note("JWT_SECRET", session_secret(wanted(flags.jwt_secret)));
        // Unset is a mistake, set but empty is a choice.
        let resend = flags
            .resend_api_key
            .ok_or("is required; set it to the key of Resend, or leave it empty for no mail");
        let resend = mistakes.note("RESEND_API_KEY", resend);
        let redis = wanted(flags.redis_url).map(|url| url_of(url, &["redis://", "rediss://"])).transpose();
        let redis = mistakes.note("REDIS_URL", redis);
        let pool = wanted(flags.database_pool).map(|text| number(Some(text), 1, 1..=1_000)).transpose();
        let pool = mistakes.note("TRACEWAY_DATABASE_POOL", pool);
        let drain = number(wanted(flags.drain), 3, 0..=300);
        let drain = mistakes.note("TRACEWAY_DRAIN", drain);
        let timeout = number(wanted(flags.turbopuffer_timeout), 30, 1..=600);
        let timeout = mistakes.note("TURBOPUFFER_TIMEOUT", timeout);
        let rate_limit = number(wanted(flags.rate_limit), 100, 1..=u32::MAX);
        let rate_limit = mistakes.note("TRACEWAY_RATE_LIMIT", rate_limit);
        let mut web = |name: &str, text: Option<String>| {
            let text = wanted(text).map(|url| url_of(url, &["http://", "https://"])).transpose();
            mistakes.note(name, text).map(|url| url.map(|url| url.trim_end_matches('/').to_owned()))
        };
        let app_url = web("APP_URL", flags.app_url);
        let puffer_url = web("TURBOPUFFER_BASE_URL", flags.turbopuffer_base_url);
        let resend_url = web("RESEND_BASE_URL", flags.resend_base_url);
        let polar_url = web("POLAR_BASE_URL", flags.polar_base_url);
        let (region, base_url) = (wanted(flags.turbopuffer_region), puffer_url?);
        let resend_key = resend.map(|key| key.trim().to_owned());
        if resend_key.as_deref() == Some("") {
            warnings.push(
                "RESEND_API_KEY is empty: no mail is sent, neither invites nor password resets".to_owned(),
            );
        }
        let alias =
            |text: Option<String>, name: &str| wanted(text).or_else(|| wanted(std::env::var(name).ok()));
        let billing = wanted(flags.polar_access_token).map(|token| BillingSettings {
            token: Secret::new(token),
            pro: alias(flags.polar_product_pro_id, "POLAR_PRO_PRODUCT_ID"),
            team: alias(flags.polar_product_team_id, "POLAR_TEAM_PRODUCT_ID"),
            base_url: polar_url.flatten(),
        });
        let mail = resend_key.filter(|key| !key.is_empty()).map(|key| MailSettings {
            api_key: Secret::new(key),
            from: wanted(flags.resend_from).unwrap_or_else(|| "Traceway <noreply@traceway.ai>".to_owned()),
            base_url: resend_url.flatten(),
        });
        let own_key = wanted(std::env::var("TRACEWAY_API_KEY").ok());
        let listed = wanted(flags.api_keys).into_iter().chain(own_key).collect::<Vec<_>>().join(",");
        let (operator_keys, ignored) = preconfigured_keys(&listed);
        if ignored > 0 {
            warnings.push(format!(
                "{ignored} of the keys of TRACEWAY_API_KEYS cannot be used: a key begins with tw_sk_ and has 16 \
                 characters or more"
            ));
        }
        Some(Self {
            drain: Duration::from_secs(drain?.into()),
            database_url: Secret::new(database?),
            database_pool: pool?,
            turbopuffer: TurbopufferSettings {
                api_key: Secret::new(puffer_key?),
                region,
                base_url,
                namespace: wanted(flags.turbopuffer_namespace).unwrap_or_else(|| "tw".to_owned()),
                timeout: Duration::from_secs(timeout?.into()),
            },
            redis_url: redis?.map(Secret::new),
            jwt_secret: Secret::new(jwt?),
            app_url: app_url?,
            cookie_domain: wanted(flags.session_cookie_domain),
            mail,
            billing,
            webhook_secret: wanted(flags.polar_webhook_secret).map(Secret::new),
            operator_keys,
            rate_limit: rate_limit?,
            proxy_allow: words(&wanted(flags.proxy_allow).unwrap_or_default()),
        })
    }
}

fn required(text: Option<String>, what: &str) -> Result<String, String> {
    text.ok_or_else(|| format!("is required in cloud mode; set it to {what}"))
}

fn url_of(text: String, schemes: &[&str]) -> Result<String, String> {
    if schemes.iter().any(|scheme| text.starts_with(scheme)) {
        return Ok(text);
    }
    // The value may hold a password.
    Err(format!("must begin with {}", schemes.join(" or ")))
}

fn session_secret(text: Option<String>) -> Result<String, String> {
    let text = required(text, "a random text of 32 characters or more")?;
    let length = text.chars().count();
    if length >= SECRET_MIN {
        return Ok(text);
    }
    Err(format!(
        "has {length} characters; at least {SECRET_MIN} are needed, such as those of `openssl rand -hex 32`"
    ))
}

fn number(text: Option<String>, default: u32, range: std::ops::RangeInclusive<u32>) -> Result<u32, String> {
    let Some(text) = text else { return Ok(default) };
    let wrong = || format!("{text:?} is not a number from {} to {}", range.start(), range.end());
    text.parse().ok().filter(|number| range.contains(number)).ok_or_else(wrong)
}

fn words(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete() -> CloudFlags {
        CloudFlags {
            database_url: Some("postgres://u:p@db/traceway".to_owned()),
            turbopuffer_api_key: Some("tpuf_1".to_owned()),
            jwt_secret: Some("x".repeat(32)),
            resend_api_key: Some(String::new()),
            ..CloudFlags::default()
        }
    }

    fn resolve(flags: CloudFlags) -> (Option<CloudSettings>, String, Vec<String>) {
        let (mut mistakes, mut warnings) = (Mistakes::default(), Vec::new());
        let settings = CloudSettings::resolve(flags, &mut mistakes, &mut warnings);
        (settings, mistakes.0.join("\n"), warnings)
    }

    #[test]
    fn every_missing_variable_is_named_at_once() {
        let (settings, mistakes, _) = resolve(CloudFlags::default());
        assert!(settings.is_none());
        for name in ["DATABASE_URL", "TURBOPUFFER_API_KEY", "JWT_SECRET", "RESEND_API_KEY"] {
            assert!(mistakes.contains(name), "{mistakes}");
        }
    }

    #[test]
    fn four_variables_are_enough_and_an_empty_mail_key_is_a_warning() {
        let (settings, mistakes, warnings) = resolve(complete());
        assert!(settings.is_some_and(|settings| settings.mail.is_none()), "{mistakes}");
        assert_eq!(warnings.len(), 1);
    }

    #[test]
    fn a_short_secret_is_refused_and_no_secret_is_shown() {
        let flags = CloudFlags {
            jwt_secret: Some("hunter2-hunter2".to_owned()),
            database_url: Some("mysql://root:hunter2@db".to_owned()),
            ..complete()
        };
        let (settings, mistakes, _) = resolve(flags);
        assert!(settings.is_none());
        assert!(mistakes.contains("JWT_SECRET: has 15 characters"), "{mistakes}");
        assert!(mistakes.contains("DATABASE_URL") && !mistakes.contains("hunter2"), "{mistakes}");
    }

    #[test]
    fn keys_that_cannot_be_used_are_a_warning() {
        let keys = "ci:tw_sk_0123456789abcdef, nonsense, tw_sk_short";
        let (settings, _, warnings) = resolve(CloudFlags { api_keys: Some(keys.to_owned()), ..complete() });
        let keys = settings.map_or(0, |settings| settings.operator_keys.len());
        assert_eq!((keys, warnings.len()), (1, 2));
        assert!(warnings.iter().all(|warning| !warning.contains("nonsense")));
    }

    #[test]
    fn cloud_mode_is_asked_for_by_flag_or_variable() {
        let on = |text: &str| CloudFlags { cloud: Some(text.to_owned()), ..CloudFlags::default() }.is_on();
        assert!(on("1") && on("true") && on("yes"));
        assert!(!on("") && !on("0") && !on("False") && !CloudFlags::default().is_on());
    }
}
