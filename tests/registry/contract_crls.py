"""The contract of store.certificates: the CRLs of device CAs."""

from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from engine.limits import Limits
from engine.registry.record import CaCrl, Crl
from engine.registry.sqlite import SqliteStore
from engine.registry.store import StoreRefusal
from tests.helpers.certificates import make_ca
from tests.registry.contract import Contract
from tests.registry.contract_certificates import ca, details_of
from tests.registry.samples import NOW, OTHER_PROJECT, PROJECT, audit, record_id


def crl(ca_number: int = 1, project_id: str = PROJECT, **changes: Any) -> CaCrl:
    """The list of device CA number so and so, with these fields changed."""
    fields = {"der": b"der", "number": 5, "this_update": NOW, "next_update": NOW + 60, "revoked": 2, **changes}
    return CaCrl(project_id=project_id, certificate_id=record_id(ca_number), crl=Crl(**fields), uploaded_at=NOW)


class CrlContract(Contract):
    """One list a CA, never an older one."""

    async def test_crl_is_read_as_it_was_set_and_goes_with_its_ca(self, store: SqliteStore) -> None:
        first, second = crl(number=2**159 - 1), crl(2, number=None)
        for number, one in ((1, first), (2, second)):
            await store.certificates.add_ca(ca(number), audit())
            assert await store.certificates.set_crl(one, audit()) == one
            assert await store.certificates.crl(PROJECT, record_id(number)) == one
        assert await store.certificates.crl(OTHER_PROJECT, record_id(1)) is None
        assert list(await store.certificates.crls()) == [first, second]
        assert await store.certificates.delete_ca(PROJECT, record_id(1), audit()) is None
        assert list(await store.certificates.crls()) == [second]

    @pytest.mark.parametrize(
        ("changes", "is_older"),
        [
            ({"number": 6, "this_update": NOW + 1}, False),
            ({"number": 5, "this_update": NOW + 1}, False),
            ({"number": None, "this_update": NOW}, False),
            ({"number": 4, "this_update": NOW + 1}, True),
            ({"number": 6, "this_update": NOW - 1}, True),
            ({"number": None, "this_update": NOW - 1}, True),
        ],
    )
    async def test_older_crl_never_takes_the_place_of_a_newer(
        self, store: SqliteStore, changes: dict[str, Any], is_older: bool
    ) -> None:
        """Who replays last month's list would bring back what was revoked since."""
        await store.certificates.add_ca(ca(), audit())
        await store.certificates.set_crl(crl(), audit())
        other = crl(der=b"other", **changes)
        assert await store.certificates.set_crl(other, audit()) == (StoreRefusal.CRL_OLDER if is_older else other)
        assert await store.certificates.crl(PROJECT, record_id(1)) == (crl() if is_older else other)

    async def test_same_crl_again_changes_nothing(self, store: SqliteStore) -> None:
        await store.certificates.add_ca(ca(), audit())
        await store.certificates.set_crl(crl(), audit("certificate.set-crl", record_id(1)))
        later = msgspec.structs.replace(crl(), uploaded_at=NOW + 1)
        assert await store.certificates.set_crl(later, audit("certificate.set-crl", record_id(1))) == crl()
        assert len(await details_of(store, record_id(1))) == 1

    async def test_the_bound_is_on_all_crls_of_a_project_together(self, store: SqliteStore) -> None:
        most = Limits().crl_bytes
        for number in (1, 2):
            await store.certificates.add_ca(ca(number), audit())
        whole = crl(der=b"x" * most)
        assert await store.certificates.set_crl(whole, audit()) == whole
        assert await store.certificates.set_crl(crl(2, der=b"x"), audit()) is StoreRefusal.CRLS_TOO_LARGE
        less = crl(der=b"x" * (most - 1))
        assert await store.certificates.set_crl(less, audit()) == less
        assert await store.certificates.set_crl(crl(2, der=b"x"), audit()) == crl(2, der=b"x")

    async def test_crl_of_a_ca_that_is_not_there_is_refused(self, store: SqliteStore) -> None:
        await store.certificates.add_ca(ca(), audit())
        assert await store.certificates.set_crl(crl(2), audit()) is StoreRefusal.CERTIFICATE_ABSENT
        elsewhere = crl(project_id=OTHER_PROJECT)
        assert await store.certificates.set_crl(elsewhere, audit()) is StoreRefusal.CERTIFICATE_ABSENT
        assert await store.certificates.delete_crl(PROJECT, record_id(1), audit()) is StoreRefusal.CRL_ABSENT

    async def test_deleted_crl_is_gone_and_audited(self, store: SqliteStore) -> None:
        await store.certificates.add_ca(ca(), audit())
        await store.certificates.set_crl(crl(), audit())
        entry = audit("certificate.delete-crl", record_id(1))
        assert await store.certificates.delete_crl(PROJECT, record_id(1), entry) is None
        assert await store.certificates.crl(PROJECT, record_id(1)) is None
        assert await details_of(store, record_id(1)) == [("certificate.delete-crl", {})]

    async def test_look_alike_of_another_project_s_verified_ca_is_not_verified(self, store: SqliteStore) -> None:
        """OpenSSL takes the first issuer whose name fits: it would end the handshakes of the other's devices."""
        theirs, mine = make_ca("Fleet CA"), make_ca("fleet  CA", key=ec.generate_private_key(ec.SECP256R1()))
        await store.certificates.add_ca(ca(1, project_id=OTHER_PROJECT, der=theirs.der), audit())
        for number, one in (
            (2, mine),
            (3, make_ca("Other CA", key=ec.generate_private_key(ec.SECP256R1()))),
            (4, theirs),
        ):
            await store.certificates.add_ca(ca(number, der=one.der), audit())
        assert await store.certificates.verify_ca(OTHER_PROJECT, record_id(1), audit()) is None
        assert await store.certificates.verify_ca(PROJECT, record_id(2), audit()) is StoreRefusal.CA_LOOKS_ALIKE
        assert await store.certificates.verify_ca(PROJECT, record_id(3), audit()) is None
        assert await store.certificates.verify_ca(PROJECT, record_id(4), audit()) is None, "the same key"
        await store.certificates.delete_ca(OTHER_PROJECT, record_id(1), audit())
        assert await store.certificates.verify_ca(PROJECT, record_id(2), audit()) is None, "a key that follows its own"
