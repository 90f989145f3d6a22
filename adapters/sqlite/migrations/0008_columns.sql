-- What lists filter and sort by, column by column, in segments of 16 384 spans. A scan of a million spans is then a
-- few milliseconds, whatever the filter, while an index for every number would write a page at random for every span.
-- Segments are sealed behind the writer's back. A scan only names candidates, which are checked on the spans.
CREATE TABLE columns (
    -- 32 times the segment, plus the field.
    id INTEGER PRIMARY KEY,
    -- The least and the greatest value, NULL where there is none: most segments need not be read at all.
    least INTEGER,
    most INTEGER,
    data BLOB NOT NULL
);
CREATE TABLE column_progress (
    -- Everything before this segment is sealed.
    segment INTEGER NOT NULL,
    -- Spans of a segment; fixed once there is one.
    size INTEGER NOT NULL
);
INSERT INTO column_progress VALUES (0, 16384);
-- Spans that changed or went after they may have been sealed: scans leave them to the spans themselves.
CREATE TABLE column_changed (
    row INTEGER PRIMARY KEY,
    times INTEGER NOT NULL
);
-- Names, models, providers and kinds as columns hold them.
CREATE TABLE words (
    id INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE
);
