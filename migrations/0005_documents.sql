-- Shared documents (domain 5.1.7, 5.1.8, 11): the log of their updates, and the first thing they belong to, the notes of
-- a live session.

CREATE TABLE collab_documents (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    subject_type text NOT NULL,
    subject_id uuid NOT NULL,
    schema_version integer NOT NULL DEFAULT 1,
    snapshot bytea,
    snapshot_seq bigint NOT NULL DEFAULT 0,
    head_seq bigint NOT NULL DEFAULT 0,
    -- bytes of all updates above the snapshot, to know when it is time for the next
    tail_bytes bigint NOT NULL DEFAULT 0,
    materialised_seq bigint NOT NULL DEFAULT 0,
    materialised_at timestamptz,
    materialise_error text,
    frozen_at timestamptz,
    -- set while something in it could not be read or applied; an operator has to look
    quarantined_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_collab_documents_subject UNIQUE (organization_id, subject_type, subject_id),
    CONSTRAINT uq_collab_documents_org UNIQUE (organization_id, id),
    CONSTRAINT ck_collab_documents_subject CHECK (subject_type IN ('builder_session', 'builder_content_version',
        'studio_session', 'article', 'video', 'program_knowledge', 'summary', 'content_item', 'live_whiteboard',
        'live_notes')),
    CONSTRAINT ck_collab_documents_snapshot CHECK (snapshot_seq <= head_seq),
    CONSTRAINT ck_collab_documents_materialised CHECK (materialised_seq <= head_seq)
);
CREATE INDEX idx_collab_documents_dirty ON collab_documents (updated_at) WHERE materialised_seq < head_seq;

CREATE TABLE collab_updates (
    organization_id uuid NOT NULL,
    document_id uuid NOT NULL,
    seq bigint NOT NULL,
    payload bytea NOT NULL,
    actor_user_id uuid REFERENCES users (id) ON DELETE SET NULL,
    origin text NOT NULL DEFAULT 'client',
    node_id text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (document_id, seq),
    CONSTRAINT collab_updates_parent FOREIGN KEY (organization_id, document_id)
        REFERENCES collab_documents (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT ck_collab_updates_payload CHECK (octet_length(payload) > 0),
    CONSTRAINT ck_collab_updates_origin CHECK (origin IN ('client', 'server', 'ai', 'import'))
);
CREATE INDEX idx_collab_updates_actor_user_id ON collab_updates (actor_user_id);

-- Updates that could not be applied though they passed the gate: for an operator to look at.
CREATE TABLE collab_quarantine (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL,
    document_id uuid NOT NULL,
    payload bytea NOT NULL,
    reason text NOT NULL,
    actor_user_id uuid REFERENCES users (id) ON DELETE SET NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT collab_quarantine_parent FOREIGN KEY (organization_id, document_id)
        REFERENCES collab_documents (organization_id, id) ON DELETE CASCADE
);
CREATE INDEX idx_collab_quarantine_document ON collab_quarantine (document_id, created_at);
CREATE INDEX idx_collab_quarantine_actor ON collab_quarantine (actor_user_id);

-- ---------------------------------------------------------------------------------------------------------------------
-- Live sessions: one page of shared notes

CREATE TABLE live_notes (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL,
    live_session_id uuid NOT NULL,
    -- what participants may do with it; hosts may always write
    participants_may text NOT NULL DEFAULT 'read',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_live_notes_session UNIQUE (live_session_id),
    CONSTRAINT uq_live_notes_org UNIQUE (organization_id, id),
    CONSTRAINT live_notes_parent FOREIGN KEY (organization_id, live_session_id)
        REFERENCES live_sessions (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT ck_live_notes_participants CHECK (participants_may IN ('nothing', 'read', 'edit'))
);

SELECT guard_tenant_tables('collab_documents', 'collab_updates', 'collab_quarantine', 'live_notes');
REVOKE UPDATE ON collab_updates, collab_quarantine FROM atelier_app;

-- The newest number of each of these documents: the head check, one query for all that are open on a node.
GRANT SELECT ON collab_documents TO atelier_system;
CREATE POLICY system_read ON collab_documents FOR SELECT TO atelier_system USING (true);
CREATE FUNCTION collab_heads(ids uuid[]) RETURNS TABLE (id uuid, head_seq bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT d.id, d.head_seq FROM collab_documents d WHERE d.id = ANY (ids)
$$;
SELECT hand_to_system('collab_heads(uuid[])');
