"""The schema of the SQLite registry, as numbered migrations; PRAGMA user_version says how many a file has had.

A migration that was released is never edited: the next one changes what it made.

    credential  narrow, read at every CONNECT: WITHOUT ROWID keyed by device_id, because that is one descent instead of
                two (measured on a million rows: 10.3 us a read against 12.8, 234 MB against 268).
    device      the descriptive rest. device_id, record_id, project_id and node_id stand in both; none ever changes.

Every index that serves a list filter ends in record_id, the order of paging.
"""

import sqlite3
from collections.abc import Sequence

from engine.errors import ConfigError
from engine.registry import schema_batches, schema_certificates, schema_crls, schema_lists

_MIGRATION_1 = (
    """
    CREATE TABLE project (
        project_id TEXT NOT NULL PRIMARY KEY,
        created_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE access_key (
        access_key TEXT NOT NULL PRIMARY KEY,
        project_id TEXT NOT NULL REFERENCES project,
        sealed_secret_key BLOB NOT NULL,
        created_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE api_token (
        digest BLOB NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
        project_id TEXT NOT NULL REFERENCES project,
        name TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        revoked_at INTEGER
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE UNIQUE INDEX api_token_by_name ON api_token (project_id, name) WHERE revoked_at IS NULL",
    """
    CREATE TABLE product (
        record_id TEXT NOT NULL,
        project_id TEXT NOT NULL REFERENCES project,
        product_id TEXT NOT NULL,
        name TEXT NOT NULL,
        device_type TEXT NOT NULL,
        protocol_type TEXT NOT NULL,
        data_format TEXT NOT NULL,
        manufacturer_name TEXT,
        industry TEXT,
        description TEXT,
        app_id TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        service_capabilities BLOB NOT NULL,
        UNIQUE (project_id, product_id),
        UNIQUE (project_id, record_id)
    ) STRICT
    """,
    "CREATE INDEX product_by_name ON product (project_id, name, record_id)",
    "CREATE INDEX product_by_app ON product (project_id, app_id, record_id)",
    """
    CREATE TABLE device (
        record_id TEXT NOT NULL,
        project_id TEXT NOT NULL,
        device_id TEXT NOT NULL UNIQUE,
        node_id TEXT NOT NULL,
        product_id TEXT NOT NULL,
        gateway_id TEXT NOT NULL,
        device_name TEXT,
        description TEXT,
        app_id TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        activated_at REAL,
        last_seen_at REAL,
        timeout_seconds INTEGER NOT NULL,
        extension_info BLOB,
        tags BLOB,
        shadow BLOB,
        UNIQUE (project_id, record_id),
        FOREIGN KEY (project_id, product_id) REFERENCES product (project_id, product_id)
    ) STRICT
    """,
    "CREATE INDEX device_by_product ON device (project_id, product_id, record_id)",
    "CREATE INDEX device_by_gateway ON device (project_id, gateway_id, record_id)",
    "CREATE INDEX device_by_node ON device (project_id, node_id, record_id)",
    "CREATE INDEX device_by_name ON device (project_id, device_name, record_id)",
    "CREATE INDEX device_by_app ON device (project_id, app_id, record_id)",
    "CREATE INDEX device_by_creation ON device (project_id, created_at, record_id)",
    """
    CREATE TABLE credential (
        device_id TEXT NOT NULL PRIMARY KEY REFERENCES device (device_id) ON DELETE CASCADE,
        record_id TEXT NOT NULL,
        project_id TEXT NOT NULL,
        node_id TEXT NOT NULL,
        generation INTEGER NOT NULL,
        protocol TEXT NOT NULL CHECK (protocol IN ('MQTT', 'CoAP', 'Other')),
        auth_type TEXT NOT NULL CHECK (auth_type IN ('SECRET', 'CERTIFICATES')),
        frozen INTEGER NOT NULL CHECK (frozen IN (0, 1)),
        secure_access INTEGER NOT NULL CHECK (secure_access IN (0, 1)),
        activated INTEGER NOT NULL CHECK (activated IN (0, 1)),
        checked_stamp_seen INTEGER NOT NULL CHECK (checked_stamp_seen IN (0, 1)),
        timeout_at INTEGER,
        sealed_primary BLOB,
        sealed_secondary BLOB,
        fingerprint TEXT,
        secondary_fingerprint TEXT
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE UNIQUE INDEX credential_by_coap_node ON credential (node_id) WHERE protocol = 'CoAP'",
    """
    CREATE TABLE audit (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        at REAL NOT NULL,
        project_id TEXT NOT NULL,
        actor TEXT NOT NULL,
        action TEXT NOT NULL,
        target TEXT NOT NULL,
        detail BLOB NOT NULL
    ) STRICT
    """,
    "CREATE INDEX audit_by_project ON audit (project_id, sequence)",
    "CREATE INDEX audit_by_target ON audit (project_id, target, sequence)",
    """
    CREATE TABLE counter (
        name TEXT NOT NULL PRIMARY KEY,
        value INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    "INSERT INTO counter (name, value) VALUES ('record_number', 0), ('record_seconds', 0)",
)

# Access keys and tokens: roles, permissions, revocation.
_MIGRATION_2: tuple[str, ...] = (
    # The defaults are the least, so that a row that says nothing may do nothing; what stands here already may do all.
    """
    ALTER TABLE access_key ADD COLUMN
        role TEXT NOT NULL DEFAULT 'read-only' CHECK (role IN ('read-only', 'operator', 'admin'))
    """,
    "ALTER TABLE access_key ADD COLUMN reads_secrets INTEGER NOT NULL DEFAULT 0 CHECK (reads_secrets IN (0, 1))",
    "UPDATE access_key SET role = 'admin', reads_secrets = 1",
    "CREATE INDEX access_key_by_project ON access_key (project_id, created_at)",
    """
    ALTER TABLE api_token ADD COLUMN
        role TEXT NOT NULL DEFAULT 'read-only' CHECK (role IN ('read-only', 'operator', 'admin'))
    """,
    "ALTER TABLE api_token ADD COLUMN reads_secrets INTEGER NOT NULL DEFAULT 0 CHECK (reads_secrets IN (0, 1))",
    "UPDATE api_token SET role = 'admin', reads_secrets = 1",
)

# Devices: what the reaper, the resets and the search need.
_MIGRATION_3: tuple[str, ...] = (
    "CREATE INDEX credential_by_timeout ON credential (timeout_at) WHERE timeout_at IS NOT NULL",
    # Not UNIQUE: a registry of schema 1 may hold the same fingerprint twice, and must open.
    "CREATE INDEX credential_by_fingerprint ON credential (project_id, fingerprint) WHERE fingerprint IS NOT NULL",
    """
    CREATE INDEX credential_by_secondary_fingerprint ON credential (project_id, secondary_fingerprint)
    WHERE secondary_fingerprint IS NOT NULL
    """,
    # Searches and counts by status; 110 bytes a device.
    "CREATE INDEX credential_by_state ON credential (project_id, frozen, activated, record_id)",
    # Searches and counts by node_type.
    "CREATE INDEX device_by_level ON device (project_id, (gateway_id = device_id), record_id)",
    # What device.tags says, for looking devices up by it.
    """
    CREATE TABLE device_tag (
        project_id TEXT NOT NULL,
        tag_key TEXT NOT NULL,
        tag_value TEXT NOT NULL,
        record_id TEXT NOT NULL,
        device_id TEXT NOT NULL REFERENCES device (device_id) ON DELETE CASCADE,
        PRIMARY KEY (project_id, tag_key, tag_value, record_id)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX device_tag_by_value ON device_tag (project_id, tag_value, record_id)",
    "CREATE INDEX device_tag_by_device ON device_tag (device_id)",
)

# Device CA certificates and device certificates.
_MIGRATION_4 = schema_certificates.MIGRATION

# Batch tasks and their files.
_MIGRATION_5 = schema_batches.MIGRATION

# Lists, searches and counts.
_MIGRATION_6 = schema_lists.MIGRATION

# The revocation lists of device CAs.
_MIGRATION_7 = schema_crls.MIGRATION

# Batch tasks are deleted bit by bit.
_MIGRATION_8 = schema_batches.DELETION

MIGRATIONS: Sequence[Sequence[str]] = (
    _MIGRATION_1,
    _MIGRATION_2,
    _MIGRATION_3,
    _MIGRATION_4,
    _MIGRATION_5,
    _MIGRATION_6,
    _MIGRATION_7,
    _MIGRATION_8,
)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file up to this program's schema, each migration in a transaction of its own.

    ConfigError when the file was written by a newer program; sqlite3.Error when the file cannot be read or written.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise ConfigError(
            f"the registry has schema {version}, this program knows up to {len(MIGRATIONS)}: use a newer keyturn"
        )
    for number, statements in enumerate(MIGRATIONS[version:], version + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in statements:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
