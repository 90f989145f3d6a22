//! Who calls: others with credentials of their own, and with such as should not count.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::victim::Victim;
use crate::stage::Stage;

/// A way to call.
pub(super) struct Caller {
    pub(super) name: &'static str,
    /// Whole lines.
    pub(super) headers: String,
    pub(super) query: Option<String>,
    pub(super) host: &'static str,
    /// Whether the server knows who it is.
    pub(super) is_known: bool,
    /// What guarded routes answer to who is not known.
    pub(super) refusal: u16,
    /// Credentials of the victim that may be read with, where this is false.
    reads: bool,
    /// The same for the stream of events, which takes them from the query.
    listens: bool,
}

impl Caller {
    fn new(name: &'static str, headers: &[(&str, String)]) -> Self {
        let lines =
            headers.iter().fold(String::new(), |lines, (name, value)| lines + name + ": " + value + "\r\n");
        let host = "api.example";
        Self {
            name,
            headers: lines,
            query: None,
            host,
            is_known: true,
            refusal: 401,
            reads: true,
            listens: true,
        }
    }

    fn unknown(self) -> Self {
        Self { is_known: false, ..self }
    }

    /// Returns whether the caller is anybody else than the victim on this route.
    pub(super) fn may_try(&self, method: &str, path: &str) -> bool {
        (self.reads || method != "GET") && (self.listens || path != "/api/events")
    }

    /// Returns the token of a caller with an `Authorization`.
    pub(super) fn token(&self) -> String {
        let (_, rest) = self.headers.split_once("Bearer ").unwrap();
        rest.trim().to_owned()
    }
}

/// Returns a session's token with other claims and the old signature.
fn forged(token: &str, claims_of: &str) -> String {
    let (mine, theirs): (Vec<&str>, Vec<&str>) = (token.split('.').collect(), claims_of.split('.').collect());
    format!("{}.{}.{}", mine[0], theirs[1], mine[2])
}

/// Returns a token that claims to need no signature.
fn unsigned(claims_of: &str) -> String {
    let head = URL_SAFE_NO_PAD.encode(json!({"alg": "none", "typ": "JWT"}).to_string());
    format!("{head}.{}.", claims_of.split('.').nth(1).unwrap())
}

/// Returns all callers. The first has no credentials, the second an administrator's key.
pub(super) async fn callers(stage: &Stage, victim: &Victim) -> Vec<Caller> {
    let own = stage.tenant_on("enterprise", "own").await;
    let viewer = stage.join(&own, "own-viewer@example.net", "viewer").await.text_of("token");
    let member = stage.join(&own, "own-member@example.net", "member").await.text_of("token");
    let reader = json!({"name": "own reader", "scopes": ["read"]});
    let reader =
        stage.call("POST", "/api/org/api-keys").bearer(&own.token).json(&reader).await.text_of("key");
    let second =
        stage.call("POST", "/api/projects").bearer(&own.token).json(&json!({"name": "own second"})).await;
    let second = json!({"project_id": second.text_of("id")});
    let second =
        stage.call("POST", "/api/projects/switch").bearer(&own.token).json(&second).await.text_of("token");
    let bearer = |token: &str| ("authorization", format!("Bearer {token}"));
    let cookie = |token: &str| ("cookie", format!("session={token}"));
    let ours = ("origin", "http://api.example".to_owned());
    let foreign = ("origin", "https://evil.example".to_owned());
    let theirs = &victim.token;
    let in_query = Some(format!("token={}", victim.key));
    vec![
        Caller::new("nobody", &[]).unknown(),
        Caller::new("an administrator's key", &[bearer(&own.api_key)]),
        Caller::new("a reader's key", &[bearer(&reader)]),
        Caller::new("an owner", &[bearer(&own.token)]),
        Caller::new("a member", &[bearer(&member)]),
        Caller::new("a viewer", &[bearer(&viewer)]),
        Caller::new("an owner in a second project", &[bearer(&second)]),
        Caller::new("an owner's cookie", &[cookie(&own.token), ours.clone()]),
        Caller::new("an owner's cookie without a page", &[cookie(&own.token)]),
        Caller::new(
            "an owner beside the victim's cookie",
            &[bearer(&own.token), cookie(theirs), ours.clone()],
        ),
        Caller::new(
            "a key beside the victim's",
            &[
                bearer(&own.api_key),
                ("x-traceway-api-key", victim.key.clone()),
                ("x-api-key", victim.key.clone()),
            ],
        ),
        Caller {
            query: in_query.clone(),
            ..Caller::new(
                "an owner's cookie with the victim's key in the query",
                &[cookie(&own.token), ours.clone()],
            )
        },
        Caller {
            query: in_query,
            listens: false,
            ..Caller::new("the victim's key in the query", &[]).unknown()
        },
        Caller::new(
            "broken credentials beside the victim's cookie",
            &[("authorization", "Basic b3duOm93bg==".to_owned()), cookie(theirs), ours],
        )
        .unknown(),
        Caller {
            reads: false,
            refusal: 403,
            ..Caller::new("a foreign page with the victim's cookie", &[cookie(theirs), foreign]).unknown()
        },
        Caller {
            reads: false,
            refusal: 403,
            ..Caller::new("no page with the victim's cookie", &[cookie(theirs)]).unknown()
        },
        Caller::new("the victim's claims with another's signature", &[bearer(&forged(&own.token, theirs))])
            .unknown(),
        Caller::new("the victim's claims without a signature", &[bearer(&unsigned(theirs))]).unknown(),
        Caller::new("the victim's revoked key", &[bearer(&victim.revoked_key)]).unknown(),
        Caller::new("the victim's former member", &[bearer(&victim.former_member)]).unknown(),
        Caller::new(
            "the start of the victim's key",
            &[bearer(&format!("{}{}", &victim.key[..16], "x".repeat(22)))],
        )
        .unknown(),
        Caller::new("the hash of the victim's key", &[bearer(&victim.key_hash)]).unknown(),
    ]
}
