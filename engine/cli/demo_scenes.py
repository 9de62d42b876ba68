"""The demo's scenes, in order: what is sent, what must be answered, and how to do it. A later protocol adds rows."""

import datetime
from collections.abc import Callable, Sequence

import msgspec

from engine.api.certificate_schema import CertificateAnswer
from engine.cli.client import ApiClient, ApiRefusal
from engine.cli.demo_clients import Answer, Protocol, Server, answer_to_mosquitto_pub, connection, has_mosquitto_pub
from engine.cli.password import ConnectCredentials, connect_credentials, stamp_at

APPLICATION = "An application, over REST"
PAHO = "Devices, with paho-mqtt"
PAHO_OVER = {
    "mqtts": "Devices, over TLS (mqtts)",
    "ws": "Devices, over WebSocket (ws)",
    "wss": "Devices, over WebSocket (wss)",
}
MOSQUITTO = "Devices, with mosquitto_pub"

DEVICE = "meter-1"
FROZEN = "meter-2"
DELETED = "meter-3"
UNKNOWN = "meter-9"

ACCEPTED = (Answer(Protocol.MQTT_3, 0), Answer(Protocol.MQTT_5, 0x00))
NO_PROOF = (Answer(Protocol.MQTT_3, 4), Answer(Protocol.MQTT_5, 0x86))
_WRONG_SECRET = "not-its-secret"


class Stage(msgspec.Struct):
    """The node played on: its listeners by name; the secrets it allocated, by device_id; the device CA as it was
    uploaded; locations, by node_id."""

    api: ApiClient
    servers: dict[str, Server]
    secrets: dict[str, str] = {}
    product_id: str = ""
    device_ca: CertificateAnswer | None = None
    coap_product_id: str = ""
    locations: dict[str, str] = {}

    def credentials(
        self, device_id: str, *, wrong: bool = False, sign_type: str = "0", hours_ago: int = 0
    ) -> ConnectCredentials:
        """What this device puts into CONNECT."""
        secret = _WRONG_SECRET if wrong else self.secrets.get(device_id, _WRONG_SECRET)
        then = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=hours_ago)
        return connect_credentials(device_id, secret, stamp_at(then), sign_type)


class Scene(msgspec.Struct, frozen=True):
    """One row of the demo's table; `who` is the heading above a run of rows."""

    who: str
    sent: str
    expected: Answer
    act: Callable[[Stage], Answer]


def scenes() -> Sequence[Scene]:
    """All of them. Those with mosquitto_pub only where it is installed."""
    rows = [
        Scene(APPLICATION, 'POST /products "Meter", MQTT', Answer(Protocol.HTTP, 201), _create_product),
        *(creates(device_id) for device_id in (DEVICE, FROZEN, DELETED)),
        _calls("POST", f"/devices/{FROZEN}/freeze"),
        _calls("DELETE", f"/devices/{DELETED}"),
        *_both(f"{DEVICE}, right secret", ACCEPTED, DEVICE),
        *_both(f"{DEVICE}, stamp checked", ACCEPTED, DEVICE, sign_type="1"),
        *_both(f"{DEVICE}, stamp 3 hours old", NO_PROOF, DEVICE, sign_type="1", hours_ago=3),
        *_both(f"{DEVICE}, wrong secret", NO_PROOF, DEVICE, wrong=True),
        *_both(f"{UNKNOWN}, which does not exist", NO_PROOF, UNKNOWN),
        *_both(f"{DELETED} deleted, right secret", NO_PROOF, DELETED),
        *_both(f"{FROZEN} frozen, right secret", _NOT_AUTHORIZED, FROZEN),
        *_both(f"{FROZEN} frozen, wrong secret", NO_PROOF, FROZEN, wrong=True),
        _calls("POST", f"/devices/{FROZEN}/unfreeze"),
        *_both(f"{FROZEN} unfrozen, right secret", ACCEPTED, FROZEN),
        Scene(
            PAHO,
            f"{DEVICE} again: the older one",
            Answer(Protocol.MQTT_5, 0x8E),
            _is_taken_over,
        ),
    ]
    for listener, who in PAHO_OVER.items():
        rows += _both(f"{DEVICE}, right secret", ACCEPTED, DEVICE, client=who, listener=listener)
        rows += _both(f"{DEVICE}, wrong secret", NO_PROOF, DEVICE, client=who, listener=listener, wrong=True)
    if has_mosquitto_pub():
        rows += _both(f"{DEVICE}, right secret", ACCEPTED, DEVICE, client=MOSQUITTO)
        rows += _both(f"{DEVICE}, wrong secret", NO_PROOF, DEVICE, client=MOSQUITTO, wrong=True)
    return rows


_NOT_AUTHORIZED = (Answer(Protocol.MQTT_3, 5), Answer(Protocol.MQTT_5, 0x87))


def _both(
    sent: str,
    expected: tuple[Answer, Answer],
    device_id: str,
    *,
    client: str = PAHO,
    listener: str = "mqtt",
    wrong: bool = False,
    sign_type: str = "0",
    hours_ago: int = 0,
) -> list[Scene]:
    """The same CONNECT in MQTT 3.1.1 and in MQTT 5."""
    ask = answer_to_mosquitto_pub if client == MOSQUITTO else _answer_to_paho

    def acting(protocol: Protocol) -> Callable[[Stage], Answer]:
        return lambda stage: ask(
            stage.servers[listener],
            stage.credentials(device_id, wrong=wrong, sign_type=sign_type, hours_ago=hours_ago),
            protocol,
        )

    return [Scene(client, sent, answer, acting(answer.protocol)) for answer in expected]


def _answer_to_paho(server: Server, credentials: ConnectCredentials, protocol: Protocol) -> Answer:
    with connection(server, credentials, protocol) as made:
        return made.answer()


def _is_taken_over(stage: Stage) -> Answer:
    server, credentials = stage.servers["mqtt"], stage.credentials(DEVICE)
    with connection(server, credentials, Protocol.MQTT_5) as older:
        older.answer()
        with connection(server, credentials, Protocol.MQTT_5) as newer:
            newer.answer()
            return older.ended()


def _calls(method: str, path: str) -> Scene:
    return Scene(
        APPLICATION,
        f"{method} {path}",
        Answer(Protocol.HTTP, 204),
        lambda stage: _answer_to_call(stage, method, path),
    )


def _answer_to_call(stage: Stage, method: str, path: str) -> Answer:
    try:
        status, _body = stage.api.request(method, path)
    except ApiRefusal as refusal:
        status = refusal.status
    return Answer(Protocol.HTTP, status)


def _create_product(stage: Stage) -> Answer:
    body = {
        "name": "Meter",
        "device_type": "Meter",
        "protocol_type": "MQTT",
        "data_format": "json",
        "service_capabilities": [],
    }
    status, made = stage.api.request("POST", "/products", body)
    stage.product_id = made["product_id"]
    return Answer(Protocol.HTTP, status)


def creates(device_id: str, words: str = "", **auth_info: object) -> Scene:
    """A scene that registers a device of the MQTT product, by default one with a secret."""

    def act(stage: Stage) -> Answer:
        body = {"device_id": device_id, "node_id": device_id, "product_id": stage.product_id, "auth_info": auth_info}
        status, made = stage.api.request("POST", "/devices", body)
        stage.secrets[device_id] = made["auth_info"].get("secret", "")
        return Answer(Protocol.HTTP, status)

    return Scene(APPLICATION, f"POST /devices {device_id}{words}", Answer(Protocol.HTTP, 201), act)
