//! What tokens cost.
//!
//! Each token is counted in exactly one class, and each class at its own price where it has one. Prices are US dollars
//! per million tokens; the built-in ones lie in `data/`, which says where they come from.

mod entry;
mod seller;
mod table;
mod tier;

use serde_json::Value;

use crate::kind::{Attributes, LlmCall, Usage};

pub use table::{InvalidPrices, Prices};
pub use tier::billed_tier;

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
    /// Returns US dollars of a call, or `None` when its model has no price or no tokens are known.
    ///
    /// The sum of [`Prices::call_breakdown`].
    pub fn estimate_call(&self, call: &LlmCall, attributes: &Attributes) -> Option<f64> {
        self.call_breakdown(call, attributes).map(sum)
    }

    /// Returns what each class of tokens of a call costs, without empty classes; `None` when its model has no price or
    /// no tokens are known.
    ///
    /// `attributes` are those of the call's span. The model that answered is priced, as its provider sells it; the one
    /// asked for where that has no price.
    pub fn call_breakdown(&self, call: &LlmCall, attributes: &Attributes) -> Option<Vec<ClassCost>> {
        let entry = self.find(models(call, attributes), call.provider.as_deref())?;
        priced(entry, &call.usage, call.service_tier.as_deref())
    }

    /// Returns US dollars of a call of a model whoever serves it, as [`Prices::estimate_call`] does.
    pub fn estimate(&self, model: &str, usage: &Usage, service_tier: Option<&str>) -> Option<f64> {
        self.breakdown(model, usage, service_tier).map(sum)
    }

    /// Returns what each class of tokens of a call of a model costs, whoever serves it, as [`Prices::call_breakdown`]
    /// does.
    pub fn breakdown(
        &self,
        model: &str,
        usage: &Usage,
        service_tier: Option<&str>,
    ) -> Option<Vec<ClassCost>> {
        priced(self.find([model], None)?, usage, service_tier)
    }
}

/// The attribute that names the model that answered, where the call itself names the one asked for.
pub const ANSWERED_MODEL: &str = "gen_ai.response.model";

/// The attributes that name the model asked for, where the call itself names the one that answered.
const ASKED_MODELS: [&str; 4] =
    ["gen_ai.request.model", "ai.model.id", "llm.request.model", "llm.request.model_name"];

/// Returns the names of the model of a call, that of the one that answered first.
fn models<'a>(call: &'a LlmCall, attributes: &'a Attributes) -> impl Iterator<Item = &'a str> {
    let text = |name: &str| attributes.get(name).and_then(Value::as_str);
    let asked = ASKED_MODELS.into_iter().find_map(text);
    [text(ANSWERED_MODEL), Some(call.model.as_str()), asked].into_iter().flatten()
}

fn priced(entry: &Entry, usage: &Usage, service_tier: Option<&str>) -> Option<Vec<ClassCost>> {
    let rates = entry.rates(whole_input(usage), service_tier);
    let classes = classes(usage, &rates);
    (!classes.is_empty()).then_some(classes)
}

fn sum(classes: Vec<ClassCost>) -> f64 {
    classes.into_iter().map(|class| class.cost).sum()
}

/// Returns the tokens of the prompt: those of its parts where a sender counted them beside the whole.
fn whole_input(usage: &Usage) -> u64 {
    let parts = input_parts(usage).into_iter().flatten().fold(0, u64::saturating_add);
    parts.max(usage.input_tokens.unwrap_or(0))
}

fn input_parts(usage: &Usage) -> [Option<u64>; 4] {
    [
        usage.cached_input_tokens,
        usage.cache_write_tokens,
        usage.cache_write_1h_tokens,
        usage.audio_input_tokens,
    ]
}

