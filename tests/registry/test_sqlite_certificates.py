"""SqliteStore's certificates; what every Store must do is in contract_certificates.py."""

import sqlite3
from pathlib import Path

import pytest

from engine.registry.database import create_database, open_for_writing
from engine.registry.listing import list_device_certificates, list_devices_of_certificate
from engine.registry.store import PageRequest, StoreRefusal
from engine.registry.store_certificates import DeviceCertificateFilter
from tests.registry.contract_certificates import ca, device_certificate
from tests.registry.samples import PROJECT, audit, open_sqlite, seed


async def test_the_bound_on_cas_is_a_limit_of_the_node(tmp_path: Path) -> None:
    store = open_sqlite(tmp_path / "registry.db", create=True, device_cas=1)
    await seed(store)

    assert await store.certificates.add_ca(ca(1), audit()) is None
    assert await store.certificates.add_ca(ca(2), audit()) is StoreRefusal.TOO_MANY_CERTIFICATES
    await store.close()


@pytest.mark.parametrize(
    "matching",
    [
        DeviceCertificateFilter(),
        DeviceCertificateFilter(common_name="p"),
        DeviceCertificateFilter(fingerprint="a" * 64),
        DeviceCertificateFilter(fingerprint="a" * 40),
    ],
)
def test_every_list_of_device_certificates_is_served_by_an_index(
    tmp_path: Path, matching: DeviceCertificateFilter
) -> None:
    plans = plans_of(tmp_path, lambda c: list_device_certificates(c, PROJECT, matching, PageRequest()))

    assert not [plan for plan in plans if plan.startswith("SCAN device_certificate")], plans


def test_the_devices_of_a_certificate_are_found_by_index(tmp_path: Path) -> None:
    plans = plans_of(tmp_path, lambda c: list_devices_of_certificate(c, device_certificate(), PageRequest()))

    assert any("credential_by_fingerprint" in plan for plan in plans), plans
    assert any("credential_by_secondary_fingerprint" in plan for plan in plans), plans
    assert not [plan for plan in plans if plan.startswith("SCAN") and "device_id" not in plan], plans


def plans_of(tmp_path: Path, work: object) -> list[str]:
    """The query plans of every statement that the work runs."""
    create_database(tmp_path / "registry.db")
    connection = open_for_writing(tmp_path / "registry.db")
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    assert callable(work)
    work(connection)
    connection.set_trace_callback(None)
    selects = [statement for statement in statements if statement.lstrip().startswith("SELECT")]
    assert selects
    plans = [row[3] for statement in selects for row in explain(connection, statement)]
    connection.close()
    return plans


def explain(connection: sqlite3.Connection, statement: str) -> list[tuple[int, int, int, str]]:
    return connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
