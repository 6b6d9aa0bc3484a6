"""The tables, and the migrations from older versions of the database.

All stored times are readings of the hub's clock, in columns whose names end in ``_at``. See ``timekeeping``.
"""

from collections.abc import Callable

from websubhub import UrlError, authority_of, canonical_authority, host_of
from websubhub.standalone.schedule.hosts import host_key

PRAGMAS = (
    "PRAGMA busy_timeout = 5000",
    "PRAGMA foreign_keys = ON",
    "PRAGMA auto_vacuum = INCREMENTAL",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA secure_delete = FAST",  # ON, the default of some builds, rewrites every deleted page, even on a full disk
    "PRAGMA journal_size_limit = 67108864",
    "PRAGMA wal_autocheckpoint = 1000",
    "PRAGMA mmap_size = 0",
    "PRAGMA cache_size = -4096",  # KiB; the system caches pages too, without counting them as memory of this process
    "PRAGMA temp_store = MEMORY",
    "PRAGMA trusted_schema = OFF",
)

_VERSION_1 = """
CREATE TABLE topics (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    identity TEXT NOT NULL UNIQUE,
    url TEXT NOT NULL,
    registered INTEGER NOT NULL DEFAULT 0,
    mode TEXT NOT NULL DEFAULT 'every',
    feed_diff INTEGER NOT NULL DEFAULT 0,
    head INTEGER NOT NULL DEFAULT 0,
    fetched TEXT
);
CREATE TABLE subscriptions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    topic_id INTEGER NOT NULL REFERENCES topics,
    identity TEXT NOT NULL,
    callback TEXT NOT NULL,
    host INTEGER NOT NULL,
    secret TEXT,
    lease_seconds INTEGER NOT NULL,
    requested_at REAL NOT NULL,
    expires_at REAL NOT NULL,
    UNIQUE (topic_id, identity)
);
CREATE INDEX subscriptions_by_expiry ON subscriptions (expires_at);
CREATE TABLE positions (
    subscription_id INTEGER PRIMARY KEY REFERENCES subscriptions ON DELETE CASCADE,
    position INTEGER NOT NULL
);
CREATE TABLE retries (
    subscription_id INTEGER PRIMARY KEY REFERENCES subscriptions ON DELETE CASCADE,
    sequence INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    due_at REAL NOT NULL,
    attempted_at REAL NOT NULL,
    firm INTEGER NOT NULL,
    reason TEXT NOT NULL
);
CREATE INDEX retries_by_due ON retries (due_at);
CREATE TABLE updates (
    id INTEGER PRIMARY KEY,
    topic_id INTEGER NOT NULL REFERENCES topics,
    sequence INTEGER NOT NULL,
    message_id TEXT NOT NULL,
    content_type TEXT NOT NULL,
    links TEXT NOT NULL,
    published_at REAL NOT NULL,
    content BLOB NOT NULL,
    UNIQUE (topic_id, sequence)
);
CREATE TABLE dead_letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    topic_id INTEGER NOT NULL REFERENCES topics,
    identity TEXT NOT NULL,
    callback TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    reason TEXT NOT NULL,
    died_at REAL NOT NULL,
    replaying INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX dead_letters_by_update ON dead_letters (topic_id, sequence);
CREATE INDEX dead_letters_replaying ON dead_letters (topic_id, identity) WHERE replaying;
CREATE TRIGGER subscription_ended AFTER DELETE ON subscriptions BEGIN
    UPDATE dead_letters SET replaying = 0 WHERE replaying AND topic_id = old.topic_id AND identity = old.identity;
END;
CREATE TABLE verifications (
    topic_identity TEXT NOT NULL,
    callback_identity TEXT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    mode TEXT NOT NULL,
    topic TEXT NOT NULL,
    callback TEXT NOT NULL,
    secret TEXT,
    lease_seconds INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    due_at REAL NOT NULL,
    PRIMARY KEY (topic_identity, callback_identity)
);
CREATE INDEX verifications_by_due ON verifications (due_at);
CREATE TABLE announcements (
    id INTEGER PRIMARY KEY,
    identity TEXT NOT NULL UNIQUE,
    topic TEXT NOT NULL,
    count INTEGER NOT NULL DEFAULT 1
);
CREATE TABLE paused_hosts (host TEXT PRIMARY KEY);
"""

