"""The contract of changes to a device that is there: update, resets, tags, expiry."""

from typing import Any

import msgspec
import trio

from engine.registry.record import Activation, AuthType, CredentialRank, CredentialRow
from engine.registry.sqlite import SqliteStore
from engine.registry.store import DeviceFilter, DeviceUpdate, PageRequest, StoreRefusal
from tests.registry.contract import Contract
from tests.registry.samples import NOW, OTHER_PROJECT, PROJECT, audit, device, product, record_id

PRIMARY, SECONDARY = CredentialRank
FINGERPRINT, ANOTHER = "ab" * 32, "cd" * 20


async def credential_of(store: SqliteStore, device_id: str = "pump-1") -> CredentialRow:
    return (await store.credentials([device_id]))[device_id]


async def last_detail(store: SqliteStore) -> dict[str, Any]:
    """What the newest entry of the audit says."""
    ((_sequence, entry),) = (await store.list_audit(PROJECT, limit=1)).entries
    return msgspec.json.decode(entry.detail)


class UpdateContract(Contract):
    """UpdateDevice changes what is different, and says what it was."""

    async def test_update_changes_what_is_given_and_leaves_the_rest(self, store: SqliteStore) -> None:
        await store.add_device(device(device_name="old", description="stays", extension_info=b'{"a":1}'), audit())
        update = DeviceUpdate(device_name="new", extension_info=b'{"b":2}')

        assert await store.update_device(PROJECT, "pump-1", update, audit("device.update")) is None

        found = (await store.devices(PROJECT, ["pump-1"]))["pump-1"]
        assert (found.device_name, found.description, found.extension_info) == ("new", "stays", b'{"b":2}')
        assert found.generation == 1
        assert await last_detail(store) == {
            "before": {"device_name": "old", "extension_info": {"a": 1}},
            "after": {"device_name": "new", "extension_info": {"b": 2}},
        }

    async def test_update_that_changes_nothing_writes_nothing(self, store: SqliteStore) -> None:
        await store.add_device(device(device_name="name", timeout_seconds=60, timeout_at=NOW + 60), audit())
        before = (await store.list_audit(PROJECT)).entries
        same = DeviceUpdate(device_name="name", secure_access=True, timeout_seconds=60)

        for update in (DeviceUpdate(), same):
            assert await store.update_device(PROJECT, "pump-1", update, audit(at=NOW + 30.0)) is None

        assert (await store.list_audit(PROJECT)).entries == before
        assert (await credential_of(store)).timeout_at == NOW + 60

    async def test_secure_access_advances_the_generation(self, store: SqliteStore) -> None:
        await store.add_device(device(), audit())

        await store.update_device(PROJECT, "pump-1", DeviceUpdate(secure_access=False), audit())

        row = await credential_of(store)
        assert (row.secure_access, row.generation) == (False, 2)

    async def test_another_timeout_runs_from_the_update(self, store: SqliteStore) -> None:
        await store.add_device(device(timeout_seconds=60, timeout_at=NOW + 60), audit())

        seen = []
        for seconds in (90, 0, 5):
            await store.update_device(PROJECT, "pump-1", DeviceUpdate(timeout_seconds=seconds), audit(at=NOW + 10.5))
            row = await credential_of(store)
            seen.append((row.timeout_at, row.generation))

        assert seen == [(NOW + 100, 2), (None, 3), (NOW + 15, 4)]

    async def test_timeout_of_an_activated_device_never_runs_again(self, store: SqliteStore) -> None:
        await store.add_device(device(), audit())
        await store.activate([Activation(device_id="pump-1", record_id=record_id(1), at=NOW + 1.0)])

        await store.update_device(PROJECT, "pump-1", DeviceUpdate(timeout_seconds=5), audit())

        assert (await credential_of(store)).timeout_at is None
        assert (await store.devices(PROJECT, ["pump-1"]))["pump-1"].timeout_seconds == 5

    async def test_update_of_another_projects_device_is_refused(self, store: SqliteStore) -> None:
        await store.add_device(device(), audit())

        for project_id, device_id in ((OTHER_PROJECT, "pump-1"), (PROJECT, "absent")):
            answer = await store.update_device(project_id, device_id, DeviceUpdate(device_name="x"), audit())
            assert answer is StoreRefusal.DEVICE_ABSENT


