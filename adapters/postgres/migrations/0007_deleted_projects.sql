-- Deleted projects whose data may still be there: what is left of a deletion that a crash cut short.
CREATE TABLE deleted_projects (
    project_id uuid PRIMARY KEY,
    org_id uuid NOT NULL,
    deleted_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX deleted_projects_by_time ON deleted_projects (deleted_at);
