//! Who calls in the cloud: a key or a session, remembered for a moment.

use std::sync::Arc;

use async_trait::async_trait;
use http::request::Parts;
use http::{Method, header};
use trace::id::{OrgId, ProjectId, Scope};
use trace::identity::{KEY_START, Membership, User, UserId};
use trace::keyring::Keyring;
use trace::ports::{Clock, Revocation, StoreError};
use trace::remembered::Remembered;

use super::{Authenticator, Identity, Who};
use crate::cloud::{Cloud, first_project};
use crate::error::ApiError;
use crate::session_cookie::{Page, session_of};

/// Members and projects that are remembered.
const CAPACITY: usize = 10_000;

/// Where credentials may also be in the query: a browser's event stream cannot send headers.
const WITH_TOKEN: &str = "/api/events";

/// Asks for a key or a session, and for what it may do now.
pub struct CloudAuthenticator {
    cloud: Arc<Cloud>,
    keyring: Arc<Keyring>,
    clock: Arc<dyn Clock>,
    members: Remembered<(OrgId, UserId), (User, Membership)>,
    /// The project a session is in: its own, or the default one when its own is gone.
    projects: Remembered<(OrgId, ProjectId), ProjectId>,
}

/// What a request brought.
enum Credentials<'a> {
    Key(&'a str),
    Session(&'a str),
    Cookie(&'a str),
}

impl CloudAuthenticator {
    /// Returns an authenticator over these ports.
    pub fn new(cloud: Arc<Cloud>, keyring: Arc<Keyring>, clock: Arc<dyn Clock>) -> Self {
        let revocations = &cloud.revocations;
        let of_member =
            |revocation: &Revocation, (org, user): &(OrgId, UserId), _: &(User, Membership)| match revocation
            {
                Revocation::User { id } => id == user,
                Revocation::Org { id } => id == org,
                Revocation::Key { .. } => false,
                Revocation::All => true,
            };
        let of_org = |revocation: &Revocation, (org, _): &(OrgId, ProjectId), _: &ProjectId| matches!(revocation, Revocation::Org { id } if id == org);
        Self {
            members: Remembered::new(CAPACITY, Arc::clone(&clock), Arc::clone(revocations), of_member),
            projects: Remembered::new(CAPACITY, Arc::clone(&clock), Arc::clone(revocations), of_org),
            cloud,
            keyring,
            clock,
        }
    }

    async fn key(&self, text: &str) -> Result<Identity, ApiError> {
        let holder = self.keyring.check(text).await?;
        let who = Who::Key(holder.key);
        Ok(Identity { scope: holder.scope, permissions: holder.permissions, who })
    }

    async fn session(&self, token: &str) -> Result<Identity, ApiError> {
        let claims = self.cloud.session_key.check(token, self.clock.now())?;
        let (org, id) = (claims.org, claims.sub);
        let member = self.members.get_or_ask(&(org, id), self.cloud.accounts.find_member(org, id)).await?;
        let (user, place) = member.ok_or(ApiError::ExpiredSession)?;
        if claims.is_before(user.sessions_valid_after) {
            return Err(ApiError::ExpiredSession);
        }
        let named = (org, claims.project);
        let project = self.projects.get_or_ask(&named, self.project(org, claims.project)).await?;
        let project = project.ok_or(ApiError::ExpiredSession)?;
        let (scope, role) = (Scope { org, project }, place.role);
        Ok(Identity { scope, permissions: role.permissions(), who: Who::User { user, role } })
    }

    async fn project(&self, org: OrgId, id: ProjectId) -> Result<Option<ProjectId>, StoreError> {
        if self.cloud.projects.find_project(org, id).await?.is_some() {
            return Ok(Some(id));
        }
        let projects = self.cloud.projects.list_projects(org).await?;
        Ok(first_project(&projects).map(|project| project.id))
    }

    /// Refuses a write that a foreign page could have caused: browsers send the cookie along with any.
    fn refuse_foreign(&self, request: &Parts) -> Result<(), ApiError> {
        let is_own = || self.cloud.site.page_of(&request.headers, &request.uri) == Page::Own;
        if request.method.is_safe() || is_own() {
            return Ok(());
        }
        let message =
            "a write with the session cookie needs an Origin of this server, APP_URL or ALLOWED_ORIGINS";
        Err(ApiError::Forbidden(message.to_owned()))
    }
}

#[async_trait]
impl Authenticator for CloudAuthenticator {
    async fn identify(&self, request: &Parts) -> Result<Identity, ApiError> {
        match credentials(request)? {
            Credentials::Key(key) => self.key(key).await,
            Credentials::Session(token) => self.session(token).await,
            Credentials::Cookie(token) => {
                let identity = self.session(token).await?;
                self.refuse_foreign(request)?;
                Ok(identity)
            }
        }
    }
}

/// Returns the first credentials in the contract's order. A malformed header ends the search.
fn credentials(request: &Parts) -> Result<Credentials<'_>, ApiError> {
    let mut headers = request.headers.get_all(header::AUTHORIZATION).into_iter();
    if let Some(value) = headers.next() {
        let malformed = ApiError::InvalidAuth("Authorization must be `Bearer` and a key or session");
        let bearer = value.to_str().ok().and_then(|text| text.trim().split_once(' '));
        let token =
            bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
        let token = token.filter(|token| !token.is_empty() && !token.contains(char::is_whitespace));
        return match token {
            Some(token) if headers.next().is_none() => Ok(key_or_session(token)),
            _ => Err(malformed),
        };
    }
    if let Some(token) = session_of(&request.headers) {
        return Ok(Credentials::Cookie(token));
    }
    if request.method == Method::GET && request.uri.path() == WITH_TOKEN {
        let pairs = request.uri.query().unwrap_or_default().split('&');
        let token = pairs.filter_map(|pair| pair.strip_prefix("token=")).find(|token| !token.is_empty());
        // Keys and sessions are made of characters that need no escaping.
        return token.map(key_or_session).ok_or(ApiError::MissingAuth);
    }
    Err(ApiError::MissingAuth)
}

fn key_or_session(token: &str) -> Credentials<'_> {
    if token.starts_with(KEY_START) { Credentials::Key(token) } else { Credentials::Session(token) }
}
