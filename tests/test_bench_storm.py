"""The storm client and the floor of bench/native: they report what happened, or every figure is worth nothing."""

import contextlib
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest
import trio

from bench.client import Flags, Storm, holding, storm
from bench.nodes import device_line, prepare, serving
from bench.programs import program
from bench.rivals import Known, Service, await_quiet
from bench.scenarios import not_accepted
from bench.stock import stock
from tests.helpers.device_certificates import issue
from tests.helpers.mqtt_credentials import credentials_of
from tests.helpers.nodes import RunningNode, open_test_node

DEVICES = 20
SECRET = "correct-horse-battery-staple"


def devices_file(tmp_path: Path, secret: str = SECRET) -> Path:
    lines = ("\t".join(credentials_of(f"d{number}", secret)) for number in range(DEVICES))
    path = tmp_path / f"{secret}.tsv"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[RunningNode]:
    """A node that knows the devices of `devices_file`."""
    with trio.fail_after(60):
        async with open_test_node(tmp_path) as node:
            await node.create_product()
            for number in range(DEVICES):
                await node.create_device(f"d{number}", SECRET)
            yield node


async def storm_on(running: RunningNode, listener: str, devices: Path, **flags: Flags) -> Storm:
    """The node runs in our own thread: the client's is another."""
    address = str(running.address(listener))
    asked: dict[str, Flags] = {"connections": 200, "in_flight": 10, **flags}
    return await trio.to_thread.run_sync(lambda: storm(address, devices, **asked))


def assert_all_accepted(result: Storm, count: int = 200) -> None:
    assert (result.started, result.expected, result.codes) == (count, count, {0: count})
    assert result.closed == result.reset == result.gave_up == result.handshake_ended == result.malformed == 0
    assert 0 < result.p50_us <= result.p90_us <= result.p99_us <= result.p999_us <= result.max_us
    assert result.per_second > 0


@pytest.mark.parametrize("mqtt", [4, 5])
async def test_every_connection_that_a_node_accepted_is_counted(
    running: RunningNode, tmp_path: Path, mqtt: int
) -> None:
    assert_all_accepted(await storm_on(running, "mqtt", devices_file(tmp_path), mqtt=mqtt))


@pytest.mark.parametrize("version", ["1.2", "1.3"])
async def test_the_server_is_checked_and_served_over_tls(running: RunningNode, tmp_path: Path, version: str) -> None:
    ca = tmp_path / "data/tls/ca.pem"
    assert_all_accepted(await storm_on(running, "mqtts", devices_file(tmp_path), tls=version, ca=ca))


async def test_handshake_with_a_server_of_another_ca_is_a_failure_of_its_own(
    running: RunningNode, tmp_path: Path
) -> None:
    ca, _key = issue("Another CA", is_ca=True).write(tmp_path)
    result = await storm_on(running, "mqtts", devices_file(tmp_path), tls="1.3", ca=ca, connections=20)
    assert (result.handshake_ended, result.expected) == (20, 0)


async def test_wrong_passwords_are_reported_as_code_4(running: RunningNode, tmp_path: Path) -> None:
    wrong = devices_file(tmp_path, "not-the-secret")
    result = await storm_on(running, "mqtt", wrong, connections=50)
    assert (result.expected, result.codes, result.p99_us) == (0, {4: 50}, 0)


async def test_refusals_that_were_expected_are_successes_with_their_bytes(running: RunningNode, tmp_path: Path) -> None:
    samples = tmp_path / "samples"
    wrong = devices_file(tmp_path, "not-the-secret")
    result = await storm_on(running, "mqtt", wrong, connections=50, expect=4, samples=samples)
    assert result.expected == 50
    lines = [line.split() for line in samples.read_text().splitlines()]
    assert sorted(int(device) for device, _, _ in lines) == sorted(number % DEVICES for number in range(50))
    assert {answer for _, answer, _ in lines} == {"20020004"}


async def test_open_loop_counts_every_arrival(running: RunningNode, tmp_path: Path) -> None:
    result = await storm_on(running, "mqtt", devices_file(tmp_path), rate=400)
    assert_all_accepted(result)
    assert 0 < result.late_p99_us <= result.latest_start_us


async def test_sessions_are_held_until_told(running: RunningNode, tmp_path: Path) -> None:
    """That the node still has them says that the client did not close them."""
    address, devices = str(running.address("mqtt")), devices_file(tmp_path)

    def hold() -> None:
        with holding(address, devices, connections=DEVICES, in_flight=5) as result:
            assert result.held == DEVICES
            statuses = [running.api.get(f"/devices/d{number}")["status"] for number in range(DEVICES)]
            assert statuses == ["ONLINE"] * DEVICES

    await trio.to_thread.run_sync(hold)


