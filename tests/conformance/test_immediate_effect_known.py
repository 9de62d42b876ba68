"""What test_immediate_effect.py shows, where no Python stands between the device and its CONNACK.

The storm is of a device that C accepts by itself, which the metrics tell: their count grows before the call, and not
by one after its return.
"""

import urllib.request
from pathlib import Path

import pytest
import trio

from tests.conformance.conftest import SECRET, FrontAndTransport, Gate, OpenGate, connect_as
from tests.conformance.test_certificates import connect, opened
from tests.conformance.test_immediate_effect import ACCEPTED, BEGUN_AFTER, CHANGES, Change, Storm, with_secret
from tests.helpers.device_certificates import issue
from tests.helpers.mqtt_packets import PINGREQ

NATIVE = [
    pytest.param(FrontAndTransport("auto", "mqtt"), id="native-tcp"),
    pytest.param(FrontAndTransport("auto", "mqtts"), id="native-tls"),
]


async def known_good(gate: Gate) -> float:
    """How often C has accepted a device."""
    url = f"http://{gate.running.addresses['api']}/metrics"
    text = await trio.to_thread.run_sync(lambda: urllib.request.urlopen(url).read().decode())
    return sum(
        float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith("keyturn_known_good_total")
    )


@pytest.mark.parametrize("open_gate", NATIVE, indirect=True)
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_c_accepts_nobody_by_the_old_credential_after_the_return(open_gate: OpenGate, change: Change) -> None:
    async with open_gate() as gate:
        storm = with_secret(gate)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(storm.run)
            await storm.is_at_full_strength()
            assert await known_good(gate) > storm.accepted_before / 2
            await change.call(gate.running, "pump")
            storm.is_changed = True
            accepted_by_c = await known_good(gate)

        assert storm.begun_after >= BEGUN_AFTER
        assert storm.accepted_after == 0
        assert await known_good(gate) == accepted_by_c


@pytest.mark.parametrize("open_gate", NATIVE, indirect=True)
async def test_frozen_device_comes_back_to_c_when_it_is_unfrozen(open_gate: OpenGate) -> None:
    """What is taken out of the table comes in again, by the long way once."""
    async with open_gate() as gate:
        for _ in range(2):
            assert await gate.answer(connect_as()) == ACCEPTED
        assert await known_good(gate) == 1.0
        await gate.running.freeze("pump")
        assert await gate.answer(connect_as()) != ACCEPTED
        await gate.running.unfreeze("pump")
        for _ in range(2):
            assert await gate.answer(connect_as()) == ACCEPTED
        assert await known_good(gate) == 2.0


@pytest.mark.parametrize("open_gate", NATIVE, indirect=True)
async def test_product_s_other_devices_are_not_asked_about_again(open_gate: OpenGate) -> None:
    async with open_gate() as gate:
        await gate.running.create_device("bystander", SECRET)
        async with gate.client() as live:
            await live.exchange(connect_as("bystander"))
        before = await known_good(gate)
        await gate.running.freeze("pump")
        async with gate.client() as live:
            assert await live.exchange(connect_as("bystander")) == ACCEPTED
            assert await live.exchange(PINGREQ) == b"\xd0\0"
        assert await known_good(gate) == before + 1


@pytest.mark.parametrize("native", ["never", "auto"])
async def test_no_certificate_connects_whose_ca_was_removed_before_the_attempt(tmp_path: Path, native: str) -> None:
    """Handshakes of before may end after it: their CONNECT is judged by what is now."""
    async with opened(tmp_path, native) as site:
        device = issue("pump", site.ca)

        async def is_accepted() -> bool:
            return await site.answer(connect(), device) == ACCEPTED

        storm = Storm(is_accepted)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(storm.run)
            await storm.is_at_full_strength()
            await site.call("DELETE", f"/certificates/{site.ca_id}")
            storm.is_changed = True

        assert storm.begun_after >= BEGUN_AFTER
        assert storm.accepted_after == 0
