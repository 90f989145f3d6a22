//! Passwords: hashed with argon2id, off the async threads.

use std::sync::Arc;

use argon2::password_hash::phc::{PasswordHash, Salt};
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use tokio::sync::Semaphore;
use trace::ports::Random;

use crate::error::ApiError;

/// Passwords hashed at a time: each takes 19 MiB and a core for a while.
const AT_ONCE: usize = 4;

/// Shortest and longest password, in characters.
const LENGTH: std::ops::RangeInclusive<usize> = 8..=1024;

/// Hashes and checks passwords.
pub struct Passwords {
    params: Params,
    random: Arc<dyn Random>,
    /// What the password of an unknown user is compared with; no password fits.
    nobody: String,
    permits: Arc<Semaphore>,
}

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Match {
    /// The password is another.
    No,
    /// It is this one.
    Yes,
    /// It is this one, and its hash is weaker than a new one would be.
    Weakly,
}

impl Passwords {
    /// Returns passwords hashed as the contract says: 19 456 KiB of memory, two passes, one lane.
    pub fn new(random: Arc<dyn Random>) -> Self {
        Self::with_cost(random, 19_456, 2)
    }

    /// Returns passwords hashed with this much memory and this many passes.
    ///
    /// # Panics
    ///
    /// When argon2 does not know such a cost: less than 8 KiB, or no pass.
    pub fn with_cost(random: Arc<dyn Random>, memory_kib: u32, passes: u32) -> Self {
        let params = Params::new(memory_kib, passes, 1, None).expect("the cost is one argon2 knows");
        let (mut salt, mut hash) = ([0; 16], [0; 32]);
        random.fill(&mut salt);
        random.fill(&mut hash);
        let [salt, hash] = [STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(hash)];
        let nobody = format!("$argon2id$v=19$m={memory_kib},t={passes},p=1${salt}${hash}");
        Self { params, random, nobody, permits: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Checks that a new password is long enough and not too long.
    pub(crate) fn accept(password: &str) -> Result<(), ApiError> {
        if LENGTH.contains(&password.chars().count()) {
            return Ok(());
        }
        let message = format!("a password has {} to {} characters", LENGTH.start(), LENGTH.end());
        Err(ApiError::field("password", message))
    }

    /// Returns a password as it is stored.
    pub(crate) async fn hash(&self, password: String) -> Result<String, ApiError> {
        let mut salt = [0; 16];
        self.random.fill(&mut salt);
        let argon2 = self.argon2();
        self.aside(move || {
            let hash: Result<PasswordHash, _> = argon2.hash_password_with_salt(password.as_bytes(), &salt);
            hash.map(|hash| hash.to_string()).map_err(|error| {
                tracing::error!(%error, "a password could not be hashed");
                ApiError::Internal
            })
        })
        .await
    }

    /// Compares a password with what is stored, or with nobody's, which takes as long and never fits.
    pub(crate) async fn check(&self, password: String, stored: Option<&str>) -> Result<Match, ApiError> {
        let stored = stored.unwrap_or(&self.nobody).to_owned();
        let (argon2, wanted) = (self.argon2(), self.params.clone());
        self.aside(move || {
            let Ok(hash) = PasswordHash::new(&stored) else {
                tracing::error!("a stored password hash cannot be read");
                return Err(ApiError::Internal);
            };
            // A password that could not have been set is not hashed, however long it is.
            let password = if password.chars().count() > *LENGTH.end() { "" } else { &password };
            match argon2.verify_password(password.as_bytes(), &hash) {
                Err(_) => Ok(Match::No),
                Ok(()) if is_weaker(&hash, &wanted) => Ok(Match::Weakly),
                Ok(()) => Ok(Match::Yes),
            }
        })
        .await
    }

    fn argon2(&self) -> Argon2<'static> {
        Argon2::new(Algorithm::Argon2id, Version::V0x13, self.params.clone())
    }

    async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| ApiError::Internal)?;
        let work = move || {
            // Kept until the work is done: it goes on when the client has hung up.
            let _permit = permit;
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| ApiError::Internal)?
    }
}

fn is_weaker(hash: &PasswordHash, wanted: &Params) -> bool {
    let Ok(params) = Params::try_from(hash) else { return true };
    let is_short = hash.salt.as_ref().is_none_or(|salt| salt.len() < Salt::RECOMMENDED_LENGTH);
    hash.algorithm != ARGON2ID_IDENT
        || hash.version != Some(Version::V0x13.into())
        || params.m_cost() < wanted.m_cost()
        || params.t_cost() < wanted.t_cost()
        || is_short
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use trace::testing::CountingRandom;

    use super::*;

    fn passwords(memory_kib: u32, passes: u32) -> Passwords {
        Passwords::with_cost(Arc::new(CountingRandom::default()), memory_kib, passes)
    }

    #[tokio::test]
    async fn passwords_are_kept_as_the_contract_says() {
        let hash = Passwords::new(Arc::new(CountingRandom::default())).hash("correct horse".to_owned()).await;
        assert!(hash.unwrap().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    }

    #[tokio::test]
    async fn only_the_same_password_fits_and_nobodys_never_does() {
        let passwords = passwords(8, 1);
        let hash = passwords.hash("correct horse".to_owned()).await.unwrap();
        let check = async |text: &str, stored| passwords.check(text.to_owned(), stored).await.unwrap();
        assert_eq!(check("correct horse", Some(&hash)).await, Match::Yes);
        assert_eq!(check("Correct horse", Some(&hash)).await, Match::No);
        assert_eq!(check("correct horse", None).await, Match::No);
        assert_eq!(check("", None).await, Match::No);
    }

    #[tokio::test]
    async fn a_hash_is_weak_when_the_cost_has_risen_since() {
        let hash = passwords(8, 1).hash("correct horse".to_owned()).await.unwrap();
        for (memory, passes, found) in [(16, 1, Match::Weakly), (8, 2, Match::Weakly), (8, 1, Match::Yes)] {
            let check = passwords(memory, passes).check("correct horse".to_owned(), Some(&hash)).await;
            assert_eq!(check.unwrap(), found, "m={memory} t={passes}");
        }
    }

    #[tokio::test]
    async fn clients_that_hang_up_free_no_place_before_their_password_is_hashed() {
        let passwords = passwords(19_456, 1);
        for _ in 0..3 * AT_ONCE {
            let hashing = passwords.hash("correct horse".to_owned());
            let _ = tokio::time::timeout(std::time::Duration::ZERO, hashing).await;
        }
        assert!(passwords.permits.available_permits() == 0, "all places are taken by work that goes on");
        let all = u32::try_from(AT_ONCE).unwrap();
        let _idle = passwords.permits.acquire_many(all).await.unwrap();
    }

    #[test]
    fn lengths_are_counted_in_characters() {
        for (text, fits) in [("ééééééé", false), ("éééééééé", true), (&"x".repeat(1025), false)]
        {
            assert_eq!(Passwords::accept(text).is_ok(), fits, "{} characters", text.chars().count());
        }
    }
}
