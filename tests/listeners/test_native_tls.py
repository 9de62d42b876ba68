"""Contexts of the native fronts: made of files, given to every front, replaced by a reload or not at all."""

import datetime
import os
import resource
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import trio

from engine.errors import ConfigError, StoreUnavailable
from engine.gate.compiled import ChainVerifier
from engine.gate.compiled_tls import TlsContext
from engine.gate.interface import Anchor, AnchorSet
from engine.limits import Limits
from engine.listeners.native_tls import NativeTls
from engine.node.certificates import LOOPBACK_NAMES, create_ca, issue_server_certificate
from tests.conformance.conftest import SECRET, connect_as
from tests.helpers.device_certificates import issue
from tests.helpers.mqtt_packets import PINGREQ
from tests.helpers.native_tls import Server, client_context
from tests.helpers.nodes import open_test_node
from tests.helpers.wire import wire_client

NOW = datetime.datetime.now(datetime.UTC)
PLATFORM_CA = create_ca(NOW)
CA = issue("device CA", is_ca=True)
DEVICE = issue("pump", CA)


class TakingFront:
    """Implements TlsFront."""

    def __init__(self) -> None:
        self.contexts: list[TlsContext] = []

    def set_tls(self, tls: TlsContext) -> None:
        self.contexts.append(tls)


class Site:
    """Certificate files, the device CAs of two projects, and contexts made of them."""

    def __init__(self, directory: Path) -> None:
        self.certificate, self.key = directory / "server.pem", directory / "server.key"
        self.anchors: Callable[[], Mapping[str, AnchorSet]] = dict
        self.restore: Callable[[], None] = lambda: None
        self.certify()
        self.tls = NativeTls(
            self.certificate, self.key, self._anchors, ChainVerifier(Limits()), Limits(), ticket_root=None
        )

    def certify(self) -> None:
        issued = issue_server_certificate(PLATFORM_CA, LOOPBACK_NAMES, NOW)
        self.certificate.write_bytes(issued.certificate)
        self.key.write_bytes(issued.key)

    async def _anchors(self) -> Mapping[str, AnchorSet]:
        return self.anchors()


def serial_served(context: TlsContext) -> object:
    """What a client is shown."""
    server = Server(b"", b"")
    shaken = server.shake(context, client_context(PLATFORM_CA.certificate))
    served = shaken.client.getpeercert()
    server.close()
    assert served is not None
    return served["serialNumber"]


async def test_every_front_gets_a_context_and_a_reload_gives_each_another(tmp_path: Path) -> None:
    site, first, second = Site(tmp_path), TakingFront(), TakingFront()
    await site.tls.serve("mqtts", first)
    await site.tls.serve("other", second)
    site.certify()
    await site.tls.reload()
    (old, new), (_, new_too) = first.contexts, second.contexts
    assert serial_served(new) == serial_served(new_too) != serial_served(old)


async def test_device_cas_of_all_projects_anchor_a_handshake(tmp_path: Path) -> None:
    site, front = Site(tmp_path), TakingFront()
    await site.tls.serve("mqtts", front)
    both = {
        "one": AnchorSet([Anchor(issue("CA of one", is_ca=True).der, ())]),
        "two": AnchorSet([Anchor(CA.der, ())]),
    }
    site.anchors = lambda: both
    await site.tls.reload()
    server = Server(b"", b"")
    faults = [
        server.shake(context, client_context(identity=DEVICE.write(tmp_path))).server.fault
        for context in front.contexts
    ]
    server.close()
    assert faults == ["unknown_ca", ""]


def lose_key(site: Site) -> None:
    site.key.unlink()


def spoil_key(site: Site) -> None:
    site.key.write_bytes(issue_server_certificate(PLATFORM_CA, LOOPBACK_NAMES, NOW).key)


def use_up_descriptors(site: Site) -> None:
    """For the certificate's file; the tests give back what they took."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unused = os.dup(0)
    os.close(unused)
    resource.setrlimit(resource.RLIMIT_NOFILE, (unused, hard))
    site.restore = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def close_registry(site: Site) -> None:
    def unavailable() -> Mapping[str, AnchorSet]:
        raise StoreUnavailable("planted")

    site.anchors = unavailable


@pytest.mark.parametrize(
    ("spoil", "fault", "what"),
    [
        (lose_key, ConfigError, "server.key: No such file"),
        (spoil_key, ConfigError, "the key is not the certificate's .*server.pem"),
        (close_registry, StoreUnavailable, "planted"),
        (use_up_descriptors, ConfigError, "server.pem: Too many open files"),
    ],
)
async def test_cve_2017_7652_reload_that_fails_says_why_and_changes_nothing(
    tmp_path: Path, spoil: Callable[[Site], None], fault: type[Exception], what: str
) -> None:
    site, front = Site(tmp_path), TakingFront()
    await site.tls.serve("mqtts", front)
    spoil(site)
    try:
        with pytest.raises(fault, match=what):
            await site.tls.reload()
    finally:
        site.restore()
    assert len(front.contexts) == 1


async def test_live_sessions_go_on_over_a_reload(tmp_path: Path) -> None:
    """Even while a handshake by the old context has begun and does not end."""
    async with open_test_node(tmp_path, native="always") as running:
        await running.create_product()
        await running.create_device("pump", SECRET)
        ca, address = tmp_path / "data" / "tls" / "ca.pem", running.addresses["mqtts"]
        host, port = address.rsplit(":", 1)
        with trio.fail_after(30):
            async with (
                wire_client(address, "mqtts", ca) as live,
                await trio.open_tcp_stream(host, int(port)) as beginning,
            ):
                await live.exchange(connect_as())
                await beginning.send_all(b"\x16\3\1")
                for _ in range(3):
                    await running.node.reload()
                    assert await live.exchange(PINGREQ) == b"\xd0\0"
                async with wire_client(address, "mqtts", ca) as newer:
                    assert await newer.exchange(connect_as()) == b"\x20\x02\0\0"
                assert await live.is_closed()
