"""The LwM2M server over CoAP, sans I/O: a datagram and who sent it in, what to do about it out.

`receive_datagram` answers at once what needs no verdict, and asks for one with ClaimMade; `receive_verdict` gives the
answer to that. Nothing here raises on a peer's bytes. Between datagram and message there may be a DTLS association: the
datagram is then what it opened, and the Endpoint says so.
"""

import msgspec

from engine.claims.claim import NoClaim, NodeClaim
from engine.claims.from_lwm2m import claim_from_endpoint_name
from engine.errors import BadOption, BadRequest, FramingFault, MessageFormatError, UnsupportedProtocolVersion
from engine.framing.coap import link_format
from engine.framing.coap.block import Block, write_block
from engine.framing.coap.datagram import Code, Message, Option, Type, code_of, read_message, write_message, write_reset
from engine.framing.coap.link_format import Link, write_links
from engine.framing.coap.options import Number, RequestOptions, read_request_options, write_uint
from engine.framing.lwm2m.registration import Register, Update, read_register, read_update
from engine.limits import Limits
from engine.session.exchanges import Endpoint, Exchanges
from engine.session.registrations import (
    Registration,
    Registrations,
    new_registration,
    read_location,
    write_location,
)
from engine.session.replies import IS_JUDGED_NO, REPLIES
from engine.session.table import CloseReason, SessionTable
from engine.session.transfers import Transfers
from engine.verdict.outcome import Accepted, Outcome, Reason, Rejected

_RD = "rd"
_WELL_KNOWN_CORE = (".well-known", "core")
_RESOURCES = write_links((Link("/rd", (("rt", "oma.lwm2m"), ("ct", str(link_format.CONTENT_FORMAT)))),))
_FAULT_REASONS: dict[type[FramingFault], Reason] = {
    BadOption: Reason.PROTOCOL_ERROR,
    BadRequest: Reason.MALFORMED_PACKET,
    UnsupportedProtocolVersion: Reason.UNSUPPORTED_PROTOCOL_VERSION,
}


class Deregister(msgspec.Struct, frozen=True):
    """The Client Registration Interface's third operation."""


class Request(msgspec.Struct, frozen=True):
    """A request and whose it is; `size` is its datagram's, `now` when it came (monotonic seconds)."""

    message: Message
    options: RequestOptions
    endpoint: Endpoint
    size: int
    now: float


class Answer(msgspec.Struct, frozen=True):
    """To be sent now; no verdict has a part in it."""

    datagram: bytes


class ClaimMade(msgspec.Struct, frozen=True):
    """An operation that takes a verdict, to be answered with receive_verdict.

    `connection` is the registration's number: a new one for a Register, else (`is_renewal`) a live one's.
    """

    claim: NodeClaim
    connection: int
    is_renewal: bool
    operation: Register | Update | Deregister
    request: Request


class Refused(msgspec.Struct, frozen=True):
    """Refused without a verdict. `datagram` is None where silence is the answer; `asserted` is who the peer says it is,
    where that has the form of a name."""

    reason: Reason
    datagram: bytes | None
    asserted: str | None = None


Event = Answer | ClaimMade | Refused


