"""What the demo promises to show of LwM2M is in its list; that the node answers so is tested in test_demo.py."""

import importlib.util
from pathlib import Path

import pytest

from engine.cli.client import ApiClient
from engine.cli.demo_clients import Answer, NoAnswer, Protocol, Server
from engine.cli.demo_coap import AIOCOAP, check_aiocoap, coap_scenes
from engine.cli.demo_scenes import Stage
from engine.config import Address
from engine.errors import UsageError
from engine.node.data_directory import Credentials


def test_every_promised_scene_is_there() -> None:
    expected = {scene.sent: scene.expected.in_digits for scene in coap_scenes() if scene.who == AIOCOAP}
    assert expected == {
        "node-1 registers": "2.01",
        "node-1 updates": "2.04",
        "node-1 de-registers": "2.02",
        "node-1 updates once more": "4.04",
        "node-2, secure, in the clear": "4.03",
        "node-9, which does not exist": "4.03",
        "node-3, gone by its timeout": "4.03",
    }


def test_answers_read_as_the_standard_writes_them() -> None:
    assert str(Answer(Protocol.COAP, 0x41)) == "2.01 Created"
    assert str(Answer(Protocol.COAP, 0x83)) == "4.03 Forbidden"


def test_a_server_that_is_not_there_is_no_answer() -> None:
    nowhere = Address("127.0.0.1", 9)
    credentials = Credentials(project_id="p", access_key="a", secret_key="s", token="t", data="/nowhere")
    registers = next(scene for scene in coap_scenes() if scene.who == AIOCOAP)
    with pytest.raises(NoAnswer, match="no answer"):
        registers.act(Stage(ApiClient(nowhere, credentials), {"coap": Server("coap", nowhere, Path("/nowhere"))}))


def test_without_aiocoap_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(UsageError, match=r"pip install 'keyturn\[demo\]'"):
        check_aiocoap()
