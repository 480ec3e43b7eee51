-- Nobody writes on under the Yjs client of another person. Whose a client is, is who wrote under it first; less sure of it
-- is who only brought pieces of it among others, as somebody does after a backup was restored.
ALTER TABLE collab_authorship ADD COLUMN claimed boolean NOT NULL DEFAULT true;
COMMENT ON COLUMN collab_authorship.claimed IS 'They have shown that the client is theirs: typed under it, or looked with it.';
