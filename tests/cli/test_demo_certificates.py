"""What the demo promises to show of certificates is in its list; that the node answers so is tested in test_demo.py."""

from pathlib import Path

import pytest

from engine.cli import demo_certificates
from engine.cli.client import ApiClient
from engine.cli.demo_certificates import (
    CERTIFIED,
    CERTIFIED_WSS,
    DemoCertificates,
    certificate_scenes,
    certified_command,
    make_certificates,
)
from engine.cli.demo_clients import Answer, NoAnswer, Protocol, Server
from engine.cli.demo_scenes import MOSQUITTO, Stage
from engine.cli.device_cas import StoreDeviceCas, open_device_cas
from engine.cli.offline import OfflineRegistry
from engine.config import Address
from engine.node.data_directory import read_credentials

ACCEPTED = {Answer(Protocol.MQTT_3, 0), Answer(Protocol.MQTT_5, 0)}
NO_PROOF = {Answer(Protocol.MQTT_3, 4), Answer(Protocol.MQTT_5, 0x86)}
UNKNOWN_CA = {Answer(Protocol.TLS, 48)}


@pytest.fixture
def made(data: Path, tmp_path: Path) -> DemoCertificates:
    return make_certificates(tmp_path, data)


def test_every_promised_scene_is_there(made: DemoCertificates) -> None:
    expected: dict[tuple[str, str], set[Answer]] = {}
    for scene in certificate_scenes(made):
        expected.setdefault((scene.who, scene.sent), set()).add(scene.expected)
    assert expected[CERTIFIED, "pump-1, its CA not yet proved"] == UNKNOWN_CA
    assert expected[CERTIFIED, "pump-1, its certificate"] == ACCEPTED
    assert expected[CERTIFIED, "pump-1, wrong fingerprint"] == NO_PROOF
    assert expected[CERTIFIED, "pump-1, another project's CA"] == NO_PROOF
    assert expected[CERTIFIED, "pump-1, of a CA not uploaded"] == UNKNOWN_CA
    assert expected[CERTIFIED, "meter-1, with a certificate"] == NO_PROOF
    assert expected[CERTIFIED_WSS, "pump-1, its certificate"] == ACCEPTED


def test_mosquitto_pub_plays_where_it_is_installed(made: DemoCertificates, monkeypatch: pytest.MonkeyPatch) -> None:
    def played() -> int:
        return len([scene for scene in certificate_scenes(made) if scene.who == MOSQUITTO])

    monkeypatch.setattr(demo_certificates, "has_mosquitto_pub", lambda: True)
    assert played() == 2
    monkeypatch.setattr(demo_certificates, "has_mosquitto_pub", lambda: False)
    assert played() == 0


def test_only_the_neighbour_s_ca_is_known_before_the_scenes(made: DemoCertificates, data: Path) -> None:
    assert open_device_cas(data).list_newest(50) == ([], 0)
    (found,), _count = StoreDeviceCas(OfflineRegistry(data, "neighbour")).list_newest(50)
    assert found.status
    assert len({made.own, made.other, made.meters, made.stranger, made.neighbour}) == 5


def test_without_its_upload_a_ca_cannot_be_proved(made: DemoCertificates, data: Path) -> None:
    nowhere = Address("127.0.0.1", 9)
    stage = Stage(ApiClient(nowhere, read_credentials(data)), {})
    (proves,) = [scene for scene in certificate_scenes(made) if "proof" in scene.sent]
    with pytest.raises(NoAnswer, match="not uploaded"):
        proves.act(stage)


def test_the_kept_node_s_line_shows_the_pump_s_certificate(made: DemoCertificates) -> None:
    command = certified_command(Server("mqtts", Address("127.0.0.1", 8883), Path("ca.pem")), made)
    assert command[command.index("--cert") + 1] == str(made.own.certificate)
    assert command[command.index("-u") + 1] == "pump-1"
