//! Live events, replay, revocations and rate limits in Redis.
