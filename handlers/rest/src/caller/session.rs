use std::marker::PhantomData;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;
use trace::id::Scope;
use trace::identity::{Role, User};

use super::{Caller, Needs, Who};
use crate::error::ApiError;

/// A caller who has logged in and may do `S`. In local mode nobody has, and the route does not exist; a handler
/// that has an answer there takes it as an `Option`.
pub(crate) struct Session<S> {
    /// The current project.
    pub(crate) scope: Scope,
    /// Who it is.
    pub(crate) user: User,
    /// What they are in the organisation.
    pub(crate) role: Role,
    needs: PhantomData<fn() -> S>,
}

impl<S: Needs, D: Send + Sync> OptionalFromRequestParts<D> for Session<S> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, deps: &D) -> Result<Option<Self>, ApiError> {
        let caller = <Caller<S> as FromRequestParts<D>>::from_request_parts(parts, deps).await?;
        match caller.who {
            Who::User { user, role } => {
                Ok(Some(Self { scope: caller.scope, user, role, needs: PhantomData }))
            }
            Who::Key(_) => Err(ApiError::Forbidden("this needs a login; an API key will not do".to_owned())),
            Who::Anyone => Ok(None),
        }
    }
}

impl<S: Needs, D: Send + Sync> FromRequestParts<D> for Session<S> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, deps: &D) -> Result<Self, ApiError> {
        let session = <Self as OptionalFromRequestParts<D>>::from_request_parts(parts, deps).await?;
        session.ok_or(ApiError::NotInLocalMode)
    }
}
