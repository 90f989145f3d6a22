use serde::Deserialize;

/// Prices of one model's classes of tokens, in US dollars per million.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Rates {
    pub(super) input: Option<f64>,
    pub(super) output: Option<f64>,
    pub(super) cache_read: Option<f64>,
    pub(super) cache_write: Option<f64>,
    pub(super) cache_write_1h: Option<f64>,
    pub(super) reasoning_output: Option<f64>,
    pub(super) audio_input: Option<f64>,
    pub(super) audio_output: Option<f64>,
}

/// The prices of one model.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Entry {
    #[serde(flatten)]
    base: Rates,
    batch: Option<Box<Rates>>,
    flex: Option<Box<Rates>>,
    priority: Option<Box<Rates>>,
    long_context: Vec<LongContext>,
}

/// Prices of requests whose input is longer than a bound.
#[derive(Clone, Debug, PartialEq, Deserialize)]
struct LongContext {
    above_input_tokens: u64,
    #[serde(flatten)]
    rates: Rates,
}

impl Rates {
    /// Returns these prices where there are any. A class without one costs the plain price here, and what it costs in
    /// `base` only where there is none.
    ///
    /// Cached tokens are the exception: they keep the price of `base` where that is the lower of the two, since being
    /// cached makes no token dearer.
    fn over(&self, base: &Self) -> Self {
        let (input, output) = (self.input.or(base.input), self.output.or(base.output));
        let class =
            |own: Option<f64>, base: Option<f64>, plain: Option<f64>| own.or(base.and(plain)).or(base);
        let cached = || base.cache_read.map(|price| input.map_or(price, |plain| price.min(plain)));
        // An hour in the cache is priced as so many times five minutes.
        let hour = || scaled(base.cache_write_1h?, self.cache_write?, base.cache_write?);
        Self {
            input,
            output,
            cache_read: self.cache_read.or_else(cached),
            cache_write: class(self.cache_write, base.cache_write, self.input),
            cache_write_1h: class(self.cache_write_1h.or_else(hour), base.cache_write_1h, self.input),
            reasoning_output: class(self.reasoning_output, base.reasoning_output, self.output),
            audio_input: class(self.audio_input, base.audio_input, self.input),
            audio_output: class(self.audio_output, base.audio_output, self.output),
        }
    }

    /// Returns the prices of a service tier for a long request: dearer than the tier's by as much as `long` is dearer
    /// than `base`.
    fn lengthened(&self, long: &Self, base: &Self) -> Self {
        let class = |tier: Option<f64>, long: Option<f64>, base: Option<f64>| {
            let both = || scaled(tier?, long?, base?);
            both().or(long).or(tier)
        };
        Self {
            input: class(self.input, long.input, base.input),
            output: class(self.output, long.output, base.output),
            cache_read: class(self.cache_read, long.cache_read, base.cache_read),
            cache_write: class(self.cache_write, long.cache_write, base.cache_write),
            cache_write_1h: class(self.cache_write_1h, long.cache_write_1h, base.cache_write_1h),
            reasoning_output: class(self.reasoning_output, long.reasoning_output, base.reasoning_output),
            audio_input: class(self.audio_input, long.audio_input, base.audio_input),
            audio_output: class(self.audio_output, long.audio_output, base.audio_output),
        }
    }

    fn all(&self) -> [Option<f64>; 8] {
        [
            self.input,
            self.output,
            self.cache_read,
            self.cache_write,
            self.cache_write_1h,
            self.reasoning_output,
            self.audio_input,
            self.audio_output,
        ]
    }
}

/// Returns `price` times `numerator / denominator`, or `None` when nothing can be told from a price of 0.
fn scaled(price: f64, numerator: f64, denominator: f64) -> Option<f64> {
    (denominator > 0.0).then(|| price * numerator / denominator)
}

/// No price is dearer, in US dollars per million tokens, so that no sum of costs is infinite.
const MAX_PRICE: f64 = 1e9;

impl Entry {
    /// Returns the prices of a request: those of its service tier and of its length over the plain ones.
    pub(super) fn rates(&self, input_tokens: u64, service_tier: Option<&str>) -> Rates {
        let reached = self.long_context.iter().filter(|long| input_tokens > long.above_input_tokens);
        let long = reached.max_by_key(|long| long.above_input_tokens).map(|long| long.rates.over(&self.base));
        match (self.tier(service_tier).map(|tier| tier.over(&self.base)), long) {
            (None, None) => self.base,
            (None, Some(long)) => long,
            (Some(tier), None) => tier,
            (Some(tier), Some(long)) => tier.lengthened(&long, &self.base),
        }
    }

    fn tier(&self, name: Option<&str>) -> Option<&Rates> {
        let name = name?;
        let tiers = [("batch", &self.batch), ("flex", &self.flex), ("priority", &self.priority)];
        tiers.into_iter().find(|(tier, _)| tier.eq_ignore_ascii_case(name))?.1.as_deref()
    }

    /// Returns whether plain tokens have no price or a price of 0.
    pub(super) fn is_free(&self) -> bool {
        [self.base.input, self.base.output].into_iter().flatten().all(|price| price == 0.0)
    }

    /// Returns whether every price is a number of dollars and there is one at all.
    pub(super) fn is_sound(&self) -> bool {
        let tiers = [&self.batch, &self.flex, &self.priority].into_iter().filter_map(|tier| tier.as_deref());
        let all = tiers.chain(self.long_context.iter().map(|long| &long.rates)).chain([&self.base]);
        let mut prices = all.flat_map(Rates::all).flatten();
        let has_price = self.base.input.is_some() || self.base.output.is_some();
        has_price && prices.all(|price| (0.0..=MAX_PRICE).contains(&price))
    }
}
