"""keyturn ca, as a person types it: with a node that serves and without one."""

import contextlib
import datetime
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from engine.cli.application import run
from engine.cli.device_cas import open_device_cas
from engine.node.certificates import create_ca, issue_device_certificate
from engine.node.data_directory import REGISTRY_FILE
from tests.cli.conftest import run_keyturn

NOW = datetime.datetime.now(datetime.UTC)


@pytest.fixture(params=["served", "data"])
def on(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Both ways."""
    return ("--data", str(request.getfixturevalue(request.param)))


@pytest.fixture
def ca_pem(tmp_path: Path) -> Path:
    """A device CA that no project has, beside its key."""
    ca = create_ca(NOW, "Fleet CA")
    directory = tmp_path / "a fleet"
    directory.mkdir()
    (directory / "ca.key").write_bytes(ca.key)
    (directory / "ca.pem").write_bytes(ca.certificate)
    return directory / "ca.pem"


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line on standard error of a command that must fail."""
    assert run(arguments) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def added(on: tuple[str, str], ca_pem: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """The certificate_id of a new CA."""
    assert run(["ca", "add", str(ca_pem), "--json", *on]) == 0
    return str(json.loads(capsys.readouterr().out)["certificate_id"])


def test_the_lines_that_add_prints_prove_the_ca(on: tuple[str, str], ca_pem: Path, tmp_path: Path) -> None:
    """They are run as they are printed, by a shell and the machine's openssl, from another directory."""
    done = run_keyturn("ca", "add", str(ca_pem), *on)
    assert done.returncode == 0, done.stderr
    fields = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert fields["verified"] == "no"
    lines = done.stderr[done.stderr.index("  openssl genpkey") :]
    assert f"/CN={fields['verify_code']} " in lines
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    shell = ["bash", "-euc", lines]
    proved = subprocess.run(
        shell, cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    assert proved.returncode == 0, proved.stderr
    assert proved.stdout == f"{fields['certificate_id']} verified\n"
    shown = run_keyturn("ca", "show", fields["certificate_id"], *on)
    assert "verified        yes" in shown.stdout
    assert "openssl" not in shown.stderr


def test_list_tells_what_is_verified_and_when_it_ends(
    on: tuple[str, str], ca_pem: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    certificate_id = added(on, ca_pem, capsys)
    assert run(["ca", "list", *on]) == 0
    lines = capsys.readouterr().out.splitlines()
    (row,) = [line for line in lines if certificate_id in line]
    assert "Fleet CA" in row
    assert f"  no        {NOW.year + 10}-" in row
    assert " of " in lines[-1]
    assert run(["ca", "list", "--limit", "1", "--json", *on]) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert (listed["certificate_id"], listed["status"]) == (certificate_id, False)


def test_show_has_the_pem_and_until_it_is_verified_the_proof(
    on: tuple[str, str], ca_pem: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    certificate_id = added(on, ca_pem, capsys)
    assert run(["ca", "show", certificate_id, *on]) == 0
    output = capsys.readouterr()
    assert ca_pem.read_text() in output.out
    assert f"keyturn ca verify {certificate_id} verification.pem" in output.err
    assert run(["ca", "show", certificate_id, "--json", *on]) == 0
    assert json.loads(capsys.readouterr().out)["content"] == ca_pem.read_text()


def test_what_is_removed_is_gone(on: tuple[str, str], ca_pem: Path, capsys: pytest.CaptureFixture[str]) -> None:
    certificate_id = added(on, ca_pem, capsys)
    assert run(["ca", "remove", certificate_id, *on]) == 0
    assert capsys.readouterr().out == f"{certificate_id} removed\n"
    for command in ("show", "remove"):
        assert "IOTDA.090401" in refused(capsys, "ca", command, certificate_id, *on)


def test_what_is_wrong_with_a_file_names_it(
    on: tuple[str, str], ca_pem: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = tmp_path / "wrong.pem"

    def add(content: bytes) -> str:
        wrong.write_bytes(content)
        error = refused(capsys, "ca", "add", str(wrong), *on)
        assert error.startswith(f"keyturn: {wrong}: ")
        return error

    ca = create_ca(NOW)
    assert "PEM is expected" in add(b"\x30\x82\x01\x02")
    assert "CA=false" in add(issue_device_certificate(ca, "pump-1", NOW).certificate)
    assert "expired" in add(create_ca(NOW - datetime.timedelta(days=5000)).certificate)
    assert "exactly one" in add(ca.certificate + create_ca(NOW).certificate)
    certificate_id = added(on, ca_pem, capsys)
    assert "exists already" in add(ca_pem.read_bytes())
    proof = refused(capsys, "ca", "verify", certificate_id, str(ca_pem), *on)
    assert proof.startswith(f"keyturn: {ca_pem}: ")
    assert "not the verify code" in proof


def test_a_file_that_cannot_be_read_is_named(on: tuple[str, str], tmp_path: Path) -> None:
    done = run_keyturn("ca", "add", str(tmp_path / "nowhere.pem"), *on)
    assert done.returncode == 1
    assert done.stderr == f"keyturn: {tmp_path / 'nowhere.pem'}: No such file or directory\n"


def test_an_unknown_id_is_not_blamed_on_the_file(
    on: tuple[str, str], ca_pem: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    error = refused(capsys, "ca", "verify", "f" * 24, str(ca_pem), *on)
    assert error == "keyturn: The device CA certificate does not exist (IOTDA.090401)\n"


def test_an_expired_ca_is_listed_as_such(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It was good when it was added: only time makes it so, and here the registry's column."""
    open_device_cas(data).add(create_ca(NOW).certificate.decode())
    with contextlib.closing(sqlite3.connect(data / REGISTRY_FILE)) as connection, connection:
        connection.execute("UPDATE ca_certificate SET expires_at = 1577836800")
    assert run(["ca", "list", "--data", str(data)]) == 0
    assert "2020-01-01 (expired)" in capsys.readouterr().out
