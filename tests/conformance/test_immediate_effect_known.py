"""What test_immediate_effect.py shows, where no Python stands between the device and its CONNACK.

The storm is of a device that C accepts by itself, which the metrics tell: their count grows before the call, and not
by one after its return.
"""

import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio
from cryptography.hazmat.primitives.hashes import SHA256

from tests.conformance.conftest import SECRET, FrontAndTransport, Gate, OpenGate, connect_as
from tests.conformance.test_certificates import Site, connect, opened
from tests.conformance.test_immediate_effect import ACCEPTED, BEGUN_AFTER, CHANGES, Change, Storm, with_secret
from tests.helpers.crls import make_crl
from tests.helpers.crls import pem as crl_pem
from tests.helpers.device_certificates import Certified, issue
from tests.helpers.mqtt_packets import PINGREQ
from tests.helpers.wire import wire_client

NATIVE = [
    pytest.param(FrontAndTransport("always", "mqtt"), id="native-tcp"),
    pytest.param(FrontAndTransport("always", "mqtts"), id="native-tls"),
]


async def known_good(gate: Gate | Site) -> float:
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
    """What is taken out of the table is looked up when it comes; first activations and every no are Python's."""
    async with open_gate() as gate:
        for _ in range(2):
            assert await gate.answer(connect_as()) == ACCEPTED
        assert await known_good(gate) == 1.0
        await gate.running.freeze("pump")
        assert await gate.answer(connect_as()) != ACCEPTED
        await gate.running.unfreeze("pump")
        for _ in range(2):
            assert await gate.answer(connect_as()) == ACCEPTED
        assert await known_good(gate) == 3.0


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


async def remove_ca(site: Site, _device: Certified) -> None:
    await site.call("DELETE", f"/certificates/{site.ca_id}")


async def revoke(site: Site, device: Certified) -> None:
    crl = make_crl(site.ca.certificate, site.ca.key, device.certificate.serial_number)
    await site.call("PUT", f"/certificates/{site.ca_id}/crl", {"content": crl_pem(crl)})


async def deactivate(site: Site, _device: Certified) -> None:
    (listed,) = (await site.call("GET", "/device-certificates"))["device_certificates"]
    await site.call("PUT", f"/device-certificates/{listed['certificate_id']}", {"status": "INACTIVE"})


async def reset_fingerprint(site: Site, _device: Certified) -> None:
    other = issue("pump", site.ca).certificate.fingerprint(SHA256()).hex()
    await site.call("POST", "/devices/pump/reset-fingerprint", {"fingerprint": other})


async def freeze(site: Site, _device: Certified) -> None:
    await site.running.freeze("pump")


@pytest.mark.parametrize(
    ("native", "change"),
    [
        ("never", remove_ca),
        ("always", remove_ca),
        ("always", revoke),
        ("always", deactivate),
        ("always", reset_fingerprint),
        ("always", freeze),
    ],
)
async def test_no_certificate_connects_once_the_call_has_returned(
    tmp_path: Path, native: str, change: Callable[[Site, Certified], Awaitable[None]]
) -> None:
    """Handshakes of before may end after it: their CONNECT is judged by what is now."""
    async with opened(tmp_path, native) as site:
        device = issue("pump", site.ca)

        async def is_accepted() -> bool:
            return await site.answer(connect(), device) == ACCEPTED

        assert await is_accepted(), "the first certificate is pinned"
        storm = Storm(is_accepted)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(storm.run)
            await storm.is_at_full_strength()
            assert (await known_good(site) > storm.accepted_before / 2) == (native == "always")
            await change(site, device)
            storm.is_changed = True
            accepted_by_c = await known_good(site)

        assert storm.begun_after >= BEGUN_AFTER
        assert storm.accepted_after == 0
        assert await known_good(site) == accepted_by_c


async def test_session_that_c_has_begun_by_a_certificate_ends_with_its_ca(tmp_path: Path) -> None:
    async with opened(tmp_path, "always") as site:
        paths = issue("pump", site.ca).write(tmp_path)
        ca = tmp_path / "data/tls/ca.pem"
        for _ in range(2):
            async with wire_client(site.running.addresses["mqtts"], "mqtts", ca, paths) as live:
                assert await live.exchange(connect()) == ACCEPTED
                if await known_good(site):
                    await site.call("DELETE", f"/certificates/{site.ca_id}?force_disconnect=true")
                    assert await live.is_closed()
                    break
        else:
            pytest.fail("C accepted nobody")
