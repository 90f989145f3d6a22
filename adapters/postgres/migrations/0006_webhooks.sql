-- Webhooks of the billing service that were handled, so that a repeat has no effect.
CREATE TABLE webhooks (
    id text PRIMARY KEY,
    handled_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX webhooks_by_time ON webhooks (handled_at);
