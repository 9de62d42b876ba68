"""A node as a whole, embedded in this process's trio.run."""

import json
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import msgspec
import pytest
import trio
from structlog.testing import capture_logs

import engine
from engine.clock import Clock
from engine.config import LISTENERS, ApiConfig, Config, TlsConfig
from engine.errors import ConfigError, UsageError
from engine.gate.measure import Timing
from engine.gate.record import RECORD_NAME, Record, current_build, write_record
from engine.node.data_directory import initialise
from tests.helpers.mqtt_credentials import credentials_of
from tests.helpers.mqtt_packets import connect_packet
from tests.helpers.nodes import open_test_node
from tests.helpers.wire import wire_client

FREE = {kind.name: "127.0.0.1:0" for kind in LISTENERS}
ALL_OFF = {kind.name: "off" for kind in LISTENERS}


async def made(tmp_path: Path) -> Path:
    await initialise(tmp_path / "data", None, Clock(time.time, time.monotonic))
    return tmp_path / "data"


async def test_listener_that_is_off_is_not_there(tmp_path: Path) -> None:
    async with open_test_node(tmp_path, listeners={**ALL_OFF, "api": "127.0.0.1:0"}) as running:
        assert set(running.addresses) == {"api"}


async def test_listens_on_ipv6(tmp_path: Path) -> None:
    async with open_test_node(tmp_path, listeners={**ALL_OFF, "mqtt": "[::1]:0", "api": "[::1]:0"}) as running:
        await running.create_product()
        await running.create_device("pump", "0123456789abcdef")
        client_id, user_name, password = credentials_of("pump", "0123456789abcdef")
        async with wire_client(running.addresses["mqtt"]) as client:
            assert await client.exchange(connect_packet(client_id, user_name, password.encode())) == b"\x20\x02\0\0"


async def test_data_directory_is_one_nodes_alone(tmp_path: Path) -> None:
    data = await made(tmp_path)
    async with engine.open_node(Config(data=data, listeners=FREE)):
        with pytest.raises(UsageError, match="another keyturn process"):
            async with engine.open_node(Config(data=data, listeners=FREE)):
                pass
    async with engine.open_node(Config(data=data, listeners=FREE)):
        pass


async def test_address_in_use_is_named_and_nothing_is_left_open(tmp_path: Path) -> None:
    data = await made(tmp_path)
    async with open_test_node(tmp_path / "other") as running:
        taken = {**FREE, "mqtt": running.addresses["mqtt"]}
        with pytest.raises(UsageError, match=r"listeners.mqtt: 127.0.0.1:\d+: Address already in use"):
            async with engine.open_node(Config(data=data, listeners=taken)):
                pass
        async with engine.open_node(Config(data=data, listeners=FREE)):
            pass


async def test_api_in_the_clear_listens_beyond_loopback_only_when_told(tmp_path: Path) -> None:
    data = await made(tmp_path)
    open_to_all = {**FREE, "api": "0.0.0.0:0"}
    with pytest.raises(ConfigError, match=r"listeners.api: .* is not loopback"):
        async with engine.open_node(Config(data=data, listeners=open_to_all)):
            pass
    async with engine.open_node(Config(data=data, listeners=open_to_all, api=ApiConfig(insecure=True))) as node:
        assert node.addresses["api"].startswith("0.0.0.0:")


async def test_exempt_network_that_is_none_is_named(tmp_path: Path) -> None:
    data = await made(tmp_path)
    with pytest.raises(ConfigError, match="exempt_networks"):
        async with engine.open_node(Config(data=data, listeners=FREE, exempt_networks=("10.0.0.0/33",))):
            pass


async def test_certificate_that_is_not_there_is_named_and_only_missed_where_there_is_tls(tmp_path: Path) -> None:
    data = await made(tmp_path)
    (data / "tls" / "server.pem").unlink()
    with pytest.raises(ConfigError, match=r"tls: .*server.pem: No such file"):
        async with engine.open_node(Config(data=data, listeners=FREE)):
            pass
    in_the_clear = {**FREE, "mqtts": "off", "wss": "off"}
    async with engine.open_node(Config(data=data, listeners=in_the_clear)) as node:
        await node.reload()


async def test_certificate_may_lie_elsewhere(tmp_path: Path) -> None:
    data = await made(tmp_path)
    for name in ("server.pem", "server.key"):
        (data / "tls" / name).rename(tmp_path / name)
    tls = TlsConfig(certificate=str(tmp_path / "server.pem"), key="../server.key")
    async with (
        engine.open_node(Config(data=data, listeners=FREE, tls=tls)) as node,
        wire_client(node.addresses["mqtts"], "mqtts", data / "tls" / "ca.pem") as client,
    ):
        assert (await client.exchange(connect_packet("nobody_0_0_2026010100", "nobody", b"x")))[3] == 4


async def test_two_nodes_live_in_one_program(tmp_path: Path) -> None:
    async with open_test_node(tmp_path / "a") as one, open_test_node(tmp_path / "b") as other:
        await one.create_product()
        assert (await one.create_device("pump"))["device_id"] == "pump"
        await other.create_product()
        assert (await other.create_device("pump"))["device_id"] == "pump"


