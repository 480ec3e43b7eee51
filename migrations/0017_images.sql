-- Which documents and versions refer to which images, so that an image that none refers to any more can go.

ALTER TABLE collab_files ADD CONSTRAINT uq_collab_files_org UNIQUE (organization_id, id);
ALTER TABLE collab_checkpoints ADD CONSTRAINT uq_collab_checkpoints_org UNIQUE (organization_id, id);

-- A row for each document in which the address of an image stands or stood, whichever document it was handed in to; of
-- that one from the start. Written in the transaction of the update that brings the address.
CREATE TABLE collab_file_uses (
    organization_id uuid NOT NULL,
    document_id uuid NOT NULL,
    file_id uuid NOT NULL,
    -- since when neither the document nor a version of it refers to the image, as far as is known
    unused_since timestamptz,
    -- versions do, the document does not
    only_versions boolean NOT NULL DEFAULT false,
    -- when it was looked at last, and the number of the last update that was in that
    checked_at timestamptz NOT NULL DEFAULT '-infinity',
    checked_seq bigint NOT NULL DEFAULT -1,
    PRIMARY KEY (document_id, file_id),
    CONSTRAINT collab_file_uses_parent FOREIGN KEY (organization_id, document_id)
        REFERENCES collab_documents (organization_id, id) ON DELETE CASCADE,
    -- an image that somebody refers to cannot go
    CONSTRAINT collab_file_uses_file FOREIGN KEY (organization_id, file_id)
        REFERENCES collab_files (organization_id, id)
);
CREATE INDEX idx_collab_file_uses_file ON collab_file_uses (organization_id, file_id);
CREATE INDEX idx_collab_file_uses_checked_at ON collab_file_uses (checked_at);

CREATE TABLE collab_version_files (
    organization_id uuid NOT NULL,
    checkpoint_id uuid NOT NULL,
    file_id uuid NOT NULL,
    PRIMARY KEY (checkpoint_id, file_id),
    CONSTRAINT collab_version_files_parent FOREIGN KEY (organization_id, checkpoint_id)
        REFERENCES collab_checkpoints (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT collab_version_files_file FOREIGN KEY (organization_id, file_id)
        REFERENCES collab_files (organization_id, id)
);
CREATE INDEX idx_collab_version_files_file ON collab_version_files (organization_id, file_id);

-- What there is already: every image is of use to its own document until that is looked at, and to all documents and
-- versions that have its address somewhere.
ALTER TABLE collab_files NO FORCE ROW LEVEL SECURITY;
ALTER TABLE collab_documents NO FORCE ROW LEVEL SECURITY;
ALTER TABLE collab_updates NO FORCE ROW LEVEL SECURITY;
ALTER TABLE collab_checkpoints NO FORCE ROW LEVEL SECURITY;
CREATE FUNCTION pg_temp.addresses(bytes bytea) RETURNS SETOF bytea LANGUAGE sql IMMUTABLE AS $$
    SELECT DISTINCT sha256(convert_to(m[1], 'UTF8'))
    FROM regexp_matches(encode(bytes, 'escape'), '/files/([A-Za-z0-9_-]{43})', 'g') AS m
$$;
INSERT INTO collab_file_uses (organization_id, document_id, file_id)
SELECT f.organization_id, f.document_id, f.id FROM collab_files f
UNION
SELECT f.organization_id, s.document_id, f.id
FROM (SELECT id AS document_id, organization_id, snapshot AS bytes FROM collab_documents WHERE snapshot IS NOT NULL
      UNION ALL SELECT document_id, organization_id, payload FROM collab_updates
      UNION ALL SELECT document_id, organization_id, state FROM collab_checkpoints) s
CROSS JOIN LATERAL pg_temp.addresses(s.bytes) AS a (hash)
JOIN collab_files f ON f.secret_hash = a.hash AND f.organization_id = s.organization_id;
INSERT INTO collab_version_files (organization_id, checkpoint_id, file_id)
SELECT f.organization_id, c.id, f.id FROM collab_checkpoints c
CROSS JOIN LATERAL pg_temp.addresses(c.state) AS a (hash)
JOIN collab_files f ON f.secret_hash = a.hash AND f.organization_id = c.organization_id;
DROP FUNCTION pg_temp.addresses(bytea);
ALTER TABLE collab_files FORCE ROW LEVEL SECURITY;
ALTER TABLE collab_documents FORCE ROW LEVEL SECURITY;
ALTER TABLE collab_updates FORCE ROW LEVEL SECURITY;
ALTER TABLE collab_checkpoints FORCE ROW LEVEL SECURITY;

SELECT guard_tenant_tables('collab_file_uses', 'collab_version_files');
REVOKE UPDATE ON collab_version_files FROM atelier_app;

-- Documents of any tenant whose images were not looked at for long, the longest first.
GRANT SELECT ON collab_file_uses TO atelier_system;
CREATE POLICY system_read ON collab_file_uses FOR SELECT TO atelier_system USING (true);
CREATE FUNCTION collab_files_due(before timestamptz, most integer) RETURNS TABLE (id uuid, organization_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT DISTINCT due.document_id, due.organization_id FROM (
        SELECT u.document_id, u.organization_id FROM collab_file_uses u
        WHERE u.checked_at < before ORDER BY u.checked_at LIMIT most) due
$$;
SELECT hand_to_system('collab_files_due(timestamptz, integer)');
