-- The local copy of calendars and mailboxes: feeds, their parts, items, who tells of changes.

CREATE TABLE feeds (
    integration   TEXT NOT NULL REFERENCES integrations (id),
    feed          TEXT NOT NULL CHECK (feed IN ('calendar', 'email')),
    owner         TEXT NOT NULL,
    provider      TEXT NOT NULL,
    -- The integration's revision and epoch when the feed was last set going or stopped.
    revision      INTEGER NOT NULL,
    epoch         INTEGER NOT NULL,
    -- 1 while the integration does not work.
    halted        INTEGER NOT NULL,
    -- 1 if the integration was mended since the feed was last taken.
    mended        INTEGER NOT NULL,
    -- 1 once the integration was disconnected: its items leave the copy by and by, and then it goes.
    ended         INTEGER NOT NULL,
    -- When it is due; NULL while somebody has to mend it first.
    next_at       INTEGER,
    lease         TEXT,
    holder        TEXT,
    lease_until   INTEGER,
    run           INTEGER NOT NULL,
    run_open      INTEGER NOT NULL,
    done_run      INTEGER NOT NULL,
    began_at      INTEGER,
    attempts      INTEGER NOT NULL,
    failure       TEXT,
    pass          INTEGER NOT NULL,
    -- When the pass under way began; NULL if none is.
    pass_began_at INTEGER,
    -- The last mark; each reading of a part from its beginning has one of its own.
    mark          INTEGER NOT NULL,
    scope         TEXT,
    -- 1 if a hint came since the last pass began.
    hinted        INTEGER NOT NULL,
    as_of         INTEGER,
    truncated     INTEGER NOT NULL,
    items         INTEGER NOT NULL,
    seen          INTEGER NOT NULL,
    expected      INTEGER,
    -- 1 once it has a row in `subscriptions`.
    subscribed    INTEGER NOT NULL,
    PRIMARY KEY (integration, feed)
) STRICT;
CREATE INDEX feeds_owner ON feeds (owner);
CREATE INDEX feeds_next ON feeds (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX feeds_lease ON feeds (lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX feeds_holder ON feeds (holder) WHERE holder IS NOT NULL;
CREATE INDEX feeds_ended ON feeds (ended) WHERE ended = 1;
CREATE INDEX feeds_unsubscribed ON feeds (provider) WHERE subscribed = 0;

CREATE TABLE feed_parts (
    integration TEXT NOT NULL,
    feed        TEXT NOT NULL,
    part        TEXT NOT NULL,
    -- Where it goes on; at its beginning without one.
    cursor      TEXT,
    -- What the items seen are marked with while it is read from its beginning; else 0.
    mark        INTEGER NOT NULL,
    -- The last pass that read it to its end.
    done_pass   INTEGER NOT NULL,
    PRIMARY KEY (integration, feed, part),
    FOREIGN KEY (integration, feed) REFERENCES feeds (integration, feed)
) STRICT;

-- Items, and for a while what is left of those that have left the copy: their feed may be gone by
-- then, so they refer to nothing. What is read for lists stands last; rows may be long.
CREATE TABLE items (
    place          INTEGER PRIMARY KEY,
    integration    TEXT NOT NULL,
    feed           TEXT NOT NULL,
    id             TEXT NOT NULL,
    owner          TEXT NOT NULL,
    provider       TEXT NOT NULL,
    part           TEXT NOT NULL,
    -- The mark of the reading that saw it last.
    seen           INTEGER NOT NULL,
    -- The pass in which it was first missing.
    missing        INTEGER,
    -- The last change, and the last and the first time it was added.
    revision       INTEGER NOT NULL,
    added_revision INTEGER NOT NULL,
    first_revision INTEGER NOT NULL,
    -- When it had left before it was added last; 0 if it had not.
    left_revision  INTEGER NOT NULL DEFAULT 0,
    changed_at     INTEGER NOT NULL,
    -- Why it has left the copy; NULL while it is there.
    gone           TEXT CHECK (gone IN ('deleted', 'left', 'disconnected')),
    digest         BLOB NOT NULL,
    series         TEXT,
    at             INTEGER NOT NULL,
    until          INTEGER,
    is_read        INTEGER,
    folder         TEXT,
    importance     TEXT,
    -- Tokens made by the store, each its owner's own, separated by spaces.
    words          TEXT NOT NULL,
    json           TEXT NOT NULL,
    body           TEXT,
    UNIQUE (integration, feed, id)
) STRICT;
CREATE INDEX items_at ON items (owner, feed, at, integration, id) WHERE gone IS NULL;
CREATE INDEX items_unread ON items (owner, feed, at, integration, id)
    WHERE gone IS NULL AND is_read = 0;
CREATE INDEX items_folder ON items (owner, feed, folder, at, integration, id)
    WHERE gone IS NULL AND folder IS NOT NULL;
CREATE INDEX items_integration ON items (integration, feed, at, id) WHERE gone IS NULL;
CREATE UNIQUE INDEX items_revision ON items (owner, revision);
CREATE INDEX items_part ON items (integration, feed, part) WHERE gone IS NULL;
CREATE INDEX items_series ON items (integration, feed, series) WHERE series IS NOT NULL;
CREATE INDEX items_missing ON items (integration, feed) WHERE missing IS NOT NULL;
CREATE INDEX items_gone ON items (changed_at) WHERE gone IS NOT NULL;

-- The tokens come ready made: whatever is not a space belongs to one.
CREATE VIRTUAL TABLE items_words USING fts5 (
    words, content = '', contentless_delete = 1, detail = none,
    tokenize = "ascii tokenchars '~'"
);
CREATE TRIGGER items_words_added AFTER INSERT ON items WHEN new.words <> '' BEGIN
    INSERT INTO items_words (rowid, words) VALUES (new.place, new.words);
END;
CREATE TRIGGER items_words_changed AFTER UPDATE OF words ON items WHEN old.words <> new.words BEGIN
    DELETE FROM items_words WHERE rowid = old.place;
    INSERT INTO items_words (rowid, words) SELECT new.place, new.words WHERE new.words <> '';
END;
CREATE TRIGGER items_words_deleted AFTER DELETE ON items WHEN old.words <> '' BEGIN
    DELETE FROM items_words WHERE rowid = old.place;
END;

-- The last revision given to an item of each owner. Whoever takes one holds this row until commit,
-- so an owner's revisions become visible in the order of their numbers.
CREATE TABLE item_heads (
    owner     TEXT PRIMARY KEY,
    head      INTEGER NOT NULL,
    -- The last revision of what has left the copy and is forgotten.
    forgotten INTEGER NOT NULL
) STRICT;

CREATE TABLE subscriptions (
    integration  TEXT NOT NULL,
    feed         TEXT NOT NULL,
    owner        TEXT NOT NULL,
    provider     TEXT NOT NULL,
    -- SHA-256 of the secret in its address, and of the state it was made with.
    address_hash BLOB,
    state_hash   BLOB,
    subscription TEXT,
    expires_at   INTEGER,
    due_at       INTEGER NOT NULL,
    attempts     INTEGER NOT NULL,
    PRIMARY KEY (integration, feed),
    FOREIGN KEY (integration, feed) REFERENCES feeds (integration, feed)
) STRICT;
CREATE INDEX subscriptions_address ON subscriptions (address_hash) WHERE address_hash IS NOT NULL;
CREATE INDEX subscriptions_due ON subscriptions (provider, due_at);

-- Notifications that came lately: the same one twice is one.
CREATE TABLE hints (
    integration TEXT NOT NULL,
    feed        TEXT NOT NULL,
    digest      BLOB NOT NULL,
    seen_at     INTEGER NOT NULL,
    PRIMARY KEY (integration, feed, digest)
) STRICT;
CREATE INDEX hints_seen ON hints (seen_at);
