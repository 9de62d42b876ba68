"""keyturn ca demo-device: a device's certificate for trying things out, by a CA of one's own or by a made-up one."""

import datetime
import os
import shlex
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from engine.cli.client import reachable
from engine.cli.demo_clients import CertificateFiles, Protocol, Server, mosquitto_command
from engine.cli.device_cas import DeviceCas, add_and_verify, open_device_cas
from engine.cli.options import DEFAULT_DATA, DataOption, JsonOption, read_certificate
from engine.cli.output import show_fields, show_json
from engine.cli.password import certificate_credentials, check_device_id, stamp_at
from engine.config import Address, read_address, read_config
from engine.errors import UsageError
from engine.node.certificates import Issued, create_ca, issue_device_certificate, load_issuer
from engine.node.data_directory import running_node
from engine.registry.certificates import CertificateFault, read_device_ca

_DEMO_CA = "demo-ca"
_KEY_BYTES = 65536


class DemoDevice(msgspec.Struct, frozen=True):
    """What was made, with --json: files, and the SHA-256 that a device's `fingerprint` may be."""

    device_id: str
    certificate: str
    key: str
    fingerprint: str
    ca: str


def demo_device(
    device_id: Annotated[str, typer.Argument(metavar="DEVICE_ID")],
    ca: Annotated[
        Path | None, typer.Option("--ca", metavar="FILE", help="The certificate, PEM, of the CA to issue with.")
    ] = None,
    ca_key: Annotated[
        Path | None, typer.Option("--ca-key", metavar="FILE", help="Its private key, PEM, without a pass phrase.")
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Where to write DEVICE_ID.pem and DEVICE_ID.key.")
    ] = Path("."),
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
) -> None:
    """Issue a certificate for a device, and print how to connect with it.

    Without --ca and --ca-key, a demo CA does it: made as DIR/demo-ca.pem and demo-ca.key where there is none yet, added
    and verified. Nothing is overwritten. This is for trying things out: a real device makes its key itself.
    """
    check_device_id(device_id)
    if (ca is None) != (ca_key is None):
        raise UsageError("--ca and --ca-key: give both, or neither")
    now = datetime.datetime.now(datetime.UTC)
    files = CertificateFiles(out / f"{device_id}.pem", out / f"{device_id}.key")
    for path in (files.certificate, files.key):
        if path.exists():
            raise UsageError(f"{path} exists; nothing is overwritten, so name another directory with --out")
    hint = _how_to_connect(device_id, files, data, now)
    if ca is None or ca_key is None:
        ca, ca_key = _demo_ca(out, open_device_cas(data), now)
    issuer = _read_ca(ca, ca_key, now)
    made = write_device(issuer, device_id, files, now)
    shown = DemoDevice(device_id, str(files.certificate), str(files.key), _fingerprint(made), str(ca))
    if as_json:
        show_json(shown)
        return
    show_fields(msgspec.structs.asdict(shown))
    typer.echo(hint, err=True)


def write_device(ca: Issued, device_id: str, files: CertificateFiles, now: datetime.datetime) -> Issued:
    """Issue a device's certificate into these files, whose directory is made where it is not there.

    Raises UsageError when the CA cannot issue, FileExistsError when a file is there.
    """
    made = issue_device_certificate(ca, device_id, now)
    files.key.parent.mkdir(parents=True, exist_ok=True)
    _write(files.key, made.key, 0o600)
    _write(files.certificate, made.certificate + _between(ca), 0o644)
    return made


def _demo_ca(directory: Path, cas: DeviceCas, now: datetime.datetime) -> tuple[Path, Path]:
    """The files of the CA in this directory, made where there is none; on record and verified in any case."""
    certificate, key = directory / f"{_DEMO_CA}.pem", directory / f"{_DEMO_CA}.key"
    if not certificate.exists() and not key.exists():
        ca = create_ca(now, "Keyturn demo CA")
        directory.mkdir(parents=True, exist_ok=True)
        _write(key, ca.key, 0o600)
        _write(certificate, ca.certificate, 0o644)
    add_and_verify(cas, _read_ca(certificate, key, now), now)
    return certificate, key


def _read_ca(certificate: Path, key: Path, now: datetime.datetime) -> Issued:
    content = read_certificate(certificate)
    ca = read_device_ca(content, now.timestamp())
    if isinstance(ca, CertificateFault):
        raise UsageError(f"{certificate}: {ca.why}")
    with key.open("rb") as file:
        issuer = Issued(content.encode(), file.read(_KEY_BYTES))
    try:
        load_issuer(issuer)
    except UsageError as fault:
        # The certificate was judged before: what remains is about the key.
        raise UsageError(f"{key}: {fault}") from None
    return issuer


def _between(issuer: Issued) -> bytes:
    """The issuer, where it is an intermediate: what stands between the device's certificate and an uploaded root."""
    ca = x509.load_pem_x509_certificate(issuer.certificate)
    return b"" if ca.subject == ca.issuer else ca.public_bytes(Encoding.PEM)


def _write(path: Path, content: bytes, mode: int) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "wb") as file:
        file.write(content)


def _fingerprint(made: Issued) -> str:
    return x509.load_pem_x509_certificate(made.certificate).fingerprint(hashes.SHA256()).hex()


def _how_to_connect(device_id: str, files: CertificateFiles, data: Path, now: datetime.datetime) -> str:
    address = _mqtts_address(data)
    if address is None:
        return "\nThe node's MQTTS listener is off: nothing can connect with a certificate."
    server = Server("mqtts", reachable(address), data / "tls" / "ca.pem")
    credentials = certificate_credentials(device_id, stamp_at(now))
    command = shlex.join(mosquitto_command(server, credentials, Protocol.MQTT_3, files))
    return f"""
Create the device, unless it is there, and connect:

  keyturn device create --product-id PRODUCT --node-id {device_id} --device-id {device_id} \\
      --auth-type CERTIFICATES --data {shlex.quote(str(data))}
  {command}"""


def _mqtts_address(data: Path) -> Address | None:
    """Where the node that runs listens, or the next one will."""
    node = running_node(data)
    if node is None:
        return read_config(data).address("mqtts")
    return read_address(node.addresses["mqtts"], "node.json") if "mqtts" in node.addresses else None
