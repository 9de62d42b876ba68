"""The demo's LwM2M devices: scenes in which aiocoap registers, updates and de-registers over plain CoAP."""

import importlib.util
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from engine.cli.demo_clients import Answer, NoAnswer, Protocol
from engine.cli.demo_scenes import APPLICATION, Scene, Stage
from engine.errors import UsageError
from engine.framing.coap.datagram import code_of

AIOCOAP = "LwM2M devices, with aiocoap"

NODE = "node-1"
SECURE = "node-2"
EXPIRING = "node-3"
UNKNOWN = "node-9"

_OBJECTS = "</1/0>,</3/0>,</19/0>"
_TIMEOUT_SECONDS = 1
_ANSWER_SECONDS = 30.0


def check_aiocoap() -> None:
    """UsageError when aiocoap is not installed."""
    if importlib.util.find_spec("aiocoap") is None:
        raise UsageError("the demo needs aiocoap; install it with: pip install 'keyturn[demo]'")


def coap_scenes() -> Sequence[Scene]:
    """All of them, in order: a registration's scenes build on each other."""
    return [
        Scene(APPLICATION, 'POST /products "Node", CoAP', Answer(Protocol.HTTP, 201), _create_product),
        _creates(NODE, "no DTLS", secure_access=False),
        _creates(SECURE, "DTLS", secure_access=True),
        _creates(EXPIRING, "for 1 s", secure_access=False, timeout=_TIMEOUT_SECONDS),
        _scene(f"{NODE} registers", "2.01", _registers(NODE)),
        _scene(f"{NODE} updates", "2.04", lambda stage: _request(stage, "POST", f"{stage.locations[NODE]}?lt=600")),
        _scene(f"{NODE} de-registers", "2.02", lambda stage: _request(stage, "DELETE", stage.locations[NODE])),
        _scene(f"{NODE} updates once more", "4.04", lambda stage: _request(stage, "POST", stage.locations[NODE])),
        _scene(f"{SECURE}, secure, in the clear", "4.03", _registers(SECURE)),
        _scene(f"{UNKNOWN}, which does not exist", "4.03", _registers(UNKNOWN)),
        _scene(f"{EXPIRING}, gone by its timeout", "4.03", _registers_late),
    ]


def _scene(sent: str, expected: str, act: Callable[[Stage], Answer]) -> Scene:
    return Scene(AIOCOAP, sent, Answer(Protocol.COAP, code_of(expected)), act)


def _registers(node_id: str) -> Callable[[Stage], Answer]:
    return lambda stage: _request(stage, "POST", f"rd?ep={node_id}&lt=300&lwm2m=1.1&b=U", _OBJECTS, node_id)


def _registers_late(stage: Stage) -> Answer:
    # The node counts whole seconds, from the one that the device was created in.
    time.sleep(_TIMEOUT_SECONDS + 0.1)
    return _registers(EXPIRING)(stage)


def _request(stage: Stage, method: str, path: str, payload: str = "", node_id: str | None = None) -> Answer:
    """The answer; the location in it is that of `node_id`'s registration."""
    command = [
        sys.executable,
        "-m",
        "engine.cli.coap_request",
        method,
        f"coap://{stage.servers['coap'].address}/{path}",
        payload,
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_ANSWER_SECONDS, check=True)  # noqa: S603 - no shell, and the arguments are the demo's own
    except (subprocess.SubprocessError, OSError):
        raise NoAnswer("aiocoap got no answer") from None
    code, _, location = done.stdout.strip().partition(" ")
    if node_id is not None and location:
        stage.locations[node_id] = location
    return Answer(Protocol.COAP, code_of(code))


def _create_product(stage: Stage) -> Answer:
    body = {
        "name": "Node",
        "device_type": "Node",
        "protocol_type": "CoAP",
        "data_format": "binary",
        "service_capabilities": [],
    }
    status, made = stage.api.request("POST", "/products", body)
    stage.coap_product_id = made["product_id"]
    return Answer(Protocol.HTTP, status)


def _creates(node_id: str, words: str, **auth_info: object) -> Scene:
    def act(stage: Stage) -> Answer:
        body = {
            "device_id": node_id,
            "node_id": node_id,
            "product_id": stage.coap_product_id,
            "auth_info": {"auth_type": "SECRET", **auth_info},
        }
        status, _made = stage.api.request("POST", "/devices", body)
        return Answer(Protocol.HTTP, status)

    return Scene(APPLICATION, f"POST /devices {node_id}, {words}", Answer(Protocol.HTTP, 201), act)
