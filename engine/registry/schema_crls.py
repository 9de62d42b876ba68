"""Migration 6: the certificate revocation list that stands beside a device CA."""

from collections.abc import Sequence

MIGRATION: Sequence[str] = (
    # Apart from ca_certificate: a list may be large, and CAs are listed. `number` is decimal, of up to 20 octets.
    """
    CREATE TABLE ca_crl (
        project_id TEXT NOT NULL,
        certificate_id TEXT NOT NULL,
        der BLOB NOT NULL,
        number TEXT,
        this_update INTEGER NOT NULL,
        next_update INTEGER NOT NULL,
        revoked INTEGER NOT NULL,
        uploaded_at INTEGER NOT NULL,
        PRIMARY KEY (project_id, certificate_id),
        FOREIGN KEY (project_id, certificate_id) REFERENCES ca_certificate (project_id, record_id) ON DELETE CASCADE
    ) STRICT
    """,
)
