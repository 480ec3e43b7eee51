-- Sessions that could not be archived must not take the places of others in the list.

CREATE FUNCTION live_archivable(before timestamptz, but uuid[]) RETURNS TABLE (organization_id uuid, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT s.organization_id, s.id FROM live_sessions s
    WHERE s.status IN ('ended', 'cancelled') AND s.event_seq > s.archived_seq AND s.updated_at < before
      AND s.id <> ALL (but)
    ORDER BY s.updated_at LIMIT 50
$$;
SELECT hand_to_system('live_archivable(timestamptz, uuid[])');
