-- Times are microseconds since 1970. Ids are their text form; COLLATE "C" makes their order the
-- order of their bytes, as in SQLite, whatever the database's language.

-- The last revision given out. Whoever takes one holds this row until commit, so revisions become
-- visible in the order of their numbers.
CREATE TABLE sequence (
    one   BIGINT PRIMARY KEY CHECK (one = 1),
    value BIGINT NOT NULL
);
INSERT INTO sequence (one, value) VALUES (1, 0);

-- Names this database; a copy of it carries the same name.
CREATE TABLE deployment (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    id  TEXT NOT NULL
);
INSERT INTO deployment (one, id) VALUES (1, REPLACE(CAST(gen_random_uuid() AS TEXT), '-', ''));

CREATE TABLE users (
    id         TEXT COLLATE "C" PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);

CREATE TABLE access_keys (
    id             TEXT COLLATE "C" PRIMARY KEY,
    holder_user    TEXT COLLATE "C" REFERENCES users (id),
    holder_service TEXT,
    secret_hash    BYTEA NOT NULL,
    permissions    TEXT NOT NULL,
    created_at     BIGINT NOT NULL,
    expires_at     BIGINT,
    revoked_at     BIGINT,
    revision       BIGINT NOT NULL,
    CHECK ((holder_user IS NULL) <> (holder_service IS NULL))
);
CREATE INDEX access_keys_revision ON access_keys (revision);

-- The owner refers to no table: a program that embeds Evergrant has its own users.
CREATE TABLE integrations (
    id              TEXT COLLATE "C" PRIMARY KEY,
    owner           TEXT COLLATE "C" NOT NULL,
    provider        TEXT NOT NULL,
    label           TEXT NOT NULL,
    account_id      TEXT NOT NULL,
    account         TEXT NOT NULL,
    scopes          TEXT NOT NULL,
    status          TEXT NOT NULL CHECK (status IN ('active', 'needs_reconnect', 'paused')),
    why             TEXT,
    since           BIGINT,
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    epoch           BIGINT NOT NULL,
    revision        BIGINT NOT NULL,
    -- Set once it is disconnected; the row stays, so that those who poll for changes learn of it.
    disconnected_at BIGINT
);
CREATE UNIQUE INDEX integrations_account ON integrations (owner, provider, account_id)
    WHERE disconnected_at IS NULL;
CREATE INDEX integrations_owner ON integrations (owner, id) WHERE disconnected_at IS NULL;
CREATE INDEX integrations_revision ON integrations (revision);

-- A table of its own: nothing else may change what a commit compares.
CREATE TABLE grants (
    id         TEXT COLLATE "C" PRIMARY KEY REFERENCES integrations (id),
    epoch      BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    key_id     TEXT NOT NULL,
    token      TEXT NOT NULL,
    lineage    TEXT COLLATE "C" NOT NULL,
    expires_at BIGINT NOT NULL,
    due_at     BIGINT
);
CREATE INDEX grants_due ON grants (due_at, id) WHERE due_at IS NOT NULL;

-- Refers to no grant: an intent is written before its writer looks whether there is one.
CREATE TABLE intents (
    id       TEXT COLLATE "C" PRIMARY KEY,
    attempt  TEXT COLLATE "C" NOT NULL,
    deadline BIGINT NOT NULL
);

CREATE TABLE flows (
    state_hash   BYTEA PRIMARY KEY,
    owner        TEXT COLLATE "C" NOT NULL,
    provider     TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    scopes       TEXT NOT NULL,
    integration  TEXT COLLATE "C",
    key_id       TEXT NOT NULL,
    token        TEXT NOT NULL,
    expires_at   BIGINT NOT NULL
);
CREATE INDEX flows_expiry ON flows (expires_at);
