//! What tokens cost.
//!
//! Each token is counted in exactly one class, and each class at its own price where it has one. Prices are US dollars
//! per million tokens; the built-in ones lie in `data/`, which says where they come from.

mod entry;
mod table;

use crate::kind::Usage;

pub use table::{InvalidPrices, Prices};

use entry::{Entry, Rates};

/// The tokens of one class of a call, and what they cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassCost {
    /// `input`, `cached_input`, `cache_write`, `cache_write_1h`, `audio_input`, `output`, `reasoning` or `audio_output`.
    pub class: &'static str,
    /// How many tokens.
    pub tokens: u64,
    /// US dollars for a million of them.
    pub price_per_million: f64,
    /// US dollars.
    pub cost: f64,
}

impl Prices {
    /// Returns US dollars of a call, or `None` when the model has no price or no tokens are known.
    ///
    /// The sum of [`Prices::breakdown`].
    pub fn estimate(&self, model: &str, usage: &Usage, service_tier: Option<&str>) -> Option<f64> {
        let classes = self.breakdown(model, usage, service_tier)?;
        Some(classes.iter().map(|class| class.cost).sum())
    }

    /// Returns what each class of tokens of a call costs, without empty classes; `None` when the model has no price or
    /// no tokens are known.
    pub fn breakdown(
        &self,
        model: &str,
        usage: &Usage,
        service_tier: Option<&str>,
    ) -> Option<Vec<ClassCost>> {
        let entry = self.find(model)?;
        let rates = entry.rates(usage.input_tokens.unwrap_or(0), service_tier);
        let classes = classes(usage, &rates);
        (!classes.is_empty()).then_some(classes)
    }
}

/// Counts each token once and prices it. Parts that add up to more than their whole leave nothing plain.
fn classes(usage: &Usage, rates: &Rates) -> Vec<ClassCost> {
    let count = |tokens: Option<u64>| tokens.unwrap_or(0);
    let less = |whole: Option<u64>, parts: &[Option<u64>]| {
        parts.iter().fold(count(whole), |rest, part| rest.saturating_sub(count(*part)))
    };
    let input_parts = [
        usage.cached_input_tokens,
        usage.cache_write_tokens,
        usage.cache_write_1h_tokens,
        usage.audio_input_tokens,
    ];
    let output_parts = [usage.reasoning_tokens, usage.audio_output_tokens];
    let lines = [
        ("input", less(usage.input_tokens, &input_parts), rates.input),
        ("cached_input", count(usage.cached_input_tokens), rates.cache_read),
        ("cache_write", count(usage.cache_write_tokens), rates.cache_write),
        ("cache_write_1h", count(usage.cache_write_1h_tokens), rates.cache_write_1h),
        ("audio_input", count(usage.audio_input_tokens), rates.audio_input),
        ("output", less(usage.output_tokens, &output_parts), rates.output),
        ("reasoning", count(usage.reasoning_tokens), rates.reasoning_output),
        ("audio_output", count(usage.audio_output_tokens), rates.audio_output),
    ];
    let line = |(class, tokens, price_per_million): (&'static str, u64, Option<f64>)| {
        let plain = if is_input(class) { rates.input } else { rates.output };
        let price_per_million = price_per_million.or(plain).unwrap_or(0.0);
        #[expect(clippy::cast_precision_loss, reason = "a call has fewer than 2^52 tokens")]
        let cost = tokens as f64 * price_per_million / 1e6;
        ClassCost { class, tokens, price_per_million, cost }
    };
    lines.into_iter().filter(|(_, tokens, _)| *tokens > 0).map(line).collect()
}

