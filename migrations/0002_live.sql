-- Live sessions (domain 5.7): the event log, which is the truth, and the relational tables projected from it.
-- Ids of polls, options and questions are made by clients, so their keys include the session: an id chosen in one
-- session can never collide with, or reveal, one of another (docs/adr/003-client-made-ids.md).

CREATE TABLE live_sessions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    title varchar(200) NOT NULL,
    description text,
    join_code varchar(6) NOT NULL,
    instructor_id uuid NOT NULL REFERENCES users (id) DEFERRABLE,
    scheduled_start timestamptz NOT NULL,
    scheduled_end timestamptz NOT NULL,
    actual_start timestamptz,
    actual_end timestamptz,
    max_participants integer NOT NULL DEFAULT 50,
    needs_name boolean NOT NULL DEFAULT false,
    is_locked boolean NOT NULL DEFAULT false,
    status text NOT NULL DEFAULT 'scheduled',
    features jsonb NOT NULL DEFAULT '[]',
    metadata jsonb NOT NULL DEFAULT '{}',
    participant_count integer NOT NULL DEFAULT 0,
    engagement_score double precision,
    paused_at timestamptz,
    paused_seconds integer NOT NULL DEFAULT 0,
    cancel_reason text,
    agenda_snapshot jsonb NOT NULL DEFAULT '[]',
    coaching_enabled boolean NOT NULL DEFAULT false,
    event_seq bigint NOT NULL DEFAULT 0,
    created_by_id uuid REFERENCES users (id) ON DELETE SET NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT live_sessions_tenant_key UNIQUE (organization_id, id),
    CONSTRAINT live_sessions_status CHECK (status IN ('scheduled', 'starting', 'active', 'paused', 'ended', 'cancelled')),
    CONSTRAINT live_sessions_schedule CHECK (scheduled_end > scheduled_start),
    CONSTRAINT live_sessions_max_participants CHECK (max_participants > 0),
    CONSTRAINT live_sessions_title CHECK (btrim(title) <> ''),
    CONSTRAINT live_sessions_features CHECK (jsonb_typeof(features) = 'array'),
    CONSTRAINT live_sessions_engagement CHECK (engagement_score BETWEEN 0 AND 100),
    CONSTRAINT live_sessions_actual CHECK (actual_end IS NULL OR actual_start IS NOT NULL),
    CONSTRAINT live_sessions_paused CHECK ((status = 'paused') = (paused_at IS NOT NULL)),
    CONSTRAINT live_sessions_join_code CHECK (join_code ~ '^[2-9A-HJKMNP-TV-Z]{6}$')
);
CREATE UNIQUE INDEX uq_live_sessions_join_code ON live_sessions (join_code) WHERE status NOT IN ('ended', 'cancelled');
CREATE INDEX idx_live_sessions_code_history ON live_sessions (join_code, created_at DESC);
CREATE INDEX idx_live_sessions_instructor ON live_sessions (instructor_id);
CREATE INDEX idx_live_sessions_status ON live_sessions (organization_id, status);
CREATE INDEX idx_live_sessions_list ON live_sessions (organization_id, scheduled_start DESC, id DESC);
CREATE INDEX idx_live_sessions_schedule ON live_sessions (scheduled_start, scheduled_end);
CREATE INDEX idx_live_sessions_created_by_id ON live_sessions (created_by_id);

