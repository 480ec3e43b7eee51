-- What the sweep looks for is found by its kind: notes and whiteboards, which have no columns, are never in its way.

DROP INDEX idx_collab_documents_dirty;
CREATE INDEX idx_collab_documents_dirty ON collab_documents (subject_type, updated_at)
    WHERE materialised_seq < head_seq;