class ResetContract(Contract):
    """A reset replaces one secret or fingerprint."""

    async def test_reset_secret_replaces_one_and_keeps_the_other(self, store: SqliteStore) -> None:
        await store.add_device(device(), audit())

        for rank, blob in ((SECONDARY, b"second"), (PRIMARY, b"first")):
            answer = await store.reset_secret(PROJECT, "pump-1", record_id(1), rank, blob, audit("device.reset-secret"))
            assert answer is None

        row = await credential_of(store)
        assert (row.sealed_primary, row.sealed_secondary, row.generation) == (b"first", b"second", 3)
        assert await last_detail(store) == {
            "before": {"generation": 2, "is_set": True},
            "after": {"generation": 3, "is_set": True},
        }

    async def test_checked_stamp_begins_anew_with_the_primary_secret_alone(self, store: SqliteStore) -> None:
        """Or adding a second secret would let a sniffed password of the first be replayed (DESIGN section 2)."""
        await store.add_device(device(), audit())
        seen = Activation(device_id="pump-1", record_id=record_id(1), at=NOW + 1.0, checked_stamp=True)
        await store.activate([seen])

        stays = []
        for rank in (SECONDARY, PRIMARY):
            await store.reset_secret(PROJECT, "pump-1", record_id(1), rank, b"new", audit())
            stays.append((await credential_of(store)).checked_stamp_seen)

        assert stays == [True, False]

    async def test_reset_does_not_restart_the_timeout(self, store: SqliteStore) -> None:
        await store.add_device(device(timeout_seconds=60, timeout_at=NOW + 60), audit())

        await store.reset_secret(PROJECT, "pump-1", record_id(1), PRIMARY, b"new", audit(at=NOW + 30.0))

        assert (await credential_of(store)).timeout_at == NOW + 60

    async def test_reset_of_another_record_of_the_name_is_refused(self, store: SqliteStore) -> None:
        """Deleted and made anew since it was looked up: the blob is sealed for the old record."""
        await store.add_device(device(2, device_id="pump-1"), audit())

        for project_id, record in ((PROJECT, record_id(1)), (OTHER_PROJECT, record_id(2))):
            secret = await store.reset_secret(project_id, "pump-1", record, PRIMARY, b"new", audit())
            fingerprint = await store.reset_fingerprint(project_id, "pump-1", record, PRIMARY, ANOTHER, audit())
            assert (secret, fingerprint) == (StoreRefusal.DEVICE_ABSENT, StoreRefusal.DEVICE_ABSENT)
        assert (await credential_of(store)).sealed_primary == b"sealed"

    async def test_fingerprints_are_replaced_and_emptied(self, store: SqliteStore) -> None:
        await store.add_device(device(auth_type=AuthType.CERTIFICATES, fingerprint=FINGERPRINT), audit())

        seen = []
        for rank, fingerprint in ((SECONDARY, ANOTHER), (PRIMARY, None), (SECONDARY, None)):
            answer = await store.reset_fingerprint(PROJECT, "pump-1", record_id(1), rank, fingerprint, audit())
            assert answer is None
            row = await credential_of(store)
            seen.append((row.fingerprint, row.secondary_fingerprint, row.generation))

        assert seen == [(FINGERPRINT, ANOTHER, 2), (None, ANOTHER, 3), (None, None, 4)]
        assert await last_detail(store) == {
            "before": {"secondary_fingerprint": ANOTHER},
            "after": {"secondary_fingerprint": None},
        }

    async def test_certificate_belongs_to_one_device_of_a_project(self, store: SqliteStore) -> None:
        await store.add_product(product(project_id=OTHER_PROJECT), audit())
        holder = device(1, auth_type=AuthType.CERTIFICATES, fingerprint=FINGERPRINT, secondary_fingerprint=ANOTHER)
        await store.add_device(holder, audit())
        await store.add_device(device(2, auth_type=AuthType.CERTIFICATES), audit())

        for fingerprint in (FINGERPRINT, ANOTHER):
            again = device(3, auth_type=AuthType.CERTIFICATES, fingerprint=fingerprint)
            assert await store.add_device(again, audit()) is StoreRefusal.FINGERPRINT_TAKEN
            for rank in CredentialRank:
                answer = await store.reset_fingerprint(PROJECT, "pump-2", record_id(2), rank, fingerprint, audit())
                assert answer is StoreRefusal.FINGERPRINT_TAKEN
            assert not await store.pin_fingerprint("pump-2", 1, fingerprint, NOW)
        own = await store.reset_fingerprint(PROJECT, "pump-1", record_id(1), SECONDARY, FINGERPRINT, audit())
        elsewhere = device(4, project_id=OTHER_PROJECT, auth_type=AuthType.CERTIFICATES, fingerprint=FINGERPRINT)

        assert own is None
        assert await store.add_device(elsewhere, audit()) is None


