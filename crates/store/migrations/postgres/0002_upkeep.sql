-- Refreshes that survive the death of their process, further ways in, debts and notices.

-- Where this database is at home; NULL until it is first started there. A copy names the same
-- place and lies elsewhere.
ALTER TABLE deployment ADD COLUMN home TEXT;

-- The last place given to a notice; taken like a revision, and visible in the same order.
ALTER TABLE sequence ADD COLUMN notices BIGINT NOT NULL DEFAULT 0;

ALTER TABLE flows ADD COLUMN way TEXT NOT NULL DEFAULT 'direct' CHECK (way IN ('direct', 'device'));

-- The process that holds it, and when it began.
ALTER TABLE intents ADD COLUMN holder TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE intents ADD COLUMN started_at BIGINT NOT NULL DEFAULT 0;
UPDATE intents SET started_at = deadline;
-- Since when it is unknown whether an earlier attempt has spent the grant.
ALTER TABLE intents ADD COLUMN unknown_since BIGINT;
-- The provider's answer, sealed, before anyone has interpreted it.
ALTER TABLE intents ADD COLUMN key_id TEXT;
ALTER TABLE intents ADD COLUMN token TEXT;
ALTER TABLE intents ADD COLUMN answered_at BIGINT;
-- 1 once another attempt has committed a newer grant: only its deadline still counts.
ALTER TABLE intents ADD COLUMN moot BIGINT NOT NULL DEFAULT 0;

-- The last attempts to refresh each grant; place is the order in which they ended.
CREATE TABLE attempts (
    place          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    integration    TEXT COLLATE "C" NOT NULL,
    attempt        TEXT COLLATE "C" NOT NULL,
    began_at       BIGINT NOT NULL,
    took_ms        BIGINT NOT NULL,
    outcome        TEXT NOT NULL,
    code           TEXT,
    provider_code  TEXT,
    trace_id       TEXT,
    correlation_id TEXT,
    skew_ms        BIGINT
);
CREATE INDEX attempts_integration ON attempts (integration, place);

-- Grants that must still be revoked at their provider. They refer to nothing: what they came from
-- may be gone.
CREATE TABLE debts (
    id          TEXT COLLATE "C" PRIMARY KEY,
    integration TEXT COLLATE "C" NOT NULL,
    provider    TEXT NOT NULL,
    epoch       BIGINT NOT NULL,
    key_id      TEXT NOT NULL,
    token       TEXT NOT NULL,
    tries       BIGINT NOT NULL,
    since       BIGINT NOT NULL,
    due_at      BIGINT NOT NULL
);
CREATE INDEX debts_due ON debts (due_at, id);

CREATE TABLE notices (
    place    BIGINT PRIMARY KEY,
    key      TEXT NOT NULL UNIQUE,
    kind     TEXT NOT NULL,
    found_at BIGINT NOT NULL,
    detail   TEXT NOT NULL
);
