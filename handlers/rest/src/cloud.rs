//! What the cloud asks of the world besides the stores: users, organisations, and what belongs to them.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use http::request::Parts;
use trace::host::Origins;
use trace::id::{OrgId, ProjectId, Scope};
use trace::identity::{DEFAULT_PROJECT, Org, Plan, Project, Role, User};
use trace::ports::{
    Accounts, ApiKeys, Billing, Invites, JobQueue, Meter, Orgs, Projects, Random, RateLimiter, Resets,
    Revocation, Revocations, StoreError,
};
use trace::time::Timestamp;

use crate::billing::WebhookSecret;
use crate::error::ApiError;
use crate::password::Passwords;
use crate::session_token::{Claims, SessionKey};

/// The ports and settings of the cloud. Local mode has none of them, which is how handlers tell the two apart.
pub struct Cloud {
    /// Users and where they belong.
    pub accounts: Arc<dyn Accounts>,
    /// Organisations and their members.
    pub orgs: Arc<dyn Orgs>,
    /// Projects.
    pub projects: Arc<dyn Projects>,
    /// API keys.
    pub keys: Arc<dyn ApiKeys>,
    /// Invites.
    pub invites: Arc<dyn Invites>,
    /// Password resets.
    pub resets: Arc<dyn Resets>,
    /// What has been used.
    pub meter: Arc<dyn Meter>,
    /// Calls that an organisation may make in a second.
    pub calls_per_second: u32,
    /// Rate limits.
    pub limiter: Arc<dyn RateLimiter>,
    /// What to drop from memory.
    pub revocations: Arc<dyn Revocations>,
    /// Secrets.
    pub random: Arc<dyn Random>,
    /// Hashes and checks passwords.
    pub passwords: Arc<Passwords>,
    /// Takes mails to be sent; `None` when mail is switched off.
    pub mail: Option<Arc<dyn JobQueue>>,
    /// Sells plans; `None` when billing is not configured.
    pub billing: Option<Arc<dyn Billing>>,
    /// What webhooks of the billing service are signed with; `None` when it is not configured.
    pub webhook_secret: Option<WebhookSecret>,
    /// Signs sessions.
    pub session_key: SessionKey,
    /// Where this server and its dashboard are.
    pub site: Site,
}

/// Where this server and its dashboard are.
#[derive(Clone, Debug)]
pub struct Site {
    /// The base of links in mails, without a final slash.
    pub app_url: String,
    /// Pages of other origins that may use the session cookie.
    pub origins: Origins,
    /// The domain of the session cookie.
    pub cookie_domain: Option<String>,
}

/// A session that was just begun.
pub(crate) struct Opened {
    pub(crate) token: String,
    pub(crate) expires_at: Timestamp,
}

impl Cloud {
    /// Begins a session of a user in a project.
    pub(crate) fn open_session(
        &self,
        user: &User,
        scope: Scope,
        role: Role,
        now: Timestamp,
    ) -> Result<Opened, ApiError> {
        // The clock that ended earlier sessions may be ahead of this one.
        let claims = Claims::new(user.id, scope, role, now.max(user.sessions_valid_after));
        let token = self.session_key.sign(&claims)?;
        Ok(Opened { token, expires_at: claims.expires_at() })
    }

    /// Returns the organisation of a caller. The operator's own keys belong to one that is not stored.
    pub(crate) async fn org(&self, id: OrgId) -> Result<Org, ApiError> {
        if id == Scope::LOCAL.org {
            return Ok(local_org());
        }
        self.orgs.find_org(id).await?.ok_or(ApiError::NotFound("organisation"))
    }

    /// Returns the project everybody begins in.
    pub(crate) async fn default_project(&self, org: OrgId) -> Result<ProjectId, ApiError> {
        let projects = self.projects.list_projects(org).await?;
        first_project(&projects).map(|project| project.id).ok_or(ApiError::NotFound("project"))
    }

    /// Tells every process what to drop. What was changed stays so when nobody can be told; remembered answers
    /// end by themselves.
    pub(crate) async fn revoke(&self, revocation: Revocation) {
        if let Err(error) = self.revocations.publish(revocation).await {
            metrics::counter!("traceway_revocation_errors_total").increment(1);
            tracing::warn!(%error, "other processes could not be told of a revocation");
        }
    }

    /// Returns random bytes.
    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random.fill(&mut bytes);
        bytes
    }
}

/// Returns the project everybody begins in: the default one, else the oldest.
pub(crate) fn first_project(projects: &[Project]) -> Option<&Project> {
    projects.iter().find(|project| project.slug == DEFAULT_PROJECT).or(projects.first())
}

/// The one organisation of local mode.
pub(crate) fn local_org() -> Org {
    Org { id: Scope::LOCAL.org, name: "Local".to_owned(), slug: "local".to_owned(), plan: Plan::Free }
}

/// The ports of the cloud, for routes that do not exist without them.
pub(crate) struct InCloud(pub(crate) Arc<Cloud>);

impl<D> FromRequestParts<D> for InCloud
where
    D: Send + Sync,
    Option<Arc<Cloud>>: FromRef<D>,
{
    type Rejection = ApiError;

    async fn from_request_parts(_parts: &mut Parts, deps: &D) -> Result<Self, ApiError> {
        Option::<Arc<Cloud>>::from_ref(deps).map(Self).ok_or(ApiError::NotInLocalMode)
    }
}

/// Logs a failure of something that does not fail the request.
pub(crate) fn unharmed(result: Result<(), StoreError>, what: &'static str) {
    if let Err(error) = result {
        tracing::warn!(%error, what, "a step after the change failed");
    }
}
