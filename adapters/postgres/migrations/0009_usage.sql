-- What organisations use. Months are their first day in UTC; no row refers to an organisation, so that deleting one
-- leaves what it owes.
CREATE TABLE usage_months (
    org_id uuid NOT NULL,
    month date NOT NULL,
    spans bigint NOT NULL DEFAULT 0,
    traces bigint NOT NULL DEFAULT 0,
    eval_runs bigint NOT NULL DEFAULT 0,
    -- How many spans the last reservation got: what its statement returns.
    granted bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (org_id, month)
) WITH (fillfactor = 50);

-- Bytes stored belong to a project for as long as it lives, whatever the month.
CREATE TABLE usage_storage (
    org_id uuid NOT NULL,
    project_id uuid NOT NULL,
    bytes bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (org_id, project_id)
) WITH (fillfactor = 50);

-- Mails about the quota that are sent or about to be.
CREATE TABLE usage_notices (
    org_id uuid NOT NULL,
    month date NOT NULL,
    percent smallint NOT NULL,
    noted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, month, percent)
);
