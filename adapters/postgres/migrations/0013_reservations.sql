-- Spans that are counted for writes on their way. A row that stays was cut short by a crash or has an unknown outcome:
-- which of its spans exist because of it tells what it is to be counted for.
CREATE TABLE usage_reservations (
    -- Also the id of the write.
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL,
    project_id uuid NOT NULL,
    -- The month it is counted in, and how many of the spans of that month are its own as of now.
    month date NOT NULL,
    counted bigint NOT NULL,
    -- The spans it may create: their traces and their own ids, place by place.
    traces text[] NOT NULL,
    spans text[] NOT NULL,
    -- Places of spans that it was seen to have created.
    seen integer[] NOT NULL DEFAULT '{}',
    -- Its writer knows that it does not know what happened, and is done with it.
    released boolean NOT NULL DEFAULT false,
    -- Its spans were looked for after it was given up, and it only waits for a writer that may be slow.
    looked boolean NOT NULL DEFAULT false,
    taken_at timestamptz NOT NULL DEFAULT now(),
    -- When somebody looks for its spans, or forgets it.
    due_at timestamptz NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX usage_reservations_by_time ON usage_reservations (due_at);