async def test_amqtt_issue_187_a_new_node_refuses_everybody(tmp_path: Path) -> None:
    """Empty configuration, no devices: closed. amqtt accepted anonymous clients when no plug-in was loaded."""
    async with open_test_node(tmp_path) as running:
        for packet in (
            connect_packet("anybody_0_0_2026010100"),
            connect_packet("anybody_0_0_2026010100", "anybody", b"x"),
            connect_packet("", None, None),
        ):
            async with wire_client(running.addresses["mqtt"]) as client:
                assert (await client.exchange(packet))[3] != 0
                assert await client.is_closed()


async def test_drained_node_is_not_ready_and_its_audit_is_whole(tmp_path: Path) -> None:
    async with open_test_node(tmp_path) as running:

        def ready() -> tuple[int, dict[str, object]]:
            try:
                with urllib.request.urlopen(f"http://{running.addresses['api']}/readyz") as answer:
                    return answer.status, json.load(answer)
            except urllib.error.HTTPError as refused:
                return refused.code, json.load(refused)

        status, body = await trio.to_thread.run_sync(ready)
        assert (status, body["ready"]) == (200, True)
        async with wire_client(running.addresses["mqtt"]) as client:
            await client.exchange(connect_packet("nobody_0_0_2026010100", "nobody", b"x"))
        await running.node.drain()
        status, body = await trio.to_thread.run_sync(ready)
        assert (status, body["ready"], body["draining"]) == (503, False, True)


async def test_gate_chooses_the_fronts_and_its_choice_is_logged(tmp_path: Path) -> None:
    """MQTT and its TLS are the native front's; WebSocket stays with Trio."""
    with capture_logs() as logs:
        async with open_test_node(tmp_path, native="always") as running:
            assert all(listener in running.addresses for listener in ("mqtt", "mqtts", "ws", "wss"))
    chosen = {log["operation"]: (log["chosen"], log["why"]) for log in logs if log["event"] == "gate"}
    assert chosen["mqtt_front"] == ("native", 'native = "always"')
    assert set(chosen) == {"verify_secret", "verify_chain", "mqtt_front"}


async def test_record_that_says_slow_keeps_the_reference_fronts(tmp_path: Path) -> None:
    data = await made(tmp_path)
    slow = {"mqtt_front": Timing(1e-6, 1e-6)}
    write_record(data / RECORD_NAME, Record(current_build(), slow))
    with capture_logs() as logs:
        async with open_test_node(tmp_path, native="auto"):
            pass
    assert [(log["chosen"], log["why"]) for log in logs if log.get("operation") == "mqtt_front"] == [
        ("reference", "recorded")
    ]


WITHOUT_NATIVE = """
import sys

sys.modules["engine.gate._native"] = None  # its import fails from here on

import pathlib

import structlog
import trio

from tests.helpers.mqtt_credentials import credentials_of
from tests.helpers.mqtt_packets import connect_packet
from tests.helpers.nodes import open_test_node
from tests.helpers.wire import wire_client

SECRET = "0123456789abcdef"


async def serve():
    with structlog.testing.capture_logs() as logs:
        async with open_test_node(pathlib.Path(sys.argv[1]), native=sys.argv[2]) as running:
            await running.create_product()
            await running.create_device("pump", SECRET)
            client_id, user_name, password = credentials_of("pump", SECRET)
            packet = connect_packet(client_id, user_name, password.encode())
            ca = pathlib.Path(running.credentials.data) / "tls" / "ca.pem"
            for name in ("mqtt", "mqtts"):
                async with wire_client(running.addresses[name], name, ca) as client:
                    print(name, (await client.exchange(packet)).hex())
    print(*(log["chosen"] + ": " + log["why"] for log in logs if log.get("operation") == "mqtt_front"))


trio.run(serve)
"""


def test_pure_python_install_serves_from_the_reference_fronts_and_says_why(tmp_path: Path) -> None:
    """In a process of its own, in which the native module was never imported."""
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_NATIVE, str(tmp_path), "auto"], capture_output=True, text=True, check=True
    )
    *answers, choice = run.stdout.splitlines()
    assert answers == ["mqtt 20020000", "mqtts 20020000"]
    assert choice.startswith("reference: no native module")


def test_always_without_the_native_module_is_refused(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_NATIVE, str(tmp_path), "always"], capture_output=True, text=True, check=False
    )
    assert run.returncode != 0
    assert 'ConfigError: native = "always" cannot be kept' in run.stderr


async def test_secrets_are_in_no_log_and_no_file_in_the_clear(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    secret = "a-secret-of-24-characters"
    async with open_test_node(tmp_path) as running:
        await running.create_product()
        await running.create_device("pump", secret)
        client_id, user_name, password = credentials_of("pump", secret)
        async with wire_client(running.addresses["mqtt"]) as client:
            assert (await client.exchange(connect_packet(client_id, user_name, password.encode())))[3] == 0
        await running.node.drain()
        told = capfd.readouterr()
        held = b"".join(path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())
        for word in (secret, password, running.credentials.token):
            assert word not in told.out + told.err
        assert secret.encode() not in held
        assert password.encode() not in held
        registry = b"".join(path.read_bytes() for path in (tmp_path / "data").glob("registry.db*"))
        assert running.credentials.token.encode() not in registry
        assert running.credentials.secret_key.encode() not in registry
        assert msgspec.json.encode(running.credentials.token) not in registry