class TagContract(Contract):
    """Tags are bound and unbound whole, and devices are found by them."""

    async def found(self, store: SqliteStore, *tags: tuple[str, str | None]) -> list[str]:
        page = await store.list_devices(PROJECT, DeviceFilter(tags=tags), PageRequest())
        assert page.count == len(page.devices)
        return [one.device_id for one in page.devices]

    async def test_bound_tags_are_shown_found_and_audited(self, store: SqliteStore) -> None:
        for number in (1, 2):
            await store.add_device(device(number), audit())
        await store.change_tags(PROJECT, "pump-1", {"site": "north", "floor": "1"}, (), audit())
        await store.change_tags(PROJECT, "pump-2", {"site": "south", "floor": "1"}, (), audit())

        assert await store.change_tags(PROJECT, "pump-1", {"site": "west"}, ["floor"], audit()) is None

        found = (await store.devices(PROJECT, ["pump-1"]))["pump-1"]
        assert msgspec.json.decode(found.tags or b"") == [{"tag_key": "site", "tag_value": "west"}]
        assert await last_detail(store) == {
            "before": {"tags": {"site": "north", "floor": "1"}},
            "after": {"tags": {"site": "west"}},
        }
        assert await self.found(store, ("site", None)) == ["pump-2", "pump-1"]
        assert await self.found(store, ("site", "north")) == []
        assert await self.found(store, ("site", "west"), ("floor", "1")) == ["pump-2", "pump-1"]
        assert await self.found(store, ("floor", None)) == ["pump-2"]

    async def test_device_added_with_tags_is_found_by_them_until_it_is_deleted(self, store: SqliteStore) -> None:
        await store.add_device(device(tags=b'[{"tag_key":"site","tag_value":"north"}]'), audit())

        assert await self.found(store, ("site", "north")) == ["pump-1"]
        await store.delete_device(PROJECT, "pump-1", audit())
        await store.add_device(device(2, device_id="pump-1"), audit())
        assert await self.found(store, ("site", "north")) == []

    async def test_change_of_tags_is_refused_whole(self, store: SqliteStore) -> None:
        await store.add_device(device(), audit())
        ten = {f"key-{number}": "v" for number in range(10)}
        await store.change_tags(PROJECT, "pump-1", ten, (), audit())
        before = await store.devices(PROJECT, ["pump-1"])

        refusals = [
            await store.change_tags(PROJECT, "absent", ten, (), audit()),
            await store.change_tags(OTHER_PROJECT, "pump-1", ten, (), audit()),
            await store.change_tags(PROJECT, "pump-1", {"key-0": "w", "eleventh": "v"}, (), audit()),
            await store.change_tags(PROJECT, "pump-1", {}, ["key-0", "absent"], audit()),
        ]

        absent = StoreRefusal.DEVICE_ABSENT
        assert refusals == [absent, absent, StoreRefusal.TOO_MANY_TAGS, StoreRefusal.TAG_ABSENT]
        assert await store.devices(PROJECT, ["pump-1"]) == before


