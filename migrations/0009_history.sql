-- Versions of shared documents (domain 5.1.9), and who wrote what in them.

CREATE TABLE collab_checkpoints (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL,
    document_id uuid NOT NULL,
    -- the last update that is in it
    seq bigint NOT NULL,
    reason text NOT NULL DEFAULT 'manual',
    label varchar(120),
    -- all of the document, Yjs, version 1
    state bytea NOT NULL,
    -- who wrote since the version before: the updates that say so are cut one day
    authors uuid[] NOT NULL DEFAULT '{}',
    created_by_id uuid REFERENCES users (id) ON DELETE SET NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_collab_checkpoints_seq UNIQUE (document_id, seq, reason),
    CONSTRAINT collab_checkpoints_parent FOREIGN KEY (organization_id, document_id)
        REFERENCES collab_documents (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT ck_collab_checkpoints_reason CHECK (reason IN ('manual', 'submit', 'accept', 'approve', 'publish',
        'restore', 'scheduled')),
    CONSTRAINT ck_collab_checkpoints_seq CHECK (seq >= 0),
    CONSTRAINT ck_collab_checkpoints_state CHECK (octet_length(state) > 0),
    CONSTRAINT ck_collab_checkpoints_label CHECK (btrim(label) <> '')
);
CREATE INDEX idx_collab_checkpoints_list ON collab_checkpoints (document_id, seq DESC, id DESC);
CREATE INDEX idx_collab_checkpoints_created_by_id ON collab_checkpoints (created_by_id);

-- Of each Yjs client the pieces from one clock up to another, without that one, and whose they are.
CREATE TABLE collab_authorship (
    organization_id uuid NOT NULL,
    document_id uuid NOT NULL,
    client bigint NOT NULL,
    from_clock bigint NOT NULL,
    to_clock bigint NOT NULL,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- the last update that added to it
    seq bigint NOT NULL,
    PRIMARY KEY (document_id, client, from_clock),
    CONSTRAINT collab_authorship_parent FOREIGN KEY (organization_id, document_id)
        REFERENCES collab_documents (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT ck_collab_authorship_clocks CHECK (client >= 0 AND from_clock >= 0 AND from_clock < to_clock)
-- Rows grow with every few letters: what changes is in no index, and there is room beside it.
) WITH (fillfactor = 70);
CREATE INDEX idx_collab_authorship_user_id ON collab_authorship (user_id);

SELECT guard_tenant_tables('collab_checkpoints', 'collab_authorship');