/// Counts each token once and prices it. Parts that add up to more than their whole leave nothing plain.
fn classes(usage: &Usage, rates: &Rates) -> Vec<ClassCost> {
    let count = |tokens: Option<u64>| tokens.unwrap_or(0);
    let less = |whole: Option<u64>, parts: &[Option<u64>]| {
        parts.iter().fold(count(whole), |rest, part| rest.saturating_sub(count(*part)))
    };
    let output_parts = [usage.reasoning_tokens, usage.audio_output_tokens];
    let lines = [
        ("input", less(usage.input_tokens, &input_parts(usage)), rates.input),
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
    use proptest::prelude::*;

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
    }

    #[test]
    fn families_with_several_prices_have_each() {
        // A thousand plain, a thousand cached and a thousand answered tokens, in thousandths of a dollar.
        for (model, input, cached, output) in [
            ("gpt-4o", 2.5, 1.25, 10.0),
            ("gpt-4o-mini", 0.15, 0.075, 0.6),
            ("gpt-4.1-nano", 0.1, 0.025, 0.4),
            ("gpt-4-turbo", 10.0, 10.0, 30.0),
            ("o1", 15.0, 7.5, 60.0),
            ("o1-preview", 15.0, 7.5, 60.0),
            ("o3", 2.0, 0.5, 8.0),
            ("o4-mini", 1.1, 0.275, 4.4),
            ("claude-3-opus-latest", 15.0, 1.5, 75.0),
            ("claude-3-haiku-20240307", 0.25, 0.03, 1.25),
            ("claude-3.5-haiku", 0.8, 0.08, 4.0),
            ("claude-sonnet-4-20250514", 3.0, 0.3, 15.0),
            ("claude-opus-4-1-20250805", 15.0, 1.5, 75.0),
            ("anthropic/claude-sonnet-4.5", 3.0, 0.3, 15.0),
            ("anthropic/claude-opus-4.5", 5.0, 0.5, 25.0),
            ("gemini-1.5-pro-002", 1.25, 0.3125, 5.0),
            ("gemini-1.5-flash", 0.075, 0.018_75, 0.3),
            ("gemini-2.0-flash-001", 0.1, 0.025, 0.4),
            ("gemini-2.5-pro", 1.25, 0.125, 10.0),
            ("models/gemini-2.5-flash", 0.3, 0.03, 2.5),
            ("deepseek-chat", 0.28, 0.028, 0.42),
            ("deepseek-reasoner", 0.28, 0.028, 0.42),
            ("mistral-medium-2505", 0.4, 0.4, 2.0),
            ("command-r-plus-08-2024", 2.5, 2.5, 10.0),
        ] {
            let usage = Usage { cached_input_tokens: Some(1000), ..plain(2000, 1000) };
            assert_cost(model, usage, None, (input + cached + output) / 1e3);
        }
    }

    #[test]
    fn names_match_exactly_then_by_prefix_then_without_their_vendor() {
        assert_cost("GPT-4o", plain(1_000, 0), None, 0.0025);
        assert_cost("openai/gpt-4o-2024-08-06", plain(1_000, 0), None, 0.0025);
        assert_cost("anthropic/claude-3-haiku-20240307", plain(1_000, 0), None, 0.000_25);
        let long = "gpt-4o-".repeat(100_000);
        assert_cost(&long, plain(1_000, 0), None, 0.0025);
        for unknown in [
            "gpt4o",
            "ft:gpt-4o:acme::x",
            "ft:gpt-4o-2024-08-06:acme::x",
            "openai/ft:gpt-4o-mini-2024-07-18:acme::x",
            "my-model",
            "",
            "gpt-4oo",
            "gpt-4.7",
            "/",
            "x/",
            "日本-gpt-4o",
        ] {
            assert_eq!(Prices::builtin().estimate(unknown, &plain(1, 1), None), None, "{unknown:?}");
        }
    }

    #[test]
    fn a_model_that_is_free_where_it_runs_costs_nothing_and_one_of_unknown_price_has_no_cost() {
        assert_cost("ollama/llama3", plain(1_000, 1_000), None, 0.0);
        assert_eq!(Prices::builtin().estimate("kimi-k2-thinking-251104", &plain(1_000, 1_000), None), None);
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
        // A long request in a tier pays the tier's share of the long price: half of 2.5, and 1.8 times 15.
        assert_cost("gemini-2.5-pro", plain(200_001, 0), Some("batch"), 200_001.0 * 1.25 / 1e6);
        assert_cost("gemini-2.5-pro", plain(200_001, 1000), Some("priority"), (200_001.0 * 4.5 + 27e3) / 1e6);
        // Cached tokens are input, also where a sender counts them beside it.
        let beside = Usage { cached_input_tokens: Some(200_000), ..plain(1, 0) };
        assert_cost("gemini-2.5-pro", beside, None, 200_000.0 * 0.125 / 1e6);
        let beside = Usage { cached_input_tokens: Some(200_001), ..plain(1, 0) };
        assert_cost("gemini-2.5-pro", beside, None, 200_001.0 * 0.25 / 1e6);
        // The batch tier lists five minutes in the cache at half the price, so an hour is half the price too.
        let hour = Usage { cache_write_1h_tokens: Some(1000), ..plain(1000, 0) };
        assert_cost("claude-sonnet-4-5", hour, Some("batch"), 0.003);
        for tier in ["default", "auto", "standard", "scale", ""] {
            assert_cost("gpt-4o", plain(1000, 0), Some(tier), 0.0025);
        }
    }

    #[test]
    fn a_class_without_a_price_in_the_tier_costs_the_plain_price_of_the_tier() {
        let reasoning = Usage { reasoning_tokens: Some(300), ..plain(1000, 500) };
        assert_cost("gemini-2.5-flash", reasoning, Some("priority"), 0.002_79);
        assert_cost("gemini-2.5-flash", reasoning, Some("flex"), (1000.0 * 0.15 + 500.0 * 1.25) / 1e6);
        let audio = Usage { audio_input_tokens: Some(400), ..plain(1000, 0) };
        assert_cost("gemini-2.5-flash", audio, Some("batch"), (600.0 * 0.15 + 400.0 * 0.5) / 1e6);
        assert_cost("gemini-2.5-flash", audio, Some("flex"), 1000.0 * 0.15 / 1e6);
        // So it is in long requests, whose price in this tier is 1.8 times theirs.
        let long = Usage { reasoning_tokens: Some(400), ..plain(200_001, 1000) };
        assert_cost("gemini-2.5-pro", long, Some("priority"), (200_001.0 * 4.5 + 1000.0 * 27.0) / 1e6);
        // The batch tier of a speaking model prices the text it reads only.
        let speech = Usage { audio_output_tokens: Some(100), ..plain(1000, 100) };
        assert_cost("gemini-2.5-pro-preview-tts", speech, Some("batch"), (1000.0 * 0.5 + 100.0 * 20.0) / 1e6);
        let written = Usage { cache_write_tokens: Some(400), ..plain(1000, 0) };
        assert_cost("anthropic.claude-haiku-4-5-20251001-v1:0", written, Some("batch"), 1000.0 * 0.5 / 1e6);
        // Being cached makes no token dearer: five times as dear would be the plain price of this tier.
        let cached = Usage { cached_input_tokens: Some(400), ..plain(1000, 0) };
        assert_cost("gemini-3.1-pro-preview", cached, Some("flex"), (600.0 * 1.0 + 400.0 * 0.2) / 1e6);
        assert_cost("gpt-4o", cached, Some("batch"), 1000.0 * 1.25 / 1e6);
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
        for bad in [
            "{}",
            "[{}]",
            r#"[{"model": "m"}]"#,
            r#"[{"model": "", "input": 1}]"#,
            r#"[{"model": "m", "input": -1}]"#,
            r#"[{"model": "m", "input": 1e300}]"#,
            r#"[{"model": "m", "input": 1, "batch": {"input": -1}}]"#,
            "nonsense",
        ] {
            assert!(Prices::with_overrides(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_own_entry_may_end_in_a_separator_to_stand_for_a_family() {
        let prices =
            Prices::with_overrides(r#"[{"model": "acme/", "input": 3}, {"model": "ft:", "input": 7}]"#)
                .unwrap();
        let cost = |model| prices.estimate(model, &plain(1_000_000, 0), None);
        assert_eq!(cost("acme/anything"), Some(3.0));
        assert_eq!(cost("ft:gpt-4o:acme::x"), Some(7.0));
        assert_eq!(cost("acmeanything"), None);
    }

    fn cost_of(prices: &Prices, provider: &str, model: &str, other: Option<(&str, &str)>) -> Option<f64> {
        let call = LlmCall {
            model: model.to_owned(),
            provider: Some(provider.to_owned()),
            usage: plain(1_000_000, 1_000_000),
            ..LlmCall::default()
        };
        let attributes = other.into_iter().map(|(key, name)| (key.to_owned(), Value::from(name))).collect();
        prices.estimate_call(&call, &attributes)
    }

    #[test]
    fn the_model_that_answered_is_priced_else_the_one_asked_for() {
        let prices = Prices::builtin();
        // By the proxy, which shows the model asked for, and over OpenTelemetry, which shows the one that answered.
        for (asked, answered, wanted) in [
            ("my-prod-deployment", "gpt-4o-2024-08-06", Some(12.5)),
            ("gpt-4o", "gpt-4o-2024-05-13", Some(20.0)),
            ("gpt-4o", "/models/unheard-of", Some(12.5)),
            ("my-prod-deployment", "my-model", None),
        ] {
            let proxy = cost_of(&prices, "azure_openai", asked, Some((ANSWERED_MODEL, answered)));
            let otlp = cost_of(&prices, "azure.ai.openai", answered, Some(("gen_ai.request.model", asked)));
            assert_eq!((proxy, otlp), (wanted, wanted), "{asked} {answered}");
        }
        let own =
            Prices::with_overrides(r#"[{"model": "my-prod-deployment", "input": 1, "output": 2}]"#).unwrap();
        let answered = Some((ANSWERED_MODEL, "gpt-4o-2024-08-06"));
        assert_eq!(cost_of(&own, "azure_openai", "my-prod-deployment", answered), Some(3.0));
    }

    #[test]
    fn what_a_provider_sells_is_priced_before_the_model_of_the_same_name() {
        let prices = Prices::builtin();
        let cost = |provider, model| cost_of(&prices, provider, model, None);
        let llama = "meta-llama/Llama-3.3-70B-Instruct-Turbo";
        assert_eq!(cost("deepinfra", llama), prices_of(&format!("deepinfra/{llama}")));
        assert_eq!(cost("together", llama), prices_of(&format!("together_ai/{llama}")));
        assert_ne!(cost("deepinfra", llama), cost("together", llama));
        assert_eq!(cost("mistral", "mistral-large-latest"), Some(2.0));
        assert_eq!(cost("x", "grok-4.3"), prices_of("xai/grok-4.3"));
        assert_eq!(cost("openai", "gpt-4o"), Some(12.5));
        assert_eq!(cost("openrouter", "openai/gpt-4o"), Some(12.5));
        assert_eq!(cost("", "gpt-4o"), Some(12.5));
        let own = r#"[{"model": "mistral-large-latest", "input": 1, "output": 2}]"#;
        let own = Prices::with_overrides(own).unwrap();
        assert_eq!(cost_of(&own, "mistral", "mistral-large-latest", None), Some(3.0));
    }

    #[test]
    fn the_name_that_tells_more_is_priced() {
        let prices = Prices::builtin();
        // Azure's table has `o1`, of which `o1-pro` is no variant.
        assert_eq!(cost_of(&prices, "azure_openai", "o1-pro", None), Some(150.0 + 600.0));
        // A provider by the name of a model sells others, too.
        assert_eq!(cost_of(&prices, "codestral", "my-model", None), None);
        let model = "meta-llama/Llama-3.3-70B-Instruct-Turbo";
        let own = r#"[{"model": "llama-3.3-70b-instruct-turbo", "input": 3, "output": 4}]"#;
        assert_ne!(cost_of(&prices, "together", model, None), Some(7.0));
        assert_eq!(cost_of(&Prices::with_overrides(own).unwrap(), "together", model, None), Some(7.0));
    }

    fn prices_of(name: &str) -> Option<f64> {
        let cost = Prices::builtin().estimate(name, &plain(1_000_000, 1_000_000), None);
        assert!(cost.is_some_and(|cost| cost > 0.0), "{name}");
        cost
    }

    #[test]
    fn a_model_that_runs_at_home_costs_nothing_but_what_its_user_says() {
        let cost = |prices: &Prices, model| cost_of(prices, "ollama", model, None);
        let builtin = Prices::builtin();
        for model in ["llama3.1:8b", "deepseek-chat", "ollama/llama3", "mistral-large"] {
            assert_eq!(cost(&builtin, model), None, "{model}");
        }
        let own =
            r#"[{"model": "llama3.1", "input": 1, "output": 2}, {"model": "ollama/qwen3", "input": 3}]"#;
        let own = Prices::with_overrides(own).unwrap();
        assert_eq!(cost(&own, "llama3.1:8b"), Some(3.0));
        assert_eq!(cost(&own, "qwen3"), Some(3.0));
        assert_eq!(cost(&own, "deepseek-chat"), None);
    }

    fn any_usage() -> impl Strategy<Value = Usage> {
        let tokens = || proptest::option::of(prop_oneof![0..3_000_u64, 0..1_500_000_u64, Just(u64::MAX)]);
        proptest::collection::vec(tokens(), 8).prop_map(|counts| Usage {
            input_tokens: counts[0],
            output_tokens: counts[1],
            cached_input_tokens: counts[2],
            cache_write_tokens: counts[3],
            cache_write_1h_tokens: counts[4],
            reasoning_tokens: counts[5],
            audio_input_tokens: counts[6],
            audio_output_tokens: counts[7],
        })
    }

    fn any_model() -> impl Strategy<Value = &'static str> {
        proptest::sample::select(&[
            "gpt-4o",
            "gpt-5.4",
            "gpt-6-sol",
            "claude-sonnet-4",
            "claude-haiku-5-5",
            "gemini-2.5-pro",
            "gemini-2.5-flash",
            "gpt-4o-audio-preview",
            "o3",
            "deepseek-chat",
            "mistral-large",
            "text-embedding-3-small",
        ])
    }

    fn any_tier() -> impl Strategy<Value = Option<&'static str>> {
        proptest::sample::select(&[None, Some("batch"), Some("flex"), Some("priority"), Some("default")])
    }

    proptest! {
        #[test]
        fn any_usage_costs_a_number_and_the_sum_of_its_classes(
            model in any_model(), usage in any_usage(), tier in any_tier(),
        ) {
            let cost = Prices::builtin().estimate(model, &usage, tier);
            let classes = Prices::builtin().breakdown(model, &usage, tier);
            prop_assert_eq!(cost, classes.as_ref().map(|classes| classes.iter().map(|class| class.cost).sum()));
            prop_assert!(cost.is_none_or(|cost| cost.is_finite() && cost >= 0.0));
            for class in classes.unwrap_or_default() {
                prop_assert!(class.tokens > 0 && class.price_per_million >= 0.0 && class.cost >= 0.0);
            }
        }

        #[test]
        fn the_classes_of_a_consistent_usage_hold_each_token_once(
            parts in proptest::array::uniform4(0..100_000_u64), plain_input in 0..100_000_u64,
            out in proptest::array::uniform2(0..100_000_u64), plain_output in 0..100_000_u64, model in any_model(),
        ) {
            let usage = Usage {
                cached_input_tokens: Some(parts[0]),
                cache_write_tokens: Some(parts[1]),
                cache_write_1h_tokens: Some(parts[2]),
                audio_input_tokens: Some(parts[3]),
                reasoning_tokens: Some(out[0]),
                audio_output_tokens: Some(out[1]),
                ..plain(plain_input + parts.iter().sum::<u64>(), plain_output + out.iter().sum::<u64>())
            };
            let classes = Prices::builtin().breakdown(model, &usage, None).unwrap_or_default();
            prop_assert_eq!(classes.iter().map(|class| class.tokens).sum::<u64>(), usage.total().unwrap());
        }

        #[test]
        fn more_tokens_never_cost_less(
            model in any_model(), usage in any_usage(), more in 0..500_000_u64, tier in any_tier(),
        ) {
            let cost = |usage| Prices::builtin().estimate(model, &usage, tier).unwrap_or(0.0);
            let input = usage.input_tokens.unwrap_or(0).saturating_add(more);
            let output = usage.output_tokens.unwrap_or(0).saturating_add(more);
            let before = cost(usage);
            // A rounding in the last digit is no lower price.
            let least = before * (1.0 - 1e-12);
            let (longer, wordier) =
                (Usage { input_tokens: Some(input), ..usage }, Usage { output_tokens: Some(output), ..usage });
            prop_assert!(cost(longer) >= least);
            prop_assert!(cost(wordier) >= least);
        }
    }
}