# Stores clock readings, hosts, and refusals, retries announcements like deliveries, gives each detail of an update or a
# fetch its own field, and remembers the ids that publishers choose.
_VERSION_2 = """
CREATE TABLE clock (
    hub REAL NOT NULL,
    wall REAL NOT NULL,
    steady REAL NOT NULL,
    boot TEXT NOT NULL
);
UPDATE subscriptions SET host = host_key(callback) WHERE host <> host_key(callback);
UPDATE OR REPLACE paused_hosts SET host = host_name(host);
ALTER TABLE retries ADD COLUMN refusals INTEGER NOT NULL DEFAULT 0;
ALTER TABLE positions ADD COLUMN turned_away INTEGER NOT NULL DEFAULT 0;
CREATE TABLE announced (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    identity TEXT NOT NULL UNIQUE,
    topic TEXT NOT NULL,
    count INTEGER NOT NULL DEFAULT 1,
    announced_at REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    due_at REAL NOT NULL,
    allowed_at REAL NOT NULL DEFAULT 0,
    status INTEGER,
    reason TEXT NOT NULL DEFAULT '',
    died_at REAL,
    host TEXT NOT NULL
);
INSERT INTO announced (identity, topic, host, count, announced_at, due_at)
    SELECT identity, topic, host_of(topic), count,
        CAST(strftime('%s', 'now') AS REAL), 0 FROM announcements ORDER BY id;
DROP TABLE announcements;
ALTER TABLE announced RENAME TO announcements;
CREATE INDEX announcements_by_due ON announcements (due_at) WHERE died_at IS NULL;
CREATE INDEX announcements_dead ON announcements (died_at) WHERE died_at IS NOT NULL;
ALTER TABLE updates RENAME COLUMN links TO hubs;
ALTER TABLE updates ADD COLUMN canonical TEXT;
UPDATE updates SET canonical = nullif(json_extract(hubs, '$[0]'), ''), hubs = json_remove(hubs, '$[0]')
    WHERE hubs <> '[]';
UPDATE topics SET fetched = json_object(
    'found_at', '',
    'digest', substr(json_extract(fetched, '$[2]'), 1, 64),
    'message_id', substr(json_extract(fetched, '$[2]'), 66),
    'canonical', nullif(json_extract(fetched, '$[3][0]'), ''),
    'hubs', json(CASE WHEN json_array_length(fetched, '$[3]') > 0
        THEN json_remove(json_extract(fetched, '$[3]'), '$[0]') ELSE '[]' END),
    'entries', json(json_extract(fetched, '$[4]'))
) WHERE fetched IS NOT NULL;
ALTER TABLE verifications ADD COLUMN host TEXT NOT NULL DEFAULT '';
ALTER TABLE verifications ADD COLUMN known INTEGER NOT NULL DEFAULT 0;
UPDATE verifications SET host = host_of(callback), known = EXISTS (
    SELECT 1 FROM subscriptions JOIN topics ON topics.id = topic_id
    WHERE topics.identity = topic_identity AND subscriptions.identity = callback_identity);
DROP INDEX verifications_by_due;
CREATE INDEX verifications_by_due ON verifications (known, due_at);
CREATE INDEX verifications_by_host ON verifications (known, host);
CREATE TABLE accepted_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    topic TEXT NOT NULL,
    given TEXT NOT NULL,
    publisher TEXT NOT NULL,
    message_id TEXT NOT NULL,
    accepted_at REAL NOT NULL,
    UNIQUE (topic, given, publisher)
);
"""

