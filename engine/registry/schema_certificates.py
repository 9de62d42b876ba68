"""Migration 4: device CA certificates, and the certificates that devices connect with."""

from collections.abc import Sequence

MIGRATION: Sequence[str] = (
    # A project has a hundred of them at most (limits.device_cas): its own rows are index enough for every filter.
    """
    CREATE TABLE ca_certificate (
        record_id TEXT NOT NULL,
        project_id TEXT NOT NULL REFERENCES project,
        app_id TEXT NOT NULL,
        der BLOB NOT NULL,
        fingerprint TEXT NOT NULL,
        common_name TEXT,
        owner TEXT,
        effective_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        verify_code TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        verified_at INTEGER,
        generation INTEGER NOT NULL,
        provision_enable INTEGER NOT NULL CHECK (provision_enable IN (0, 1)),
        template_id TEXT,
        ocsp_enable INTEGER NOT NULL CHECK (ocsp_enable IN (0, 1)),
        ocsp_ssl_enable INTEGER NOT NULL CHECK (ocsp_ssl_enable IN (0, 1)),
        ocsp_server_ca_id TEXT,
        UNIQUE (project_id, record_id),
        UNIQUE (project_id, fingerprint)
    ) STRICT
    """,
    """
    CREATE TABLE device_certificate (
        record_id TEXT NOT NULL,
        project_id TEXT NOT NULL REFERENCES project,
        der BLOB NOT NULL,
        fingerprint TEXT NOT NULL,
        fingerprint_sha1 TEXT NOT NULL,
        common_name TEXT,
        expires_at INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        status TEXT NOT NULL CHECK (status IN ('ACTIVE', 'INACTIVE')),
        generation INTEGER NOT NULL,
        UNIQUE (project_id, record_id),
        UNIQUE (project_id, fingerprint)
    ) STRICT
    """,
    "CREATE INDEX device_certificate_by_sha1 ON device_certificate (project_id, fingerprint_sha1, record_id)",
    "CREATE INDEX device_certificate_by_name ON device_certificate (project_id, common_name, record_id)",
)
