"""keyturn access-key, as a person runs it."""

import json
from pathlib import Path

import pytest

from engine.cli.application import run
from engine.node.data_directory import read_credentials


@pytest.fixture
def on(data: Path) -> tuple[str, str]:
    return ("--data", str(data))


def test_create_shows_the_secret_key_this_once(on: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["access-key", "create", "--role", "operator", "--read-secrets", *on]) == 0
    shown = capsys.readouterr()
    lines = dict(line.split(maxsplit=1) for line in shown.out.splitlines())
    assert (lines["role"], lines["read_secrets"]) == ("operator", "true")
    assert "this once" in shown.err

    assert run(["access-key", "list", *on]) == 0
    listed = capsys.readouterr().out
    assert lines["access_key"] in listed
    assert lines["secret_key"] not in listed


def test_revoke_takes_it_out_of_the_list(on: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    made = read_credentials(Path(on[1])).access_key
    assert run(["access-key", "revoke", made, *on]) == 0
    assert run(["access-key", "list", "--json", *on]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert run(["access-key", "revoke", made, *on]) == 1
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["--role", "owner"]])
def test_a_role_has_to_be_named(arguments: list[str], on: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["access-key", "create", *arguments, *on]) == 2
    assert "--role" in capsys.readouterr().err
