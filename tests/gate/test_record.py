"""The gate's record counts for the build and the machine it was made on, and for no other."""

import sys
from pathlib import Path

import msgspec
import pytest

from engine.gate import compiled
from engine.gate.measure import Timing
from engine.gate.record import Record, current_build, read_record, write_record

RECORD = Record(current_build(), {"verify_secret": Timing(4e-6, 1e-6)})


def test_record_comes_back_as_written(tmp_path: Path) -> None:
    write_record(tmp_path / "gate.json", RECORD)
    assert read_record(tmp_path / "gate.json") == RECORD


def test_build_names_the_module_the_library_and_the_machine() -> None:
    build = current_build()
    assert build.module == compiled.module_digest()
    assert build.library == compiled.library_version()
    assert "Python 3" in build.python
    assert "Linux" in build.machine


@pytest.mark.parametrize("field", ["module", "library", "python", "machine"])
def test_record_of_another_build_does_not_count(tmp_path: Path, field: str) -> None:
    other = msgspec.structs.replace(RECORD.build, **{field: "another"})
    write_record(tmp_path / "gate.json", Record(other, RECORD.timings))
    assert read_record(tmp_path / "gate.json") is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"build": {}, "timings": {}}', b"\xff\xfe"])
def test_record_that_cannot_be_read_does_not_count(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "gate.json").write_bytes(content)
    assert read_record(tmp_path / "gate.json") is None


def test_absent_record_does_not_count(tmp_path: Path) -> None:
    assert read_record(tmp_path / "gate.json") is None


def test_record_without_a_native_module_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_record(tmp_path / "gate.json", RECORD)
    monkeypatch.setitem(sys.modules, "engine.gate.compiled", None)
    assert read_record(tmp_path / "gate.json") is None
