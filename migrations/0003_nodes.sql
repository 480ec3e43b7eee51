-- Nodes and who is connected to them (docs/adr/010-presence-and-leases.md). All times are the database's own: leases
-- are compared across nodes, whose clocks may disagree.

-- A lease. Whoever finds it lapsed becomes its reaper and holds it from then on, until the last of its rows below has
-- been dealt with; a reaper that dies lets it lapse again. A lease with a reaper is never given back: the node, should
-- it live, takes a new one.
CREATE TABLE live_nodes (
    id uuid PRIMARY KEY,
    started_at timestamptz NOT NULL DEFAULT now(),
    held_since timestamptz NOT NULL DEFAULT now(), -- without a gap
    lease_until timestamptz NOT NULL,
    reaper uuid
);
SELECT guard_table('live_nodes');
REVOKE ALL ON live_nodes FROM atelier_app;

-- Who is connected to a session on a node. The row is there for as long as the node has to see to it that people who
-- are gone are marked as left, with nobody in it, too. Its node has a row above: without a key, because rows go first
-- and no tenant may write here.
CREATE TABLE live_presence (
    organization_id uuid NOT NULL,
    live_session_id uuid NOT NULL,
    node_id uuid NOT NULL,
    people uuid[] NOT NULL DEFAULT '{}',
    changed bigint NOT NULL DEFAULT 0, -- the transaction that wrote it
    PRIMARY KEY (live_session_id, node_id),
    CONSTRAINT live_presence_parent FOREIGN KEY (organization_id, live_session_id)
        REFERENCES live_sessions (organization_id, id) ON DELETE CASCADE
);
CREATE INDEX idx_live_presence_node ON live_presence (node_id);
SELECT guard_tenant_tables('live_presence');
REVOKE INSERT, UPDATE, DELETE ON live_presence FROM atelier_app;

GRANT SELECT, INSERT, UPDATE, DELETE ON live_nodes, live_presence TO atelier_system;
GRANT SELECT ON session_participants TO atelier_system;
CREATE POLICY definer ON live_nodes TO atelier_system USING (true);
CREATE POLICY definer ON live_presence TO atelier_system USING (true);
CREATE POLICY system_read ON session_participants FOR SELECT TO atelier_system USING (true);

