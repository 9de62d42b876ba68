"""keyturn init, as the person at the keyboard sees it; what it makes is tested in tests/node/test_data_directory.py."""

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from engine.cli.application import run
from engine.node.data_directory import read_credentials


def test_json_is_the_credentials_and_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    assert run(["init", "--data", str(data), "--project-id", "plant", "--json"]) == 0
    output = capsys.readouterr()
    printed = json.loads(output.out)
    assert list(printed) == ["project_id", "access_key", "secret_key", "token", "data"]
    assert printed["project_id"] == "plant"
    assert printed["data"] == str(data)
    assert output.err == ""
    assert printed == json.loads((data / "credentials.json").read_text())


def test_without_json_every_credential_is_a_line_and_the_next_step_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    assert run(["init", "--data", str(data)]) == 0
    output = capsys.readouterr()
    made = read_credentials(data)
    assert dict(line.split() for line in output.out.splitlines()) == {
        "project_id": made.project_id,
        "access_key": made.access_key,
        "secret_key": made.secret_key,
        "token": made.token,
        "data": made.data,
    }
    assert f"keyturn serve --data {data}" in output.err


def test_it_never_overwrites(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (data / "credentials.json").read_bytes()
    assert run(["init", "--data", str(data)]) == 1
    assert capsys.readouterr().err == (
        f"keyturn: {data} exists and is not an empty directory; keyturn init never overwrites\n"
    )
    assert (data / "credentials.json").read_bytes() == before


def test_the_directory_may_come_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KEYTURN_DATA", str(tmp_path / "from-environment"))
    assert run(["init", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["data"] == str(tmp_path / "from-environment")


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert run(["init", "--data", str(tmp_path / "file/below")]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "file" in error


@pytest.mark.parametrize("largest_file", [100, 3000, 20_000])
def test_a_disk_that_fills_up_is_one_line_and_leaves_nothing(tmp_path: Path, largest_file: int) -> None:
    """RLIMIT_FSIZE makes writes fail for real, in credentials.json, in keyturn.toml and in the registry."""
    done = subprocess.run(
        [sys.executable, "-m", "engine", "init", "--data", str(tmp_path / "data"), "--json"],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file)),
    )
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("keyturn: ")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
