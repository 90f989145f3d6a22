//! What the contract says of all routes.

/// Routes that ask for no credentials, which the contract names, in the order of their names.
pub const OPEN_ROUTES: [&str; 13] = [
    "GET /api/auth/config",
    "GET /api/health",
    "GET /api/live",
    "GET /api/metrics",
    "GET /api/openapi.json",
    "GET /api/ready",
    "POST /api/auth/accept-invite",
    "POST /api/auth/forgot-password",
    "POST /api/auth/login",
    "POST /api/auth/logout",
    "POST /api/auth/reset-password",
    "POST /api/auth/signup",
    "POST /api/billing/polar/webhook",
];
