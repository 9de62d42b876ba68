"""Fuzzes the MQTT framing: `python tests/fuzz/fuzz_mqtt.py [libFuzzer's options] [corpus directory]`.

The input is a stream from a peer. FAULTS are all that the readers may raise on it; any other exception is a finding,
whose input is kept beside the corpus. The corpus (.cache/fuzz/mqtt unless named) grows from run to run.
"""

import sys
from pathlib import Path

import atheris

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

with atheris.instrument_imports(include=["engine.framing.mqtt"]):
    from engine.errors import (
        MalformedPacket,
        PacketTooLarge,
        ProtocolViolation,
        UnknownAuthenticationMethod,
        UnsupportedProtocolVersion,
    )
    from engine.framing.mqtt import control
    from engine.framing.mqtt.connect import read_connect
    from engine.framing.mqtt.fixed_header import PacketType, read_packet
    from tests.helpers.mqtt_streams import seeds

FAULTS = (
    MalformedPacket,
    PacketTooLarge,
    ProtocolViolation,
    UnknownAuthenticationMethod,
    UnsupportedProtocolVersion,
)
MAXIMUM = 64 * 1024
READERS = {
    PacketType.SUBSCRIBE: control.read_subscribe,
    PacketType.UNSUBSCRIBE: control.read_unsubscribe,
    PacketType.DISCONNECT: control.read_disconnect,
}


def test_one_input(data: bytes) -> None:
    """Read the stream packet by packet, as a session does, in the version that its CONNECT gave."""
    at, version = 0, 4
    try:
        while (packet := read_packet(data, at, MAXIMUM)) is not None:
            first, start, end = packet
            assert at < start <= end <= len(data)
            assert read_packet(data[:end], at, MAXIMUM) == packet
            assert read_packet(data[: end - 1], at, MAXIMUM) is None
            version = read_body(data, first, start, end, version)
            at = end
    except FAULTS:
        return


def read_body(data: bytes, first: int, start: int, end: int, version: int) -> int:
    """Read one packet; the version in which the next one is read."""
    packet_type = first >> 4
    if packet_type == PacketType.CONNECT:
        return read_connect(data, start, end).protocol_version
    if packet_type == PacketType.PUBLISH:
        assert control.read_publish(data, first, start, end, version).payload_bytes <= end - start
    elif packet_type == PacketType.PINGREQ:
        control.read_pingreq(start, end)
    elif packet_type in READERS:
        READERS[packet_type](data, start, end, version)
    return version


def main(arguments: list[str]) -> None:
    """Fuzz, and leave with exit status 0, or with libFuzzer's on a finding."""
    options = [argument for argument in arguments if argument.startswith("-")]
    named = [argument for argument in arguments if not argument.startswith("-")]
    corpus = Path(named[0]) if named else ROOT / ".cache" / "fuzz" / "mqtt"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    own = ["-max_len=512", f"-artifact_prefix={corpus.parent}/mqtt-"]
    atheris.Setup([sys.argv[0], *own, *options, str(corpus)], test_one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
