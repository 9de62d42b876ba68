"""The contract of store.certificates."""

from typing import Any

import msgspec
import pytest
import trio

from engine.errors import StoreUnavailable
from engine.registry.record import CaCertificate, CertificateStatus, DeviceCertificate
from engine.registry.sqlite import SqliteStore
from engine.registry.store import PageRequest, StoreRefusal
from engine.registry.store_certificates import CaUpdate, DeviceCertificateFilter
from tests.registry.contract import Contract, OpenStore
from tests.registry.samples import NOW, OTHER_PROJECT, PROJECT, audit, device, record_id


def ca(number: int = 1, **changes: Any) -> CaCertificate:
    """Device CA number so and so of PROJECT, not verified, with these fields changed."""
    certificate = CaCertificate(
        certificate_id=record_id(number),
        project_id=PROJECT,
        app_id="app",
        der=b"der %d" % number,
        fingerprint=f"{number:064x}",
        common_name=f"CA {number}",
        owner=None,
        effective_at=NOW - 1,
        expires_at=NOW + 1,
        verify_code=f"code {number}",
        created_at=NOW,
    )
    return msgspec.structs.replace(certificate, **changes)


def device_certificate(number: int = 1, **changes: Any) -> DeviceCertificate:
    """Device certificate number so and so of PROJECT, with these fields changed."""
    certificate = DeviceCertificate(
        certificate_id=record_id(number),
        project_id=PROJECT,
        der=b"der %d" % number,
        fingerprint=f"{number:064x}",
        fingerprint_sha1=f"{number:040x}",
        common_name=f"pump-{number}",
        expires_at=NOW + 1,
        created_at=NOW,
    )
    return msgspec.structs.replace(certificate, **changes)


async def details_of(store: SqliteStore, target: str) -> list[tuple[str, Any]]:
    """Action and detail of the audit entries about it, newest first."""
    entries = (await store.list_audit(PROJECT, target=target)).entries
    return [(entry.action, msgspec.json.decode(entry.detail)) for _sequence, entry in entries]


