"""Fuzzes the PROXY header in C against Python: `python tests/fuzz/fuzz_proxy.py [libFuzzer's options] [directory]`.

The input is what a balancer sends. Any exception but the one fault is a finding, and so is an answer of C that differs.
The corpus (.cache/fuzz/proxy unless named) grows from run to run.
"""

import sys
from pathlib import Path

import atheris

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

with atheris.instrument_imports(include=["engine.framing.proxy"]):
    from tests.helpers.proxy_headers import read_in_c, read_in_python, samples

MAXIMUM = 2048


def test_one_input(data: bytes) -> None:
    """Both implementations read it."""
    assert read_in_python(data, MAXIMUM) == read_in_c(data, MAXIMUM)


def main(arguments: list[str]) -> None:
    """Fuzz, and leave with exit status 0, or with libFuzzer's on a finding."""
    options = [argument for argument in arguments if argument.startswith("-")]
    named = [argument for argument in arguments if not argument.startswith("-")]
    corpus = Path(named[0]) if named else ROOT / ".cache" / "fuzz" / "proxy"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(samples()):
        (corpus / f"seed-{number}").write_bytes(seed)
    own = ["-max_len=512", f"-artifact_prefix={corpus.parent}/proxy-"]
    atheris.Setup([sys.argv[0], *own, *options, str(corpus)], test_one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
