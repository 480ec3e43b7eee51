-- What shared documents are about, besides live sessions: plans of trainings (domain 5.2.3, 5.2.4, 5.2.13) and what came
-- out of coaching (5.4.1 to 5.4.3, 5.4.5, 5.4.7), and who else may write in one of their documents (5.1.10).
--
-- Columns that point to tables which are not there yet come with those tables: of a plan its topic, incentives, landing
-- page and teaching material, and with the landing page the rule that what is published has one; of a client the account
-- of the company; of a coaching session its transcription; of a summary its template.

CREATE TABLE collab_collaborators (
    organization_id uuid NOT NULL,
    document_id uuid NOT NULL,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    level text NOT NULL DEFAULT 'edit',
    added_by_id uuid REFERENCES users (id) ON DELETE SET NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (document_id, user_id),
    CONSTRAINT collab_collaborators_parent FOREIGN KEY (organization_id, document_id)
        REFERENCES collab_documents (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT ck_collab_collaborators_level CHECK (level IN ('view', 'edit'))
);
CREATE INDEX idx_collab_collaborators_user_id ON collab_collaborators (user_id);
CREATE INDEX idx_collab_collaborators_added_by_id ON collab_collaborators (added_by_id);
COMMENT ON TABLE collab_collaborators IS 'A member who may do more with one document than roles allow.';

-- ---------------------------------------------------------------------------------------------------------------------
-- Plans of trainings

CREATE TABLE builder_sessions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    -- title, subtitle, audience and objective are written by the projection of the document
    title varchar(200) NOT NULL,
    subtitle varchar(300),
    audience text NOT NULL,
    objective text NOT NULL,
    status text NOT NULL DEFAULT 'draft',
    readiness_score integer NOT NULL DEFAULT 0,
    scheduled_at timestamptz,
    duration_minutes integer,
    ai_prompt_context jsonb NOT NULL DEFAULT '{}',
    incentive_waived boolean NOT NULL DEFAULT false,
    lock_version integer NOT NULL DEFAULT 0,
    created_by_id uuid NOT NULL REFERENCES users (id) DEFERRABLE,
    updated_by_id uuid REFERENCES users (id) ON DELETE SET NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz,
    deleted_at timestamptz,
    CONSTRAINT uq_builder_sessions_org UNIQUE (organization_id, id),
    CONSTRAINT ck_builder_sessions_texts CHECK (btrim(title) <> '' AND btrim(audience) <> '' AND btrim(objective) <> ''),
    CONSTRAINT ck_builder_sessions_status CHECK (status IN ('draft', 'review', 'ready', 'published', 'retired')),
    CONSTRAINT ck_builder_sessions_readiness CHECK (readiness_score BETWEEN 0 AND 100),
    CONSTRAINT ck_builder_sessions_duration CHECK (duration_minutes > 0),
    CONSTRAINT ck_builder_sessions_published CHECK (status <> 'published' OR published_at IS NOT NULL)
);
CREATE INDEX idx_builder_sessions_org_status ON builder_sessions (organization_id, status, scheduled_at)
    WHERE deleted_at IS NULL;
CREATE INDEX idx_builder_sessions_recent ON builder_sessions (organization_id, created_at DESC, id DESC)
    WHERE deleted_at IS NULL;
CREATE INDEX idx_builder_sessions_created_by_id ON builder_sessions (created_by_id);
CREATE INDEX idx_builder_sessions_updated_by_id ON builder_sessions (updated_by_id);

CREATE TABLE builder_agenda_items (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL,
    builder_session_id uuid NOT NULL,
    ordinal integer NOT NULL,
    title varchar(200) NOT NULL,
    description text,
    duration_minutes integer,
    notes text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    -- ids are made by editors: one document must not get in the way of another, least of all in another organization
    PRIMARY KEY (builder_session_id, id),
    CONSTRAINT builder_agenda_items_parent FOREIGN KEY (organization_id, builder_session_id)
        REFERENCES builder_sessions (organization_id, id) ON DELETE CASCADE,
    -- rows change places within one transaction
    CONSTRAINT uq_builder_agenda_items_ordinal UNIQUE (builder_session_id, ordinal) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT ck_builder_agenda_items_ordinal CHECK (ordinal >= 1),
    CONSTRAINT ck_builder_agenda_items_duration CHECK (duration_minutes > 0)
);

