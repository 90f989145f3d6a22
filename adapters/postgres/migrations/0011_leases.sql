-- Work that one of many processes may do at a time, such as the hourly sweep.
CREATE TABLE leases (
    name text PRIMARY KEY,
    holder uuid NOT NULL,
    held_until timestamptz NOT NULL
);
