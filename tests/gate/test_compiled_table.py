"""The table through its boundary; that its C is right is shown in tests/native."""

import mmap
import os

import pytest

from engine.gate import _native
from engine.gate.compiled_table import ConnectFields, CredentialTable, KnownGoodPolicy, is_known_still, known_good
from engine.limits import Limits
from tests.helpers.records import PUBLISHED_PASSWORD, SECRET, STAMP, STAMP_AT

POLICY = KnownGoodPolicy(Limits(), "both", 1)
CONNECT = ConnectFields(
    client_id=b"pump_1_0_0_" + STAMP,
    user_name=b"pump_1",
    password=PUBLISHED_PASSWORD,
    protocol_version=4,
    keep_alive=60,
)
RECORD_ID = bytes(range(12))


def put(table: CredentialTable, device_id: bytes = b"pump_1", generation: int = 7, **changes: object) -> bool:
    fields: dict[str, object] = {"checked_stamp_seen": False, "primary": SECRET, "secondary": None}
    return table.put(device_id, RECORD_ID, generation, **(fields | changes))


def test_device_that_was_put_is_known_until_it_is_removed() -> None:
    table = CredentialTable(4)
    assert known_good(table, POLICY, CONNECT, int(STAMP_AT)) is None
    assert put(table)
    known = known_good(table, POLICY, CONNECT, int(STAMP_AT))
    assert known is not None
    assert (known.device_id, known.record_id, known.generation, known.sign_type) == (b"pump_1", RECORD_ID, 7, 0)
    assert is_known_still(table, known)
    assert table.remove(b"pump_1")
    assert not table.remove(b"pump_1")
    assert not is_known_still(table, known)
    assert known_good(table, POLICY, CONNECT, int(STAMP_AT)) is None


def test_index_stays_while_others_come_and_go() -> None:
    table = CredentialTable(64)
    put(table)
    known = known_good(table, POLICY, CONNECT, int(STAMP_AT))
    for number in range(63):
        assert put(table, b"other_%d" % number)
    for number in range(0, 63, 2):
        assert table.remove(b"other_%d" % number)
    again = known_good(table, POLICY, CONNECT, int(STAMP_AT))
    assert known is not None
    assert again is not None
    assert again.index == known.index
    assert is_known_still(table, known)


def test_entry_put_again_is_not_the_one_that_was_accepted() -> None:
    """Same device, same place, same generation: what was looked at is gone all the same."""
    table = CredentialTable(4)
    put(table)
    known = known_good(table, POLICY, CONNECT, int(STAMP_AT))
    table.remove(b"pump_1")
    put(table)
    assert known is not None
    assert not is_known_still(table, known)


def test_full_table_refuses_and_counts_and_still_replaces() -> None:
    table = CredentialTable(2)
    assert [put(table, name) for name in (b"pump_1", b"b", b"c", b"d")] == [True, True, False, False]
    assert (len(table), table.is_full, table.refused) == (2, True, 2)
    assert put(table, b"b", 8)
    assert table.remove(b"b")
    assert not table.is_full
    assert put(table, b"c")


@pytest.mark.parametrize(
    "unfit", [{"primary": b"x" * 33}, {"secondary": b"x" * 33}, {"primary": None}], ids=["long", "long second", "none"]
)
def test_credential_that_does_not_fit_takes_the_old_one_with_it(unfit: dict[str, object]) -> None:
    """The device has another secret now: the old one must not go on opening the door."""
    table = CredentialTable(2)
    put(table)
    assert not put(table, generation=8, **unfit)
    assert (len(table), table.refused) == (0, 1)
    assert known_good(table, POLICY, CONNECT, int(STAMP_AT)) is None


@pytest.mark.parametrize("length", [0, 129, 100_000])
def test_device_id_that_no_contract_allows_is_refused(length: int) -> None:
    table = CredentialTable(2)
    assert not put(table, b"x" * length)
    assert not table.remove(b"x" * length)
    assert len(table) == 0


def test_cleared_table_is_empty_and_takes_as_many_again() -> None:
    table = CredentialTable(8)
    names = [b"device_%d" % number for number in range(8)]
    for _ in range(3):
        assert all(put(table, name) for name in names)
        table.clear()
        assert len(table) == 0
        assert not any(table.remove(name) for name in names)


def test_whoever_gets_a_descriptor_can_neither_write_nor_resize() -> None:
    table = CredentialTable(1000)
    for descriptor in (
        _native.lib.eng_credential_table_descriptor(table.pointer),
        _native.lib.eng_credential_table_keys_descriptor(table.pointer),
    ):
        with pytest.raises(PermissionError):
            mmap.mmap(descriptor, 4096)
        with pytest.raises(PermissionError):
            os.ftruncate(descriptor, 0)
        with pytest.raises(PermissionError):
            os.pwrite(descriptor, b"x", 0)
        with mmap.mmap(descriptor, 4096, prot=mmap.PROT_READ) as readable:
            assert any(readable)


def test_descriptors_of_something_else_are_no_table() -> None:
    table = CredentialTable(4)
    descriptors = [
        _native.lib.eng_credential_table_keys_descriptor(table.pointer),
        _native.lib.eng_credential_table_descriptor(table.pointer),
    ]
    for pair in (descriptors, [0, descriptors[0]], [descriptors[1], -1]):
        assert _native.lib.eng_credential_table_map(*pair) == _native.ffi.NULL


@pytest.mark.parametrize("entries", [0, 2**31])
def test_table_of_no_sensible_size_is_an_error(entries: int) -> None:
    with pytest.raises(OSError, match="cannot be opened"):
        CredentialTable(entries)


def test_fields_of_a_connect_never_show_the_password() -> None:
    assert PUBLISHED_PASSWORD.decode() not in repr(CONNECT)


def test_record_id_of_another_length_never_reaches_c() -> None:
    with pytest.raises(ValueError, match="12 bytes"):
        CredentialTable(1).put(b"d", b"short", 1, checked_stamp_seen=False, primary=SECRET, secondary=None)
