"""X.509 devices over MQTTS, as a device sees it: mqtt-device.md C.4, with both implementations of verify_chain."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trio
from cryptography.hazmat.primitives.serialization import Encoding

from engine.config import TlsConfig
from tests.conformance.conftest import SECRET, connect_as
from tests.helpers.device_certificates import Certified, issue
from tests.helpers.nodes import RunningNode, open_test_node

ACCEPTED = b"\x20\x02\0\0"
NO_PROOF = b"\x20\x02\0\x04"
NOT_AUTHORISED = b"\x20\x02\0\x05"
REFUSED_IN_TLS = b"alert"


class Site(NamedTuple):
    """A node with a verified device CA, the CERTIFICATES device `pump`, and the SECRET device `meter`."""

    running: RunningNode
    ca: Certified
    ca_id: str
    directory: Path

    async def answer(self, data: bytes, certificate: Certified | None) -> bytes:
        """CONNECT over a new TLS connection; REFUSED_IN_TLS when the handshake ends with an alert."""
        context = ssl.create_default_context(cafile=self.directory / "data/tls/ca.pem")
        if certificate is not None:
            context.load_cert_chain(*certificate.write(self.directory))
        address = self.running.address("mqtts")
        stream = trio.SSLStream(
            await trio.open_tcp_stream(address.host, address.port),
            context,
            server_hostname="localhost",
            https_compatible=True,
        )
        async with stream:
            try:
                await stream.send_all(data)
                return bytes(await stream.receive_some(64))
            except trio.BrokenResourceError as broken:
                return REFUSED_IN_TLS if isinstance(broken.__cause__, ssl.SSLError) else b""

    async def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        status, answer = await trio.to_thread.run_sync(self.running.api.request, method, path, body)
        assert status < 300, answer
        return answer

    async def upload(self, ca: Certified, *, verify: bool = True) -> str:
        made = await self.call("POST", "/certificates", {"content": pem(ca)})
        if verify:
            proof = {"verify_content": pem(issue(made["verify_code"], ca))}
            await self.call("POST", f"/certificates/{made['certificate_id']}/action?action_id=verify", proof)
        return str(made["certificate_id"])


def pem(certified: Certified) -> str:
    return certified.certificate.public_bytes(Encoding.PEM).decode()


def connect(device_id: str = "pump", **fields: Any) -> bytes:
    return (
        connect_as(device_id, password=None, **fields) if "password" not in fields else connect_as(device_id, **fields)
    )


@pytest.fixture(params=["never", "always"])
def native(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@asynccontextmanager
async def opened(
    tmp_path: Path, native: str, *, ca: Certified | None = None, tls: dict[str, str] | None = None
) -> AsyncIterator[Site]:
    """ca: the verified device CA, a new one by default. tls: the configuration's."""
    ca = ca or issue("Fleet CA", is_ca=True)
    with trio.fail_after(60):
        async with open_test_node(tmp_path, native=native, tls=TlsConfig(**(tls or {}))) as running:
            site = Site(running, ca, "", tmp_path)
            await running.create_product()
            await running.create_device("pump", auth_info={"auth_type": "CERTIFICATES"})
            await running.create_device("meter", SECRET)
            yield site._replace(ca_id=await site.upload(ca))


async def test_first_certificate_is_pinned_and_only_it_is_accepted_from_then_on(tmp_path: Path, native: str) -> None:
    async with opened(tmp_path, native) as site:
        mine, other = issue("pump", site.ca), issue("pump", site.ca)
        assert await site.answer(connect(), mine) == ACCEPTED
        assert await site.answer(connect(), mine) == ACCEPTED
        assert await site.answer(connect(), other) == NO_PROOF
        shown = await site.running.show_device("pump")
        assert len(shown["auth_info"]["fingerprint"]) == 64


