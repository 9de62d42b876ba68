"""Fuzzes CONNECT in C against Python: `python tests/fuzz/fuzz_parse_connect.py [libFuzzer's options] [directory]`.

The input is a stream from a peer, and by itself the body of a CONNECT. Any answer of the native twin that differs from
the reference's is a finding. The corpus (.cache/fuzz/parse_connect unless named) grows from run to run.
"""

import sys
from pathlib import Path

import atheris

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

with atheris.instrument_imports(include=["engine.framing.mqtt", "engine.listeners.parse_connect"]):
    from engine.gate import compiled
    from engine.gate.selection import load_twin
    from engine.listeners.parse_connect import PARSE_CONNECT
    from tests.helpers.mqtt_readings import connect_answer, frame_answer
    from tests.helpers.mqtt_streams import seeds

REFERENCE, NATIVE = PARSE_CONNECT.reference, load_twin(PARSE_CONNECT)
MAXIMUM = 64 * 1024


def check_body(data: bytes, start: int, end: int) -> None:
    assert connect_answer(REFERENCE, data, start, end) == connect_answer(NATIVE, data, start, end)


def test_one_input(data: bytes) -> None:
    """Both implementations read it."""
    check_body(data, 0, len(data))
    found = frame_answer(data, MAXIMUM)
    assert compiled.read_frame(data, MAXIMUM) == found
    if found[0] == 1:
        check_body(data, *found[1:])


def main(arguments: list[str]) -> None:
    """Fuzz, and leave with exit status 0, or with libFuzzer's on a finding."""
    options = [argument for argument in arguments if argument.startswith("-")]
    named = [argument for argument in arguments if not argument.startswith("-")]
    corpus = Path(named[0]) if named else ROOT / ".cache" / "fuzz" / "parse_connect"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    own = ["-max_len=512", f"-artifact_prefix={corpus.parent}/parse_connect-"]
    atheris.Setup([sys.argv[0], *own, *options, str(corpus)], test_one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
