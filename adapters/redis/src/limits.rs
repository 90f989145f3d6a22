//! Rate limits shared by all instances.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use redis::Script;
use trace::ports::{RateLimiter, StoreError, Verdict, Window};

use crate::link::Link;
use crate::names;

/// Keeps the times of the counted events of a window in a sorted set. Returns 0 when one more was counted, else the
/// milliseconds until the oldest leaves the window.
static CHECK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local max, window = tonumber(ARGV[1]), tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - window))
local count = redis.call('ZCARD', KEYS[1])
if count >= max then
  local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
  if not oldest[2] then return math.ceil(window / 1000) end
  return math.max(1, math.ceil((tonumber(oldest[2]) + window - now) / 1000))
end
redis.call('ZADD', KEYS[1], string.format('%.0f', now), string.format('%.0f', now) .. ':' .. count)
redis.call('PEXPIRE', KEYS[1], math.ceil(window / 1000))
return 0
",
    )
});

/// Sliding windows in Redis, exact over all instances.
pub struct RedisLimiter {
    link: Arc<Link>,
}

impl RedisLimiter {
    /// Returns a limiter.
    pub fn new(link: Arc<Link>) -> Self {
        Self { link }
    }
}

#[async_trait]
impl RateLimiter for RedisLimiter {
    async fn check(&self, key: &str, window: Window) -> Result<Verdict, StoreError> {
        let micros = u64::try_from(window.per.as_micros()).unwrap_or(u64::MAX);
        let mut check = CHECK.key(names::rate(key));
        let wait: u64 = self.link.run(check.arg(window.max).arg(micros)).await?;
        Ok(if wait == 0 { Verdict::Allowed } else { Verdict::Limited(Duration::from_millis(wait)) })
    }
}
