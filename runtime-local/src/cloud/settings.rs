//! What cloud mode runs with, every mistake named at once.

use std::time::Duration;

use trace::identity::ApiKeyText;

use super::flags::CloudFlags;
use crate::settings::Mistakes;

/// The shortest secret sessions may be signed with, in characters.
const SECRET_MIN: usize = 32;

/// What cloud mode runs with.
#[derive(Clone)]
pub(crate) struct CloudSettings {
    /// How long the server goes on accepting after it said that it stops.
    pub(crate) drain: Duration,
    pub(crate) database_url: Secret,
    pub(crate) database_pool: u32,
    pub(crate) turbopuffer: TurbopufferSettings,
    pub(crate) redis_url: Option<Secret>,
    pub(crate) jwt_secret: Secret,
    /// Without a final slash; `None` is the server's own address.
    pub(crate) app_url: Option<String>,
    pub(crate) cookie_domain: Option<String>,
    /// `None` when mail is switched off.
    pub(crate) mail: Option<MailSettings>,
    /// `None` when billing is off.
    pub(crate) billing: Option<BillingSettings>,
    pub(crate) webhook_secret: Option<Secret>,
    /// Names and texts of the operator's keys.
    pub(crate) operator_keys: Vec<(String, ApiKeyText)>,
    pub(crate) rate_limit: u32,
    pub(crate) proxy_allow: Vec<String>,
}

/// How to reach Turbopuffer.
#[derive(Clone)]
pub(crate) struct TurbopufferSettings {
    pub(crate) api_key: Secret,
    pub(crate) region: Option<String>,
    pub(crate) base_url: Option<String>,
    pub(crate) namespace: String,
    pub(crate) timeout: Duration,
}

/// How to reach Resend.
#[derive(Clone)]
pub(crate) struct MailSettings {
    pub(crate) api_key: Secret,
    pub(crate) from: String,
    pub(crate) base_url: Option<String>,
}

/// How to reach Polar.
#[derive(Clone)]
pub(crate) struct BillingSettings {
    pub(crate) token: Secret,
    pub(crate) pro: Option<String>,
    pub(crate) team: Option<String>,
    pub(crate) base_url: Option<String>,
}

/// A text that is never shown.
#[derive(Clone)]
pub(crate) struct Secret(String);

impl Secret {
    /// Returns the text.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

impl CloudSettings {
    /// Checks everything. `None` when something is wrong or missing, which `mistakes` then names.
    pub(crate) fn resolve(
        flags: CloudFlags,
        mistakes: &mut Mistakes,
        warnings: &mut Vec<String>,
    ) -> Option<Self> {
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
        let pool = number(wanted(flags.database_pool), 10, 1..=1_000);
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
            token: Secret(token),
            pro: alias(flags.polar_product_pro_id, "POLAR_PRO_PRODUCT_ID"),
            team: alias(flags.polar_product_team_id, "POLAR_TEAM_PRODUCT_ID"),
            base_url: polar_url.flatten(),
        });
        let mail = resend_key.filter(|key| !key.is_empty()).map(|key| MailSettings {
            api_key: Secret(key),
            from: wanted(flags.resend_from).unwrap_or_else(|| "Traceway <noreply@traceway.ai>".to_owned()),
            base_url: resend_url.flatten(),
        });
        let own_key = wanted(std::env::var("TRACEWAY_API_KEY").ok());
        let listed = wanted(flags.api_keys).into_iter().chain(own_key).collect::<Vec<_>>().join(",");
        Some(Self {
            drain: Duration::from_secs(drain?.into()),
            database_url: Secret(database?),
            database_pool: pool?,
            turbopuffer: TurbopufferSettings {
                api_key: Secret(puffer_key?),
                region,
                base_url,
                namespace: wanted(flags.turbopuffer_namespace).unwrap_or_else(|| "tw".to_owned()),
                timeout: Duration::from_secs(timeout?.into()),
            },
            redis_url: redis?.map(Secret),
            jwt_secret: Secret(jwt?),
            app_url: app_url?,
            cookie_domain: wanted(flags.session_cookie_domain),
            mail,
            billing,
            webhook_secret: wanted(flags.polar_webhook_secret).map(Secret),
            operator_keys: operator_keys(&listed, warnings),
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

/// Reads `key` and `name:key`. A key that cannot be used is a warning that does not show it.
fn operator_keys(text: &str, warnings: &mut Vec<String>) -> Vec<(String, ApiKeyText)> {
    let mut keys = Vec::new();
    for (index, word) in words(text).into_iter().enumerate() {
        let (name, key) = word.split_once(':').unwrap_or(("operator", &word));
        match ApiKeyText::parse(key) {
            Some(key) => keys.push((name.to_owned(), key)),
            None => warnings.push(format!(
                "key {} of TRACEWAY_API_KEYS is ignored: a key begins with tw_sk_ and has 16 characters or more",
                index + 1
            )),
        }
    }
    keys
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
        let names: Vec<String> =
            settings.into_iter().flat_map(|settings| settings.operator_keys).map(|(name, _)| name).collect();
        assert_eq!(names, ["ci"]);
        assert_eq!(warnings.len(), 3);
        assert!(warnings.iter().all(|warning| !warning.contains("nonsense")));
    }

    #[test]
    fn cloud_mode_is_asked_for_by_flag_or_variable() {
        let on = |text: &str| CloudFlags { cloud: Some(text.to_owned()), ..CloudFlags::default() }.is_on();
        assert!(on("1") && on("true") && on("yes"));
        assert!(!on("") && !on("0") && !on("False") && !CloudFlags::default().is_on());
    }
}
