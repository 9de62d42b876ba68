"""keyturn ca demo-device: its last line, typed as it is printed, connects."""

import datetime
import json
import os
import shlex
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import Encoding

from engine.cli.application import run
from engine.cli.device_cas import open_device_cas
from engine.node.certificates import Issued, create_ca, issue_device_certificate
from tests.cli.conftest import run_keyturn
from tests.helpers import device_certificates

NOW = datetime.datetime.now(datetime.UTC)


def issued(out: Path, data: Path, *arguments: str) -> dict[str, str]:
    """What --json says."""
    done = run_keyturn("ca", "demo-device", *arguments, "--out", str(out), "--data", str(data), "--json")
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(["ca", "demo-device", *arguments]) == 1
    return capsys.readouterr().err


@pytest.mark.system("mosquitto-clients")
def test_the_line_that_it_prints_connects(served: Path, tmp_path: Path) -> None:
    done = run_keyturn("ca", "demo-device", "pump-1", "--out", str(tmp_path / "o u t"), "--data", str(served))
    assert done.returncode == 0, done.stderr
    creation, connection = done.stderr.split("\n  ")[-2:]
    assert "keyturn device create" in done.stderr
    assert "--auth-type CERTIFICATES" in creation
    create = ["--product-id", "product", "--node-id", "pump-1", "--device-id", "pump-1", "--data", str(served)]
    assert run_keyturn("device", "create", "--auth-type", "CERTIFICATES", *create).returncode == 0
    published = subprocess.run(shlex.split(connection), capture_output=True, text=True, timeout=30, check=False)
    assert published.returncode == 0, published.stderr
    shown = json.loads(run_keyturn("device", "show", "pump-1", "--json", "--data", str(served)).stdout)
    fields = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert shown["auth_info"]["fingerprint"] == fields["fingerprint"]


def test_the_demo_ca_is_made_once_and_verified(data: Path, tmp_path: Path) -> None:
    first, second = issued(tmp_path, data, "pump-1"), issued(tmp_path, data, "pump-2")
    assert first["ca"] == second["ca"] == str(tmp_path / "demo-ca.pem")
    (found,), _count = open_device_cas(data).list_newest(50)
    assert found.status
    for name in ("pump-1", "pump-2", "demo-ca"):
        assert stat.S_IMODE(os.stat(tmp_path / f"{name}.key").st_mode) == 0o600


def test_a_demo_ca_that_another_node_knows_is_added_here_too(data: Path, tmp_path: Path) -> None:
    ca = create_ca(NOW, "Keyturn demo CA")
    (tmp_path / "demo-ca.pem").write_bytes(ca.certificate)
    (tmp_path / "demo-ca.key").write_bytes(ca.key)
    issued(tmp_path, data, "pump-1")
    (found,), _count = open_device_cas(data).list_newest(50)
    assert found.status


def test_a_ca_of_one_s_own_issues_and_is_not_uploaded(data: Path, tmp_path: Path) -> None:
    ca = create_ca(NOW, "Fleet CA")
    (tmp_path / "ca.pem").write_bytes(ca.certificate)
    (tmp_path / "ca.key").write_bytes(ca.key)
    own = ("--ca", str(tmp_path / "ca.pem"), "--ca-key", str(tmp_path / "ca.key"))
    made = issued(tmp_path, data, "pump-1", *own)
    chain = x509.load_pem_x509_certificates(Path(made["certificate"]).read_bytes())
    assert len(chain) == 1
    chain[0].verify_directly_issued_by(x509.load_pem_x509_certificate(ca.certificate))
    assert open_device_cas(data).list_newest(50) == ([], 0)


def test_an_intermediate_stands_behind_the_device_s_certificate(data: Path, tmp_path: Path) -> None:
    """The uploaded CA may be the root above it: the node has to be shown what is between."""
    root = device_certificates.issue("Root", is_ca=True)
    between = device_certificates.issue("Between", root, is_ca=True)
    certificate, key = between.write(tmp_path, "between")
    made = issued(tmp_path, data, "pump-1", "--ca", str(certificate), "--ca-key", str(key))
    chain = x509.load_pem_x509_certificates(Path(made["certificate"]).read_bytes())
    assert chain[1] == between.certificate


def test_nothing_is_overwritten(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = issued(tmp_path, data, "pump-1")
    key = Path(made["key"]).read_bytes()
    error = refused(capsys, "pump-1", "--out", str(tmp_path), "--data", str(data))
    assert "pump-1.pem exists" in error
    assert Path(made["key"]).read_bytes() == key


def write(directory: Path, made: Issued) -> tuple[str, ...]:
    (directory / "ca.pem").write_bytes(made.certificate)
    (directory / "ca.key").write_bytes(made.key)
    return ("--ca", str(directory / "ca.pem"), "--ca-key", str(directory / "ca.key"))


def test_wrong_input_is_named_and_nothing_is_written(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, ca = tmp_path / "out", create_ca(NOW)
    into = ("--out", str(out), "--data", str(data))
    key = serialization.load_pem_private_key(ca.key, None)
    encrypted = key.private_bytes(
        Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"pass")
    )
    leaf = issue_device_certificate(ca, "pump-1", NOW)
    old = create_ca(NOW - datetime.timedelta(days=5000))

    assert "DEVICE_ID" in refused(capsys, "../pump", *into)
    assert "--ca and --ca-key" in refused(capsys, "pump-1", "--ca", "ca.pem", *into)
    assert f"{tmp_path / 'ca.pem'}: It is not a CA" in refused(capsys, "pump-1", *write(tmp_path, leaf), *into)
    assert "has expired" in refused(capsys, "pump-1", *write(tmp_path, old), *into)
    swapped = Issued(ca.certificate, create_ca(NOW).key)
    assert "ca.key: the CA's private key is not that" in refused(capsys, "pump-1", *write(tmp_path, swapped), *into)
    locked = Issued(ca.certificate, encrypted)
    assert "ca.key: the CA's private key is encrypted" in refused(capsys, "pump-1", *write(tmp_path, locked), *into)
    assert "no data directory" in refused(capsys, "pump-1", *write(tmp_path, ca), "--out", str(out), "--data", "/x")
    assert "private key, which" in refused(capsys, "pump-1", *write(tmp_path, Issued(ca.key, ca.key)), *into)
    assert not out.exists() or os.listdir(out) == []


def test_a_demo_ca_without_its_key_issues_nothing_and_is_not_added(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "demo-ca.pem").write_bytes(create_ca(NOW).certificate)
    (tmp_path / "demo-ca.key").write_bytes(create_ca(NOW).key)
    assert "demo-ca.key: the CA's private key is not" in refused(
        capsys, "pump-1", "--out", str(tmp_path), "--data", str(data)
    )
    assert open_device_cas(data).list_newest(50) == ([], 0)


def test_with_the_listener_off_it_says_so(data: Path, tmp_path: Path) -> None:
    (data / "keyturn.toml").write_text('[listeners]\nmqtts = "off"\n')
    done = run_keyturn("ca", "demo-device", "pump-1", "--out", str(tmp_path), "--data", str(data))
    assert done.returncode == 0
    assert "MQTTS listener is off" in done.stderr
    assert "mosquitto_pub" not in done.stderr
