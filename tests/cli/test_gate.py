"""`keyturn gate`: the table says what is chosen, and the record lands in the data directory."""

import sys
from pathlib import Path

import pytest

from engine.cli.gate import gate, gate_table
from engine.errors import UsageError
from engine.gate import compiled
from engine.gate.record import read_record
from engine.gate.selection import choose_operations


def test_gate_shows_the_choice_and_writes_the_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gate(tmp_path)
    output = capsys.readouterr().out
    assert "verify_secret" in output
    assert "2.0 x" in output
    assert "verify_chain_first_sight" in output
    assert "parse_connect" in output
    assert "mqtt_front" in output
    assert compiled.library_version() in output
    assert str(tmp_path / "gate.json") in output
    assert read_record(tmp_path / "gate.json") is not None


def test_gate_without_a_data_directory_only_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    gate()
    assert "verify_secret" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_gate_on_a_directory_that_is_none_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="keyturn init --data"):
        gate(tmp_path / "absent")


def test_gate_that_cannot_write_the_record_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "gate.json").mkdir()
    with pytest.raises(UsageError, match=r"gate\.json"):
        gate(tmp_path)


def test_gate_without_a_native_module_says_so_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for boundary in ("compiled", "compiled_front", "compiled_table", "compiled_tls", "compiled_verdict"):
        monkeypatch.setitem(sys.modules, f"engine.gate.{boundary}", None)
    monkeypatch.setenv("COLUMNS", "200")
    gate(tmp_path)
    assert "no native module" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_figures_that_were_not_measured_are_dashes() -> None:
    (_, choices) = choose_operations("never")
    table = gate_table(choices, "none")
    assert [set(column.cells) for column in table.columns[1:4]] == [{"-"}, {"-"}, {"-"}]
