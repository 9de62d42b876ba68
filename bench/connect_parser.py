"""Our CONNECT parser beside amqtt's, on the same bytes in the same run: `python -m bench.connect_parser [--rounds N]`.

Rounds of the two take turns, so that what disturbs the machine disturbs both; CPU time of this process is counted.
"""

from collections.abc import Callable

from amqtt.adapters import BufferReader
from amqtt.mqtt.connect import ConnectPacket

from bench.side_by_side import run
from engine.framing.mqtt.connect import Connect, read_connect
from engine.framing.mqtt.fixed_header import read_packet
from tests.helpers.mqtt_packets import connect_packet

REQUIRED = 5.0
"""How many times amqtt's speed ours must have (issue 2)."""

MAXIMUM = 32 * 1024
DEVICE_ID = "6a4d2c1b_thermostat01"
PACKET = connect_packet(f"{DEVICE_ID}_0_0_2026112222", DEVICE_ID, b"0123456789abcdef" * 4, keep_alive=120)
"""MQTT 3.1.1, 140 bytes: client id, user name and password as a device sends them."""
_BUFFER = bytearray(PACKET)


def read_ours(data: bytes | bytearray = PACKET) -> Connect:
    """Fixed Header and CONNECT, from the first byte of a buffer."""
    found = read_packet(data, 0, MAXIMUM)
    assert found is not None
    return read_connect(data, found[1], found[2])


def read_amqtt(data: bytes = PACKET) -> ConnectPacket:
    """ConnectPacket.from_stream over amqtt's own BufferReader, which never waits: one step and no event loop."""
    coroutine = ConnectPacket.from_stream(BufferReader(data))
    try:
        coroutine.send(None)
    except StopIteration as finished:
        packet: ConnectPacket = finished.value
        return packet
    raise AssertionError("amqtt waited for more than it was given")


def check_same() -> None:
    """Both read the same fields, or there is nothing to compare."""
    ours, theirs = read_ours(), read_amqtt()
    assert len(PACKET) == 140
    assert (ours.client_id, ours.user_name) == (theirs.client_id, theirs.username)
    assert (ours.password, ours.keep_alive) == (theirs.password.encode(), theirs.keep_alive)
    assert ours.clean_start == theirs.clean_session_flag


WHAT = f"CONNECT of {len(PACKET)} bytes"
READERS: dict[str, Callable[[], object]] = {
    "amqtt": read_amqtt,
    "ours": read_ours,
    "ours, from a bytearray": lambda: read_ours(_BUFFER),
}


if __name__ == "__main__":
    check_same()
    run(__doc__, WHAT, READERS, REQUIRED)
