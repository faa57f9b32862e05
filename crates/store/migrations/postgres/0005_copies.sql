-- The local copy of calendars and mailboxes: feeds, their parts, items, who tells of changes.

CREATE TABLE feeds (
    integration   TEXT COLLATE "C" NOT NULL REFERENCES integrations (id),
    feed          TEXT COLLATE "C" NOT NULL CHECK (feed IN ('calendar', 'email')),
    owner         TEXT COLLATE "C" NOT NULL,
    provider      TEXT NOT NULL,
    -- The integration's revision and epoch when the feed was last set going or stopped.
    revision      BIGINT NOT NULL,
    epoch         BIGINT NOT NULL,
    -- 1 while the integration does not work.
    halted        BIGINT NOT NULL,
    -- 1 if the integration was mended since the feed was last taken.
    mended        BIGINT NOT NULL,
    -- 1 once the integration was disconnected: its items leave the copy by and by, and then it goes.
    ended         BIGINT NOT NULL,
    -- When it is due; NULL while somebody has to mend it first.
    next_at       BIGINT,
    lease         TEXT COLLATE "C",
    holder        TEXT COLLATE "C",
    lease_until   BIGINT,
    run           BIGINT NOT NULL,
    run_open      BIGINT NOT NULL,
    done_run      BIGINT NOT NULL,
    began_at      BIGINT,
    attempts      BIGINT NOT NULL,
    failure       TEXT,
    pass          BIGINT NOT NULL,
    -- When the pass under way began; NULL if none is.
    pass_began_at BIGINT,
    -- The last mark; each reading of a part from its beginning has one of its own.
    mark          BIGINT NOT NULL,
    scope         TEXT,
    -- 1 if a hint came since the last pass began.
    hinted        BIGINT NOT NULL,
    as_of         BIGINT,
    truncated     BIGINT NOT NULL,
    items         BIGINT NOT NULL,
    seen          BIGINT NOT NULL,
    expected      BIGINT,
    -- 1 once it has a row in `subscriptions`.
    subscribed    BIGINT NOT NULL,
    PRIMARY KEY (integration, feed)
);
CREATE INDEX feeds_owner ON feeds (owner);
CREATE INDEX feeds_next ON feeds (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX feeds_lease ON feeds (lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX feeds_holder ON feeds (holder) WHERE holder IS NOT NULL;
CREATE INDEX feeds_ended ON feeds (ended) WHERE ended = 1;
CREATE INDEX feeds_unsubscribed ON feeds (provider) WHERE subscribed = 0;

CREATE TABLE feed_parts (
    integration TEXT COLLATE "C" NOT NULL,
    feed        TEXT COLLATE "C" NOT NULL,
    part        TEXT COLLATE "C" NOT NULL,
    -- Where it goes on; at its beginning without one.
    cursor      TEXT,
    -- What the items seen are marked with while it is read from its beginning; else 0.
    mark        BIGINT NOT NULL,
    -- The last pass that read it to its end.
    done_pass   BIGINT NOT NULL,
    PRIMARY KEY (integration, feed, part),
    FOREIGN KEY (integration, feed) REFERENCES feeds (integration, feed)
);

-- Items, and for a while what is left of those that have left the copy: their feed may be gone by
-- then, so they refer to nothing. What is read for lists stands last; rows may be long.
CREATE TABLE items (
    integration    TEXT COLLATE "C" NOT NULL,
    feed           TEXT COLLATE "C" NOT NULL,
    id             TEXT COLLATE "C" NOT NULL,
    owner          TEXT COLLATE "C" NOT NULL,
    provider       TEXT NOT NULL,
    part           TEXT COLLATE "C" NOT NULL,
    -- The mark of the reading that saw it last.
    seen           BIGINT NOT NULL,
    -- The pass in which it was first missing.
    missing        BIGINT,
    -- The last change, and the last and the first time it was added.
    revision       BIGINT NOT NULL,
    added_revision BIGINT NOT NULL,
    first_revision BIGINT NOT NULL,
    -- When it had left before it was added last; 0 if it had not.
    left_revision  BIGINT NOT NULL DEFAULT 0,
    changed_at     BIGINT NOT NULL,
    -- Why it has left the copy; NULL while it is there.
    gone           TEXT CHECK (gone IN ('deleted', 'left', 'disconnected')),
    digest         BYTEA NOT NULL,
    series         TEXT COLLATE "C",
    at             BIGINT NOT NULL,
    until          BIGINT,
    is_read        BIGINT,
    folder         TEXT,
    importance     TEXT,
    -- Tokens made by the store, each its owner's own.
    words          TSVECTOR NOT NULL,
    json           TEXT NOT NULL,
    body           TEXT,
    -- The id leads: rows that are looked for by their ids are found by them, also while the planner has
    -- no statistics and believes that a feed has one item.
    PRIMARY KEY (id, integration, feed)
-- Readings touch rows in columns that no index has: there is room for it on their own page.
) WITH (fillfactor = 85);
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

CREATE INDEX items_words ON items USING GIN (words);

-- The last revision given to an item of each owner. Whoever takes one holds this row until commit,
-- so an owner's revisions become visible in the order of their numbers.
CREATE TABLE item_heads (
    owner     TEXT COLLATE "C" PRIMARY KEY,
    head      BIGINT NOT NULL,
    -- The last revision of what has left the copy and is forgotten.
    forgotten BIGINT NOT NULL
);

CREATE TABLE subscriptions (
    integration  TEXT COLLATE "C" NOT NULL,
    feed         TEXT COLLATE "C" NOT NULL,
    owner        TEXT COLLATE "C" NOT NULL,
    provider     TEXT NOT NULL,
    -- SHA-256 of the secret in its address, and of the state it was made with.
    address_hash BYTEA,
    state_hash   BYTEA,
    subscription TEXT,
    expires_at   BIGINT,
    due_at       BIGINT NOT NULL,
    attempts     BIGINT NOT NULL,
    PRIMARY KEY (integration, feed),
    FOREIGN KEY (integration, feed) REFERENCES feeds (integration, feed)
);
CREATE INDEX subscriptions_address ON subscriptions (address_hash) WHERE address_hash IS NOT NULL;
CREATE INDEX subscriptions_due ON subscriptions (provider, due_at);

-- Notifications that came lately: the same one twice is one.
CREATE TABLE hints (
    integration TEXT COLLATE "C" NOT NULL,
    feed        TEXT COLLATE "C" NOT NULL,
    digest      BYTEA NOT NULL,
    seen_at     BIGINT NOT NULL,
    PRIMARY KEY (integration, feed, digest)
);
CREATE INDEX hints_seen ON hints (seen_at);
