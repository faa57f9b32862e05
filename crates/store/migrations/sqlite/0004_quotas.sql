-- What providers allow, where all processes share one count.

CREATE TABLE quotas (
    name       TEXT PRIMARY KEY,
    -- Until when nothing may be drawn, because the provider said so.
    shut_until INTEGER NOT NULL,
    -- What the provider said is left, and when all of it is there again.
    amount_left INTEGER,
    renewed_at INTEGER
) STRICT;

-- What was drawn and still counts.
CREATE TABLE quota_turns (
    name   TEXT NOT NULL,
    turn   TEXT NOT NULL,
    amount INTEGER NOT NULL,
    until  INTEGER NOT NULL,
    -- The window, in microseconds: it begins anew with the answer. 0 where the provider counts.
    length INTEGER NOT NULL,
    PRIMARY KEY (name, turn)
) STRICT;
CREATE INDEX quota_turns_turn ON quota_turns (turn);
CREATE INDEX quota_turns_until ON quota_turns (until);
