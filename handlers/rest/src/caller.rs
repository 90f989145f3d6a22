//! Who calls: one layer turns credentials into an [`Identity`], handlers take it as a [`Caller`].

use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use trace::id::Scope;

use crate::error::ApiError;

/// What a caller may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grants {
    names: &'static [&'static str],
}

impl Grants {
    /// Every scope there is.
    pub const ALL: Self = Self {
        names: &["traces_read", "traces_write", "datasets_read", "datasets_write", "analytics_read", "admin"],
    };

    /// Returns the scopes' names.
    pub fn names(self) -> &'static [&'static str] {
        self.names
    }
}

/// Who calls, in which project, and what they may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The project everything is read from and written to.
    pub scope: Scope,
    /// What the caller may do.
    pub grants: Grants,
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
        Ok(Identity { scope: Scope::LOCAL, grants: Grants::ALL })
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

/// A scope a route asks for.
pub(crate) trait Needs: Send + Sync {
    /// The scope's name.
    const SCOPE: &'static str;
}

/// Reading traces, spans, sessions, statistics, exports and events.
pub(crate) struct TracesRead;
/// Writing traces and spans.
pub(crate) struct TracesWrite;
/// Reading analytics.
pub(crate) struct AnalyticsRead;
/// Settings of the server.
pub(crate) struct Admin;

impl Needs for TracesRead {
    const SCOPE: &'static str = "traces_read";
}
impl Needs for TracesWrite {
    const SCOPE: &'static str = "traces_write";
}
impl Needs for AnalyticsRead {
    const SCOPE: &'static str = "analytics_read";
}
impl Needs for Admin {
    const SCOPE: &'static str = "admin";
}

/// The caller of a route that needs the scope `S`. A handler cannot learn its project any other way.
pub(crate) struct Caller<S> {
    /// The project of the call.
    pub(crate) scope: Scope,
    needs: PhantomData<fn() -> S>,
}

impl Identity {
    /// Returns the caller, if it was granted what the route needs.
    pub(crate) fn caller<S: Needs>(&self) -> Result<Caller<S>, ApiError> {
        if self.grants.names.contains(&S::SCOPE) {
            Ok(Caller { scope: self.scope, needs: PhantomData })
        } else {
            Err(ApiError::InsufficientScope(S::SCOPE))
        }
    }
}

impl<S: Needs, D: Send + Sync> FromRequestParts<D> for Caller<S> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _deps: &D) -> Result<Self, ApiError> {
        parts.extensions.get::<Identity>().ok_or(ApiError::MissingAuth)?.caller()
    }
}
