//! Who calls: one layer turns credentials into an [`Identity`], handlers take it as a [`Caller`].

mod cloud;
mod session;

use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use trace::id::Scope;
use trace::identity::{ApiKeyId, Permission, Permissions, Role, User};

pub use self::cloud::CloudAuthenticator;
pub(crate) use self::session::Session;
use crate::error::ApiError;

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// Local mode: whoever can reach the port.
    Anyone,
    /// Somebody who has logged in.
    User {
        /// The user.
        user: User,
        /// What they are in the organisation of the call.
        role: Role,
    },
    /// A program with a key; `None` for one the server was started with.
    Key(Option<ApiKeyId>),
}

/// Who calls, in which project, and what they may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The project everything is read from and written to.
    pub scope: Scope,
    /// What the caller may do.
    pub permissions: Permissions,
    /// Who it is.
    pub who: Who,
}

/// Turns the credentials of a request into an identity.
#[async_trait]
pub trait Authenticator: Send + Sync {
    /// Returns who calls, or why they may not.
    async fn identify(&self, request: &Parts) -> Result<Identity, ApiError>;
}

/// Local mode: everyone who can reach the port may do everything in the one project.
pub struct Everyone;

#[async_trait]
impl Authenticator for Everyone {
    async fn identify(&self, _request: &Parts) -> Result<Identity, ApiError> {
        Ok(Identity { scope: Scope::LOCAL, permissions: Permissions::ALL, who: Who::Anyone })
    }
}

/// The layer: puts the identity into the request's extensions, where [`Caller`] finds it.
pub(crate) async fn identify(
    State(authenticator): State<Arc<dyn Authenticator>>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    match authenticator.identify(&parts).await {
        Ok(identity) => {
            parts.extensions.insert(identity);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(error) => error.into_response(),
    }
}

/// What a route asks for. Its description says the same in `security`, and a test compares the two.
pub(crate) trait Needs: Send + Sync {
    /// The permission; `None` when every caller will do.
    const PERMISSION: Option<Permission>;
}

macro_rules! needs {
    ($($(#[$doc:meta])* $name:ident = $permission:expr;)*) => {$(
        $(#[$doc])*
        pub(crate) struct $name;

        impl Needs for $name {
            const PERMISSION: Option<Permission> = $permission;
        }
    )*};
}

needs! {
    /// Nothing but being known.
    Known = None;
    /// Reading traces, spans, sessions, statistics, exports and events.
    TracesRead = Some(Permission::TracesRead);
    /// Writing traces and spans.
    TracesWrite = Some(Permission::TracesWrite);
    /// Reading analytics.
    AnalyticsRead = Some(Permission::AnalyticsRead);
    /// Settings of the server, the team, keys and billing.
    Admin = Some(Permission::Admin);
}

/// The caller of a route that needs `S`. A handler cannot learn its project any other way.
pub(crate) struct Caller<S> {
    /// The project of the call.
    pub(crate) scope: Scope,
    /// Who it is.
    pub(crate) who: Who,
    /// What they may do, besides what the route asks for.
    pub(crate) permissions: Permissions,
    needs: PhantomData<fn() -> S>,
}

impl Identity {
    /// Returns the caller, if they may do what the route needs.
    pub(crate) fn caller<S: Needs>(&self) -> Result<Caller<S>, ApiError> {
        match S::PERMISSION.filter(|permission| !self.permissions.contains(*permission)) {
            Some(missing) => Err(ApiError::InsufficientScope(missing.as_str())),
            None => Ok(Caller {
                scope: self.scope,
                who: self.who.clone(),
                permissions: self.permissions,
                needs: PhantomData,
            }),
        }
    }
}

impl<S: Needs, D: Send + Sync> FromRequestParts<D> for Caller<S> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _deps: &D) -> Result<Self, ApiError> {
        parts.extensions.get::<Identity>().ok_or(ApiError::MissingAuth)?.caller()
    }
}
