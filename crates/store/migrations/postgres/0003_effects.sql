-- Effects at providers that callers named with a key of theirs, and what came of them.

-- They refer to nothing: what a key was used for need not exist.
CREATE TABLE effects (
    id           TEXT COLLATE "C" PRIMARY KEY,
    integration  TEXT COLLATE "C" NOT NULL,
    -- SHA-256 of the request that the key was used for first.
    request      BYTEA NOT NULL,
    -- Who has the effect, and for how long nobody else does.
    claim        TEXT COLLATE "C" NOT NULL,
    leased_until BIGINT NOT NULL,
    -- The answer, its body sealed; NULL until there is one that is kept.
    status       BIGINT,
    content_type TEXT,
    key_id       TEXT,
    token        TEXT,
    expires_at   BIGINT NOT NULL
);
CREATE INDEX effects_expires ON effects (expires_at);
CREATE INDEX effects_integration ON effects (integration);