fn is_input(class: &str) -> bool {
    !matches!(class, "output" | "reasoning" | "audio_output")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn plain(input: u64, output: u64) -> Usage {
        Usage { input_tokens: Some(input), output_tokens: Some(output), ..Usage::default() }
    }

    fn cost(model: &str, usage: Usage, tier: Option<&str>) -> f64 {
        Prices::builtin().estimate(model, &usage, tier).unwrap()
    }

    fn assert_cost(model: &str, usage: Usage, tier: Option<&str>, wanted: f64) {
        let cost = cost(model, usage, tier);
        assert!((cost - wanted).abs() < 1e-12, "{model}: {cost} instead of {wanted}");
    }

    #[test]
    fn every_documented_family_has_its_list_price() {
        // A million tokens in and out: the sum of both prices.
        for (model, wanted) in [
            ("gpt-4o", 12.5),
            ("gpt-4o-2024-08-06", 12.5),
            ("gpt-4o-mini", 0.75),
            ("gpt-4.1", 10.0),
            ("gpt-4.1-mini", 2.0),
            ("gpt-4.1-nano", 0.5),
            ("gpt-4-turbo", 40.0),
            ("gpt-4", 90.0),
            ("gpt-3.5-turbo", 2.0),
            ("o1", 75.0),
            ("o1-mini", 5.5),
            ("o1-pro", 750.0),
            ("o3", 10.0),
            ("o3-mini", 5.5),
            ("o4-mini", 5.5),
            ("claude-3-opus-20240229", 90.0),
            ("claude-3-sonnet-20240229", 18.0),
            ("claude-3-haiku-20240307", 1.5),
            ("claude-3-5-sonnet-20241022", 18.0),
            ("claude-3.5-sonnet", 18.0),
            ("claude-3-5-haiku-latest", 4.8),
            ("claude-3.5-haiku", 4.8),
            ("claude-opus-4-20250514", 90.0),
            ("llama-3-8b-instruct", 0.13),
            ("meta-llama/Llama-3.1-405B-Instruct", 7.0),
            ("llama-3.3-70b-versatile", 1.44),
            ("mistral-large-latest", 8.0),
            ("mistral-small-2409", 0.4),
            ("codestral-2405", 1.2),
            ("mixtral-8x7b-instruct", 1.4),
            ("mixtral-8x22b", 8.0),
            ("command-r", 0.75),
            ("command-r-plus", 12.5),
            ("deepseek-coder", 0.42),
        ] {
            let parts =
                Usage { input_tokens: Some(100_000), output_tokens: Some(100_000), ..Usage::default() };
            assert_cost(model, parts, None, wanted / 10.0);
        }
        for model in [
            "gemini-1.5-pro",
            "gemini-1.5-flash",
            "gemini-2.0-flash",
            "gemini-2.5-pro",
            "gemini-2.5-flash",
            "deepseek-chat",
            "deepseek-reasoner",
            "mistral-medium",
            "claude-sonnet-4",
        ] {
            assert!(cost(model, plain(1000, 1000), None) > 0.0, "{model}");
        }
    }

    #[test]
    fn names_match_exactly_then_by_prefix_then_without_their_vendor() {
        assert_cost("GPT-4o", plain(1_000, 0), None, 0.0025);
        assert_cost("openai/gpt-4o-2024-08-06", plain(1_000, 0), None, 0.0025);
        assert_cost("anthropic/claude-3-haiku-20240307", plain(1_000, 0), None, 0.000_25);
        for unknown in ["gpt4o", "ft:gpt-4o:acme::x", "my-model", "", "gpt-4oo", "gpt-4.7", "/", "x/"] {
            assert_eq!(Prices::builtin().estimate(unknown, &plain(1, 1), None), None, "{unknown:?}");
        }
    }

    #[test]
    fn each_token_is_counted_in_one_class() {
        let usage = Usage {
            cached_input_tokens: Some(300),
            cache_write_tokens: Some(200),
            cache_write_1h_tokens: Some(100),
            reasoning_tokens: Some(40),
            ..plain(1000, 100)
        };
        // claude-3-5-sonnet: 3 in, 15 out, 0.3 read, 3.75 write, 6 for an hour.
        let wanted = (400.0 * 3.0 + 300.0 * 0.3 + 200.0 * 3.75 + 100.0 * 6.0 + 100.0 * 15.0) / 1e6;
        assert_cost("claude-3-5-sonnet", usage, None, wanted);
        let audio = Usage { audio_input_tokens: Some(100), audio_output_tokens: Some(50), ..plain(150, 60) };
        let wanted = (50.0 * 2.5 + 100.0 * 40.0 + 10.0 * 10.0 + 50.0 * 80.0) / 1e6;
        assert_cost("gpt-4o-audio-preview", audio, None, wanted);
    }

    #[test]
    fn long_inputs_and_service_tiers_have_prices_of_their_own() {
        assert_cost("gemini-1.5-pro", plain(128_000, 0), None, 0.16);
        assert_cost("gemini-1.5-pro", plain(128_001, 0), None, 128_001.0 * 2.5 / 1e6);
        assert_cost("gpt-4o", plain(1000, 1000), Some("batch"), (1.25 + 5.0) / 1e3);
        assert_cost("gpt-4o", plain(1000, 1000), Some("priority"), (4.25 + 17.0) / 1e3);
        for tier in ["default", "auto", "standard", "scale", ""] {
            assert_cost("gpt-4o", plain(1000, 0), Some(tier), 0.0025);
        }
    }

    #[test]
    fn nothing_known_costs_nothing_known() {
        for usage in [Usage::default(), plain(0, 0)] {
            assert_eq!(Prices::builtin().estimate("gpt-4o", &usage, None), None);
        }
    }

    #[test]
    fn own_entries_override_the_built_in_ones() {
        let own = r#"[{"model": "gpt-4o", "input": 1, "output": 2}, {"model": "My-Model", "input": 5}]"#;
        let prices = Prices::with_overrides(own).unwrap();
        assert_eq!(prices.estimate("gpt-4o-2030-01-01", &plain(1_000_000, 0), None), Some(1.0));
        assert_eq!(prices.estimate("my-model", &plain(1_000_000, 0), None), Some(5.0));
        assert_eq!(prices.estimate("gpt-4o-mini", &plain(1_000_000, 0), None), Some(0.15));
        for bad in ["{}", "[{}]", r#"[{"model": "m", "input": -1}]"#, "nonsense"] {
            assert!(Prices::with_overrides(bad).is_err(), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn estimates_are_finite_and_grow_with_tokens(
            input in 0_u64..2_000_000, output in 0_u64..200_000, cached in 0_u64..3_000_000, reasoning in 0_u64..300_000,
        ) {
            let usage = Usage { cached_input_tokens: Some(cached), reasoning_tokens: Some(reasoning), ..plain(input, output) };
            for model in ["gpt-4o", "claude-sonnet-4-5", "gemini-2.5-pro"] {
                let cost = Prices::builtin().estimate(model, &usage, None).unwrap_or(0.0);
                let more = Usage { output_tokens: Some(output + 1000), ..usage };
                proptest::prop_assert!(cost.is_finite() && cost >= 0.0);
                proptest::prop_assert!(Prices::builtin().estimate(model, &more, None).unwrap_or(0.0) >= cost);
            }
        }
    }
}
