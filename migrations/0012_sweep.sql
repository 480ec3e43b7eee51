-- Documents whose columns could not be written must not take the places of others in the sweep.

CREATE FUNCTION collab_dirty(kinds text[], before timestamptz, most integer, but uuid[])
RETURNS TABLE (id uuid, organization_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT d.id, d.organization_id FROM collab_documents d
    WHERE d.materialised_seq < d.head_seq AND d.subject_type = ANY (kinds) AND d.updated_at < before
      AND d.id <> ALL (but)
    ORDER BY d.updated_at LIMIT most
$$;
SELECT hand_to_system('collab_dirty(text[], timestamptz, integer, uuid[])');

-- A client who was found by an address may be known to other coaches by another name, which is theirs.
ALTER TABLE client_sessions ADD COLUMN called varchar(200);
COMMENT ON COLUMN client_sessions.called IS 'How the coach of this session calls a client whom somebody else has made.';
