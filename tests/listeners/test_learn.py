"""Rows that admission reads for C, against a real store."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from engine.registry.record import CredentialRow
from tests.helpers.faulty_store import FaultyStore
from tests.helpers.stores import add_device, add_product, new_sealer, open_empty_store
from tests.listeners.test_admit import SECRET, parts_over


async def test_devices_that_c_does_not_know_are_handed_on_with_the_number_they_were_read_under(tmp_path: Path) -> None:
    async with open_empty_store(tmp_path) as store:
        await add_product(store)
        sealer = new_sealer()
        await add_device(store, sealer, "pump", SECRET)
        parts = parts_over(store, sealer)
        await parts.bus.invalidate(["pump"], close=False)
        told: list[tuple[list[str], int]] = []

        def on_rows(rows: Sequence[CredentialRow], sequence: int) -> None:
            told.append(([row.device_id for row in rows], sequence))

        await parts.admission.learn(["pump", "nobody"], on_rows)
        assert told == [(["pump"], parts.bus.sequence)]


async def test_outage_while_c_learns_has_it_ask_about_everybody(tmp_path: Path) -> None:
    async with open_empty_store(tmp_path) as store:
        parts = parts_over(FaultyStore(store, fail_at=1), new_sealer())
        assert parts.admission.is_registry_readable
        await parts.admission.learn(["pump"], lambda _rows, _sequence: pytest.fail("nothing was read"))
        assert not parts.admission.is_registry_readable
