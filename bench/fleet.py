"""The devices of a storm, the same for every rival: secrets and certificates, in the form that each rival takes."""

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.serialization import Encoding

from bench.nodes import BenchNode, device_line, prepare, serving
from bench.stock import stock
from tests.helpers.device_certificates import issue

CERTIFICATE_DEVICES = 300
_FEW = 2_000
"""Devices: what keeps a closed loop from meeting itself."""


class Fleet(NamedTuple):
    """Files below `directory`: the data directory of a node that has all devices, the storm client's device lists,
    mosquitto's password file, the device CA. size: devices with secrets."""

    directory: Path
    credentials: dict[str, str]
    size: int

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def server_certificate(self) -> tuple[Path, Path]:
        """Certificate and key that every rival shows."""
        return self.data / "tls" / "server.pem", self.data / "tls" / "server.key"

    @property
    def secrets(self) -> Path:
        """All of them."""
        return self.directory / "secrets.tsv"

    @property
    def few(self) -> Path:
        """Some of them, who come again and again."""
        return self.directory / "few.tsv"

    @property
    def certificates(self) -> Path:
        return self.directory / "certificates.tsv"

    @property
    def passwords(self) -> Path:
        return self.directory / "passwords"

    @property
    def device_ca(self) -> Path:
        return self.directory / "device-ca.pem"

    def data_of(self, name: str, native: str, limits: Mapping[str, int]) -> Path:
        """A copy of the data directory for one more node, with its setting of `native`, and with these limits."""
        data = self.directory / f"data-{name}"
        shutil.rmtree(data, ignore_errors=True)
        shutil.copytree(self.data, data)
        config = data / "keyturn.toml"
        lines = "".join(f"{limit} = {value}\n" for limit, value in limits.items())
        text = config.read_text().replace('native = "auto"', f'native = "{native}"', 1)
        config.write_text(text.replace("[limits]\n", f"[limits]\n{lines}", 1))
        return data


@contextlib.contextmanager
def fleet_of(size: int, *, is_activated: bool) -> Iterator[Fleet]:
    """So many devices with secrets, who have been there before or never, and CERTIFICATE_DEVICES with certificates."""
    with tempfile.TemporaryDirectory(prefix="keyturn-bench-") as scratch:
        directory = Path(scratch)
        fleet = Fleet(directory, prepare(directory / "data"), size)
        devices = stock(fleet.data, fleet.credentials["project_id"], size, is_activated=is_activated)
        lines = [f"{device_line(*device)}\n" for device in devices]
        fleet.secrets.write_text("".join(lines))
        fleet.few.write_text("".join(lines[:_FEW]))
        with serving(fleet.data, fleet.credentials) as node:
            _certify(fleet, node)
        _write_passwords(fleet, lines)
        yield fleet


def _write_passwords(fleet: Fleet, lines: list[str]) -> None:
    """The same user names and passwords for mosquitto, hashed as its own program does it."""
    fleet.passwords.write_text("".join("{1}:{2}\n".format(*line.split()) for line in lines))
    if shutil.which("mosquitto_passwd"):
        subprocess.run(["mosquitto_passwd", "-U", fleet.passwords], check=True, capture_output=True)
    fleet.passwords.chmod(0o600)


def _certify(fleet: Fleet, node: BenchNode) -> None:
    """A verified device CA, and devices with certificates of it."""
    ca = issue("Bench CA", is_ca=True)
    ca_pem = ca.certificate.public_bytes(Encoding.PEM).decode()
    fleet.device_ca.write_text(ca_pem)
    made = node.post("/certificates", {"content": ca_pem})
    proof = issue(str(made["verify_code"]), ca).certificate.public_bytes(Encoding.PEM).decode()
    node.post(f"/certificates/{made['certificate_id']}/action?action_id=verify", {"verify_content": proof})
    product_id = node.add_product()
    lines = []
    for number in range(CERTIFICATE_DEVICES):
        auth_info = {"auth_type": "CERTIFICATES"}
        body = {"node_id": f"c{number}", "product_id": product_id, "auth_info": auth_info}
        device_id = str(node.post("/devices", body)["device_id"])
        certificate, key = issue(device_id, ca).write(fleet.directory, f"c{number}")
        whole = fleet.directory / f"c{number}-whole.pem"
        whole.write_bytes(key.read_bytes() + certificate.read_bytes())
        client_id = device_line(device_id, "").split("\t")[0]
        lines.append(f"{client_id}\t{device_id}\t\t{whole}\n")
    fleet.certificates.write_text("".join(lines))
