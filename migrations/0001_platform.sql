-- Platform: who may act, where, and with which rights (design: domain 3, 4, 5.1).
--
-- Three roles. The *owner* runs migrations and owns the tables; row security is forced on it too, unless it is a
-- superuser. `atelier_app` runs the server. `atelier_system` owns the security-definer functions at the end of this
-- file and nothing else: they are the only way across tenants, each does one thing, and `atelier_app` may only call them.

-- ---------------------------------------------------------------------------------------------------------------------
-- Roles. They belong to the whole cluster: another database may be creating them at this moment (advisory locks do not
-- reach across databases, so a lost race is caught instead).

DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['atelier_app', 'atelier_system'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
            EXCEPTION
                WHEN duplicate_object OR unique_violation THEN
                    NULL; -- somebody else was faster
                WHEN insufficient_privilege THEN
                    RAISE EXCEPTION 'role "%" is missing, and "%" may not create it; as an administrator, run: '
                        'CREATE ROLE % NOLOGIN; GRANT % TO % WITH ADMIN OPTION;',
                        role_name, current_user, role_name, role_name, current_user;
            END;
        END IF;
    END LOOP;
END
$$;

-- Lets the migrating owner act as a role: SET ROLE, and ALTER … OWNER TO. Does nothing where it may already, as a
-- superuser always may. From PostgreSQL 16 on nothing is inherited. Returns whether something was granted.
CREATE FUNCTION join_role(p_role name) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    is_16 constant boolean := current_setting('server_version_num')::integer >= 160000;
BEGIN
    IF pg_has_role(current_user, p_role, CASE WHEN is_16 THEN 'SET' ELSE 'MEMBER' END) THEN
        RETURN false;
    END IF;
    FOR attempt IN 1..20 LOOP
        BEGIN
            EXECUTE format('GRANT %I TO %I', p_role, current_user)
                || CASE WHEN is_16 THEN ' WITH INHERIT FALSE, SET TRUE' ELSE '' END;
            RETURN true;
        EXCEPTION
            WHEN unique_violation OR internal_error THEN
                PERFORM pg_sleep(0.05); -- another database grants the same thing at this moment
            WHEN insufficient_privilege THEN
                -- From PostgreSQL 16 on, whoever did not create a role needs to be given it.
                RAISE EXCEPTION '"%" may not act as role "%"; as an administrator, run: '
                    'GRANT atelier_app, atelier_system TO % WITH ADMIN OPTION%;',
                    current_user, p_role, current_user, CASE WHEN is_16 THEN ', INHERIT FALSE' ELSE '' END;
        END;
    END LOOP;
    RAISE EXCEPTION 'cannot make % a member of %', current_user, p_role;
END
$$;

-- Hands functions over to `atelier_system` and lets nobody but `atelier_app` call them. The owner's membership ends
-- here again: with it, the owner would inherit the policies of `atelier_system` and see across tenants.
CREATE FUNCTION hand_to_system(VARIADIC p_functions regprocedure[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    f regprocedure;
    joined boolean;
BEGIN
    joined := join_role('atelier_system');
    GRANT CREATE ON SCHEMA public TO atelier_system;
    FOREACH f IN ARRAY p_functions LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO atelier_app', f);
        EXECUTE format('ALTER FUNCTION %s OWNER TO atelier_system', f);
    END LOOP;
    REVOKE CREATE ON SCHEMA public FROM atelier_system;
    IF joined THEN
        EXECUTE format('REVOKE atelier_system FROM %I', current_user);
    END IF;
END
$$;

SELECT join_role('atelier_app');

GRANT USAGE ON SCHEMA public TO atelier_app, atelier_system;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO atelier_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO atelier_app;

-- ---------------------------------------------------------------------------------------------------------------------
-- The tenant of a transaction. After the first use of a setting on a connection, later transactions read an empty
-- string, not null: hence the nullif.

CREATE FUNCTION current_org_id() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT nullif(current_setting('app.current_org_id', true), '')::uuid $$;

CREATE FUNCTION current_user_id() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT nullif(current_setting('app.current_user_id', true), '')::uuid $$;

CREATE FUNCTION touch_updated_at() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$;

-- Row security on and forced, and `updated_at` kept. Every table of the schema goes through here.
CREATE FUNCTION guard_table(p_table regclass) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', p_table);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', p_table);
    IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = p_table AND attname = 'updated_at' AND NOT attisdropped) THEN
        EXECUTE format('CREATE TRIGGER touch_updated_at BEFORE UPDATE ON %s '
                       'FOR EACH ROW EXECUTE FUNCTION touch_updated_at()', p_table);
    END IF;
END
$$;

-- As guard_table, and the one policy of a tenant table: reading and writing only where the row's organization is the
-- transaction's.  SELECT guard_tenant_tables('live_sessions', 'live_polls');
CREATE FUNCTION guard_tenant_tables(VARIADIC p_tables regclass[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    t regclass;
BEGIN
    FOREACH t IN ARRAY p_tables LOOP
        PERFORM guard_table(t);
        EXECUTE format('CREATE POLICY tenant ON %s USING (organization_id = current_org_id()) '
                       'WITH CHECK (organization_id = current_org_id())', t);
    END LOOP;
END
$$;

REVOKE ALL ON FUNCTION join_role(name), hand_to_system(regprocedure[]), guard_table(regclass),
    guard_tenant_tables(regclass[]) FROM PUBLIC;

-- ---------------------------------------------------------------------------------------------------------------------
-- Tables

CREATE TABLE organizations (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name varchar(200) NOT NULL,
    slug varchar(63) NOT NULL,
    status text NOT NULL DEFAULT 'active',
    settings jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    CONSTRAINT uq_organizations_slug UNIQUE (slug),
    CONSTRAINT ck_organizations_name CHECK (btrim(name) <> ''),
    CONSTRAINT ck_organizations_status CHECK (status IN ('active', 'suspended', 'closed'))
);
COMMENT ON TABLE organizations IS 'The tenant. Every tenant row points here.';

CREATE TABLE users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    kind text NOT NULL DEFAULT 'person',
    email varchar(255),
    first_name varchar(50),
    last_name varchar(50),
    display_name varchar(120) NOT NULL,
    last_login_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    CONSTRAINT ck_users_kind CHECK (kind IN ('person', 'guest', 'service')),
    CONSTRAINT ck_users_person
        CHECK (kind <> 'person' OR (email IS NOT NULL AND first_name IS NOT NULL AND last_name IS NOT NULL)),
    CONSTRAINT ck_users_first_name CHECK (first_name IS NULL OR char_length(first_name) BETWEEN 1 AND 50),
    CONSTRAINT ck_users_last_name CHECK (last_name IS NULL OR char_length(last_name) BETWEEN 1 AND 50),
    CONSTRAINT ck_users_email CHECK (email IS NULL OR email ~ '^[^@[:space:]]+@[^@[:space:]]+$'),
    CONSTRAINT ck_users_display_name CHECK (btrim(display_name) <> '')
);
CREATE UNIQUE INDEX uq_users_email ON users (lower(email)) WHERE deleted_at IS NULL;
COMMENT ON TABLE users IS 'One person, guest or machine that can be authenticated; global, not per tenant.';

CREATE TABLE user_credentials (
    user_id uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    password_hash text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE user_credentials IS 'Password hashes (argon2id). Read by one definer function only.';

CREATE TABLE roles (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid REFERENCES organizations ON DELETE CASCADE,
    key varchar(40) NOT NULL,
    name varchar(80) NOT NULL,
    description text,
    permissions text[] NOT NULL DEFAULT '{}',
    is_system boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_roles_key UNIQUE NULLS NOT DISTINCT (organization_id, key),
    CONSTRAINT ck_roles_is_system CHECK (is_system = (organization_id IS NULL))
);
COMMENT ON TABLE roles IS 'Roles and the permission keys they give. Rows without organization belong to the system.';

CREATE TABLE memberships (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    status text NOT NULL DEFAULT 'active',
    invited_by_id uuid REFERENCES users ON DELETE SET NULL,
    joined_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_memberships_user UNIQUE (organization_id, user_id),
    CONSTRAINT uq_memberships_tenant UNIQUE (organization_id, id),
    CONSTRAINT ck_memberships_status CHECK (status IN ('invited', 'active', 'suspended', 'removed'))
);
CREATE INDEX idx_memberships_user_id ON memberships (user_id);
CREATE INDEX idx_memberships_invited_by_id ON memberships (invited_by_id);
COMMENT ON TABLE memberships IS 'A user belongs to an organization.';

CREATE TABLE membership_roles (
    organization_id uuid NOT NULL,
    membership_id uuid NOT NULL,
    role_id uuid NOT NULL REFERENCES roles DEFERRABLE,
    granted_by_id uuid REFERENCES users ON DELETE SET NULL,
    granted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (membership_id, role_id),
    CONSTRAINT fk_membership_roles_membership FOREIGN KEY (organization_id, membership_id)
        REFERENCES memberships (organization_id, id) ON DELETE CASCADE
);
CREATE INDEX idx_membership_roles_membership ON membership_roles (organization_id, membership_id);
CREATE INDEX idx_membership_roles_role_id ON membership_roles (role_id);
CREATE INDEX idx_membership_roles_granted_by_id ON membership_roles (granted_by_id);
COMMENT ON TABLE membership_roles IS 'Roles held in an organization.';

CREATE TABLE auth_tokens (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    organization_id uuid REFERENCES organizations ON DELETE CASCADE,
    kind text NOT NULL DEFAULT 'access',
    token_hash bytea NOT NULL,
    scope jsonb NOT NULL DEFAULT '{}',
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    revoked_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_auth_tokens_hash UNIQUE (token_hash),
    CONSTRAINT ck_auth_tokens_kind CHECK (kind IN ('access', 'refresh', 'invite', 'ws_ticket')),
    CONSTRAINT ck_auth_tokens_hash CHECK (octet_length(token_hash) = 32),
    CONSTRAINT ck_auth_tokens_scope CHECK (jsonb_typeof(scope) = 'object')
);
CREATE INDEX idx_auth_tokens_user_id ON auth_tokens (user_id);
CREATE INDEX idx_auth_tokens_organization_id ON auth_tokens (organization_id);
CREATE INDEX idx_auth_tokens_expires_at ON auth_tokens (expires_at);
CREATE INDEX idx_auth_tokens_links ON auth_tokens ((scope ->> 'liveSession')) WHERE scope ? 'link';
COMMENT ON TABLE auth_tokens IS 'Opaque bearer tokens and single-use tickets, stored as sha256. No direct access.';

CREATE TABLE state_transitions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    subject_type varchar(40) NOT NULL,
    subject_id uuid NOT NULL,
    from_state varchar(40),
    to_state varchar(40) NOT NULL,
    actor_user_id uuid REFERENCES users ON DELETE SET NULL,
    reason text,
    detail jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX idx_state_transitions_subject
    ON state_transitions (organization_id, subject_type, subject_id, created_at);
CREATE INDEX idx_state_transitions_actor_user_id ON state_transitions (actor_user_id);
COMMENT ON TABLE state_transitions IS 'One audit row per change of state; append-only.';

CREATE TABLE jobs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    kind varchar(60) NOT NULL,
    subject_type varchar(40),
    subject_id uuid,
    payload jsonb NOT NULL DEFAULT '{}',
    status text NOT NULL DEFAULT 'queued',
    attempts integer NOT NULL DEFAULT 0,
    max_attempts integer NOT NULL DEFAULT 5,
    run_after timestamptz NOT NULL DEFAULT now(),
    locked_by text,
    locked_until timestamptz,
    last_error text,
    dedupe_key varchar(200),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ck_jobs_status CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    CONSTRAINT ck_jobs_attempts CHECK (attempts >= 0)
);
CREATE INDEX idx_jobs_organization_id ON jobs (organization_id);
CREATE INDEX idx_jobs_ready ON jobs (run_after) WHERE status = 'queued';
CREATE UNIQUE INDEX uq_jobs_dedupe ON jobs (organization_id, dedupe_key)
    WHERE dedupe_key IS NOT NULL AND status IN ('queued', 'running');
COMMENT ON TABLE jobs IS 'Durable work; enqueued in the transaction that causes it.';

-- ---------------------------------------------------------------------------------------------------------------------
-- The roles of the system and their rights (domain 4.6). Before row security, because nobody may write such rows after.

INSERT INTO roles (id, key, name, is_system, permissions) VALUES
    ('00000000-0000-4000-8000-000000000001', 'org_admin', 'Administrator', true, ARRAY[
        'builder.read', 'builder.edit', 'builder.review', 'builder.publish', 'builder.trainers', 'builder.confirm',
        'studio.edit', 'studio.approve', 'content.edit', 'content.publish', 'content.moderate', 'campaign.manage',
        'live.create', 'live.host', 'live.join', 'coaching.all', 'workbook.author', 'workbook.learn', 'org.manage']),
    ('00000000-0000-4000-8000-000000000002', 'broker', 'Broker', true, ARRAY[
        'builder.read', 'builder.edit', 'builder.publish', 'builder.trainers',
        'content.edit', 'content.publish', 'content.moderate', 'campaign.manage',
        'live.create', 'live.join', 'workbook.learn']),
    ('00000000-0000-4000-8000-000000000003', 'content_developer', 'Content developer', true, ARRAY[
        'builder.read', 'builder.edit', 'builder.review', 'studio.edit', 'studio.approve', 'content.edit',
        'live.join', 'workbook.author', 'workbook.learn']),
    ('00000000-0000-4000-8000-000000000004', 'trainer', 'Trainer', true, ARRAY[
        'builder.read_assigned', 'builder.confirm', 'live.create', 'live.host', 'live.join', 'workbook.learn']),
    ('00000000-0000-4000-8000-000000000005', 'coach', 'Coach', true, ARRAY[
        'live.create', 'live.host', 'live.join', 'coaching.own', 'workbook.learn']),
    ('00000000-0000-4000-8000-000000000006', 'learner', 'Learner', true, ARRAY['live.join', 'workbook.learn']);

-- ---------------------------------------------------------------------------------------------------------------------
-- Row security

SELECT guard_tenant_tables('memberships', 'state_transitions', 'jobs');
SELECT guard_table('organizations'), guard_table('users'), guard_table('user_credentials'), guard_table('roles'),
       guard_table('membership_roles'), guard_table('auth_tokens');

CREATE POLICY tenant ON organizations FOR SELECT USING (id = current_org_id());
CREATE POLICY tenant_update ON organizations FOR UPDATE USING (id = current_org_id());

CREATE POLICY tenant ON users FOR SELECT USING (
    id = current_user_id()
    OR EXISTS (SELECT FROM memberships m WHERE m.user_id = users.id AND m.organization_id = current_org_id()));
CREATE POLICY self_update ON users FOR UPDATE USING (id = current_user_id());

CREATE POLICY tenant ON roles USING (organization_id = current_org_id()) WITH CHECK (organization_id = current_org_id());
CREATE POLICY system_read ON roles FOR SELECT USING (organization_id IS NULL);

-- The key to `roles` cannot carry the tenant, because system roles have none; the policy closes that gap.
CREATE POLICY tenant ON membership_roles USING (organization_id = current_org_id())
    WITH CHECK (organization_id = current_org_id() AND EXISTS (SELECT FROM roles r WHERE r.id = role_id));

REVOKE ALL ON auth_tokens, user_credentials FROM atelier_app;
REVOKE UPDATE, DELETE ON state_transitions FROM atelier_app;
REVOKE INSERT, DELETE ON organizations, users FROM atelier_app;
DO $$
BEGIN
    IF to_regclass('public._sqlx_migrations') IS NOT NULL THEN
        REVOKE ALL ON _sqlx_migrations FROM atelier_app;
    END IF;
END
$$;

-- What the definer functions need, and no more.
GRANT SELECT, INSERT ON organizations, memberships, membership_roles, user_credentials TO atelier_system;
GRANT SELECT, INSERT, DELETE ON users TO atelier_system;
GRANT SELECT, INSERT, UPDATE, DELETE ON auth_tokens TO atelier_system;
GRANT SELECT ON roles TO atelier_system;
CREATE POLICY definer ON organizations TO atelier_system USING (true);
CREATE POLICY definer ON users TO atelier_system USING (true);
CREATE POLICY definer ON user_credentials TO atelier_system USING (true);
CREATE POLICY definer ON memberships TO atelier_system USING (true);
CREATE POLICY definer ON membership_roles TO atelier_system USING (true);
CREATE POLICY definer ON roles FOR SELECT TO atelier_system USING (true);
CREATE POLICY definer ON auth_tokens TO atelier_system USING (true);

-- ---------------------------------------------------------------------------------------------------------------------
-- Definer functions. Time always comes from the caller, so that tests can move it.

-- A new organization with its first member, who may do everything in it. Returns the slug, made unique with a number.
-- Fails with uq_users_email when the address is taken.
CREATE FUNCTION auth_register(
    p_organization uuid, p_organization_name text, p_slug text,
    p_user uuid, p_email text, p_password_hash text, p_first_name text, p_last_name text, p_display_name text,
    p_now timestamptz
) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_slug text := p_slug;
    v_membership uuid;
    v_number integer := 1;
BEGIN
    INSERT INTO users (id, kind, email, first_name, last_name, display_name, created_at, updated_at)
    VALUES (p_user, 'person', p_email, p_first_name, p_last_name, p_display_name, p_now, p_now);
    INSERT INTO user_credentials (user_id, password_hash, updated_at) VALUES (p_user, p_password_hash, p_now);
    LOOP
        INSERT INTO organizations (id, name, slug, created_at, updated_at)
        VALUES (p_organization, p_organization_name, v_slug, p_now, p_now)
        ON CONFLICT (slug) DO NOTHING;
        EXIT WHEN FOUND;
        v_number := v_number + 1;
        -- After a few tries the id decides: a common name must not cost a walk over all its namesakes.
        v_slug := p_slug || '-' || CASE WHEN v_number < 10 THEN v_number::text
                                        ELSE left(md5(p_organization::text || v_number), 8) END;
    END LOOP;
    INSERT INTO memberships (organization_id, user_id, status, joined_at, created_at, updated_at)
    VALUES (p_organization, p_user, 'active', p_now, p_now, p_now)
    RETURNING id INTO v_membership;
    INSERT INTO membership_roles (organization_id, membership_id, role_id, granted_at)
    SELECT p_organization, v_membership, r.id, p_now
    FROM roles r WHERE r.is_system AND r.key IN ('org_admin', 'trainer', 'coach');
    RETURN v_slug;
END
$$;

-- Whom does an address belong to, and what must the password match?
CREATE FUNCTION auth_login(p_email text) RETURNS TABLE (user_id uuid, password_hash text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT u.id, c.password_hash
    FROM users u JOIN user_credentials c ON c.user_id = u.id
    WHERE lower(u.email) = lower(p_email) AND u.deleted_at IS NULL AND u.kind = 'person'
$$;

-- Where may this person sign in? Oldest membership first.
CREATE FUNCTION auth_organizations(p_user uuid) RETURNS TABLE (organization_id uuid, name text, slug text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT o.id, o.name::text, o.slug::text
    FROM memberships m JOIN organizations o ON o.id = m.organization_id
    WHERE m.user_id = p_user AND m.status = 'active' AND o.status = 'active' AND o.deleted_at IS NULL
    ORDER BY m.created_at, m.id
$$;

-- May this user act in this organization right now? Guests are let in by their token alone.
CREATE FUNCTION auth_may_act(p_user uuid, p_organization uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM users u, organizations o
        WHERE u.id = p_user AND u.deleted_at IS NULL
          AND o.id = p_organization AND o.status = 'active' AND o.deleted_at IS NULL
          AND (u.kind = 'guest' OR EXISTS (
              SELECT FROM memberships m
              WHERE m.user_id = u.id AND m.organization_id = o.id AND m.status = 'active')))
$$;

-- Who holds this access token, with which rights? One row, or none when it is unknown, expired, revoked, or its holder
-- may not act in the organization any more.
CREATE FUNCTION auth_find_token(p_hash bytea, p_now timestamptz)
RETURNS TABLE (token_id uuid, user_id uuid, organization_id uuid, user_kind text, scope jsonb, permissions text[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT t.id, t.user_id, t.organization_id, u.kind, t.scope,
           ARRAY(SELECT DISTINCT p
                 FROM memberships m
                 JOIN membership_roles mr ON mr.organization_id = m.organization_id AND mr.membership_id = m.id
                 JOIN roles r ON r.id = mr.role_id
                 CROSS JOIN LATERAL unnest(r.permissions) AS p
                 WHERE m.user_id = t.user_id AND m.organization_id = t.organization_id AND m.status = 'active'
                 ORDER BY p)
    FROM auth_tokens t JOIN users u ON u.id = t.user_id
    WHERE t.token_hash = p_hash AND t.kind = 'access' AND t.revoked_at IS NULL AND t.expires_at > p_now
      AND auth_may_act(t.user_id, t.organization_id)
$$;

-- Uses up a ticket. Of any number of simultaneous calls exactly one gets the row.
CREATE FUNCTION auth_use_ticket(p_hash bytea, p_now timestamptz)
RETURNS TABLE (user_id uuid, organization_id uuid, scope jsonb)
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE auth_tokens t SET used_at = p_now
    WHERE t.token_hash = p_hash AND t.kind = 'ws_ticket' AND t.used_at IS NULL AND t.revoked_at IS NULL
      AND t.expires_at > p_now AND auth_may_act(t.user_id, t.organization_id)
    RETURNING t.user_id, t.organization_id, t.scope
$$;

-- Returns false, and stores nothing, when the user may not act in the organization.
CREATE FUNCTION auth_issue_token(
    p_id uuid, p_user uuid, p_organization uuid, p_kind text, p_hash bytea, p_scope jsonb,
    p_now timestamptz, p_expires_at timestamptz
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO auth_tokens (id, user_id, organization_id, kind, token_hash, scope, created_at, expires_at)
    SELECT p_id, p_user, p_organization, p_kind, p_hash, p_scope, p_now, p_expires_at
    WHERE auth_may_act(p_user, p_organization);
    RETURN FOUND;
END
$$;

CREATE FUNCTION auth_revoke_token(p_hash bytea, p_now timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE auth_tokens SET revoked_at = p_now WHERE token_hash = p_hash AND revoked_at IS NULL;
    RETURN FOUND;
END
$$;

-- Links: tokens whose scope names a `link`. Both functions act inside the transaction's tenant only.
CREATE FUNCTION auth_list_links(p_live_session uuid, p_now timestamptz, p_after uuid, p_limit bigint)
RETURNS TABLE (id uuid, link text, created_at timestamptz, expires_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT t.id, t.scope ->> 'link', t.created_at, t.expires_at
    FROM auth_tokens t
    WHERE t.scope ? 'link' AND t.scope ->> 'liveSession' = p_live_session::text
      AND t.organization_id = current_org_id() AND t.revoked_at IS NULL AND t.expires_at > p_now
      AND (p_after IS NULL OR t.id < p_after)
    ORDER BY t.id DESC LIMIT p_limit
$$;

CREATE FUNCTION auth_revoke_token_by_id(p_live_session uuid, p_id uuid, p_now timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE auth_tokens SET revoked_at = p_now
    WHERE id = p_id AND scope ? 'link' AND scope ->> 'liveSession' = p_live_session::text
      AND organization_id = current_org_id() AND revoked_at IS NULL;
    RETURN FOUND;
END
$$;

-- A guest and the token that lets it come back, in one step. False when the organization is closed or takes no guests.
CREATE FUNCTION auth_create_guest(
    p_organization uuid, p_user uuid, p_display_name text,
    p_token uuid, p_hash bytea, p_scope jsonb, p_now timestamptz, p_expires_at timestamptz
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM organizations o
        WHERE o.id = p_organization AND o.status = 'active' AND o.deleted_at IS NULL
          AND o.settings -> 'guest_join' IS DISTINCT FROM 'false'::jsonb)
    THEN
        RETURN false;
    END IF;
    INSERT INTO users (id, kind, display_name, created_at, updated_at)
    VALUES (p_user, 'guest', p_display_name, p_now, p_now);
    INSERT INTO auth_tokens (id, user_id, organization_id, kind, token_hash, scope, created_at, expires_at)
    VALUES (p_token, p_user, p_organization, 'access', p_hash, p_scope, p_now, p_expires_at);
    RETURN true;
END
$$;

-- Takes back a guest whose joining was refused. Fails where the guest left a trace, as it should.
CREATE FUNCTION auth_discard_guest(p_organization uuid, p_user uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    DELETE FROM users u
    WHERE u.id = p_user AND u.kind = 'guest'
      AND EXISTS (SELECT FROM auth_tokens t WHERE t.user_id = u.id AND t.organization_id = p_organization);
    RETURN FOUND;
END
$$;

-- Forgets tokens that ended before a moment. Returns how many.
CREATE FUNCTION auth_purge_tokens(p_before timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_count bigint;
BEGIN
    DELETE FROM auth_tokens WHERE expires_at < p_before;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END
$$;

SELECT hand_to_system(
    'auth_register(uuid, text, text, uuid, text, text, text, text, text, timestamptz)',
    'auth_login(text)', 'auth_organizations(uuid)', 'auth_may_act(uuid, uuid)',
    'auth_find_token(bytea, timestamptz)', 'auth_use_ticket(bytea, timestamptz)',
    'auth_issue_token(uuid, uuid, uuid, text, bytea, jsonb, timestamptz, timestamptz)',
    'auth_revoke_token(bytea, timestamptz)', 'auth_list_links(uuid, timestamptz, uuid, bigint)',
    'auth_revoke_token_by_id(uuid, uuid, timestamptz)',
    'auth_create_guest(uuid, uuid, text, uuid, bytea, jsonb, timestamptz, timestamptz)',
    'auth_discard_guest(uuid, uuid)', 'auth_purge_tokens(timestamptz)');