class CaContract(Contract):
    """Device CAs."""

    async def test_ca_is_read_as_it_was_added(self, store: SqliteStore) -> None:
        whole = ca(
            owner="Müller",
            verified_at=NOW,
            generation=7,
            provision_enable=True,
            template_id="t",
            ocsp_enable=True,
            ocsp_ssl_enable=True,
            ocsp_server_ca_id="s",
        )
        bare = ca(2, common_name=None)
        for certificate in (whole, bare):
            assert await store.certificates.add_ca(certificate, audit("certificate.create")) is None

        both = [whole.certificate_id, bare.certificate_id]
        assert await store.certificates.cas(PROJECT, both) == dict(zip(both, (whole, bare), strict=True))
        assert await store.certificates.cas(PROJECT, ["absent"] * 99 + both[:1]) == {both[0]: whole}
        assert await store.certificates.cas(OTHER_PROJECT, both) == {}

    async def test_the_same_ca_is_added_once_to_a_project(self, store: SqliteStore) -> None:
        """Another project may prove that it holds the key as well."""
        await store.certificates.add_ca(ca(), audit())
        again = ca(2, fingerprint=ca().fingerprint)

        assert await store.certificates.add_ca(again, audit()) is StoreRefusal.CERTIFICATE_EXISTS
        elsewhere = msgspec.structs.replace(again, project_id=OTHER_PROJECT)
        assert await store.certificates.add_ca(elsewhere, audit()) is None
        assert await store.certificates.add_ca(ca(project_id="absent"), audit()) is StoreRefusal.PROJECT_ABSENT

    async def test_a_project_has_a_hundred_cas_however_many_are_added_at_once(self, store: SqliteStore) -> None:
        answers: list[StoreRefusal | None] = []

        async def add(number: int) -> None:
            answers.append(await store.certificates.add_ca(ca(number), audit(target=record_id(number))))

        async with trio.open_nursery() as nursery:
            for number in range(130):
                nursery.start_soon(add, number)

        assert answers.count(None) == 100
        assert answers.count(StoreRefusal.TOO_MANY_CERTIFICATES) == 30
        assert (await store.certificates.list_cas(PROJECT, None, PageRequest())).count == 100
        assert await store.certificates.add_ca(ca(project_id=OTHER_PROJECT), audit()) is None
        newest = (await store.certificates.list_cas(PROJECT, None, PageRequest(limit=1))).certificates[0]
        assert await store.certificates.delete_ca(PROJECT, newest.certificate_id, audit()) is None
        assert await store.certificates.add_ca(ca(200), audit()) is None

    async def test_cas_are_listed_newest_first_by_resource_space(self, store: SqliteStore) -> None:
        for number in range(1, 6):
            await store.certificates.add_ca(ca(number, app_id="odd" if number % 2 else "even"), audit())

        async def numbers(app_id: str | None, page: PageRequest) -> tuple[list[bytes], int]:
            found = await store.certificates.list_cas(PROJECT, app_id, page)
            return [certificate.der[-1:] for certificate in found.certificates], found.count

        assert await numbers(None, PageRequest(limit=2)) == ([b"5", b"4"], 5)
        assert await numbers(None, PageRequest(limit=2, marker=record_id(4), offset=1)) == ([b"2", b"1"], 5)
        assert await numbers("odd", PageRequest()) == ([b"5", b"3", b"1"], 3)
        assert await numbers("none", PageRequest()) == ([], 0)

    async def test_only_verified_cas_are_handed_out_to_be_trusted(self, store: SqliteStore) -> None:
        await store.certificates.add_ca(ca(1), audit())
        for number, project_id in ((3, PROJECT), (2, PROJECT), (4, OTHER_PROJECT)):
            await store.certificates.add_ca(ca(number, project_id=project_id), audit())
            assert await store.certificates.verify_ca(project_id, record_id(number), audit()) is None

        def verified(number: int, project_id: str = PROJECT) -> CaCertificate:
            return ca(number, project_id=project_id, verified_at=NOW, generation=2)

        ours, theirs = [verified(2), verified(3)], [verified(4, OTHER_PROJECT)]
        assert await store.certificates.verified_cas([PROJECT]) == {PROJECT: ours}
        assert await store.certificates.verified_cas([OTHER_PROJECT, "absent"]) == {OTHER_PROJECT: theirs}
        assert await store.certificates.verified_cas() == {PROJECT: ours, OTHER_PROJECT: theirs}
        assert await store.certificates.verified_cas([]) == {}
        await store.certificates.delete_ca(OTHER_PROJECT, record_id(4), audit())
        assert await store.certificates.verified_cas() == {PROJECT: ours}

    async def test_a_ca_is_verified_once(self, store: SqliteStore) -> None:
        await store.certificates.add_ca(ca(), audit())
        first = audit("certificate.verify", record_id(1))
        later = msgspec.structs.replace(first, at=first.at + 60)

        assert await store.certificates.verify_ca(PROJECT, record_id(1), first) is None
        assert await store.certificates.verify_ca(PROJECT, record_id(1), later) is None

        verified = (await store.certificates.cas(PROJECT, [record_id(1)]))[record_id(1)]
        assert verified == ca(verified_at=NOW, generation=2)
        assert await details_of(store, record_id(1)) == [
            ("certificate.verify", {"before": {"verified_at": None}, "after": {"verified_at": NOW}})
        ]

    async def test_an_update_changes_what_it_names_and_says_what_it_was(self, store: SqliteStore) -> None:
        await store.certificates.add_ca(ca(template_id="old"), audit())
        update = CaUpdate(ocsp_enable=True, template_id=None)
        entry = audit("certificate.update", record_id(1))

        changed = await store.certificates.update_ca(PROJECT, record_id(1), update, entry)

        assert changed == ca(ocsp_enable=True, generation=2)
        assert await store.certificates.update_ca(PROJECT, record_id(1), update, entry) == changed
        assert await store.certificates.cas(PROJECT, [record_id(1)]) == {record_id(1): changed}
        assert await details_of(store, record_id(1)) == [
            (
                "certificate.update",
                {
                    "before": {"template_id": "old", "ocsp_enable": False},
                    "after": {"template_id": None, "ocsp_enable": True},
                },
            )
        ]

    async def test_a_ca_of_another_project_is_absent(self, store: SqliteStore) -> None:
        await store.certificates.add_ca(ca(), audit())
        before = await store.list_audit(PROJECT)
        entry = audit(project_id=OTHER_PROJECT)

        for answer in (
            await store.certificates.update_ca(OTHER_PROJECT, record_id(1), CaUpdate(ocsp_enable=True), entry),
            await store.certificates.verify_ca(OTHER_PROJECT, record_id(1), entry),
            await store.certificates.delete_ca(OTHER_PROJECT, record_id(1), entry),
            await store.certificates.delete_ca(PROJECT, record_id(2), audit()),
        ):
            assert answer is StoreRefusal.CERTIFICATE_ABSENT
        assert await store.certificates.cas(PROJECT, [record_id(1)]) == {record_id(1): ca()}
        assert await store.list_audit(PROJECT) == before


