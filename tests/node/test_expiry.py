import math
from pathlib import Path
from typing import Any

import pytest
import trio

from engine.clock import Clock
from engine.limits import Limits
from engine.listeners.trust import Trust
from engine.node.expiry import ExpiryWatch
from tests.helpers.faulty_store import FaultyStore
from tests.helpers.stores import PROJECT, open_empty_store
from tests.registry.contract_certificates import ca
from tests.registry.contract_crls import crl
from tests.registry.samples import NOW, audit, record_id

DAY = 86_400


def watch(store: Any, now: float = NOW) -> ExpiryWatch:
    return ExpiryWatch(Trust(store.certificates), Clock(lambda: now, lambda: 0.0), Limits())


async def fill(store: Any, *expires_at: int) -> None:
    """Verified device CAs, numbered from 1."""
    for number, at in enumerate(expires_at, 1):
        await store.certificates.add_ca(ca(number, project_id=PROJECT, expires_at=at), audit())
        await store.certificates.verify_ca(PROJECT, record_id(number), audit())


async def test_soonest_expiries_are_told_in_seconds(tmp_path: Path) -> None:
    async with open_empty_store(tmp_path) as store:
        await fill(store, NOW + 9 * DAY, NOW + 8 * DAY, NOW - 1)
        await store.certificates.set_crl(crl(1, PROJECT, next_update=NOW - 5), audit())
        expiry = watch(store)
        assert (expiry.ca_seconds_left(), expiry.crl_seconds_left()) == (math.inf, math.inf)
        await expiry.look()
        assert expiry.ca_seconds_left() == 8 * DAY, "what has expired does not hide what will"
        assert expiry.crl_seconds_left() == -5


async def test_warning_names_the_first_and_counts_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with open_empty_store(tmp_path) as store:
        await fill(store, NOW + DAY, NOW + 8 * DAY)
        await store.certificates.set_crl(crl(1, PROJECT, next_update=NOW + 8 * DAY), audit())
        await watch(store).look()
        said = capsys.readouterr().out
        assert "device CAs expire" in said
        assert record_id(1) in said
        assert "count=1" in said.replace("\x1b[0m", "").replace("\x1b[36m", "").replace("\x1b[35m", "")
        assert "CRLs expire" not in said
        await watch(store, NOW + 2 * DAY).look()
        assert "CRLs expire" in capsys.readouterr().out


async def test_outage_of_the_registry_does_not_end_the_watch(tmp_path: Path, autojump_clock: object) -> None:
    del autojump_clock
    async with open_empty_store(tmp_path) as store:
        faulty: Any = FaultyStore(store, fail_at=1)
        with trio.move_on_after(2 * Limits().expiry_watch_seconds + 1):
            await watch(faulty).run()
        assert faulty.calls > 1
