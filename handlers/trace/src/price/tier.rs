/// What a request may ask for that leaves the tier to the provider.
const LEFT_OPEN: [&str; 3] = ["auto", "default", "standard_only"];

/// Returns the service tier a call is billed at: the one the answer names, else the one the request asked for.
///
/// `auto` says nothing of the price, wherever it stands; other words that leave the tier to the provider are facts only
/// in an answer.
pub fn billed_tier(answered: Option<String>, asked: Option<String>) -> Option<String> {
    let is = |tier: &str, word: &str| tier.eq_ignore_ascii_case(word);
    let answered = answered.filter(|tier| !tier.is_empty() && !is(tier, "auto"));
    let asked = asked.filter(|tier| !tier.is_empty() && !LEFT_OPEN.iter().any(|word| is(tier, word)));
    answered.or(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_names_the_tier_else_the_request_unless_it_leaves_it_open() {
        for (answered, asked, billed) in [
            (Some("default"), Some("flex"), Some("default")),
            (Some("flex"), Some("auto"), Some("flex")),
            (Some("auto"), Some("flex"), Some("flex")),
            (None, Some("flex"), Some("flex")),
            (None, Some("auto"), None),
            (None, Some("default"), None),
            (None, Some("standard_only"), None),
            (Some("auto"), None, None),
            (Some(""), Some(""), None),
            (None, None, None),
        ] {
            let found = billed_tier(answered.map(str::to_owned), asked.map(str::to_owned));
            assert_eq!(found.as_deref(), billed, "{answered:?} {asked:?}");
        }
    }
}