CREATE TABLE session_participants (
    id uuid PRIMARY KEY,
    organization_id uuid NOT NULL,
    live_session_id uuid NOT NULL,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    display_name varchar(80),
    number integer NOT NULL,
    joined_at timestamptz NOT NULL DEFAULT now(),
    left_at timestamptz,
    last_seen_from timestamptz, -- start of the current stay; null: joined_at
    role text NOT NULL DEFAULT 'participant',
    permissions text[] NOT NULL DEFAULT '{can_speak}',
    participation_score integer NOT NULL DEFAULT 0,
    total_time_seconds integer NOT NULL DEFAULT 0,
    interaction_count integer NOT NULL DEFAULT 0,
    questions_asked integer NOT NULL DEFAULT 0,
    polls_answered integer NOT NULL DEFAULT 0,
    speaking_time_seconds integer NOT NULL DEFAULT 0,
    connection_quality text,
    metadata jsonb NOT NULL DEFAULT '{}',
    hand_raised_at timestamptz,
    removed_at timestamptz,
    is_banned boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT session_participants_tenant_key UNIQUE (organization_id, id),
    CONSTRAINT session_participants_user UNIQUE (live_session_id, user_id),
    CONSTRAINT session_participants_session UNIQUE (live_session_id, id),
    CONSTRAINT session_participants_parent FOREIGN KEY (organization_id, live_session_id)
        REFERENCES live_sessions (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT session_participants_role CHECK (role IN ('instructor', 'assistant', 'participant', 'observer')),
    CONSTRAINT session_participants_permissions CHECK (permissions <@ ARRAY[
        'can_speak', 'can_share_screen', 'can_use_whiteboard', 'can_create_polls', 'can_moderate']::text[]),
    CONSTRAINT session_participants_score CHECK (participation_score BETWEEN 0 AND 100),
    CONSTRAINT session_participants_quality CHECK (connection_quality IN ('good', 'fair', 'poor')),
    CONSTRAINT session_participants_counters CHECK (total_time_seconds >= 0 AND interaction_count >= 0
        AND questions_asked >= 0 AND polls_answered >= 0 AND speaking_time_seconds >= 0)
);
CREATE INDEX idx_participants_session ON session_participants (live_session_id) WHERE left_at IS NULL;
CREATE INDEX idx_participants_user ON session_participants (user_id);
CREATE INDEX idx_participants_role ON session_participants (live_session_id, role);

CREATE TABLE live_session_events (
    organization_id uuid NOT NULL,
    live_session_id uuid NOT NULL,
    seq bigint NOT NULL,
    type varchar(60) NOT NULL,
    actor_participant_id uuid,
    payload jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    PRIMARY KEY (live_session_id, seq),
    CONSTRAINT live_session_events_parent FOREIGN KEY (organization_id, live_session_id)
        REFERENCES live_sessions (organization_id, id) ON DELETE CASCADE
);

-- Where a room starts reading: the folded state up to `seq`. `version` is the shape of `state`; an unknown one is
-- ignored and the log read from its beginning.
CREATE TABLE live_session_snapshots (
    organization_id uuid NOT NULL,
    live_session_id uuid PRIMARY KEY,
    seq bigint NOT NULL,
    version integer NOT NULL,
    state jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT live_session_snapshots_parent FOREIGN KEY (organization_id, live_session_id)
        REFERENCES live_sessions (organization_id, id) ON DELETE CASCADE
);

CREATE TABLE live_polls (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    live_session_id uuid NOT NULL,
    created_by_id uuid REFERENCES users (id) ON DELETE SET NULL,
    question varchar(500) NOT NULL,
    kind text NOT NULL DEFAULT 'single',
    min_choices integer NOT NULL DEFAULT 1,
    max_choices integer NOT NULL DEFAULT 1,
    low_label varchar(60),
    high_label varchar(60),
    is_anonymous boolean NOT NULL DEFAULT true,
    results_visibility text NOT NULL DEFAULT 'always',
    is_revealed boolean NOT NULL DEFAULT false,
    allow_change boolean NOT NULL DEFAULT true,
    timer_seconds integer,
    status text NOT NULL DEFAULT 'draft',
    position integer NOT NULL DEFAULT 0,
    round integer NOT NULL DEFAULT 1,
    opened_at timestamptz,
    closes_at timestamptz,
    closed_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (live_session_id, id),
    CONSTRAINT live_polls_parent FOREIGN KEY (organization_id, live_session_id)
        REFERENCES live_sessions (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT live_polls_question CHECK (btrim(question) <> ''),
    CONSTRAINT live_polls_kind CHECK (kind IN ('single', 'multiple', 'rating', 'open_text', 'word_cloud')),
    CONSTRAINT live_polls_visibility CHECK (results_visibility IN ('always', 'after_vote', 'after_close', 'never')),
    CONSTRAINT live_polls_status CHECK (status IN ('draft', 'open', 'closed', 'archived')),
    CONSTRAINT live_polls_choices CHECK (min_choices >= 1 AND max_choices >= min_choices),
    CONSTRAINT live_polls_one_choice CHECK (kind IN ('multiple', 'word_cloud') OR max_choices = 1),
    CONSTRAINT live_polls_opened CHECK (status IN ('draft', 'archived') OR opened_at IS NOT NULL)
);
CREATE INDEX idx_live_polls_session ON live_polls (live_session_id, position);
CREATE INDEX idx_live_polls_created_by_id ON live_polls (created_by_id);

CREATE TABLE live_poll_options (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    live_session_id uuid NOT NULL,
    poll_id uuid NOT NULL,
    position integer NOT NULL,
    label varchar(200) NOT NULL,
    vote_count integer NOT NULL DEFAULT 0,
    PRIMARY KEY (live_session_id, poll_id, id),
    CONSTRAINT live_poll_options_parent FOREIGN KEY (live_session_id, poll_id)
        REFERENCES live_polls (live_session_id, id) ON DELETE CASCADE,
    CONSTRAINT live_poll_options_tenant FOREIGN KEY (organization_id, live_session_id)
        REFERENCES live_sessions (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT live_poll_options_position UNIQUE (live_session_id, poll_id, position) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT live_poll_options_label CHECK (btrim(label) <> ''),
    CONSTRAINT live_poll_options_count CHECK (vote_count >= 0)
);

-- Rounds of a poll. A discarded one was thrown away by a reset: it is exported, not compared with.
CREATE TABLE live_poll_rounds (
    organization_id uuid NOT NULL,
    live_session_id uuid NOT NULL,
    poll_id uuid NOT NULL,
    round integer NOT NULL,
    is_discarded boolean NOT NULL DEFAULT false,
    ended_at timestamptz NOT NULL,
    PRIMARY KEY (live_session_id, poll_id, round),
    CONSTRAINT live_poll_rounds_parent FOREIGN KEY (live_session_id, poll_id)
        REFERENCES live_polls (live_session_id, id) ON DELETE CASCADE,
    CONSTRAINT live_poll_rounds_tenant FOREIGN KEY (organization_id, live_session_id)
        REFERENCES live_sessions (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT live_poll_rounds_round CHECK (round >= 1)
);

-- One chosen option, or one text, of one participant in one round. The slot makes "one ballot each" a key.
CREATE TABLE live_poll_votes (
    organization_id uuid NOT NULL,
    live_session_id uuid NOT NULL,
    poll_id uuid NOT NULL,
    round integer NOT NULL,
    participant_id uuid NOT NULL,
    slot smallint NOT NULL DEFAULT 0,
    option_id uuid,
    text_answer varchar(500),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (live_session_id, poll_id, round, participant_id, slot),
    CONSTRAINT live_poll_votes_tenant FOREIGN KEY (organization_id, live_session_id)
        REFERENCES live_sessions (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT live_poll_votes_poll FOREIGN KEY (live_session_id, poll_id)
        REFERENCES live_polls (live_session_id, id) ON DELETE CASCADE,
    CONSTRAINT live_poll_votes_participant FOREIGN KEY (live_session_id, participant_id)
        REFERENCES session_participants (live_session_id, id) ON DELETE CASCADE,
    CONSTRAINT live_poll_votes_option FOREIGN KEY (live_session_id, poll_id, option_id)
        REFERENCES live_poll_options (live_session_id, poll_id, id) ON DELETE CASCADE,
    CONSTRAINT live_poll_votes_slot CHECK (slot >= 0),
    CONSTRAINT live_poll_votes_one_answer CHECK (num_nonnulls(option_id, text_answer) = 1)
);
CREATE UNIQUE INDEX uq_live_poll_votes_option ON live_poll_votes
    (live_session_id, poll_id, round, participant_id, option_id) WHERE option_id IS NOT NULL;
CREATE INDEX idx_live_poll_votes_participant ON live_poll_votes (live_session_id, participant_id);

CREATE TABLE live_questions (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    live_session_id uuid NOT NULL,
    participant_id uuid NOT NULL,
    body varchar(1000) NOT NULL,
    is_anonymous boolean NOT NULL DEFAULT false,
    status text NOT NULL DEFAULT 'open',
    is_pinned boolean NOT NULL DEFAULT false,
    is_starred boolean NOT NULL DEFAULT false,
    is_archived boolean NOT NULL DEFAULT false,
    upvote_count integer NOT NULL DEFAULT 0,
    answer text,
    answered_by_id uuid REFERENCES users (id) ON DELETE SET NULL,
    answered_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (live_session_id, id),
    CONSTRAINT live_questions_tenant FOREIGN KEY (organization_id, live_session_id)
        REFERENCES live_sessions (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT live_questions_author FOREIGN KEY (live_session_id, participant_id)
        REFERENCES session_participants (live_session_id, id) ON DELETE CASCADE,
    CONSTRAINT live_questions_body CHECK (char_length(body) BETWEEN 1 AND 1000),
    CONSTRAINT live_questions_status CHECK (status IN ('pending', 'open', 'answered', 'dismissed')),
    CONSTRAINT live_questions_upvotes CHECK (upvote_count >= 0),
    CONSTRAINT live_questions_answered CHECK (status <> 'answered' OR answered_at IS NOT NULL)
);
CREATE INDEX idx_live_questions_board ON live_questions (live_session_id, status, upvote_count DESC, created_at);
CREATE INDEX idx_live_questions_participant ON live_questions (live_session_id, participant_id);
CREATE INDEX idx_live_questions_answered_by_id ON live_questions (answered_by_id);

CREATE TABLE live_question_upvotes (
    organization_id uuid NOT NULL,
    live_session_id uuid NOT NULL,
    question_id uuid NOT NULL,
    participant_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (live_session_id, question_id, participant_id),
    CONSTRAINT live_question_upvotes_tenant FOREIGN KEY (organization_id, live_session_id)
        REFERENCES live_sessions (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT live_question_upvotes_question FOREIGN KEY (live_session_id, question_id)
        REFERENCES live_questions (live_session_id, id) ON DELETE CASCADE,
    CONSTRAINT live_question_upvotes_participant FOREIGN KEY (live_session_id, participant_id)
        REFERENCES session_participants (live_session_id, id) ON DELETE CASCADE
);
CREATE INDEX idx_live_question_upvotes_participant ON live_question_upvotes (live_session_id, participant_id);

SELECT guard_tenant_tables('live_sessions', 'session_participants', 'live_session_events', 'live_session_snapshots',
    'live_polls', 'live_poll_options', 'live_poll_rounds', 'live_poll_votes', 'live_questions',
    'live_question_upvotes');
-- The log is append-only for the server.
REVOKE UPDATE, DELETE ON live_session_events FROM atelier_app;

-- What has to be found before the tenant is known. Owned by atelier_system, the only role that sees across tenants.
GRANT SELECT ON live_sessions, organizations TO atelier_system;
CREATE POLICY system_read ON live_sessions FOR SELECT TO atelier_system USING (true);

-- The session that a join code leads to: the one not ended, else the newest that had it.
CREATE FUNCTION live_session_by_code(code text)
RETURNS TABLE (organization_id uuid, id uuid, title varchar, status text, needs_name boolean,
               scheduled_start timestamptz, guests_allowed boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT s.organization_id, s.id, s.title, s.status, s.needs_name, s.scheduled_start,
           COALESCE((o.settings ->> 'guest_join')::boolean, true)
    FROM live_sessions s JOIN organizations o ON o.id = s.organization_id
    WHERE s.join_code = code AND o.status = 'active' AND o.deleted_at IS NULL
    ORDER BY (s.status NOT IN ('ended', 'cancelled')) DESC, s.created_at DESC
    LIMIT 1
$$;
-- The newest event number of each of these sessions: the head check, one query for all rooms of a node.
CREATE FUNCTION live_heads(ids uuid[]) RETURNS TABLE (id uuid, event_seq bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT s.id, s.event_seq FROM live_sessions s WHERE s.id = ANY (ids)
$$;
-- Sessions that the server should look at because nobody may be hosting them any more (domain 6.6, L6 and L7).
CREATE FUNCTION live_overdue(at timestamptz) RETURNS TABLE (organization_id uuid, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT s.organization_id, s.id FROM live_sessions s
    WHERE s.status NOT IN ('ended', 'cancelled') AND s.scheduled_end < at - interval '30 minutes'
    ORDER BY s.scheduled_end LIMIT 500
$$;
SELECT hand_to_system('live_session_by_code(text)', 'live_heads(uuid[])', 'live_overdue(timestamptz)');
