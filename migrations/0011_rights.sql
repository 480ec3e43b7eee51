-- Rights on shared documents are numbered: whatever changes what somebody may do with a document moves its number in the
-- same transaction. Nodes that have it open see that with their head check, whoever made the change and wherever.

ALTER TABLE collab_documents ADD COLUMN rights_seq bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN collab_documents.rights_seq IS 'So often has changed what people may do with it; kept by triggers.';

-- Everything below runs with the rights of whoever makes the change: row security holds, so it reaches documents of the
-- same organization only.

CREATE FUNCTION collab_move_rights(p_organization uuid, p_kind text, p_subject uuid) RETURNS void
LANGUAGE sql AS $$
    UPDATE collab_documents SET rights_seq = rights_seq + 1
    WHERE organization_id = p_organization AND subject_type = p_kind AND subject_id = p_subject
$$;

-- Of the document that is about a row; its kind is the argument.
CREATE FUNCTION collab_subject_rights_moved() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM collab_move_rights(NEW.organization_id, TG_ARGV[0], NEW.id);
    RETURN NULL;
END
$$;

-- Of the documents of a live session: of its board, and of its notes where those are concerned too.
CREATE FUNCTION collab_move_session_rights(p_organization uuid, p_session uuid, p_notes_too boolean) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    subject uuid;
BEGIN
    IF to_regclass('live_whiteboards') IS NOT NULL THEN
        SELECT b.id INTO subject FROM live_whiteboards b WHERE b.live_session_id = p_session;
        PERFORM collab_move_rights(p_organization, 'live_whiteboard', subject);
    END IF;
    IF p_notes_too THEN
        SELECT n.id INTO subject FROM live_notes n WHERE n.live_session_id = p_session;
        PERFORM collab_move_rights(p_organization, 'live_notes', subject);
    END IF;
END
$$;

-- The argument of both: 'all', or 'board' for what makes no difference to the notes.
CREATE FUNCTION collab_session_rights_moved() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM collab_move_session_rights(NEW.organization_id, NEW.id, TG_ARGV[0] = 'all');
    RETURN NULL;
END
$$;

CREATE FUNCTION collab_participant_rights_moved() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM collab_move_session_rights(NEW.organization_id, NEW.live_session_id, TG_ARGV[0] = 'all');
    RETURN NULL;
END
$$;

CREATE FUNCTION collab_collaborator_rights_moved() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE collab_documents SET rights_seq = rights_seq + 1
    WHERE id = coalesce(NEW.document_id, OLD.document_id)
      AND organization_id = coalesce(NEW.organization_id, OLD.organization_id);
    RETURN NULL;
END
$$;

CREATE FUNCTION collab_document_rights_moved() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.rights_seq := OLD.rights_seq + 1;
    RETURN NEW;
END
$$;

-- Only what makes a difference to somebody: a summary that is written in for the first time takes nothing from anybody.

CREATE TRIGGER rights_moved BEFORE UPDATE OF frozen_at ON collab_documents FOR EACH ROW
    WHEN ((OLD.frozen_at IS NULL) <> (NEW.frozen_at IS NULL)) EXECUTE FUNCTION collab_document_rights_moved();

CREATE TRIGGER rights_moved AFTER INSERT OR DELETE ON collab_collaborators FOR EACH ROW
    EXECUTE FUNCTION collab_collaborator_rights_moved();
CREATE TRIGGER rights_changed AFTER UPDATE OF level ON collab_collaborators FOR EACH ROW
    WHEN (OLD.level <> NEW.level) EXECUTE FUNCTION collab_collaborator_rights_moved();

CREATE TRIGGER rights_moved AFTER UPDATE OF status, deleted_at ON builder_sessions FOR EACH ROW
    WHEN ((OLD.status IN ('draft', 'review')) <> (NEW.status IN ('draft', 'review'))
        OR (OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL))
    EXECUTE FUNCTION collab_subject_rights_moved('builder_session');

CREATE TRIGGER rights_moved AFTER UPDATE OF status, deleted_at ON summaries FOR EACH ROW
    WHEN ((OLD.status IN ('generated', 'in_refinement')) <> (NEW.status IN ('generated', 'in_refinement'))
        OR (OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL))
    EXECUTE FUNCTION collab_subject_rights_moved('summary');

CREATE TRIGGER rights_moved AFTER UPDATE OF participants_may ON live_notes FOR EACH ROW
    WHEN (OLD.participants_may <> NEW.participants_may) EXECUTE FUNCTION collab_subject_rights_moved('live_notes');

CREATE TRIGGER rights_moved AFTER UPDATE OF status, instructor_id ON live_sessions FOR EACH ROW
    WHEN ((OLD.status IN ('ended', 'cancelled')) <> (NEW.status IN ('ended', 'cancelled'))
        OR OLD.instructor_id <> NEW.instructor_id)
    EXECUTE FUNCTION collab_session_rights_moved('all');
CREATE TRIGGER rights_moved_of_board AFTER UPDATE OF status ON live_sessions FOR EACH ROW
    WHEN ((OLD.status IN ('starting', 'active', 'paused')) <> (NEW.status IN ('starting', 'active', 'paused')))
    EXECUTE FUNCTION collab_session_rights_moved('board');

CREATE TRIGGER rights_moved AFTER UPDATE OF removed_at, role ON session_participants FOR EACH ROW
    WHEN ((OLD.removed_at IS NULL) <> (NEW.removed_at IS NULL) OR OLD.role <> NEW.role)
    EXECUTE FUNCTION collab_participant_rights_moved('all');
CREATE TRIGGER rights_moved_of_board AFTER UPDATE OF permissions ON session_participants FOR EACH ROW
    WHEN (('can_use_whiteboard' = ANY (OLD.permissions)) <> ('can_use_whiteboard' = ANY (NEW.permissions))
        OR ('can_moderate' = ANY (OLD.permissions)) <> ('can_moderate' = ANY (NEW.permissions)))
    EXECUTE FUNCTION collab_participant_rights_moved('board');

DO $$
BEGIN
    IF to_regclass('live_whiteboards') IS NOT NULL THEN
        CREATE TRIGGER rights_moved AFTER UPDATE OF participants_may, is_locked ON live_whiteboards FOR EACH ROW
            WHEN (OLD.participants_may <> NEW.participants_may OR OLD.is_locked <> NEW.is_locked)
            EXECUTE FUNCTION collab_subject_rights_moved('live_whiteboard');
    END IF;
END
$$;

-- What the head check asks for now; nodes of the version before go on asking collab_heads.
CREATE FUNCTION collab_heads_and_rights(ids uuid[]) RETURNS TABLE (id uuid, head_seq bigint, rights_seq bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT d.id, d.head_seq, d.rights_seq FROM collab_documents d WHERE d.id = ANY (ids)
$$;
SELECT hand_to_system('collab_heads_and_rights(uuid[])');
