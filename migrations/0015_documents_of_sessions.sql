-- What live sessions say about their notes and whiteboards: read under the lock of the session's head when something is to
-- be said, and once a second for all that are open on a node, in one query, so that nothing stays unsaid.

GRANT SELECT ON live_notes, live_whiteboards TO atelier_system;
CREATE POLICY system_read ON live_notes FOR SELECT TO atelier_system USING (true);
CREATE POLICY system_read ON live_whiteboards FOR SELECT TO atelier_system USING (true);

CREATE FUNCTION live_documents(p_sessions uuid[])
RETURNS TABLE (live_session_id uuid, notes uuid, notes_may text, board uuid, board_may text, title text, is_locked boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT s.session, n.id, n.participants_may, b.id, b.participants_may, b.title::text, b.is_locked
    FROM unnest(p_sessions) AS s (session)
    LEFT JOIN live_notes n ON n.live_session_id = s.session
    LEFT JOIN live_whiteboards b ON b.live_session_id = s.session
$$;
SELECT hand_to_system('live_documents(uuid[])');
