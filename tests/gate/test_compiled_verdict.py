"""The verdict of a native front by itself; tests/listeners/test_mqtt_front.py holds it equal to the rooms'."""

import msgspec

from engine.gate.compiled_table import CredentialTable, KnownGoodPolicy
from engine.gate.compiled_verdict import FrontVerdict
from engine.limits import Limits
from engine.listeners.native_mqtt import words_of
from tests.helpers.mqtt_packets import connect_packet
from tests.helpers.records import PUBLISHED_PASSWORD, SECRET, STAMP, STAMP_AT

ASK = (b"", 0)
ACCEPTED = (b"\x20\x02\0\0", 60)
PACKET = connect_packet(f"pump_0_1_{STAMP.decode()}", "pump", PUBLISHED_PASSWORD)


def table_with(device_id: bytes = b"pump") -> CredentialTable:
    table = CredentialTable(4)
    assert table.put(device_id, bytes(12), 1, checked_stamp_seen=True, primary=SECRET, secondary=None)
    return table


def verdict_over(table: CredentialTable, limits: Limits) -> FrontVerdict:
    return FrontVerdict(table, KnownGoodPolicy(limits, "both", 1), words_of(limits), limits)


def test_device_is_accepted_while_it_is_in_the_table() -> None:
    table = table_with()
    verdict = verdict_over(table, Limits())
    assert verdict(PACKET, STAMP_AT) == ACCEPTED
    assert table.remove(b"pump")
    assert verdict(PACKET, STAMP_AT) == ASK


def test_another_device_of_the_table_is_none_of_its_business() -> None:
    assert verdict_over(table_with(b"valve"), Limits())(PACKET, STAMP_AT) == ASK


def test_longest_connect_is_a_limit() -> None:
    for spare, answer in ((0, ACCEPTED), (-1, ASK)):
        limits = msgspec.structs.replace(Limits(), connect_packet_bytes=len(PACKET) - 2 + spare)
        assert verdict_over(table_with(), limits)(PACKET, STAMP_AT) == answer


def test_tables_live_as_long_as_the_verdict_on_them() -> None:
    verdicts = [verdict_over(table_with(), Limits()) for _ in range(20)]
    assert {verdict(PACKET, STAMP_AT) for verdict in verdicts} == {ACCEPTED}
