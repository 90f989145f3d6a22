//! Identity, metering, jobs and sums in Postgres.