class ExpiryContract(Contract):
    """Devices that were not activated in time are deleted, and no others."""

    async def remaining(self, store: SqliteStore) -> set[str]:
        page = await store.list_devices(PROJECT, DeviceFilter(), PageRequest(limit=50))
        return {one.device_id for one in page.devices}

    async def test_device_is_deleted_from_the_second_on_at_which_its_time_is_over(self, store: SqliteStore) -> None:
        await store.add_device(device(1, timeout_seconds=60, timeout_at=NOW + 60), audit())
        await store.add_device(device(2), audit())

        assert await store.expire_devices(NOW + 59.9, 10) == []
        assert await store.expire_devices(NOW + 60.0, 10) == ["pump-1"]
        assert await store.expire_devices(NOW + 60.0, 10) == []
        assert await self.remaining(store) == {"pump-2"}
        ((_sequence, entry),) = (await store.list_audit(PROJECT, limit=1)).entries
        assert (entry.actor, entry.action, entry.target, entry.at) == (
            "keyturn",
            "device.expire",
            "pump-1",
            NOW + 60.0,
        )

    async def test_activated_device_stays(self, store: SqliteStore) -> None:
        await store.add_device(device(1, timeout_seconds=60, timeout_at=NOW + 60), audit())
        await store.activate([Activation(device_id="pump-1", record_id=record_id(1), at=NOW + 59.0)])

        assert await store.expire_devices(NOW + 3600.0, 10) == []

    async def test_frozen_device_s_time_runs_on(self, store: SqliteStore) -> None:
        await store.add_device(device(1, timeout_seconds=60, timeout_at=NOW + 60), audit())
        await store.set_frozen(PROJECT, "pump-1", True, audit())

        assert await store.expire_devices(NOW + 60.0, 10) == ["pump-1"]

    async def test_batches_take_the_longest_overdue_first(self, store: SqliteStore) -> None:
        for number in (1, 2, 3):
            await store.add_device(device(number, timeout_seconds=9, timeout_at=NOW + 10 - number), audit())

        assert set(await store.expire_devices(NOW + 9.0, 2)) == {"pump-3", "pump-2"}
        assert await store.expire_devices(NOW + 9.0, 2) == ["pump-1"]

    async def test_gateway_with_sub_devices_stays_until_they_are_gone(self, store: SqliteStore) -> None:
        await store.add_device(device(1, timeout_seconds=60, timeout_at=NOW + 60), audit())
        await store.add_device(device(2, gateway_id="pump-1"), audit())

        assert await store.expire_devices(NOW + 60.0, 10) == []
        await store.delete_device(PROJECT, "pump-2", audit())
        assert await store.expire_devices(NOW + 60.0, 10) == ["pump-1"]

    async def test_of_racing_activation_and_expiry_one_wins(self, store: SqliteStore) -> None:
        """Whoever was told that it is active is there; whoever was deleted was told that it is gone."""
        for number in range(40):
            await store.add_device(device(number, timeout_seconds=60, timeout_at=NOW + 60), audit())
        activated: set[str] = set()
        expired: set[str] = set()

        async def activate(number: int) -> None:
            activation = Activation(device_id=f"pump-{number}", record_id=record_id(number), at=NOW + 60.0)
            activated.update(await store.activate([activation]))

        async def expire() -> None:
            expired.update(await store.expire_devices(NOW + 60.0, 5))

        async with trio.open_nursery() as nursery:
            for number in range(40):
                nursery.start_soon(activate, number)
                if number % 5 == 0:
                    nursery.start_soon(expire)

        everyone = {f"pump-{number}" for number in range(40)}
        assert activated | expired == everyone
        assert not activated & expired
        assert set(await store.credentials(sorted(everyone))) == activated