CREATE TABLE builder_status_logs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL,
    builder_session_id uuid NOT NULL,
    from_status text,
    to_status text NOT NULL,
    changed_by_id uuid REFERENCES users (id) ON DELETE SET NULL,
    remark text,
    readiness_score integer NOT NULL,
    checklist_snapshot jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT builder_status_logs_parent FOREIGN KEY (organization_id, builder_session_id)
        REFERENCES builder_sessions (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT ck_builder_status_logs_from CHECK (from_status IN ('draft', 'review', 'ready', 'published', 'retired')),
    CONSTRAINT ck_builder_status_logs_to CHECK (to_status IN ('draft', 'review', 'ready', 'published', 'retired')),
    CONSTRAINT ck_builder_status_logs_readiness CHECK (readiness_score BETWEEN 0 AND 100)
);
CREATE INDEX idx_builder_status_logs_session ON builder_status_logs (builder_session_id, created_at);
CREATE INDEX idx_builder_status_logs_changed_by_id ON builder_status_logs (changed_by_id);

-- ---------------------------------------------------------------------------------------------------------------------
-- Coaching

CREATE TABLE coach_profiles (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    voice_profile jsonb NOT NULL DEFAULT '{}',
    notification_preferences jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    CONSTRAINT uq_coach_profiles_user UNIQUE (organization_id, user_id),
    CONSTRAINT uq_coach_profiles_org UNIQUE (organization_id, id)
);
CREATE INDEX idx_coach_profiles_user_id ON coach_profiles (user_id);

CREATE TABLE coaching_clients (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    user_id uuid REFERENCES users (id) ON DELETE SET NULL,
    name varchar(200) NOT NULL,
    email varchar(255),
    tags text[] NOT NULL DEFAULT '{}',
    engagement_score double precision,
    first_session_on date,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    CONSTRAINT uq_coaching_clients_org UNIQUE (organization_id, id),
    CONSTRAINT ck_coaching_clients_name CHECK (btrim(name) <> ''),
    CONSTRAINT ck_coaching_clients_engagement CHECK (engagement_score BETWEEN 0 AND 100)
);
CREATE UNIQUE INDEX uq_coaching_clients_user ON coaching_clients (organization_id, user_id)
    WHERE user_id IS NOT NULL AND deleted_at IS NULL;
CREATE UNIQUE INDEX uq_coaching_clients_email ON coaching_clients (organization_id, lower(email))
    WHERE email IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX idx_coaching_clients_name ON coaching_clients (organization_id, lower(name)) WHERE deleted_at IS NULL;
CREATE INDEX idx_coaching_clients_tags ON coaching_clients USING gin (tags);
CREATE INDEX idx_coaching_clients_user_id ON coaching_clients (user_id);

CREATE TABLE coaching_sessions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL,
    coach_id uuid NOT NULL,
    live_session_id uuid,
    session_date date NOT NULL,
    session_type text NOT NULL DEFAULT 'group',
    transcript_url text,
    duration_minutes integer,
    participant_count integer NOT NULL DEFAULT 0,
    processing_status text NOT NULL DEFAULT 'pending',
    metadata jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    CONSTRAINT uq_coaching_sessions_org UNIQUE (organization_id, id),
    CONSTRAINT coaching_sessions_coach FOREIGN KEY (organization_id, coach_id)
        REFERENCES coach_profiles (organization_id, id) DEFERRABLE,
    CONSTRAINT coaching_sessions_tenant FOREIGN KEY (organization_id) REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT coaching_sessions_live FOREIGN KEY (organization_id, live_session_id)
        REFERENCES live_sessions (organization_id, id) ON DELETE SET NULL (live_session_id),
    CONSTRAINT ck_coaching_sessions_type CHECK (session_type IN ('group', 'individual', 'workshop')),
    CONSTRAINT ck_coaching_sessions_processing CHECK (processing_status IN ('pending', 'transcribing', 'analyzing',
        'summarizing', 'ready_for_review', 'completed', 'failed')),
    CONSTRAINT ck_coaching_sessions_duration CHECK (duration_minutes >= 0),
    CONSTRAINT ck_coaching_sessions_participants CHECK (participant_count >= 0)
);
CREATE UNIQUE INDEX uq_coaching_sessions_live ON coaching_sessions (live_session_id) WHERE live_session_id IS NOT NULL;
CREATE INDEX idx_coaching_sessions_coach_date ON coaching_sessions (coach_id, session_date DESC);
CREATE INDEX idx_coaching_sessions_status ON coaching_sessions (organization_id, processing_status);

