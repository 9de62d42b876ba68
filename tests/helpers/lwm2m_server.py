"""An Lwm2mServer, and around it a verdict and a session table as admit would give them."""

from typing import Any

import msgspec

from engine.claims.claim import NodeClaim
from engine.limits import Limits
from engine.session.exchanges import Endpoint
from engine.session.lwm2m import ClaimMade, Lwm2mServer
from engine.session.table import CloseReason, DictSessionTable, Session
from engine.verdict.outcome import Accepted, Reason, Rejected
from tests.helpers import coap_packets as packets
from tests.helpers.coap_packets import read_answer, register

PEER = Endpoint(("192.0.2.1", 5683))


class Server:
    """The server under test, and a verdict and a session table as admit would give it."""

    def __init__(self, **bounds: float) -> None:
        self.sessions = DictSessionTable()
        self.limits = msgspec.structs.replace(Limits(), **bounds)
        self.lwm2m = Lwm2mServer(self.limits, self.sessions, b"key", 0xFFFF)
        self.now = 0.0
        self.verdict: Reason = Reason.ACCEPTED
        self.claims: list[NodeClaim] = []

    def send(self, datagram: bytes, endpoint: Endpoint = PEER) -> bytes | None:
        """What comes back, after a verdict where one is asked for."""
        event = self.lwm2m.receive_datagram(datagram, endpoint, self.now)
        return self.judge(event) if isinstance(event, ClaimMade) else event.datagram if event else None

    def judge(self, made: ClaimMade) -> bytes:
        self.claims.append(made.claim)
        if self.verdict is not Reason.ACCEPTED:
            return self.lwm2m.receive_verdict(made, Rejected(self.verdict))
        device_id = f"device-{made.claim.endpoint_name}"
        if not made.is_renewal:
            older = self.sessions.attach(device_id, Session(self.lwm2m, made.connection, self.now))
            if older is not None:
                older.front.close(older.connection, CloseReason.TAKEN_OVER)
        return self.lwm2m.receive_verdict(made, Accepted(device_id, "r", 1, first=False, checked_stamp=False))

    def exchange(self, datagram: bytes, endpoint: Endpoint = PEER) -> packets.Answer:
        answer = self.send(datagram, endpoint)
        assert answer is not None
        return read_answer(answer)

    def registered(self, query: str = "ep=pump&lt=300", **more: Any) -> list[str]:
        answer = self.exchange(register(query, **more))
        assert answer.code == "2.01"
        return answer.location
