"""keyturn master-key rotate: alone on the data directory, and devices notice nothing."""

import json
from pathlib import Path

import pytest

from engine.cli.application import run
from tests.helpers.nodes import serve_process


def test_secrets_are_the_same_under_another_key(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    on = ("--data", str(data))
    with serve_process(data) as node:
        assert run(["product", "create", "--product-id", "p", "--name", "p", *on]) == 0
        capsys.readouterr()
        create = ["device", "create", "--product-id", "p", "--node-id", "n", "--device-id", "d", "--json"]
        assert run([*create, *on]) == 0
        secret = json.loads(capsys.readouterr().out)["auth_info"]["secret"]
        assert run(["master-key", "rotate", *on]) == 1
        assert f"another keyturn process (pid {node.process.pid}) uses" in capsys.readouterr().err
        assert node.stop() == 0
    before = (data / "master.key").read_text()
    assert run(["master-key", "rotate", *on]) == 0
    assert "secrets sealed under the new master key: 2" in capsys.readouterr().out
    after = (data / "master.key").read_text()
    assert len(after.splitlines()) == 1
    assert after != before
    with serve_process(data):
        assert run(["device", "show", "d", "--show-secret", "--json", *on]) == 0
        assert json.loads(capsys.readouterr().out)["auth_info"]["secret"] == secret
