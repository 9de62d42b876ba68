"""Debian's mosquitto_pub and mosquitto_sub against a node: stock clients, nothing of ours on their side."""

import subprocess
from pathlib import Path

import pytest
import trio

from engine.config import Address
from tests.conformance.conftest import SECRET
from tests.helpers.mqtt_credentials import credentials_of
from tests.helpers.nodes import open_test_node

pytestmark = pytest.mark.system("mosquitto-clients")

VERSIONS = ["mqttv31", "mqttv311", "mqttv5"]


async def run(
    program: str, address: Address, version: str, secret: str, *more: str
) -> subprocess.CompletedProcess[str]:
    client_id, user_name, password = credentials_of("pump", secret)
    return await trio.run_process(
        f"{program} -h {address.host} -p {address.port} -V {version} -k 60".split()
        + f"-i {client_id} -u {user_name} -P {password}".split()
        + list(more),
        capture_stdout=True,
        capture_stderr=True,
        check=False,
    )


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("qos", ["0", "1"])
async def test_mosquitto_pub_is_accepted_and_its_publish_acknowledged(tmp_path: Path, version: str, qos: str) -> None:
    async with open_test_node(tmp_path) as running:
        await running.create_product()
        await running.create_device("pump", SECRET)
        topic = "$oc/devices/pump/sys/properties/report"
        done = await run("mosquitto_pub", running.address("mqtt"), version, SECRET, "-t", topic, "-m", "{}", "-q", qos)
        assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(("version", "word"), [("mqttv311", b"not authorised"), ("mqttv5", b"Bad User Name")])
async def test_mosquitto_pub_with_a_wrong_secret_is_told_so(tmp_path: Path, version: str, word: bytes) -> None:
    async with open_test_node(tmp_path) as running:
        await running.create_product()
        await running.create_device("pump", SECRET)
        done = await run("mosquitto_pub", running.address("mqtt"), version, "wrong-secret", "-t", "t", "-m", "x")
        assert done.returncode != 0
        assert b"user" in done.stderr.lower() or word in done.stderr, done.stderr


async def test_mosquitto_sub_is_granted_its_own_downlink_topic_only(tmp_path: Path) -> None:
    async with open_test_node(tmp_path) as running:
        await running.create_product()
        await running.create_device("pump", SECRET)
        own, other = "$oc/devices/pump/sys/commands/#", "$oc/devices/valve/sys/commands/#"
        for topic, is_granted in ((own, True), (other, False)):
            done = await run(
                "mosquitto_sub", running.address("mqtt"), "mqttv5", SECRET, "-t", topic, "-W", "1", "-d", "-q", "1"
            )
            assert (b"Subscribed (mid: 1): 1\n" in done.stdout) is is_granted, done.stdout


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("tls_version", ["tlsv1.2", "tlsv1.3"])
async def test_mosquitto_pub_over_tls(tmp_path: Path, version: str, tls_version: str) -> None:
    async with open_test_node(tmp_path) as running:
        await running.create_product()
        await running.create_device("pump", SECRET)
        ca = str(tmp_path / "data" / "tls" / "ca.pem")
        tls = ("--cafile", ca, "--tls-version", tls_version, "--tls-alpn", "mqtt")
        for secret, is_right in ((SECRET, True), ("wrong-secret", False)):
            done = await run(
                "mosquitto_pub", running.address("mqtts"), version, secret, "-t", "t", "-m", "x", "-q", "1", *tls
            )
            assert (done.returncode == 0) is is_right, done.stderr
