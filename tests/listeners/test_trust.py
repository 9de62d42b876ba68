from pathlib import Path
from typing import Any

import pytest

from engine.errors import StoreUnavailable
from engine.listeners.trust import Trust
from engine.registry.crls import CrlFile, read_crl, read_issuer
from engine.registry.record import Crl
from engine.registry.store import Store
from tests.helpers.certificates import NOW as CERTIFICATES_NOW
from tests.helpers.certificates import Made, make_ca
from tests.helpers.crls import der, make_crl
from tests.helpers.faulty_store import FaultyStore
from tests.helpers.stores import PROJECT, open_empty_store
from tests.registry.contract_certificates import ca
from tests.registry.contract_crls import crl
from tests.registry.samples import NOW, audit, record_id


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
        assert counting.calls == 2
        trust.forget()
        await trust.anchors()
        assert counting.calls == 4
        assert PROJECT not in await trust.anchors()


async def add_verified(store: Store, number: int, made: Made, project_id: str = PROJECT) -> None:
    await store.certificates.add_ca(ca(number, project_id=project_id, der=made.der), audit())
    assert await store.certificates.verify_ca(project_id, record_id(number), audit()) is None


async def test_crls_of_a_project_stand_behind_all_its_anchors_and_nobody_else_s(tmp_path: Path) -> None:
    async with open_empty_store(tmp_path) as store:
        await store.create_project("other")
        fleet, plant = make_ca("Fleet CA"), make_ca("Plant CA")
        await add_verified(store, 1, fleet)
        await add_verified(store, 2, plant)
        await add_verified(store, 3, plant, "other")
        trust = Trust(store.certificates)
        others = (await trust.anchors())["other"]
        await store.certificates.set_crl(crl(1, PROJECT), audit())
        trust.forget()
        anchors = await trust.anchors()
        assert [anchor.crls for anchor in anchors[PROJECT].anchors] == [(b"der",), (b"der",)]
        assert anchors["other"] is others, "what was made of another project's chains stays"
        assert [expiry.certificate_id for expiry in trust.crl_expiries] == [record_id(1)]


async def test_files_are_for_the_ca_that_signed_them_in_whatever_project(tmp_path: Path) -> None:
    async with open_empty_store(tmp_path) as store:
        made = make_ca("Fleet CA")
        await add_verified(store, 1, made)
        trust = Trust(store.certificates)
        uploaded = crl(1, PROJECT, next_update=NOW + 30)
        await store.certificates.set_crl(uploaded, audit())
        files = []
        for maker in (made, make_ca("Foreign CA")):
            read = read_crl(der(make_crl(maker.certificate, maker.key, now=CERTIFICATES_NOW)), 10_000)
            assert isinstance(read, Crl)
            files.append(CrlFile("a.crl", read, read_issuer(read.der)))
        assert trust.replace_files(files)
        assert not trust.replace_files(list(files))
        (anchor,) = (await trust.anchors())[PROJECT].anchors
        assert anchor.crls == (b"der", files[0].crl.der)
        assert [expiry.at for expiry in trust.crl_expiries] == [files[0].crl.next_update], "one in force is enough"
        assert trust.replace_files(())
        (anchor,) = (await trust.anchors())[PROJECT].anchors
        assert anchor.crls == (b"der",)
