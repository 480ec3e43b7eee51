-- Retention: the log of a session that is over moves into a few rows of many events each. Its snapshot no longer needs
-- it; the archive is for the export, the replay, and for a snapshot whose shape has become unknown.

ALTER TABLE live_sessions ADD COLUMN archived_seq bigint NOT NULL DEFAULT 0;
CREATE INDEX idx_live_sessions_to_archive ON live_sessions (updated_at)
    WHERE status IN ('ended', 'cancelled') AND event_seq > archived_seq;

CREATE TABLE live_session_archive (
    organization_id uuid NOT NULL,
    live_session_id uuid NOT NULL,
    from_seq bigint NOT NULL,
    to_seq bigint NOT NULL,
    -- `[{seq, at, actor, event}]`, in order and without a gap
    events jsonb NOT NULL,
    archived_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (live_session_id, to_seq),
    CONSTRAINT live_session_archive_parent FOREIGN KEY (organization_id, live_session_id)
        REFERENCES live_sessions (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT live_session_archive_range CHECK (from_seq BETWEEN 1 AND to_seq)
);

SELECT guard_tenant_tables('live_session_archive');
REVOKE INSERT, UPDATE, DELETE ON live_session_archive FROM atelier_app;

GRANT UPDATE ON live_sessions TO atelier_system;
GRANT SELECT, DELETE ON live_session_events TO atelier_system;
GRANT SELECT ON live_session_snapshots TO atelier_system;
GRANT SELECT, INSERT ON live_session_archive TO atelier_system;
CREATE POLICY system_archive ON live_sessions FOR UPDATE TO atelier_system USING (status IN ('ended', 'cancelled'));
CREATE POLICY system_archive ON live_session_events TO atelier_system USING (true);
CREATE POLICY system_archive ON live_session_snapshots FOR SELECT TO atelier_system USING (true);
CREATE POLICY system_archive ON live_session_archive TO atelier_system USING (true);

-- Sessions that have been over since before then, and whose log is not archived.
CREATE FUNCTION live_archivable(before timestamptz) RETURNS TABLE (organization_id uuid, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT s.organization_id, s.id FROM live_sessions s
    WHERE s.status IN ('ended', 'cancelled') AND s.event_seq > s.archived_seq AND s.updated_at < before
    ORDER BY s.updated_at LIMIT 50
$$;

-- Moves the log of a session that is over, up to its snapshot, into the archive. Returns how many events.
CREATE FUNCTION live_archive(p_organization uuid, p_session uuid) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_upto bigint;
    v_count bigint;
BEGIN
    -- Another node may be at it: then there is nothing left to do.
    PERFORM FROM live_sessions
        WHERE id = p_session AND organization_id = p_organization AND status IN ('ended', 'cancelled') FOR UPDATE;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    SELECT seq INTO v_upto FROM live_session_snapshots WHERE live_session_id = p_session;
    INSERT INTO live_session_archive (organization_id, live_session_id, from_seq, to_seq, events)
        SELECT p_organization, p_session, min(seq), max(seq),
               jsonb_agg(jsonb_build_object('seq', seq, 'at', created_at, 'actor', actor_participant_id,
                                            'event', payload) ORDER BY seq)
        FROM live_session_events WHERE live_session_id = p_session AND seq <= v_upto
        GROUP BY (seq - 1) / 5000;
    DELETE FROM live_session_events WHERE live_session_id = p_session AND seq <= v_upto;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    UPDATE live_sessions SET archived_seq = greatest(archived_seq, v_upto) WHERE id = p_session AND v_upto IS NOT NULL;
    RETURN v_count;
END
$$;
SELECT hand_to_system('live_archivable(timestamptz)', 'live_archive(uuid, uuid)');
