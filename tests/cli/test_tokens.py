"""keyturn token, as a person runs it."""

import json
from pathlib import Path

import pytest

from engine.cli.application import run


@pytest.fixture
def on(data: Path) -> tuple[str, str]:
    return ("--data", str(data))


def test_create_shows_the_token_this_once(on: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["token", "create", "--name", "ci", "--role", "read-only", "--json", *on]) == 0
    shown = capsys.readouterr()
    made = json.loads(shown.out)
    assert (made["name"], made["role"], made["read_secrets"]) == ("ci", "read-only", False)
    assert "this once" in shown.err

    assert run(["token", "list", *on]) == 0
    listed = capsys.readouterr().out
    assert "ci" in listed
    assert made["token"] not in listed


def test_revoke_takes_it_out_of_the_list(on: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["token", "revoke", "init", *on]) == 0
    assert run(["token", "list", "--json", *on]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert run(["token", "revoke", "init", *on]) == 1
    assert capsys.readouterr().err == "keyturn: the project has no token of this name\n"
