"""The demo's X.509 devices: scenes in which a CA is uploaded and proved, and certificates are accepted and refused."""

import datetime
import hashlib
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from engine.api.certificate_schema import CertificateAnswer
from engine.cli.ca_demo_device import write_device
from engine.cli.demo_clients import (
    Answer,
    CertificateFiles,
    NoAnswer,
    Protocol,
    Server,
    answer_to_mosquitto_pub,
    connection,
    has_mosquitto_pub,
    mosquitto_command,
)
from engine.cli.demo_scenes import ACCEPTED, APPLICATION, DEVICE, MOSQUITTO, NO_PROOF, Scene, Stage, creates
from engine.cli.device_cas import StoreDeviceCas, add_and_verify
from engine.cli.offline import OfflineRegistry
from engine.cli.password import ConnectCredentials, certificate_credentials, stamp_at
from engine.node.certificates import Issued, create_ca, issue_proof

CERTIFIED = "Devices, certificates (mqtts)"
CERTIFIED_WSS = "Devices, certificates (wss)"

PUMP = "pump-1"

_NEIGHBOUR = "neighbour"
"""Another project of the node."""
_UNKNOWN_CA = Answer(Protocol.TLS, 48)


class DemoCertificates(msgspec.Struct, frozen=True):
    """Made before the node starts. `ca` is uploaded by a scene; it issued `own`, `other` (of the same pump) and
    `meters`. A CA that nobody uploads issued `stranger`; one that another project proved, `neighbour`."""

    ca: Issued
    own: CertificateFiles
    other: CertificateFiles
    meters: CertificateFiles
    stranger: CertificateFiles
    neighbour: CertificateFiles


def make_certificates(directory: Path, data: Path) -> DemoCertificates:
    """All of them, in files in this directory, and the neighbour's project and CA in the registry."""
    now = datetime.datetime.now(datetime.UTC)
    fleet, stranger, neighbour = (create_ca(now, f"{owner} CA") for owner in ("Fleet", "Stranger", "Neighbour"))
    registry = OfflineRegistry(data, _NEIGHBOUR)
    registry.use(lambda store: store.create_project(_NEIGHBOUR))
    add_and_verify(StoreDeviceCas(registry), neighbour, now)

    def issued(ca: Issued, device_id: str, name: str) -> CertificateFiles:
        files = CertificateFiles(directory / f"{name}.pem", directory / f"{name}.key")
        write_device(ca, device_id, files, now)
        return files

    return DemoCertificates(
        ca=fleet,
        own=issued(fleet, PUMP, PUMP),
        other=issued(fleet, PUMP, "other"),
        meters=issued(fleet, DEVICE, DEVICE),
        stranger=issued(stranger, PUMP, "stranger"),
        neighbour=issued(neighbour, PUMP, "neighbour"),
    )


def certificate_scenes(made: DemoCertificates) -> Sequence[Scene]:
    """All of them, in order: the first certificate that the pump connects with is pinned."""
    rows = [
        _application('POST /certificates "Fleet CA"', 201, lambda stage: _upload(stage, made.ca)),
        creates(PUMP, ", X.509", auth_type="CERTIFICATES"),
        _refused_in_tls(f"{PUMP}, its CA not yet proved", made.own),
        _application("POST /certificates, its proof", 200, lambda stage: _prove(stage, made.ca)),
        *_both(f"{PUMP}, its certificate", ACCEPTED, PUMP, made.own),
        _application(f"GET /devices/{PUMP}, pinned", 200, lambda stage: _show_pinned(stage, made.own)),
        *_both(f"{PUMP}, wrong fingerprint", NO_PROOF, PUMP, made.other),
        *_both(f"{PUMP}, another project's CA", NO_PROOF, PUMP, made.neighbour),
        _refused_in_tls(f"{PUMP}, of a CA not uploaded", made.stranger),
        *_both(f"{DEVICE}, with a certificate", NO_PROOF, DEVICE, made.meters),
        *_both(f"{PUMP}, its certificate", ACCEPTED, PUMP, made.own, who=CERTIFIED_WSS, listener="wss"),
    ]
    if has_mosquitto_pub():
        rows += _both(f"{PUMP}, its certificate", ACCEPTED, PUMP, made.own, who=MOSQUITTO)
    return rows


def certified_command(server: Server, made: DemoCertificates) -> list[str]:
    """mosquitto_pub as the pump, with its certificate."""
    return mosquitto_command(server, _credentials(PUMP), Protocol.MQTT_3, made.own)


def _application(sent: str, status: int, act: Callable[[Stage], int]) -> Scene:
    return Scene(APPLICATION, sent, Answer(Protocol.HTTP, status), lambda stage: Answer(Protocol.HTTP, act(stage)))


def _upload(stage: Stage, ca: Issued) -> int:
    status, made = stage.api.request("POST", "/certificates", {"content": ca.certificate.decode()})
    stage.device_ca = msgspec.convert(made, CertificateAnswer)
    return status


def _prove(stage: Stage, ca: Issued) -> int:
    if stage.device_ca is None:
        raise NoAnswer("the CA was not uploaded")
    proof = issue_proof(ca, stage.device_ca.verify_code, datetime.datetime.now(datetime.UTC))
    path = f"/certificates/{stage.device_ca.certificate_id}/action?action_id=verify"
    return stage.api.request("POST", path, {"verify_content": proof.decode()})[0]


def _show_pinned(stage: Stage, files: CertificateFiles) -> int:
    status, found = stage.api.request("GET", f"/devices/{PUMP}")
    certificate = ssl.PEM_cert_to_DER_cert(files.certificate.read_text("ascii"))
    if found["auth_info"].get("fingerprint") != hashlib.sha256(certificate).hexdigest():
        raise NoAnswer("its certificate is not pinned")
    return status


def _both(
    sent: str,
    expected: tuple[Answer, Answer],
    device_id: str,
    files: CertificateFiles,
    *,
    who: str = CERTIFIED,
    listener: str = "mqtts",
) -> list[Scene]:
    """The same CONNECT in MQTT 3.1.1 and in MQTT 5."""
    ask = answer_to_mosquitto_pub if who == MOSQUITTO else _answer_to_paho

    def acting(protocol: Protocol) -> Callable[[Stage], Answer]:
        return lambda stage: ask(stage.servers[listener], _credentials(device_id), protocol, files)

    return [Scene(who, sent, answer, acting(answer.protocol)) for answer in expected]


def _refused_in_tls(sent: str, files: CertificateFiles) -> Scene:
    return Scene(
        CERTIFIED,
        sent,
        _UNKNOWN_CA,
        lambda stage: _answer_to_paho(stage.servers["mqtts"], _credentials(PUMP), Protocol.MQTT_5, files),
    )


def _answer_to_paho(
    server: Server, credentials: ConnectCredentials, protocol: Protocol, files: CertificateFiles
) -> Answer:
    with connection(server, credentials, protocol, files) as made:
        return made.answer()


def _credentials(device_id: str) -> ConnectCredentials:
    return certificate_credentials(device_id, stamp_at(datetime.datetime.now(datetime.UTC)))
