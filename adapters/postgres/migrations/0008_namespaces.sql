-- The namespaces of the span store, which cannot be trusted to list them.
CREATE TABLE namespaces (
    name text PRIMARY KEY,
    org_id uuid NOT NULL,
    project_id uuid NOT NULL,
    schema_version integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX namespaces_by_project ON namespaces (project_id);
