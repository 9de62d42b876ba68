"""What a reader makes of bytes, as a value that another reader's can be compared with."""

from engine.errors import FramingFault, PacketTooLarge
from engine.framing.mqtt.connect import Connect
from engine.framing.mqtt.fields import Buffer
from engine.framing.mqtt.fixed_header import read_packet
from engine.listeners.parse_connect import ParseConnect


def connect_answer(
    parse: ParseConnect, data: Buffer, start: int, end: int
) -> Connect | tuple[type[FramingFault], int | None]:
    """The Connect, or the kind of its fault and the version in which it is worded."""
    try:
        return parse(data, start, end)
    except FramingFault as fault:
        return type(fault), fault.protocol_version


def frame_answer(data: bytes, maximum: int) -> tuple[int, int, int]:
    """What read_packet says, in the numbers of native/mqtt_frame.cdef.h."""
    try:
        found = read_packet(data, 0, maximum)
    except PacketTooLarge:
        return 3, 0, 0
    except FramingFault:
        return 2, 0, 0
    return (1, found[1], found[2]) if found else (0, 0, 0)
