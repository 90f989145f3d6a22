-- How durations of ended spans are spread, for each sum of `rollups`. Sums from before this have none yet; their hours
-- are worked out again when somebody asks for them.
CREATE TABLE rollup_latencies (
    project_id uuid NOT NULL,
    hour integer NOT NULL,
    key bytea NOT NULL,
    -- Numbered by `trace::latency`.
    bucket smallint NOT NULL,
    spans bigint NOT NULL,
    PRIMARY KEY (project_id, hour, key, bucket)
) WITH (fillfactor = 70);
