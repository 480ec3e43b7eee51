-- Images in shared documents. They lie in the database: every node sees them, and a backup has them.

CREATE TABLE collab_files (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL,
    document_id uuid NOT NULL,
    -- sha256 of the secret in its address, never the secret: whoever has the address sees the image
    secret_hash bytea NOT NULL,
    content_type text NOT NULL,
    width integer NOT NULL,
    height integer NOT NULL,
    bytes integer NOT NULL,
    content bytea NOT NULL,
    created_by_id uuid REFERENCES users (id) ON DELETE SET NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_collab_files_secret UNIQUE (secret_hash),
    CONSTRAINT collab_files_parent FOREIGN KEY (organization_id, document_id)
        REFERENCES collab_documents (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT ck_collab_files_type CHECK (content_type IN ('image/png', 'image/jpeg', 'image/gif', 'image/webp')),
    CONSTRAINT ck_collab_files_size CHECK (width > 0 AND height > 0 AND bytes = octet_length(content) AND bytes > 0)
);
CREATE INDEX idx_collab_files_document ON collab_files (document_id);
CREATE INDEX idx_collab_files_created_by_id ON collab_files (created_by_id);
-- Images are compressed already.
ALTER TABLE collab_files ALTER COLUMN content SET STORAGE EXTERNAL;

SELECT guard_tenant_tables('collab_files');
REVOKE UPDATE ON collab_files FROM atelier_app;

-- The one look-up without a tenant: a browser asks for an image with nothing but its address.
GRANT SELECT ON collab_files TO atelier_system;
CREATE POLICY system_read ON collab_files FOR SELECT TO atelier_system USING (true);
CREATE FUNCTION collab_file(p_hash bytea) RETURNS TABLE (content_type text, content bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT f.content_type, f.content FROM collab_files f WHERE f.secret_hash = p_hash
$$;
SELECT hand_to_system('collab_file(bytea)');