CREATE TABLE client_sessions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL,
    client_id uuid NOT NULL,
    coaching_session_id uuid NOT NULL,
    participant_id uuid,
    speaking_time_seconds integer NOT NULL DEFAULT 0,
    engagement_level text NOT NULL DEFAULT 'silent',
    breakthrough_detected boolean NOT NULL DEFAULT false,
    priority_score double precision NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_client_sessions_pair UNIQUE (client_id, coaching_session_id),
    CONSTRAINT uq_client_sessions_org UNIQUE (organization_id, id),
    CONSTRAINT client_sessions_client FOREIGN KEY (organization_id, client_id)
        REFERENCES coaching_clients (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT client_sessions_session FOREIGN KEY (organization_id, coaching_session_id)
        REFERENCES coaching_sessions (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT client_sessions_participant FOREIGN KEY (organization_id, participant_id)
        REFERENCES session_participants (organization_id, id) ON DELETE SET NULL (participant_id),
    CONSTRAINT ck_client_sessions_speaking CHECK (speaking_time_seconds >= 0),
    CONSTRAINT ck_client_sessions_engagement CHECK (engagement_level IN ('high', 'medium', 'low', 'silent')),
    CONSTRAINT ck_client_sessions_priority CHECK (priority_score BETWEEN 0 AND 1)
);
CREATE INDEX idx_client_sessions_session_priority ON client_sessions (coaching_session_id, priority_score DESC);
CREATE INDEX idx_client_sessions_participant_id ON client_sessions (participant_id);

CREATE TABLE summaries (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL,
    client_session_id uuid NOT NULL,
    status text NOT NULL DEFAULT 'pending',
    -- wins, challenges, action_items, coach_recommendations and coach_edited_version are written by the projection of the
    -- document
    wins text,
    challenges text,
    action_items jsonb NOT NULL DEFAULT '[]',
    coach_recommendations text,
    ai_version text,
    coach_edited_version text,
    approved_at timestamptz,
    approved_by_id uuid REFERENCES users (id) ON DELETE SET NULL,
    updated_by_id uuid REFERENCES users (id) ON DELETE SET NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    CONSTRAINT uq_summaries_org UNIQUE (organization_id, id),
    CONSTRAINT summaries_parent FOREIGN KEY (organization_id, client_session_id)
        REFERENCES client_sessions (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT ck_summaries_status CHECK (status IN ('pending', 'generated', 'in_refinement', 'approved')),
    CONSTRAINT ck_summaries_actions CHECK (jsonb_typeof(action_items) = 'array'),
    CONSTRAINT ck_summaries_approved CHECK ((status = 'approved') = (approved_at IS NOT NULL))
);
-- One for each client of a session; what was thrown away makes room for another.
CREATE UNIQUE INDEX uq_summaries_client_session ON summaries (client_session_id) WHERE deleted_at IS NULL;
CREATE INDEX idx_summaries_open ON summaries (organization_id, status) WHERE status <> 'approved' AND deleted_at IS NULL;
CREATE INDEX idx_summaries_recent ON summaries (organization_id, created_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX idx_summaries_approved_by_id ON summaries (approved_by_id);
CREATE INDEX idx_summaries_updated_by_id ON summaries (updated_by_id);

SELECT guard_tenant_tables('collab_collaborators', 'builder_sessions', 'builder_agenda_items', 'builder_status_logs',
    'coach_profiles', 'coaching_clients', 'coaching_sessions', 'client_sessions', 'summaries');
REVOKE UPDATE, DELETE ON builder_status_logs FROM atelier_app;

-- Documents that are to become columns and have not since a moment: what a node that died has left.
CREATE FUNCTION collab_dirty(kinds text[], before timestamptz, most integer)
RETURNS TABLE (id uuid, organization_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT d.id, d.organization_id FROM collab_documents d
    WHERE d.materialised_seq < d.head_seq AND d.subject_type = ANY (kinds) AND d.updated_at < before
    ORDER BY d.updated_at LIMIT most
$$;
SELECT hand_to_system('collab_dirty(text[], timestamptz, integer)');
