/// The region used when none is named.
pub const DEFAULT_REGION: &str = "gcp-us-central1";

const DEFAULT_BASE: &str = "https://{region}.turbopuffer.com";

/// An address of the service that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEndpoint {
    /// A region was given, but the base address has no place for it.
    #[error("a region is given, but the base URL has no {{region}} in it")]
    UnusedRegion,
    /// The base address is no URL.
    #[error("the base URL is not an http or https URL")]
    NoUrl,
}

/// Returns the base address of the service. Regions are names that only the service knows, so none is refused.
pub fn endpoint(base_url: Option<&str>, region: Option<&str>) -> Result<String, InvalidEndpoint> {
    let base = base_url.unwrap_or(DEFAULT_BASE);
    if !base.contains("{region}") && region.is_some() {
        return Err(InvalidEndpoint::UnusedRegion);
    }
    let base = base.replace("{region}", region.unwrap_or(DEFAULT_REGION));
    match reqwest::Url::parse(&base) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
            Ok(base.trim_end_matches('/').to_owned())
        }
        _ => Err(InvalidEndpoint::NoUrl),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_go_where_the_address_has_a_place_for_them() {
        let url = |base, region| endpoint(base, region);
        let https = |host: &str| Ok(format!("https://{host}"));
        assert_eq!(url(None, None), https("gcp-us-central1.turbopuffer.com"));
        assert_eq!(url(None, Some("aws-x")), https("aws-x.turbopuffer.com"));
        assert_eq!(url(Some("https://{region}.example/"), Some("r")), https("r.example"));
        assert_eq!(url(Some("https://fixed.example"), None), https("fixed.example"));
        assert_eq!(url(Some("https://fixed.example"), Some("r")), Err(InvalidEndpoint::UnusedRegion));
        assert_eq!(url(Some("fixed.example"), None), Err(InvalidEndpoint::NoUrl));
    }
}