class Lwm2mServer:
    """All peers of one listener. It is the Front of its registrations: `close` ends one."""

    def __init__(self, limits: Limits, sessions: SessionTable, key: bytes, message_id: int) -> None:
        """`key` is secret and new, `message_id` where the Message IDs of our own messages begin: both random."""
        self._limits = limits
        self._sessions = sessions
        self._message_id = message_id
        self._exchanges = Exchanges(limits)
        self._transfers = Transfers(limits)
        self._registrations = Registrations(key)
        self._asked: set[int] = set()
        """The registrations to come, whose Register awaits its verdict."""

    def __len__(self) -> int:
        return len(self._registrations)

    def registration(self, endpoint_name: str) -> Registration | None:
        """The live registration of an Endpoint Client Name."""
        return self._registrations.of_name(endpoint_name)

    def close(self, connection: int, reason: CloseReason) -> bool:
        """As Front.close. CoAP has no word for it: the device is told 4.04 when it next comes."""
        del reason
        if connection in self._asked:
            self._asked.discard(connection)
            return True
        registration = self._registrations.find(connection)
        if registration is not None:
            self._end(registration)
        return registration is not None

    def close_all(self) -> None:
        """End every registration."""
        for registration in self._registrations:
            self._end(registration)

    def expire(self, now: float) -> int:
        """End the registrations whose Lifetime is over, and forget what is old; how many registrations ended."""
        expired = self._registrations.expired(now)
        for registration in expired:
            self._end(registration)
        self._exchanges.expire(now)
        self._transfers.expire(now)
        return len(expired)

    def receive_datagram(self, datagram: bytes, endpoint: Endpoint, now: float) -> Event | None:
        """What is to be done about it; None for nothing (RFC 7252 section 4)."""
        try:
            message = read_message(datagram)
        except MessageFormatError as fault:
            reset = None if fault.message_id is None else write_reset(fault.message_id)
            return Refused(Reason.MALFORMED_PACKET, reset)
        if not message.is_request or message.type > Type.NON:
            # A ping, or a response to nothing that we asked. "Rejecting a Confirmable message is effected by sending a
            # matching Reset message"; everything else is ignored.
            return Answer(write_reset(message.message_id)) if message.type is Type.CON else None
        exchange = self._exchanges.find(endpoint, message.message_id, now)
        if exchange is not None:
            return None if exchange.answer is None else Answer(exchange.answer)
        options = RequestOptions()
        try:
            options = read_request_options(message)
            return self._receive_request(Request(message, options, endpoint, len(datagram), now))
        except FramingFault as fault:
            reason = _FAULT_REASONS[type(fault)]
            if reason is Reason.PROTOCOL_ERROR and message.type is not Type.CON:
                # Section 5.4.1: a Non-confirmable message with a critical option that is not understood is rejected.
                return Refused(reason, None)
            return self._refuse(Request(message, options, endpoint, len(datagram), now), reason)

    def receive_verdict(self, made: ClaimMade, outcome: Outcome) -> bytes:
        """The answer to ClaimMade. A rejected renewal ends the registration, unless nothing was decided."""
        answer = self._accept(made, outcome) if isinstance(outcome, Accepted) else self._reject(made, outcome)
        self._exchanges.finish(made.request.endpoint, made.request.message.message_id, answer)
        return answer

    # Requests, and which resource they are for

    def _receive_request(self, request: Request) -> Event:
        path, code = request.options.uri_path, request.message.code
        if request.options.is_proxied:
            return self._answer(request, Code.PROXYING_NOT_SUPPORTED)
        if request.size > self._limits.coap_datagram_bytes:
            return self._refuse(request, Reason.PACKET_TOO_LARGE)
        if path == (_RD,):
            return self._register(request) if code == Code.POST else self._answer(request, Code.METHOD_NOT_ALLOWED)
        if path == _WELL_KNOWN_CORE:
            return self._discover(request) if code == Code.GET else self._answer(request, Code.METHOD_NOT_ALLOWED)
        if len(path) != 2 or path[0] != _RD:
            return self._answer(request, Code.NOT_FOUND)
        registration = self._located(path[1])
        if registration is None:
            return self._answer(request, Code.NOT_FOUND)
        if registration.endpoint.security is not request.endpoint.security:
            return self._refuse(request, Reason.TRANSPORT_DIFFERS, registration.device_id)
        if code == Code.POST:
            return self._update(request, registration)
        if code == Code.DELETE:
            return self._ask(request, registration.endpoint_name, registration.number, Deregister())
        return self._answer(request, Code.METHOD_NOT_ALLOWED)

    def _located(self, segment: str) -> Registration | None:
        number = read_location(segment)
        return None if number is None else self._registrations.find(number)

    def _discover(self, request: Request) -> Answer:
        """RFC 6690 section 4: a GET of /.well-known/core, in blocks where that is asked for."""
        if request.options.accept not in (None, link_format.CONTENT_FORMAT):
            return self._answer(request, Code.NOT_ACCEPTABLE)
        content_format = (Number.CONTENT_FORMAT, write_uint(link_format.CONTENT_FORMAT))
        block = request.options.block2
        if block is None:
            return self._answer(request, Code.CONTENT, (content_format,), _RESOURCES)
        payload = _RESOURCES[block.offset : block.offset + block.size]
        if not payload:
            return self._answer(request, Code.BAD_OPTION)
        has_more = block.offset + block.size < len(_RESOURCES)
        sent = (Number.BLOCK2, write_block(Block(block.number, has_more, block.size)))
        return self._answer(request, Code.CONTENT, (content_format, sent), payload)

    def _register(self, request: Request) -> Event:
        body = self._body(request)
        if isinstance(body, Answer):
            return body
        register = read_register(request.options.uri_query, request.options.content_format, body)
        claim = claim_from_endpoint_name(register.endpoint_name, request.endpoint.security, self._limits)
        if isinstance(claim, NoClaim):
            return self._refuse(request, Reason.CLIENT_IDENTIFIER_NOT_VALID)
        standing = self._registrations.of_name(claim.endpoint_name)
        if standing is not None and self._is_again(request, standing):
            return Answer(standing.answer)
        number = self._registrations.new_number(claim.endpoint_name)
        self._asked.add(number)
        return self._ask(request, claim.endpoint_name, number, register)

    def _is_again(self, request: Request, standing: Registration) -> bool:
        """Whether this is the Register that made the registration, sent once more."""
        return (
            standing.message_id == request.message.message_id
            and standing.registered_from == request.endpoint
            and request.now - standing.registered_at < self._limits.coap_exchange_seconds
        )

    def _update(self, request: Request, registration: Registration) -> Event:
        body = self._body(request)
        if isinstance(body, Answer):
            return body
        options = request.options
        update = read_update(options.uri_query, options.content_format, body, registration.version)
        return self._ask(request, registration.endpoint_name, registration.number, update)

    def _body(self, request: Request) -> bytes | Answer:
        """The request's payload, or with its last block the whole body; the answer to every block before."""
        message, options, block = request.message, request.options, request.options.block1
        if block is None or (block.number == 0 and not block.has_more):
            return message.payload
        target = (message.code, options.uri_path, options.uri_query)
        body = self._transfers.receive(request.endpoint, target, block, message.payload, request.now)
        if isinstance(body, bytes):
            return body
        answer = self._answer(request, body)
        self._exchanges.remember(request.endpoint, message.message_id, request.now, answer.datagram)
        return answer

    def _ask(
        self, request: Request, endpoint_name: str, number: int, operation: Register | Update | Deregister
    ) -> ClaimMade:
        self._exchanges.remember(request.endpoint, request.message.message_id, request.now)
        claim = NodeClaim(endpoint_name, request.endpoint.security)
        return ClaimMade(claim, number, not isinstance(operation, Register), operation, request)

    # After the verdict

    def _accept(self, made: ClaimMade, accepted: Accepted) -> bytes:
        if isinstance(made.operation, Register):
            return self._accept_register(made, made.operation, accepted)
        registration = self._registrations.find(made.connection)
        if registration is None:
            # It ended while the verdict was awaited.
            return self._write(made.request, Code.NOT_FOUND, is_known=True)
        if isinstance(made.operation, Deregister):
            self._end(registration)
            return self._write(made.request, Code.DELETED, is_known=True)
        registration.apply(made.operation, made.request.endpoint)
        self._registrations.renew(registration, made.request.now)
        return self._write(made.request, Code.CHANGED, is_known=True)

    def _accept_register(self, made: ClaimMade, register: Register, accepted: Accepted) -> bytes:
        request, number = made.request, made.connection
        if number not in self._asked:
            # Closed before it stood: taken over, frozen or deleted. The device tries again and is judged anew.
            self._sessions.detach(accepted.device_id, self, number)
            return self._refusal(request, Reason.SERVER_BUSY)
        self._asked.discard(number)
        location = (
            (Number.LOCATION_PATH, _RD.encode()),
            (Number.LOCATION_PATH, write_location(number).encode()),
        )
        answer = self._write(request, Code.CREATED, location, is_known=True)
        message_id = request.message.message_id
        replaced = self._registrations.of_name(made.claim.endpoint_name)
        if replaced is not None:
            self._end(replaced)
        self._registrations.add(
            new_registration(number, accepted.device_id, register, request.endpoint, message_id, answer, request.now),
            request.now,
        )
        if request.options.block1 is None:
            # The registration remembers the exchange by itself; the blocks before the last one it does not.
            self._exchanges.forget(request.endpoint, message_id)
        return answer

    def _reject(self, made: ClaimMade, rejected: Rejected) -> bytes:
        self._asked.discard(made.connection)
        registration = self._registrations.find(made.connection)
        if registration is not None and rejected.reason in IS_JUDGED_NO:
            self._end(registration)
        return self._refusal(made.request, rejected.reason)

    def _end(self, registration: Registration) -> None:
        """Forget the registration; a Register that comes late must not raise it from the dead."""
        self._registrations.remove(registration)
        self._sessions.detach(registration.device_id, self, registration.number)
        self._exchanges.remember(
            registration.registered_from, registration.message_id, registration.registered_at, registration.answer
        )

    # Writing

    def _refuse(self, request: Request, reason: Reason, asserted: str | None = None) -> Refused:
        return Refused(reason, self._refusal(request, reason), asserted)

    def _refusal(self, request: Request, reason: Reason) -> bytes:
        code = code_of(REPLIES[reason].coap)
        if code != Code.SERVICE_UNAVAILABLE:
            return self._write(request, code)
        return self._write(request, code, ((Number.MAX_AGE, write_uint(self._limits.unavailable_seconds)),))

    def _answer(self, request: Request, code: Code, options: tuple[Option, ...] = (), payload: bytes = b"") -> Answer:
        return Answer(self._write(request, code, options, payload))

    def _write(
        self,
        request: Request,
        code: int,
        options: tuple[Option, ...] = (),
        payload: bytes = b"",
        *,
        is_known: bool = False,
    ) -> bytes:
        """Piggybacked on the Acknowledgement, or Non-confirmable as the request was (section 5.2).

        To a peer that is not known, at most limits.coap_amplification times what it sent: the address may be forged.
        """
        message, block = request.message, request.options.block1
        if block is not None:
            # In the order of their numbers: Block1 comes after all the others here.
            options = (
                *options,
                (Number.BLOCK1, write_block(msgspec.structs.replace(block, has_more=code == Code.CONTINUE))),
            )
        kind, message_id = Type.ACK, message.message_id
        if message.type is Type.NON:
            kind, message_id = Type.NON, self._message_id
            self._message_id = (self._message_id + 1) & 0xFFFF
        datagram = write_message(kind, code, message_id, message.token, options, payload)
        if is_known or len(datagram) <= self._limits.coap_amplification * request.size:
            return datagram
        return write_message(kind, code, message_id, message.token)
