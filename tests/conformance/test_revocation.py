"""What a certificate let in is kept out at the next CONNECT, and ended where asked: over all that TLS runs under."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trio

from engine.errors import ConfigError
from tests.conformance.test_certificates import (
    ACCEPTED,
    NO_PROOF,
    NOT_AUTHORISED,
    REFUSED_IN_TLS,
    Site,
    connect,
    opened,
)
from tests.helpers.crls import der, make_crl
from tests.helpers.crls import pem as crl_pem
from tests.helpers.device_certificates import Certified, issue
from tests.helpers.wire import WireClient, wire_client

PINGREQ, PINGRESP = b"\xc0\0", b"\xd0\0"
IN_THE_HANDSHAKE = b""
REVOKED = b"revoked"
"""Stands for Fleets.revoked."""
FRONTS = {"reference-tls": ("never", "mqtts"), "reference-wss": ("never", "wss"), "compiled-tls": ("always", "mqtts")}


class Fleets(NamedTuple):
    """A node with two verified device CAs: `pump` is of one, `valve` of the other, and both have connected."""

    site: Site
    native: str
    listener: str
    other_ca: Certified
    pump: Certified
    valve: Certified

    def client(self, certificate: Certified) -> AbstractAsyncContextManager[WireClient]:
        paths = certificate.write(self.site.directory, str(certificate.certificate.serial_number))
        ca = self.site.directory / "data/tls/ca.pem"
        return wire_client(self.site.running.addresses[self.listener], self.listener, ca, paths)

    async def answer(self, device_id: str, certificate: Certified) -> bytes:
        """To CONNECT over a new connection; b"" when the handshake fails."""
        async with self.client(certificate) as client:
            try:
                await client.send(connect(device_id))
            except trio.BrokenResourceError:
                return IN_THE_HANDSHAKE
            return await client.receive_packet()

    @property
    def revoked(self) -> bytes:
        """What a revoked device is told: only the native front looks at CRLs in the handshake (DESIGN section 7)."""
        return IN_THE_HANDSHAKE if self.native != "never" and self.listener == "mqtts" else NO_PROOF

    def crl(self, *revoked: Certified, **fields: Any) -> dict[str, Any]:
        """The body of SetCrl, for the CA of `pump`."""
        serial_numbers = [one.certificate.serial_number for one in revoked]
        return {"content": crl_pem(make_crl(self.site.ca.certificate, self.site.ca.key, *serial_numbers, **fields))}


@pytest.fixture(params=FRONTS.values(), ids=FRONTS)
def front(request: pytest.FixtureRequest) -> tuple[str, str]:
    native, listener = request.param
    return native, listener


@asynccontextmanager
async def fleets(tmp_path: Path, front: tuple[str, str]) -> AsyncIterator[Fleets]:
    native, listener = front
    async with opened(tmp_path, native) as site:
        other_ca = issue("Other CA", is_ca=True)
        await site.upload(other_ca)
        await site.running.create_device("valve", auth_info={"auth_type": "CERTIFICATES"})
        both = Fleets(site, native, listener, other_ca, issue("pump", site.ca), issue("valve", other_ca))
        assert await both.answer("pump", both.pump) == ACCEPTED
        assert await both.answer("valve", both.valve) == ACCEPTED
        yield both


async def upload_crl(both: Fleets, force: bool) -> None:
    body = both.crl(both.pump) | {"force_disconnect": force}
    await both.site.call("PUT", f"/certificates/{both.site.ca_id}/crl", body)


async def remove_ca(both: Fleets, force: bool) -> None:
    query = "?force_disconnect=true" if force else ""
    await both.site.call("DELETE", f"/certificates/{both.site.ca_id}{query}")


async def deactivate(both: Fleets, force: bool) -> None:
    query = f"/device-certificates?fingerprint={both.pump.fingerprint}"
    (listed,) = (await both.site.call("GET", query))["device_certificates"]
    body = {"status": "INACTIVE", "force_disconnect": force}
    await both.site.call("PUT", f"/device-certificates/{listed['certificate_id']}", body)


Change = Callable[[Fleets, bool], Awaitable[None]]
CHANGES: dict[str, tuple[Change, bytes]] = {
    "CRL": (upload_crl, REVOKED),
    "CA removed": (remove_ca, IN_THE_HANDSHAKE),
    "INACTIVE": (deactivate, NOT_AUTHORISED),
}


@pytest.mark.parametrize("force", [True, False], ids=["forced", "not forced"])
@pytest.mark.parametrize(("change", "answer"), CHANGES.values(), ids=CHANGES)
async def test_cve_2021_34434_next_connect_is_refused_and_the_session_ends_where_asked(
    tmp_path: Path, front: tuple[str, str], change: Change, answer: bytes, force: bool
) -> None:
    """mosquitto kept what a client had when its access was removed."""
    async with (
        fleets(tmp_path, front) as both,
        both.client(both.pump) as live,
        both.client(both.valve) as unconcerned,
    ):
        assert await live.exchange(connect("pump")) == ACCEPTED
        assert await unconcerned.exchange(connect("valve")) == ACCEPTED
        await change(both, force)
        if force:
            assert await live.is_closed()
        assert await both.answer("pump", both.pump) == (both.revoked if answer is REVOKED else answer)
        if not force:
            assert await live.exchange(PINGREQ) == PINGRESP, "proved already, and nobody asked to end it"
        assert await unconcerned.exchange(PINGREQ) == PINGRESP
        assert await both.answer("valve", both.valve) == ACCEPTED


async def test_only_what_the_crl_names_is_refused_and_a_newer_or_no_crl_counts_at_once(
    tmp_path: Path, front: tuple[str, str]
) -> None:
    async with fleets(tmp_path, front) as both:
        path = f"/certificates/{both.site.ca_id}/crl"
        await both.site.call("PUT", path, both.crl(issue("another", both.site.ca)))
        assert await both.answer("pump", both.pump) == ACCEPTED
        await both.site.call("PUT", path, both.crl(both.pump, number=2))
        assert await both.answer("pump", both.pump) == both.revoked
        await both.site.call("PUT", path, both.crl(number=3))
        assert await both.answer("pump", both.pump) == ACCEPTED
        await both.site.call("PUT", path, both.crl(both.pump, number=4))
        await both.site.call("DELETE", path)
        assert await both.answer("pump", both.pump) == ACCEPTED


async def test_revoked_leaf_does_not_come_in_by_way_of_its_issuer_s_issuer(
    tmp_path: Path, front: tuple[str, str]
) -> None:
    """Both are verified CAs; the list stands beside the lower one."""
    async with fleets(tmp_path, front) as both:
        low = issue("Low CA", both.site.ca, is_ca=True)
        low_id = await both.site.upload(low)
        await both.site.running.create_device("gauge", auth_info={"auth_type": "CERTIFICATES"})
        gauge = issue("gauge", low, chain=(low.certificate,))
        assert await both.answer("gauge", gauge) == ACCEPTED
        crl = make_crl(low.certificate, low.key, gauge.certificate.serial_number)
        await both.site.call("PUT", f"/certificates/{low_id}/crl", {"content": crl_pem(crl)})
        assert await both.answer("gauge", gauge) == both.revoked
        assert await both.answer("pump", both.pump) == ACCEPTED


async def test_files_are_read_at_start_and_on_reload_and_a_bad_one_keeps_all_of_the_old(
    tmp_path: Path, front: tuple[str, str]
) -> None:
    native, _listener = front
    revoked = NO_PROOF if native == "never" else REFUSED_IN_TLS
    ca = issue("Fleet CA", is_ca=True)
    crls = tmp_path / "crls"
    crls.mkdir()
    async with opened(tmp_path, native, ca=ca, tls={"crls": str(crls)}) as site:
        pump = issue("pump", ca)
        assert await site.answer(connect(), pump) == ACCEPTED
        (crls / "fleet.crl").write_bytes(der(make_crl(ca.certificate, ca.key, pump.certificate.serial_number)))
        assert await site.answer(connect(), pump) == ACCEPTED, "not before it is asked for"
        await site.running.node.reload()
        assert await site.answer(connect(), pump) == revoked
        (crls / "fleet.crl").unlink()
        (crls / "broken.crl").write_bytes(b"nonsense")
        with pytest.raises(ConfigError, match=r"broken\.crl"):
            await site.running.node.reload()
        assert await site.answer(connect(), pump) == revoked, "CVE-2017-7652: all of the old stays"
        (crls / "broken.crl").unlink()
        await site.running.node.reload()
        assert await site.answer(connect(), pump) == ACCEPTED


async def test_node_does_not_start_without_the_crls_that_it_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"tls\.crls"):
        async with opened(tmp_path, "never", tls={"crls": str(tmp_path / "absent")}):
            pass
