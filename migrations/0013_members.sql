-- What people may do with shared documents comes from memberships, roles and accounts too. Whatever changes those moves
-- the number of the organizations concerned in the same transaction; nodes see it with their head check, and look again
-- at the rights of whoever is in.

ALTER TABLE organizations ADD COLUMN rights_seq bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN organizations.rights_seq IS 'So often has changed what its members may do; kept by triggers.';

-- An account belongs to several organizations, which no tenant may know of: definer functions move the numbers.
GRANT UPDATE (rights_seq) ON organizations TO atelier_system;

-- In the order of their ids, so that two transactions cannot wait for each other.
CREATE FUNCTION auth_move_rights(p_organizations uuid[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE organizations SET rights_seq = rights_seq + 1
    WHERE id IN (SELECT o.id FROM organizations o WHERE o.id = ANY (p_organizations) ORDER BY o.id
                 FOR NO KEY UPDATE)
$$;

-- Of the organization that a row names.
CREATE FUNCTION auth_rights_moved() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP <> 'DELETE' THEN
        PERFORM auth_move_rights(ARRAY[NEW.organization_id]);
    END IF;
    IF TG_OP = 'DELETE' OR TG_OP = 'UPDATE' AND OLD.organization_id <> NEW.organization_id THEN
        PERFORM auth_move_rights(ARRAY[OLD.organization_id]);
    END IF;
    RETURN NULL;
END
$$;

-- Of all that use a role.
CREATE FUNCTION auth_role_rights_moved() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM auth_move_rights(ARRAY(
        SELECT DISTINCT mr.organization_id FROM membership_roles mr WHERE mr.role_id = NEW.id));
    RETURN NULL;
END
$$;

-- Of all where somebody is a member, or a guest.
CREATE FUNCTION auth_account_rights_moved() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM auth_move_rights(ARRAY(
        SELECT m.organization_id FROM memberships m WHERE m.user_id = NEW.id
        UNION SELECT t.organization_id FROM auth_tokens t WHERE t.user_id = NEW.id));
    RETURN NULL;
END
$$;

CREATE FUNCTION auth_organization_rights_moved() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.rights_seq := OLD.rights_seq + 1;
    RETURN NEW;
END
$$;

-- A new membership comes with its roles; without any it gives nothing to anybody who is connected.
CREATE TRIGGER rights_moved AFTER DELETE ON memberships FOR EACH ROW EXECUTE FUNCTION auth_rights_moved();
CREATE TRIGGER rights_changed AFTER UPDATE OF status, user_id, organization_id ON memberships FOR EACH ROW
    WHEN (OLD.status <> NEW.status OR OLD.user_id <> NEW.user_id OR OLD.organization_id <> NEW.organization_id)
    EXECUTE FUNCTION auth_rights_moved();
CREATE TRIGGER rights_moved AFTER INSERT OR UPDATE OR DELETE ON membership_roles FOR EACH ROW
    EXECUTE FUNCTION auth_rights_moved();
CREATE TRIGGER rights_moved AFTER UPDATE OF permissions ON roles FOR EACH ROW
    WHEN (OLD.permissions <> NEW.permissions) EXECUTE FUNCTION auth_role_rights_moved();
CREATE TRIGGER rights_moved AFTER UPDATE OF deleted_at ON users FOR EACH ROW
    WHEN ((OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL)) EXECUTE FUNCTION auth_account_rights_moved();
CREATE TRIGGER rights_moved BEFORE UPDATE OF status, deleted_at ON organizations FOR EACH ROW
    WHEN (OLD.status <> NEW.status OR (OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL))
    EXECUTE FUNCTION auth_organization_rights_moved();
-- Who signs out. A ticket is used up anyway, and a link of a screen opens no document.
CREATE TRIGGER rights_moved AFTER UPDATE OF revoked_at ON auth_tokens FOR EACH ROW
    WHEN (OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL AND NEW.kind = 'access'
        AND NEW.organization_id IS NOT NULL AND NOT NEW.scope ? 'link')
    EXECUTE FUNCTION auth_rights_moved();

-- What the head check asks for.
CREATE FUNCTION auth_rights(p_organizations uuid[]) RETURNS TABLE (id uuid, rights_seq bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT o.id, o.rights_seq FROM organizations o WHERE o.id = ANY (p_organizations)
$$;

-- Handed over last: whoever makes a trigger needs the right to call its function.
SELECT hand_to_system('auth_move_rights(uuid[])', 'auth_rights_moved()', 'auth_role_rights_moved()',
                      'auth_account_rights_moved()', 'auth_rights(uuid[])');
