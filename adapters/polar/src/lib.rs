//! Billing through Polar.