# Counts the subscriptions of each host of callbacks, and those of the hub as "*".
_VERSION_3 = """
ALTER TABLE subscriptions ADD COLUMN callback_host TEXT NOT NULL DEFAULT '';
UPDATE subscriptions SET callback_host = host_of(callback);
CREATE TABLE subscription_counts (host TEXT PRIMARY KEY, held INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO subscription_counts SELECT callback_host, count(*) FROM subscriptions GROUP BY callback_host;
INSERT INTO subscription_counts SELECT '*', count(*) FROM subscriptions;
CREATE TRIGGER subscription_counted AFTER INSERT ON subscriptions BEGIN
    INSERT INTO subscription_counts VALUES (new.callback_host, 1) ON CONFLICT (host) DO UPDATE SET held = held + 1;
    UPDATE subscription_counts SET held = held + 1 WHERE host = '*';
END;
CREATE TRIGGER subscription_discounted AFTER DELETE ON subscriptions BEGIN
    UPDATE subscription_counts SET held = held - 1 WHERE host IN (old.callback_host, '*');
    DELETE FROM subscription_counts WHERE host = old.callback_host AND held <= 0;
END;
"""

# Lets operators find subscriptions and dead letters by host, topic and reason, and see why a verification is waiting.
_VERSION_4 = """
CREATE INDEX subscriptions_by_host ON subscriptions (host, identity, topic_id);
ALTER TABLE dead_letters ADD COLUMN host INTEGER NOT NULL DEFAULT 0;
UPDATE dead_letters SET host = host_key(callback);
CREATE INDEX dead_letters_by_host ON dead_letters (host);
CREATE INDEX dead_letters_by_topic ON dead_letters (topic_id);
CREATE INDEX dead_letters_by_reason ON dead_letters (reason);
ALTER TABLE verifications ADD COLUMN reason TEXT NOT NULL DEFAULT '';
"""

# Keeps the results of messages. An update stays as long as its message is kept. The counts are in a separate row,
# since SQLite rewrites a whole row, including content, when one number in it changes.
_VERSION_5 = """
CREATE TABLE messages (
    number INTEGER PRIMARY KEY,
    publisher TEXT,
    size INTEGER NOT NULL,
    recipients INTEGER NOT NULL,
    delivered INTEGER NOT NULL DEFAULT 0,
    dead INTEGER NOT NULL DEFAULT 0
);
INSERT INTO messages (number, publisher, size, recipients) SELECT id, '', length(content), 0 FROM updates;
UPDATE messages SET dead = (SELECT count(*) FROM dead_letters JOIN updates USING (topic_id, sequence)
    WHERE updates.id = number);
CREATE INDEX updates_by_message ON updates (message_id);
ALTER TABLE positions ADD COLUMN delivered_at REAL;
ALTER TABLE dead_letters ADD COLUMN redelivery INTEGER NOT NULL DEFAULT 0;
CREATE TABLE attempts (
    number INTEGER PRIMARY KEY,
    topic_id INTEGER NOT NULL,
    message_id TEXT NOT NULL,
    callback TEXT NOT NULL,
    callback_key INTEGER NOT NULL,
    host INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    attempted_at REAL NOT NULL,
    status INTEGER NOT NULL,
    milliseconds INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT NOT NULL,
    answer BLOB NOT NULL
);
CREATE INDEX attempts_by_message ON attempts (message_id);
CREATE INDEX attempts_by_topic ON attempts (topic_id);
CREATE INDEX attempts_by_callback ON attempts (callback_key);
CREATE INDEX attempts_by_host ON attempts (host);
"""

# Stores the trace of an update for its deliveries, and the newest subscription at the time of a message, which tells
# its recipients.
_VERSION_6 = """
ALTER TABLE updates ADD COLUMN trace TEXT;
ALTER TABLE messages ADD COLUMN newest_subscription INTEGER;
DROP INDEX dead_letters_by_update;
CREATE INDEX dead_letters_by_update ON dead_letters (topic_id, sequence, identity);
"""

MIGRATIONS = (_VERSION_1, _VERSION_2, _VERSION_3, _VERSION_4, _VERSION_5, _VERSION_6)
"""The statements that migrate version 0, an empty file, to version 1, version 1 to 2, and so on."""


def _host_name(text: str) -> str:
    try:
        return canonical_authority(text)
    except UrlError:
        return text


FUNCTIONS: dict[str, Callable[[str], int | str]] = {
    "host_key": lambda callback: host_key(authority_of(callback)),
    "host_name": _host_name,
    "host_of": host_of,
}
"""The functions of one argument that the statements call, in addition to those of SQLite."""
