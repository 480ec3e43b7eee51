-- The shared drawing of a live session (domain 5.7.14). The drawing itself is a shared document.

CREATE TABLE live_whiteboards (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL,
    live_session_id uuid NOT NULL,
    title varchar(120) NOT NULL DEFAULT 'Whiteboard',
    -- only hosts may draw
    is_locked boolean NOT NULL DEFAULT false,
    -- what participants may do with it; whoever may use the whiteboard by right draws anyway
    participants_may text NOT NULL DEFAULT 'read',
    thumbnail_url text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_live_whiteboards_session UNIQUE (live_session_id),
    CONSTRAINT uq_live_whiteboards_org UNIQUE (organization_id, id),
    CONSTRAINT live_whiteboards_parent FOREIGN KEY (organization_id, live_session_id)
        REFERENCES live_sessions (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT ck_live_whiteboards_title CHECK (btrim(title) <> ''),
    CONSTRAINT ck_live_whiteboards_participants CHECK (participants_may IN ('nothing', 'read', 'edit'))
);
SELECT guard_tenant_tables('live_whiteboards');