class DeviceCertificateContract(Contract):
    """Certificates that devices connect with."""

    async def test_the_first_sight_makes_the_record_and_a_later_one_reads_it(self, store: SqliteStore) -> None:
        first = device_certificate()
        again = msgspec.structs.replace(first, certificate_id=record_id(2), created_at=NOW + 60)

        assert await store.certificates.certificate_statuses(PROJECT, [first.fingerprint]) == {}
        assert await store.certificates.note_device_certificate(first) == first
        assert await store.certificates.note_device_certificate(again) == first
        assert await store.certificates.certificate_statuses(PROJECT, [first.fingerprint]) == {
            first.fingerprint: CertificateStatus.ACTIVE
        }
        assert await store.certificates.certificate_statuses("another", [first.fingerprint]) == {}
        await store.certificates.set_device_certificate_status(
            PROJECT, record_id(1), CertificateStatus.INACTIVE, audit()
        )
        assert (await store.certificates.note_device_certificate(again)).status is CertificateStatus.INACTIVE
        assert await store.certificates.certificate_statuses(PROJECT, [first.fingerprint]) == {
            first.fingerprint: CertificateStatus.INACTIVE
        }
        assert await details_of(store, record_id(1)) == [
            ("device-certificate.create", {"fingerprint": first.fingerprint, "common_name": "pump-1"})
        ]

    async def test_of_many_first_sights_one_makes_the_record(self, store: SqliteStore) -> None:
        noted = []

        async def note(number: int) -> None:
            sight = device_certificate(number, fingerprint="a" * 64)
            noted.append(await store.certificates.note_device_certificate(sight))

        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(note, number)

        assert len({certificate.certificate_id for certificate in noted}) == 1
        page = await store.certificates.list_device_certificates(PROJECT, DeviceCertificateFilter(), PageRequest())
        assert page.count == 1

    async def test_the_same_certificate_is_another_record_in_another_project(self, store: SqliteStore) -> None:
        elsewhere = device_certificate(2, fingerprint=device_certificate().fingerprint, project_id=OTHER_PROJECT)
        await store.certificates.note_device_certificate(device_certificate())

        assert await store.certificates.note_device_certificate(elsewhere) == elsewhere
        assert await store.certificates.device_certificates(PROJECT, [record_id(1), record_id(2)]) == {
            record_id(1): device_certificate()
        }

    async def test_a_status_changes_with_its_generation(self, store: SqliteStore) -> None:
        await store.certificates.note_device_certificate(device_certificate())
        entry = audit("device-certificate.update", record_id(1))
        inactive = device_certificate(status=CertificateStatus.INACTIVE, generation=2)

        for _ in range(2):
            changed = await store.certificates.set_device_certificate_status(
                PROJECT, record_id(1), CertificateStatus.INACTIVE, entry
            )
            assert changed == inactive
        assert await store.certificates.device_certificates(PROJECT, [record_id(1)]) == {record_id(1): inactive}
        assert (await details_of(store, record_id(1)))[:-1] == [
            ("device-certificate.update", {"before": {"status": "ACTIVE"}, "after": {"status": "INACTIVE"}})
        ]

    async def test_a_deleted_record_is_gone_and_may_come_again(self, store: SqliteStore) -> None:
        await store.certificates.note_device_certificate(device_certificate())

        assert await store.certificates.delete_device_certificate(PROJECT, record_id(1), audit()) is None
        assert await store.certificates.device_certificates(PROJECT, [record_id(1)]) == {}
        again = device_certificate(2, fingerprint=device_certificate().fingerprint)
        assert await store.certificates.note_device_certificate(again) == again

    async def test_a_device_certificate_of_another_project_is_absent(self, store: SqliteStore) -> None:
        await store.certificates.note_device_certificate(device_certificate())
        entry = audit(project_id=OTHER_PROJECT)

        changed = await store.certificates.set_device_certificate_status(
            OTHER_PROJECT, record_id(1), CertificateStatus.INACTIVE, entry
        )
        deleted = await store.certificates.delete_device_certificate(OTHER_PROJECT, record_id(1), entry)

        assert changed is StoreRefusal.DEVICE_CERTIFICATE_ABSENT
        assert deleted is StoreRefusal.DEVICE_CERTIFICATE_ABSENT

    @pytest.mark.parametrize(
        ("matching", "numbers"),
        [
            (DeviceCertificateFilter(), [3, 2, 1]),
            (DeviceCertificateFilter(common_name="pump-"), [2, 1]),
            (DeviceCertificateFilter(common_name="PUMP-"), []),
            (DeviceCertificateFilter(common_name="%"), []),
            (DeviceCertificateFilter(fingerprint=f"{2:064x}"), [2]),
            (DeviceCertificateFilter(fingerprint=f"{2:040x}"), [2]),
            (DeviceCertificateFilter(common_name="pump-1", fingerprint=f"{2:040x}"), []),
        ],
    )
    async def test_device_certificates_are_found_by_prefix_and_by_either_fingerprint(
        self, store: SqliteStore, matching: DeviceCertificateFilter, numbers: list[int]
    ) -> None:
        for number, common_name in ((1, "pump-1"), (2, "pump-2"), (3, None)):
            await store.certificates.note_device_certificate(device_certificate(number, common_name=common_name))

        page = await store.certificates.list_device_certificates(PROJECT, matching, PageRequest())

        assert [certificate.certificate_id for certificate in page.certificates] == [record_id(n) for n in numbers]
        assert page.count == len(numbers)

    async def test_devices_of_a_certificate_are_those_with_its_fingerprints(self, store: SqliteStore) -> None:
        certificate = device_certificate()
        fingerprints: list[dict[str, str]] = [
            {"fingerprint": certificate.fingerprint},
            {"secondary_fingerprint": certificate.fingerprint_sha1},
            {"fingerprint": "f" * 64, "secondary_fingerprint": "e" * 64},
            {},
        ]
        for number, fields in enumerate(fingerprints, 1):
            added = device(number, auth_type="CERTIFICATES", sealed_primary=None, **fields)
            assert await store.add_device(added, audit()) is None

        async def names(page: PageRequest) -> tuple[list[str], int]:
            found = await store.certificates.devices_of_certificate(certificate, page)
            return [one.device_id for one in found.devices], found.count

        assert await names(PageRequest()) == (["pump-2", "pump-1"], 2)
        assert await names(PageRequest(limit=1, offset=1)) == (["pump-1"], 2)
        assert await names(PageRequest(marker=record_id(2))) == (["pump-1"], 2)
        elsewhere = msgspec.structs.replace(certificate, project_id=OTHER_PROJECT)
        assert (await store.certificates.devices_of_certificate(elsewhere, PageRequest())).count == 0


class CertificateLifeContract(Contract):
    """Closing and opening again."""

    async def test_certificates_are_there_after_opening_again(self, open_store: OpenStore) -> None:
        store = await open_store()
        await store.certificates.add_ca(ca(), audit())
        await store.certificates.note_device_certificate(device_certificate())
        await store.close()

        again = await open_store()

        assert await again.certificates.cas(PROJECT, [record_id(1)]) == {record_id(1): ca()}
        assert await again.certificates.device_certificates(PROJECT, [record_id(1)]) == {
            record_id(1): device_certificate()
        }

    async def test_closed_store_has_no_certificates_to_answer_with(self, store: SqliteStore) -> None:
        await store.close()

        for call in (
            store.certificates.cas(PROJECT, ["a"]),
            store.certificates.cas(PROJECT, ["a"] * 99),
            store.certificates.verified_cas(),
            store.certificates.list_cas(PROJECT, None, PageRequest()),
            store.certificates.add_ca(ca(), audit()),
            store.certificates.note_device_certificate(device_certificate()),
        ):
            with pytest.raises(StoreUnavailable):
                await call


class CertificateContract(CaContract, DeviceCertificateContract, CertificateLifeContract):
    """All of it."""
