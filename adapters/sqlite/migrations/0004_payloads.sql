-- Inputs and outputs, apart from the spans so that scanning spans never drags them along. What conversations
-- repeat is cut out as parts and stored once; a payload keeps the rest and the numbers of its parts.
CREATE TABLE payloads (
    -- The row of the span.
    row INTEGER PRIMARY KEY,
    input BLOB,
    output BLOB
);

-- The new parts of a trace in one write, compressed together.
CREATE TABLE chunks (
    -- The number of the first part; the others count on from it.
    id INTEGER PRIMARY KEY,
    -- The first 16 bytes of the BLAKE3 hash of each part. Not indexed: that would write a page at random for every
    -- new part. The writer remembers the hashes it met lately, which is where repeats come from.
    hashes BLOB NOT NULL,
    data BLOB NOT NULL
);

-- Which parts of a chunk a trace uses: where a search that found a chunk goes on, and what keeps a part alive.
CREATE TABLE chunk_traces (
    trace INTEGER NOT NULL,
    chunk INTEGER NOT NULL,
    -- One bit per part.
    uses INTEGER NOT NULL,
    PRIMARY KEY (trace, chunk)
) WITHOUT ROWID;
CREATE INDEX chunk_traces_by_chunk ON chunk_traces (chunk);
