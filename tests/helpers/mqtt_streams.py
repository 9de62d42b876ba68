"""What the MQTT fuzzers start from."""

from tests.helpers import mqtt_packets as packets


def seeds() -> list[bytes]:
    """Streams of well-formed packets in each version."""
    user_property = packets.user_property("name", "value")
    streams = []
    for version in (3, 4, 5):
        properties = user_property if version == 5 else b""
        will = packets.WillMessage("will/topic", b"payload", 1, True, properties)
        streams.append(
            packets.connect_packet(
                "d_0_0_2026112222", "d", b"0" * 64, version=version, will=will, properties=properties
            )
            + packets.subscribe_packet(("a/#", 1), ("$share/g/+", 0), version=version, properties=properties)
            + packets.publish_packet("a/b", b"payload", qos=1, version=version, properties=properties)
            + packets.unsubscribe_packet("a/#", version=version, properties=properties)
            + packets.PINGREQ
            + (packets.disconnect_packet(0, properties) if version == 5 else packets.disconnect_packet())
        )
    numbers = b"\x11\x00\x00\x00\x01\x21\x00\x01\x27\x00\x00\x00\x01\x22\x00\x01\x19\x01\x17\x01"
    method = b"\x15" + packets.string("m") + b"\x16" + packets.string(b"d")
    streams += [
        packets.connect_packet(version=5, properties=numbers),
        packets.connect_packet(version=5, properties=method),
    ]
    return streams