-- Takes or renews a node's lease and writes what changed about its rooms (people as an array literal; null: the room
-- has nobody to see to any more). Then looks for lapsed leases; a node that had lost its own a moment ago does not judge
-- others: after an outage of the database all have lapsed. `held`: false, when somebody has become this node's reaper.
-- A lease that was given up needs no judge. `nodes`: leases in force. `lapsed`: those this node has to reap.
CREATE FUNCTION live_hold(p_node uuid, p_fresh boolean, p_seconds double precision,
                          p_organizations uuid[], p_sessions uuid[], p_people text[],
                          OUT held boolean, OUT nodes integer, OUT lapsed integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_lease constant interval := make_interval(secs => p_seconds);
BEGIN
    IF NOT p_fresh AND cardinality(p_sessions) = 0 THEN
        PERFORM set_config('synchronous_commit', 'off', true); -- a renewal that is lost is lost time only
    END IF;
    IF p_fresh THEN
        INSERT INTO live_nodes (id, lease_until) VALUES (p_node, now() + v_lease);
    ELSE
        UPDATE live_nodes SET lease_until = now() + v_lease,
            held_since = CASE WHEN lease_until < now() THEN now() ELSE held_since END
        WHERE id = p_node AND reaper IS NULL;
    END IF;
    held := FOUND;
    nodes := 0;
    lapsed := 0;
    IF NOT held THEN
        RETURN;
    END IF;

    DELETE FROM live_presence r USING unnest(p_sessions, p_people) AS w (session, people)
    WHERE r.live_session_id = w.session AND r.node_id = p_node AND w.people IS NULL;
    INSERT INTO live_presence AS r (organization_id, live_session_id, node_id, people, changed)
    SELECT s.organization_id, s.id, p_node, w.people::uuid[], pg_current_xact_id()::text::bigint
    FROM unnest(p_organizations, p_sessions, p_people) AS w (organization, session, people)
    JOIN live_sessions s ON s.id = w.session AND s.organization_id = w.organization
    WHERE w.people IS NOT NULL
    ON CONFLICT (live_session_id, node_id) DO UPDATE SET people = EXCLUDED.people, changed = EXCLUDED.changed;

    UPDATE live_nodes SET lease_until = now() + v_lease WHERE reaper = p_node;
    UPDATE live_nodes SET lease_until = now() + v_lease, reaper = p_node
    WHERE id IN (SELECT id FROM live_nodes WHERE lease_until < now() AND id <> p_node FOR UPDATE SKIP LOCKED)
      AND (lease_until = '-infinity' OR (SELECT held_since FROM live_nodes WHERE id = p_node) <= now() - v_lease);
    DELETE FROM live_nodes n WHERE reaper = p_node AND NOT EXISTS (SELECT FROM live_presence WHERE node_id = n.id);
    SELECT count(*) FILTER (WHERE reaper IS NULL), count(*) FILTER (WHERE reaper = p_node)
    INTO nodes, lapsed FROM live_nodes;
END
$$;

-- Gives a lease up: whoever sees it first reaps what is left.
CREATE FUNCTION live_release(p_node uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    DELETE FROM live_nodes WHERE id = p_node AND reaper IS NULL
        AND NOT EXISTS (SELECT FROM live_presence WHERE node_id = p_node);
    UPDATE live_nodes SET lease_until = '-infinity' WHERE id = p_node AND reaper IS NULL;
$$;

-- Rows of lost nodes that this node has to reap.
CREATE FUNCTION live_lost(p_node uuid)
RETURNS TABLE (organization_id uuid, live_session_id uuid, node_id uuid, people uuid[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT r.organization_id, r.live_session_id, r.node_id, r.people
    FROM live_presence r JOIN live_nodes n ON n.id = r.node_id
    WHERE n.reaper = p_node LIMIT 200
$$;

-- The session knows that it has lost a node: from now on `p_node` sees to its people.
CREATE FUNCTION live_bury(p_node uuid, p_session uuid, p_lost uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM FROM live_nodes WHERE id = p_node AND reaper IS NULL FOR SHARE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    INSERT INTO live_presence (organization_id, live_session_id, node_id, changed)
    SELECT organization_id, live_session_id, p_node, pg_current_xact_id()::text::bigint
    FROM live_presence WHERE live_session_id = p_session AND node_id = p_lost
    ON CONFLICT DO NOTHING;
    DELETE FROM live_presence WHERE live_session_id = p_session AND node_id = p_lost;
END
$$;

-- What a node looks at once a second, for all its rooms in one query: the newest event number of each session
-- (`node_id` is null), and who is connected elsewhere, as far as that was written since the look before. The next look
-- begins with the number of the row without a session: what is not visible yet has that number or a higher one.
CREATE FUNCTION live_look(p_node uuid, p_sessions uuid[], p_since bigint[])
RETURNS TABLE (live_session_id uuid, node_id uuid, seq bigint, people uuid[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT s.id, NULL::uuid, s.event_seq, NULL::uuid[] FROM live_sessions s WHERE s.id = ANY (p_sessions)
    UNION ALL
    SELECT r.live_session_id, r.node_id, 0, r.people
    FROM unnest(p_sessions, p_since) AS w (session, since)
    JOIN live_presence r ON r.live_session_id = w.session AND r.changed >= w.since AND r.node_id <> p_node
    UNION ALL
    SELECT NULL, NULL, pg_snapshot_xmin(pg_current_snapshot())::text::bigint, NULL
$$;

-- Sessions with people in them for whom no node answers: it died before it could say that it does.
CREATE FUNCTION live_forsaken() RETURNS TABLE (organization_id uuid, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT s.organization_id, s.id FROM live_sessions s
    WHERE s.status NOT IN ('ended', 'cancelled')
      AND EXISTS (SELECT FROM session_participants p WHERE p.live_session_id = s.id AND p.left_at IS NULL)
      AND NOT EXISTS (SELECT FROM live_presence r WHERE r.live_session_id = s.id)
    LIMIT 500
$$;

SELECT hand_to_system('live_hold(uuid, boolean, double precision, uuid[], uuid[], text[])', 'live_release(uuid)',
    'live_lost(uuid)', 'live_bury(uuid, uuid, uuid)', 'live_look(uuid, uuid[], bigint[])', 'live_forsaken()');
