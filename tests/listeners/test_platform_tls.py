"""Live reload: the new certificate, key and CAs for new handshakes; a reload that fails keeps all of the old."""

from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from engine.errors import ConfigError, StoreUnavailable
from engine.listeners.platform_tls import MQTT_ALPN
from engine.observe.handshake import HandshakeFault
from tests.helpers.device_certificates import issue
from tests.helpers.tls_server import READY, TlsServer, tls_server

pytestmark = pytest.mark.system("openssl")

CA = issue("device CA", is_ca=True)
DEVICE = issue("pump", CA)


async def test_reload_is_for_new_handshakes_and_live_sessions_go_on(tmp_path: Path) -> None:
    async with tls_server(tmp_path) as server:
        live = trio.SSLStream(await server.connect(), server.client_context(), server_hostname="localhost")
        assert await live.receive_some() == READY
        server.certify()
        assert "verify error" in await server.s_client(), "not before it is asked for"
        await server.platform.reload()
        assert "Verify return code: 0 (ok)" in await server.s_client("-verify_return_error")
        await live.send_all(b"still here")
        assert await live.receive_some() == b"still here"
        await live.aclose()


async def test_device_ca_that_comes_and_goes_counts_from_the_next_handshake(tmp_path: Path) -> None:
    async with tls_server(tmp_path) as server:
        for device_cas, is_trusted in (([], False), ([CA.der], True), ([], False)):
            server.device_cas = device_cas
            await server.platform.reload()
            await server.s_client(*DEVICE.s_client(tmp_path))
            assert (await server.next() is not HandshakeFault.UNKNOWN_CA) is is_trusted


def spoil_key(server: TlsServer) -> None:
    key = server.key.read_bytes()
    server.certify()
    server.key.write_bytes(key)


def encrypt_key(server: TlsServer) -> None:
    key = load_pem_private_key(server.key.read_bytes(), None)
    server.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")))


SPOILED: dict[str, tuple[Callable[[TlsServer], object], str]] = {
    "key of another certificate": (spoil_key, "KEY_VALUES_MISMATCH"),
    "key with a pass phrase": (encrypt_key, "encrypted"),
    "no certificate": (lambda server: server.certificate.unlink(), "server.pem: No such file"),
    "no key": (lambda server: server.key.unlink(), "server.key: No such file"),
    "certificate cut short, as by a full disk": (lambda server: server.certificate.write_bytes(b""), "server.pem"),
    "key that is none": (lambda server: server.key.write_bytes(b"nonsense"), "server.key"),
    "directory": (lambda server: (server.key.unlink(), server.key.mkdir()), "server.key: Is a directory"),
}


@pytest.mark.parametrize(("spoil", "word"), SPOILED.values(), ids=SPOILED)
async def test_cve_2017_7652_reload_that_fails_keeps_all_of_the_old(
    tmp_path: Path, spoil: Callable[[TlsServer], object], word: str
) -> None:
    """mosquitto fell back to open defaults when a reload failed. The CAs of that reload must not count either."""
    async with tls_server(tmp_path) as server:
        ca = server.ca.read_bytes()
        spoil(server)
        server.ca.write_bytes(ca)
        server.device_cas = [CA.der]
        with pytest.raises(ConfigError, match=word):
            await server.platform.reload()
        assert "Verify return code: 0 (ok)" in await server.s_client("-verify_return_error")
        await server.next()
        await server.s_client(*DEVICE.s_client(tmp_path))
        assert await server.next() is HandshakeFault.UNKNOWN_CA


async def test_registry_that_cannot_be_read_keeps_the_old_cas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def unavailable() -> list[bytes]:
        raise StoreUnavailable("disk I/O error")

    async with tls_server(tmp_path, [CA.der]) as server:
        monkeypatch.setattr(server.platform, "_read_device_cas", unavailable)
        with pytest.raises(StoreUnavailable):
            await server.platform.reload()
        assert "hello" in await server.s_client(*DEVICE.s_client(tmp_path))


async def test_ca_that_is_none_does_not_keep_the_others_from_loading(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with tls_server(tmp_path, [b"nonsense", CA.der]) as server:
        assert "a device CA cannot be loaded" in capsys.readouterr().out
        assert "hello" in await server.s_client(*DEVICE.s_client(tmp_path))


@pytest.mark.parametrize("impostors", [1, 80])
async def test_ca_that_looks_alike_ends_the_handshakes_of_the_other_s_devices(tmp_path: Path, impostors: int) -> None:
    """OpenSSL takes the first issuer whose name fits, so CheckCertificate refuses a CA that looks like another
    project's (is_look_alike). When this fails, the library has learned to look further, and that refusal may go."""
    look_alikes = [issue("device CA", is_ca=True).der for _ in range(impostors)]
    for device_cas, is_trusted in (([CA.der, *look_alikes], True), ([*look_alikes, CA.der], False)):
        async with tls_server(tmp_path, device_cas) as server:
            said = await server.s_client(*DEVICE.s_client(tmp_path))
            assert ("hello" in said) is is_trusted


async def test_context_full_of_sessions_is_left_behind(tmp_path: Path) -> None:
    """Their certificates must not fill the memory."""
    async with tls_server(tmp_path, tls_sessions=3) as server:
        contexts = set()
        for _ in range(7):
            await server.s_client("-tls1_2")
            contexts.add(server.platform.context(MQTT_ALPN))
        assert len(contexts) == 3
        assert max(context.session_stats()["number"] for context in contexts) <= 3


async def test_context_that_cannot_be_renewed_serves_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with tls_server(tmp_path, tls_sessions=1) as server:
        server.key.unlink()
        for _ in range(3):
            assert "hello" in await server.s_client("-tls1_2")
        assert capsys.readouterr().out.count("TLS context not renewed") == 1
