-- Times are microseconds since 1970. Ids are their text form.

-- The last revision given out. Whoever takes one holds this row until commit, so revisions become
-- visible in the order of their numbers.
CREATE TABLE sequence (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    value INTEGER NOT NULL
) STRICT;
INSERT INTO sequence (one, value) VALUES (1, 0);

-- Names this database; a copy of it carries the same name.
CREATE TABLE deployment (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    id  TEXT NOT NULL
) STRICT;
INSERT INTO deployment (one, id) VALUES (1, LOWER(HEX(RANDOMBLOB(16))));

CREATE TABLE users (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE access_keys (
    id             TEXT PRIMARY KEY,
    holder_user    TEXT REFERENCES users (id),
    holder_service TEXT,
    secret_hash    BLOB NOT NULL,
    permissions    TEXT NOT NULL,
    created_at     INTEGER NOT NULL,
    expires_at     INTEGER,
    revoked_at     INTEGER,
    revision       INTEGER NOT NULL,
    CHECK ((holder_user IS NULL) <> (holder_service IS NULL))
) STRICT;
CREATE INDEX access_keys_revision ON access_keys (revision);

-- The owner refers to no table: a program that embeds Evergrant has its own users.
CREATE TABLE integrations (
    id              TEXT PRIMARY KEY,
    owner           TEXT NOT NULL,
    provider        TEXT NOT NULL,
    label           TEXT NOT NULL,
    account_id      TEXT NOT NULL,
    account         TEXT NOT NULL,
    scopes          TEXT NOT NULL,
    status          TEXT NOT NULL CHECK (status IN ('active', 'needs_reconnect', 'paused')),
    why             TEXT,
    since           INTEGER,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    epoch           INTEGER NOT NULL,
    revision        INTEGER NOT NULL,
    -- Set once it is disconnected; the row stays, so that those who poll for changes learn of it.
    disconnected_at INTEGER
) STRICT;
CREATE UNIQUE INDEX integrations_account ON integrations (owner, provider, account_id)
    WHERE disconnected_at IS NULL;
CREATE INDEX integrations_owner ON integrations (owner, id) WHERE disconnected_at IS NULL;
CREATE INDEX integrations_revision ON integrations (revision);

-- A table of its own: nothing else may change what a commit compares.
CREATE TABLE grants (
    id         TEXT PRIMARY KEY REFERENCES integrations (id),
    epoch      INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    key_id     TEXT NOT NULL,
    token      TEXT NOT NULL,
    lineage    TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    due_at     INTEGER
) STRICT;
CREATE INDEX grants_due ON grants (due_at, id) WHERE due_at IS NOT NULL;

-- Refers to no grant: an intent is written before its writer looks whether there is one.
CREATE TABLE intents (
    id       TEXT PRIMARY KEY,
    attempt  TEXT NOT NULL,
    deadline INTEGER NOT NULL
) STRICT;

CREATE TABLE flows (
    state_hash   BLOB PRIMARY KEY,
    owner        TEXT NOT NULL,
    provider     TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    scopes       TEXT NOT NULL,
    integration  TEXT,
    key_id       TEXT NOT NULL,
    token        TEXT NOT NULL,
    expires_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX flows_expiry ON flows (expires_at);
