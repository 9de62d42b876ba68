from pathlib import Path
from typing import Any

import pytest

from engine.errors import StoreUnavailable
from engine.listeners.trust import Trust
from tests.helpers.faulty_store import FaultyStore
from tests.helpers.stores import PROJECT, open_empty_store


async def test_outage_is_unavailable_and_is_not_remembered(tmp_path: Path) -> None:
    async with open_empty_store(tmp_path) as store:
        faulty: Any = FaultyStore(store, fail_at=1)
        trust = Trust(faulty.certificates)
        with pytest.raises(StoreUnavailable):
            await trust.anchors()
        assert await trust.anchors() == {}
        assert await trust.device_cas() == []


async def test_what_was_forgotten_is_read_anew_and_nothing_else_is(tmp_path: Path) -> None:
    async with open_empty_store(tmp_path) as store:
        counting: Any = FaultyStore(store, fail_at=1000)
        trust = Trust(counting.certificates)
        await trust.anchors()
        await trust.anchors()
        assert counting.calls == 1
        trust.forget()
        await trust.anchors()
        assert counting.calls == 2
        assert PROJECT not in await trust.anchors()