@pytest.mark.parametrize("is_activated", [False, True])
def test_devices_that_were_there_before_the_start_are_known_to_c_and_others_are_not(
    tmp_path: Path, is_activated: bool
) -> None:
    credentials = prepare(tmp_path / "data")
    made = stock(tmp_path / "data", credentials["project_id"], DEVICES, is_activated=is_activated)
    devices = tmp_path / "devices.tsv"
    devices.write_text("".join(f"{device_line(*device)}\n" for device in made))
    with serving(tmp_path / "data", credentials) as node:
        service = Service(node.pid, node.addresses["mqtt"], node.api)
        await_quiet([node.pid])
        assert_all_accepted(storm(service.address, devices, connections=DEVICES), DEVICES)
        assert service.known() == Known(DEVICES if is_activated else 0, 0 if is_activated else DEVICES)


def test_what_is_read_before_a_storm_is_read_before_its_first_connection(tmp_path: Path) -> None:
    """Else the server has begun to work, and what it needs a connection seems less than it is."""
    devices = devices_file(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.5)

        def before() -> None:
            with pytest.raises(TimeoutError):
                server.accept()

        storm(f"127.0.0.1:{server.getsockname()[1]}", devices, before, connections=1, give_up=1)


@contextlib.contextmanager
def floor(*flags: str | Path) -> Iterator[str]:
    with subprocess.Popen([program("floor"), *flags], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield f"127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


@pytest.mark.parametrize("mqtt", [4, 5])
def test_the_floor_accepts_all_in_the_version_asked(tmp_path: Path, mqtt: int) -> None:
    samples = tmp_path / "samples"
    with floor("--mqtt", str(mqtt)) as address:
        flags: dict[str, Flags] = {"mqtt": mqtt, "connections": 300, "samples": samples}
        assert_all_accepted(storm(address, devices_file(tmp_path), **flags), 300)
    answers = {line.split()[1] for line in samples.read_text().splitlines()}
    assert answers == {"20020000" if mqtt == 4 else "2003000000"}


def test_connections_closed_by_reset_are_counted_the_same(tmp_path: Path) -> None:
    with floor() as address:
        assert_all_accepted(storm(address, devices_file(tmp_path), connections=300, abort=True), 300)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_sessions_are_resumed_with_a_server_that_hands_out_tickets_and_only_then(tmp_path: Path, version: str) -> None:
    certificate, key = issue("localhost").write(tmp_path)
    asked: dict[str, Flags] = {"tls": version, "resume": True, "warm_up": True, "connections": 100, "in_flight": 5}
    for tickets, resumed in (["--tickets"], 100), ([], 0):
        with floor("--certificate", certificate, "--key", key, *tickets) as address:
            result = storm(address, devices_file(tmp_path), **asked)
            assert_all_accepted(result, 100)
            assert result.resumed == resumed


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_the_floor_that_demands_client_certificates_judges_their_chains(tmp_path: Path, version: str) -> None:
    ca, other = issue("Fleet CA", is_ca=True), issue("Another CA", is_ca=True)
    certificate, key = issue("localhost").write(tmp_path)
    ca_file, _ = ca.write(tmp_path, "ca")
    with floor("--certificate", certificate, "--key", key, "--client-ca", ca_file) as address:
        for issuer, expected in (ca, 30), (other, 0):
            device, device_key = issue("pump", issuer).write(tmp_path, "pump")
            whole = tmp_path / "whole.pem"
            whole.write_bytes(device_key.read_bytes() + device.read_bytes())
            devices = tmp_path / "devices.tsv"
            devices.write_text(f"pump_0_0_2026010100\tpump\t\t{whole}\n")
            result = storm(address, devices, tls=version, connections=30, in_flight=5)
            assert (result.expected, result.handshake_ended) == (expected, 30 - expected)


def test_clients_give_up_on_a_server_that_never_answers(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as never:
        host, port = never.getsockname()
        result = storm(f"{host}:{port}", devices_file(tmp_path), connections=20, in_flight=20, give_up=0.2)
    assert (result.gave_up, result.expected, result.started) == (20, 0, 20)


def test_nobody_listening_is_a_reset(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        host, port = closed.getsockname()
    result = storm(f"{host}:{port}", devices_file(tmp_path), connections=20)
    assert (result.reset, result.expected) == (20, 0)


def test_storm_may_lose_one_connection_in_a_thousand_and_tells_of_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        host, port = closed.getsockname()
    refused = storm(f"{host}:{port}", devices_file(tmp_path), connections=20)
    assert not_accepted(msgspec.structs.replace(refused, started=20_000, expected=19_980)) == 20
    with pytest.raises(SystemExit, match="not every connection was accepted"):
        not_accepted(msgspec.structs.replace(refused, started=20_000, expected=19_979))
