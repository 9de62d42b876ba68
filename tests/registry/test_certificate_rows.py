"""Rows become records, and damage does not become one."""

import sqlite3

import msgspec
import pytest

from engine.registry.certificate_rows import ca_from_row, device_certificate_from_row
from tests.registry.contract_certificates import ca, device_certificate


def test_flags_are_booleans() -> None:
    row = [int(value) if isinstance(value, bool) else value for value in msgspec.structs.astuple(ca(ocsp_enable=True))]

    read = ca_from_row(tuple(row))

    assert read == ca(ocsp_enable=True)
    assert (read.ocsp_enable, read.ocsp_ssl_enable) == (True, False)
    assert isinstance(read.ocsp_enable, bool)


def test_unknown_status_is_damage() -> None:
    row = list(msgspec.structs.astuple(device_certificate()))
    assert device_certificate_from_row(tuple(row)) == device_certificate()
    row[8] = "EXPIRED"

    with pytest.raises(sqlite3.DataError, match="damaged"):
        device_certificate_from_row(tuple(row))
