-- What providers allow, where all processes share one count.

CREATE TABLE quotas (
    name       TEXT COLLATE "C" PRIMARY KEY,
    -- Until when nothing may be drawn, because the provider said so.
    shut_until BIGINT NOT NULL,
    -- What the provider said is left, and when all of it is there again.
    amount_left BIGINT,
    renewed_at BIGINT
);

-- What was drawn and still counts.
CREATE TABLE quota_turns (
    name   TEXT COLLATE "C" NOT NULL,
    turn   TEXT COLLATE "C" NOT NULL,
    amount BIGINT NOT NULL,
    until  BIGINT NOT NULL,
    -- The window, in microseconds: it begins anew with the answer. 0 where the provider counts.
    length BIGINT NOT NULL,
    PRIMARY KEY (name, turn)
);
CREATE INDEX quota_turns_turn ON quota_turns (turn);
CREATE INDEX quota_turns_until ON quota_turns (until);
