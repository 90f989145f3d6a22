//! Signature version 4, as far as requests of functions are signed with it.

use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use http::request::Parts;
use sha2::{Digest, Sha256};

/// The region everything is in.
pub const REGION: &str = "eu-central-1";

/// The account everything belongs to.
pub(crate) const ACCOUNT: &str = "000000000000";

/// The name of the key that functions sign with.
pub const ACCESS_KEY: &str = "AKIATESTSTESTSTESTS1";

/// The key that functions sign with.
pub const SECRET_KEY: &str = "tests/sign/their/requests/with/this/key1";

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Checks that a request to a service is signed with the functions' key.
pub(crate) fn check(parts: &Parts, body: &[u8], service: &str) -> Result<(), String> {
    let field = |name: &str| {
        let values: Vec<_> =
            parts.headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
        (!values.is_empty()).then(|| values.join(",").trim().to_owned())
    };
    let authorization = field("authorization").ok_or("no Authorization")?;
    let given = authorization.strip_prefix(ALGORITHM).ok_or("another algorithm")?;
    let part = |name: &str| {
        let mut parts = given.split(',').map(str::trim);
        parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('=')).ok_or(format!("no {name}"))
    };
    let (credential, signed, signature) = (part("Credential")?, part("SignedHeaders")?, part("Signature")?);
    let (key, scope) = credential.split_once('/').ok_or("a credential without a scope")?;
    let [date, region, named, end] = scope.split('/').collect::<Vec<_>>()[..] else {
        return Err(format!("the scope {scope}"));
    };
    if (key, region, named, end) != (ACCESS_KEY, REGION, service, "aws4_request") {
        return Err(format!("the credential {credential} is not for {service} in {REGION}"));
    }
    let time = field("x-amz-date").ok_or("no X-Amz-Date")?;
    if !time.starts_with(date) {
        return Err(format!("{time} is not on {date}"));
    }
    for name in ["host", "x-amz-date"] {
        if !signed.split(';').any(|one| one == name) {
            return Err(format!("{name} is not signed"));
        }
    }
    let mut canonical =
        format!("{}\n{}\n{}\n", parts.method, parts.uri.path(), parts.uri.query().unwrap_or_default());
    for name in signed.split(';') {
        let value = field(name).ok_or_else(|| format!("{name} is signed and missing"))?;
        // Writing to a string cannot fail.
        let _ = writeln!(canonical, "{name}:{value}");
    }
    let _ = write!(canonical, "\n{signed}\n{}", hex::encode(Sha256::digest(body)));
    let told = format!("{ALGORITHM}\n{time}\n{scope}\n{}", hex::encode(Sha256::digest(canonical)));
    let mut key = format!("AWS4{SECRET_KEY}").into_bytes();
    for part in [date, region, named, end] {
        key = mac(&key, part);
    }
    if hex::encode(mac(&key, &told)) == signature { Ok(()) } else { Err("the signature is wrong".to_owned()) }
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("keys may have any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}