async def test_of_two_racing_first_certificates_one_is_pinned_and_the_other_refused(
    tmp_path: Path, native: str
) -> None:
    async with opened(tmp_path, native) as site:
        answers: list[bytes] = []

        async def race(number: int) -> None:
            directory = tmp_path / str(number)
            await trio.Path(directory).mkdir()
            await trio.Path(directory / "data/tls").mkdir(parents=True)
            ca_pem = await trio.Path(tmp_path / "data/tls/ca.pem").read_bytes()
            await trio.Path(directory / "data/tls/ca.pem").write_bytes(ca_pem)
            answers.append(await site._replace(directory=directory).answer(connect(), issue("pump", site.ca)))

        async with trio.open_nursery() as nursery:
            for number in range(2):
                nursery.start_soon(race, number)
        assert ACCEPTED in answers
        assert set(answers) <= {ACCEPTED, NO_PROOF, b""}
        assert answers.count(ACCEPTED) == 1


async def test_certificate_of_another_device_is_not_pinned_a_second_time(tmp_path: Path, native: str) -> None:
    """A certificate belongs to one device (DESIGN section 7)."""
    async with opened(tmp_path, native) as site:
        await site.running.create_device("valve", auth_info={"auth_type": "CERTIFICATES"})
        mine = issue("pump", site.ca)
        assert await site.answer(connect(), mine) == ACCEPTED
        assert await site.answer(connect("valve"), mine) == NO_PROOF


async def test_kinds_do_not_mix(tmp_path: Path, native: str) -> None:
    """CERTIFICATES devices never pass with a secret, SECRET devices never with a certificate alone."""
    async with opened(tmp_path, native) as site:
        mine = issue("pump", site.ca)
        assert await site.answer(connect("meter"), mine) == NO_PROOF
        assert await site.answer(connect_as("pump"), mine) == NO_PROOF
        assert await site.answer(connect_as("pump"), None) == NO_PROOF
        assert await site.answer(connect(), None) == NO_PROOF
        assert await site.answer(connect_as("meter"), None) == ACCEPTED
        assert await site.answer(connect_as("meter"), mine) == ACCEPTED
        assert await site.answer(connect("nobody"), mine) == NO_PROOF


async def test_foreign_and_unverified_cas_end_in_the_handshake(tmp_path: Path, native: str) -> None:
    async with opened(tmp_path, native) as site:
        foreign, unverified = issue("Foreign CA", is_ca=True), issue("Unverified CA", is_ca=True)
        await site.upload(unverified, verify=False)
        assert await site.answer(connect(), issue("pump", foreign)) == REFUSED_IN_TLS
        assert await site.answer(connect(), issue("pump", unverified)) == REFUSED_IN_TLS
        assert await site.answer(connect(), issue("pump", site.ca, not_after_days=-1)) == REFUSED_IN_TLS


async def test_removed_ca_is_trusted_no_more_when_the_call_returns(tmp_path: Path, native: str) -> None:
    async with opened(tmp_path, native) as site:
        mine = issue("pump", site.ca)
        assert await site.answer(connect(), mine) == ACCEPTED
        await site.call("DELETE", f"/certificates/{site.ca_id}")
        assert await site.answer(connect(), mine) == REFUSED_IN_TLS
        await site.upload(site.ca)
        assert await site.answer(connect(), mine) == ACCEPTED


async def test_inactive_certificate_is_refused_until_it_is_active_again(tmp_path: Path, native: str) -> None:
    async with opened(tmp_path, native) as site:
        mine = issue("pump", site.ca)
        assert await site.answer(connect(), mine) == ACCEPTED
        (listed,) = (await site.call("GET", "/device-certificates"))["device_certificates"]
        for status, answer in (("INACTIVE", NOT_AUTHORISED), ("ACTIVE", ACCEPTED)):
            await site.call("PUT", f"/device-certificates/{listed['certificate_id']}", {"status": status})
            assert await site.answer(connect(), mine) == answer


async def test_frozen_device_is_told_so_only_with_its_certificate(tmp_path: Path, native: str) -> None:
    async with opened(tmp_path, native) as site:
        mine = issue("pump", site.ca)
        assert await site.answer(connect(), mine) == ACCEPTED
        await site.running.freeze("pump")
        assert await site.answer(connect(), mine) == NOT_AUTHORISED
        assert await site.answer(connect(), issue("pump", site.ca)) == NO_PROOF
