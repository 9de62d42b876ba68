"""Text from peers never works as markup or as a terminal's controls."""

import json

import pytest

from engine.cli.output import plain, show_fields, show_json, show_table

HOSTILE = "a\x1b[2Jb\r\nc\x9bd\u202ee[bold]f\ud800"
"""An escape sequence, line ends, a C1 control, a reversal of direction, markup, half a character."""
ESCAPED = "a\\x1b[2Jb\\r\\nc\\x9bd\\u202ee[bold]f\\ud800"


def test_controls_become_visible_and_the_rest_stays() -> None:
    assert plain(HOSTILE) == ESCAPED
    assert plain("Zähler 温度计") == "Zähler 温度计"


def test_a_table_shows_them_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(("name", "more"), [(HOSTILE, None), ("x" * 300, 7)])
    output = capsys.readouterr().out
    assert ESCAPED in output
    assert "x" * 300 in output
    assert "\x1b" not in output
    assert "-" in output


def test_fields_are_aligned_and_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    show_fields({"a": HOSTILE, "longer": True})
    assert capsys.readouterr().out == f"a       {ESCAPED}\nlonger  true\n"


def test_json_is_ascii_and_decodes_to_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    show_json({"name": HOSTILE})
    output = capsys.readouterr().out
    assert output.isascii()
    assert "\x1b" not in output
    assert json.loads(output) == {"name": HOSTILE}
