"""Rows of the certificate tables and the records they become, column by column (see rows.py)."""

import sqlite3
from collections.abc import Mapping

from engine.registry.record import CaCertificate, CertificateStatus, DeviceCertificate
from engine.registry.rows import Row

_STATUSES: Mapping[str, CertificateStatus] = {member.value: member for member in CertificateStatus}
_FLAGS = ("provision_enable", "ocsp_enable", "ocsp_ssl_enable")

# Both in the order of the Struct's fields; a WHERE clause is appended.
SELECT_CA = """
    SELECT record_id, project_id, app_id, der, fingerprint, common_name, owner, effective_at, expires_at, verify_code,
           created_at, verified_at, generation, provision_enable, template_id, ocsp_enable, ocsp_ssl_enable,
           ocsp_server_ca_id
    FROM ca_certificate
"""
SELECT_DEVICE_CERTIFICATE = """
    SELECT record_id, project_id, der, fingerprint, fingerprint_sha1, common_name, expires_at, created_at, status,
           generation
    FROM device_certificate
"""

INSERT_CA = """
    INSERT INTO ca_certificate (
        record_id, project_id, app_id, der, fingerprint, common_name, owner, effective_at, expires_at, verify_code,
        created_at, verified_at, generation, provision_enable, template_id, ocsp_enable, ocsp_ssl_enable,
        ocsp_server_ca_id
    ) VALUES (
        :certificate_id, :project_id, :app_id, :der, :fingerprint, :common_name, :owner, :effective_at, :expires_at,
        :verify_code, :created_at, :verified_at, :generation, :provision_enable, :template_id, :ocsp_enable,
        :ocsp_ssl_enable, :ocsp_server_ca_id
    )
"""
INSERT_DEVICE_CERTIFICATE = """
    INSERT INTO device_certificate (
        record_id, project_id, der, fingerprint, fingerprint_sha1, common_name, expires_at, created_at, status,
        generation
    ) VALUES (
        :certificate_id, :project_id, :der, :fingerprint, :fingerprint_sha1, :common_name, :expires_at, :created_at,
        :status, :generation
    )
"""
UPDATE_CA = """
    UPDATE ca_certificate
    SET generation = :generation, verified_at = :verified_at, provision_enable = :provision_enable,
        template_id = :template_id, ocsp_enable = :ocsp_enable, ocsp_ssl_enable = :ocsp_ssl_enable,
        ocsp_server_ca_id = :ocsp_server_ca_id
    WHERE project_id = :project_id AND record_id = :certificate_id
"""
UPDATE_DEVICE_CERTIFICATE = """
    UPDATE device_certificate SET generation = :generation, status = :status
    WHERE project_id = :project_id AND record_id = :certificate_id
"""


def ca_from_row(row: Row) -> CaCertificate:
    """A row of SELECT_CA."""
    fields = dict(zip(CaCertificate.__struct_fields__, row, strict=True))
    return CaCertificate(**fields | {name: fields[name] == 1 for name in _FLAGS})


def device_certificate_from_row(row: Row) -> DeviceCertificate:
    """A row of SELECT_DEVICE_CERTIFICATE."""
    fields = dict(zip(DeviceCertificate.__struct_fields__, row, strict=True))
    try:
        fields["status"] = _STATUSES[fields["status"]]
    except KeyError:
        # The CHECK keeps such a word out; damage does not ask it.
        raise sqlite3.DataError("a row holds an unknown status: the registry is damaged") from None
    return DeviceCertificate(**fields)
