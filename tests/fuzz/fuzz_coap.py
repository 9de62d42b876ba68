"""Fuzzes the CoAP framing: `python tests/fuzz/fuzz_coap.py [libFuzzer's options] [corpus directory]`.

The input is a datagram from a peer. FAULTS are all that the readers may raise on it; any other exception is a finding,
whose input is kept beside the corpus. The corpus (.cache/fuzz/coap unless named) grows from run to run.
"""

import sys
from pathlib import Path

import atheris

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

with atheris.instrument_imports(include=["engine.framing.coap", "engine.framing.lwm2m"]):
    from engine.errors import BadOption, BadRequest, MessageFormatError, UnsupportedProtocolVersion
    from engine.framing.coap.datagram import read_message, write_message
    from engine.framing.coap.options import read_request_options
    from engine.framing.lwm2m.registration import read_register, read_update
    from tests.helpers import coap_packets as packets

FAULTS = (MessageFormatError, BadOption, BadRequest, UnsupportedProtocolVersion)


def test_one_input(data: bytes) -> None:
    """Read the datagram as the server does, and write what was read: it must be read as the same again."""
    try:
        message = read_message(data)
        assert 4 + len(message.token) + sum(len(value) for _, value in message.options) <= len(data)
        assert data.endswith(message.payload)
        written = write_message(
            message.type, message.code, message.message_id, message.token, message.options, message.payload
        )
        assert len(written) <= len(data)
        assert read_message(written) == message
        options = read_request_options(message)
        read_register(options.uri_query, options.content_format, message.payload)
        read_update(options.uri_query, options.content_format, message.payload, "1.1")
    except FAULTS:
        return


def seeds() -> list[bytes]:
    """Every request of the registration interface, and some of each other kind."""
    return [
        packets.register(),
        packets.register("ep=pump&lt=60&lwm2m=1.1&b=UT&Q&sms=1", b'</>;rt="oma.lwm2m";ct=110,</1/0>;ver=1.1,</3/0>'),
        packets.register(more=((packets.BLOCK1, packets.block(1, True, 64)), (packets.OBSERVE, 0))),
        packets.update(["rd", "0123456789abcdef"], "lt=60"),
        packets.deregister(["rd", "0123456789abcdef"]),
        packets.coap(packets.CON, packets.EMPTY, 1),
        packets.coap(packets.CON, packets.POST, 1, tkl=13),
        packets.coap(packets.CON, packets.POST, 1, tkl=14) + b"\xff\xff",
        packets.coap(packets.NON, packets.GET, 1, ((3, "host"), (7, 5683), (1000, b"x" * 300), (65_535, b""))),
        packets.coap(packets.ACK, 0x45, 1, payload=b"x"),
    ]


def main(arguments: list[str]) -> None:
    """Fuzz, and leave with exit status 0, or with libFuzzer's on a finding."""
    options = [argument for argument in arguments if argument.startswith("-")]
    named = [argument for argument in arguments if not argument.startswith("-")]
    corpus = Path(named[0]) if named else ROOT / ".cache" / "fuzz" / "coap"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    own = ["-max_len=512", f"-artifact_prefix={corpus.parent}/coap-"]
    atheris.Setup([sys.argv[0], *own, *options, str(corpus)], test_one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
