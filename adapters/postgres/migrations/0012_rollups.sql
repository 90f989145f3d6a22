-- Sums of spans per hour, model, provider, kind and status.
CREATE TABLE rollups (
    project_id uuid NOT NULL,
    -- Hours since 1970.
    hour integer NOT NULL,
    -- A hash of the columns below: texts may be too long for an index, and nothing equals nothing in it.
    key bytea NOT NULL,
    kind smallint NOT NULL,
    label text NOT NULL,
    provider text,
    status smallint NOT NULL,
    spans bigint NOT NULL,
    ended bigint NOT NULL,
    -- What clients name may be large, and so many of them larger: these have no end.
    duration_ms numeric NOT NULL,
    -- Millionths of a millionth of a dollar: whole numbers add up the same in any order and take away to nothing.
    cost numeric NOT NULL,
    input_tokens numeric NOT NULL,
    output_tokens numeric NOT NULL,
    PRIMARY KEY (project_id, hour, key)
) WITH (fillfactor = 70);

-- Batches whose sums were added, so that a repeat adds nothing.
CREATE TABLE rollup_applied (
    project_id uuid NOT NULL,
    batch_id uuid NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (project_id, batch_id)
);
CREATE INDEX rollup_applied_by_time ON rollup_applied (applied_at);

-- Writes of spans that have begun and whose sums are not added yet. One that stays was cut short by a crash.
CREATE TABLE rollup_writes (
    project_id uuid NOT NULL,
    batch_id uuid NOT NULL,
    org_id uuid NOT NULL,
    begun_at timestamptz NOT NULL DEFAULT now(),
    -- The hours it may touch, and the spans it ends, whose hours are not known before.
    hours integer[] NOT NULL,
    ends json NOT NULL,
    -- Hours that were worked out again since it began: whether its spans were among those counted, nobody knows.
    recomputed integer[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (project_id, batch_id)
);
CREATE INDEX rollup_writes_by_time ON rollup_writes (begun_at);

-- Hours whose sums are to be worked out again from the spans. The version rises with every doubt.
CREATE TABLE rollup_dirty (
    project_id uuid NOT NULL,
    hour integer NOT NULL,
    org_id uuid NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    since timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (project_id, hour)
);
