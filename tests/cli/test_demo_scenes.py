"""What the demo promises to show is in its list; that the node answers so is tested in test_demo.py."""

import pytest

from engine.cli import demo_scenes
from engine.cli.demo_clients import Answer, Protocol
from engine.cli.demo_scenes import MOSQUITTO, PAHO, PAHO_OVER, scenes


def expected(who: str, *words: str) -> set[Answer]:
    return {scene.expected for scene in scenes() if scene.who == who and all(word in scene.sent for word in words)}


def test_every_promised_scene_is_there_in_both_versions() -> None:
    accepted = {Answer(Protocol.MQTT_3, 0), Answer(Protocol.MQTT_5, 0)}
    no_proof = {Answer(Protocol.MQTT_3, 4), Answer(Protocol.MQTT_5, 0x86)}
    not_authorized = {Answer(Protocol.MQTT_3, 5), Answer(Protocol.MQTT_5, 0x87)}
    assert expected(PAHO, "meter-1, right secret") == accepted
    assert expected(PAHO, "stamp checked") == accepted
    assert expected(PAHO, "unfrozen") == accepted
    for words in ("stamp 3 hours old", "meter-1, wrong secret", "does not exist", "deleted", " frozen, wrong secret"):
        assert expected(PAHO, words) == no_proof
    assert expected(PAHO, " frozen, right secret") == not_authorized
    assert expected(PAHO, "again") == {Answer(Protocol.MQTT_5, 0x8E)}


@pytest.mark.parametrize("listener", ["mqtts", "ws", "wss"])
def test_every_transport_is_shown_with_the_right_and_a_wrong_secret(listener: str) -> None:
    assert expected(PAHO_OVER[listener], "right secret") == {Answer(Protocol.MQTT_3, 0), Answer(Protocol.MQTT_5, 0)}
    assert expected(PAHO_OVER[listener], "wrong secret") == {Answer(Protocol.MQTT_3, 4), Answer(Protocol.MQTT_5, 0x86)}


def test_mosquitto_pub_plays_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_scenes, "has_mosquitto_pub", lambda: True)
    assert len([scene for scene in scenes() if scene.who == MOSQUITTO]) == 4
    monkeypatch.setattr(demo_scenes, "has_mosquitto_pub", lambda: False)
    assert not [scene for scene in scenes() if scene.who == MOSQUITTO]


def test_no_device_fails_so_often_that_it_would_be_throttled() -> None:
    """Promise 4: 15 failures a minute for an address and a device."""
    refused = [scene for scene in scenes() if scene.expected.protocol is not Protocol.HTTP and scene.expected.code]
    for number in range(1, 10):
        assert len([scene for scene in refused if f"meter-{number}" in scene.sent]) < 15
