-- Inputs and outputs, apart from the spans so that scanning spans never drags them along.
CREATE TABLE payloads (
    -- The row of the span.
    row INTEGER PRIMARY KEY,
    input BLOB,
    output BLOB
);
