//! Sessions as signed tokens.

use std::fmt;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use trace::id::{OrgId, ProjectId, Scope};
use trace::identity::{Role, UserId};
use trace::time::Timestamp;

use crate::error::ApiError;

/// How long a session lasts, in seconds: 30 days.
pub(crate) const LIFE_SECS: i64 = 30 * 24 * 3600;

const MICROS: i64 = 1_000_000;

/// What sessions are signed with.
#[derive(Clone)]
pub struct SessionKey {
    signing: EncodingKey,
    checking: DecodingKey,
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// What a session says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) sub: UserId,
    pub(crate) org: OrgId,
    pub(crate) project: ProjectId,
    /// For whoever reads the token; what a session may do follows from the role at the time of the request.
    #[serde(default)]
    scopes: Vec<String>,
    iat: i64,
    exp: i64,
    /// The microsecond of `iat`, so that sessions ended and begun in the same second are told apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    issued_us: Option<i64>,
}

impl Claims {
    pub(crate) fn new(user: UserId, scope: Scope, role: Role, now: Timestamp) -> Self {
        let iat = now.as_micros().div_euclid(MICROS);
        Self {
            sub: user,
            org: scope.org,
            project: scope.project,
            scopes: role.permissions().names().into_iter().map(str::to_owned).collect(),
            iat,
            exp: iat + LIFE_SECS,
            issued_us: Some(now.as_micros()),
        }
    }

    pub(crate) fn expires_at(&self) -> Timestamp {
        Timestamp::from_micros(self.exp.saturating_mul(MICROS))
    }

    /// Returns whether sessions ended after this one was issued.
    pub(crate) fn is_before(&self, valid_after: Timestamp) -> bool {
        match self.issued_us {
            Some(issued) if issued.div_euclid(MICROS) == self.iat => issued < valid_after.as_micros(),
            _ => self.iat < valid_after.as_micros().div_euclid(MICROS),
        }
    }
}

impl SessionKey {
    /// Returns the key made of this secret.
    pub fn new(secret: &[u8]) -> Self {
        Self { signing: EncodingKey::from_secret(secret), checking: DecodingKey::from_secret(secret) }
    }

    pub(crate) fn sign(&self, claims: &Claims) -> Result<String, ApiError> {
        encode(&Header::new(Algorithm::HS256), claims, &self.signing).map_err(|error| {
            tracing::error!(%error, "a session could not be signed");
            ApiError::Internal
        })
    }

    /// Returns what the token says, if we signed it and it has not expired.
    pub(crate) fn check(&self, token: &str, now: Timestamp) -> Result<Claims, ApiError> {
        let mut rules = Validation::new(Algorithm::HS256);
        // Time is ours to tell.
        rules.validate_exp = false;
        rules.required_spec_claims.clear();
        let claims = decode::<Claims>(token, &self.checking, &rules)
            .map_err(|_| ApiError::InvalidAuth("the session is not valid"))?
            .claims;
        if claims.expires_at() <= now { Err(ApiError::ExpiredSession) } else { Ok(claims) }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use trace::testing::time;
    use uuid::Uuid;

    use super::*;

    fn claims(now: Timestamp) -> Claims {
        Claims::new(UserId(Uuid::from_u128(5)), Scope::LOCAL, Role::Viewer, now)
    }

    #[test]
    fn a_session_reads_back_until_it_expires() {
        let key = SessionKey::new(b"0123456789abcdef0123456789abcdef");
        let token = key.sign(&claims(time(0))).unwrap();
        assert_eq!(key.check(&token, time(0)).unwrap(), claims(time(0)));
        let end = LIFE_SECS * 1000;
        assert!(key.check(&token, time(end - 1)).is_ok());
        assert!(matches!(key.check(&token, time(end)), Err(ApiError::ExpiredSession)));
    }

    #[test]
    fn tokens_of_other_keys_and_algorithms_are_refused() {
        let key = SessionKey::new(b"0123456789abcdef0123456789abcdef");
        let other = SessionKey::new(b"fedcba9876543210fedcba9876543210").sign(&claims(time(0))).unwrap();
        let longer = encode(&Header::new(Algorithm::HS512), &claims(time(0)), &key.signing).unwrap();
        // {"alg":"none"}
        let unsigned = other.split('.').nth(1).map(|body| format!("eyJhbGciOiJub25lIn0.{body}.")).unwrap();
        for token in [other.as_str(), &longer, &unsigned, "", "a.b.c"] {
            assert!(matches!(key.check(token, time(0)), Err(ApiError::InvalidAuth(_))), "{token}");
        }
    }

    #[test]
    fn sessions_end_to_the_microsecond_or_by_the_second_without_one() {
        let mut claims = claims(time(1500));
        assert!(claims.is_before(time(1501)) && !claims.is_before(time(1500)));
        claims.issued_us = None;
        assert!(claims.is_before(time(2000)) && !claims.is_before(time(1999)));
    }
}
