-- The text index moved to a file of its own, where no writer waits for it. It is made anew there.
DROP TABLE text_terms;
DROP TABLE text;
DROP TABLE text_progress;
DELETE FROM text_changed;
-- Chunks whose texts changed or went since the index took them in.
CREATE TABLE text_chunks (
    row INTEGER PRIMARY KEY,
    -- The number of the last part.
    last INTEGER NOT NULL,
    times INTEGER NOT NULL
);
-- Which index belongs to this file.
CREATE TABLE text_state (
    -- Another one when nothing of what the index holds is true any more.
    epoch INTEGER NOT NULL,
    -- The last step of the index whose marks were taken away here.
    step INTEGER NOT NULL,
    -- The last step of the index that was to be taken: what it read was here by then.
    announced INTEGER NOT NULL
);
INSERT INTO text_state VALUES (abs(random() / 2), 0, 0);
