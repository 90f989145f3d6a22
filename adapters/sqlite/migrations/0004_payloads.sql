-- Inputs and outputs, apart from the spans so that scanning spans never drags them along. What conversations
-- repeat is cut out as parts and stored once; a payload keeps the rest and the numbers of its parts.
CREATE TABLE payloads (
    -- The row of the span.
    row INTEGER PRIMARY KEY,
    input BLOB,
    output BLOB
);

CREATE TABLE parts (
    id INTEGER PRIMARY KEY,
    -- The first 16 bytes of the BLAKE3 hash. Not indexed: that would write a page at random for every new part.
    -- The writer remembers the hashes it met lately, which is where repeats come from.
    hash BLOB NOT NULL,
    data BLOB NOT NULL
);

-- Which traces use a part: where a search that found a part goes on, and what keeps a part alive.
CREATE TABLE part_traces (
    part INTEGER NOT NULL,
    trace INTEGER NOT NULL,
    PRIMARY KEY (part, trace)
) WITHOUT ROWID;
