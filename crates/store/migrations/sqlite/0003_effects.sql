-- Effects at providers that callers named with a key of theirs, and what came of them.

-- They refer to nothing: what a key was used for need not exist.
CREATE TABLE effects (
    id           TEXT PRIMARY KEY,
    integration  TEXT NOT NULL,
    -- SHA-256 of the request that the key was used for first.
    request      BLOB NOT NULL,
    -- Who has the effect, and for how long nobody else does.
    claim        TEXT NOT NULL,
    leased_until INTEGER NOT NULL,
    -- The answer, its body sealed; NULL until there is one that is kept.
    status       INTEGER,
    content_type TEXT,
    key_id       TEXT,
    token        TEXT,
    expires_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX effects_expires ON effects (expires_at);
CREATE INDEX effects_integration ON effects (integration);
