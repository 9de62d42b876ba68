"""The judge of node claims (lwm2m-device.md D)."""

from typing import Any

import pytest

from engine.claims.claim import NodeClaim, TransportSecurity
from engine.registry.record import DeviceProtocol
from engine.verdict.node import judge_node
from engine.verdict.outcome import Accepted, Outcome, Reason, Rejected
from tests.helpers.records import STAMP_AT, credential_row

NOW = STAMP_AT


def judge(**changes: Any) -> Outcome:
    row = credential_row(**{"protocol": DeviceProtocol.COAP, "secure_access": False, **changes})
    return judge_node(NodeClaim(row.node_id, TransportSecurity.NONE), row, NOW)


def test_node_id_alone_lets_in_a_device_that_was_registered_for_it() -> None:
    assert judge(record_id="r", generation=7) == Accepted(
        device_id="pump_1", record_id="r", generation=7, first=False, checked_stamp=False
    )


def test_first_registration_is_told_apart_and_clears_the_timeout() -> None:
    outcome = judge(activated=False, timeout_at=int(NOW) + 1)
    assert isinstance(outcome, Accepted)
    assert outcome.first


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"secure_access": True}, Reason.SECURE_ACCESS_REQUIRED),
        ({"secure_access": True, "frozen": True}, Reason.SECURE_ACCESS_REQUIRED),
        ({"frozen": True}, Reason.DEVICE_FROZEN),
        ({"activated": False, "timeout_at": int(NOW)}, Reason.UNKNOWN_DEVICE),
        ({"activated": False, "timeout_at": int(NOW), "frozen": True}, Reason.UNKNOWN_DEVICE),
        ({"protocol": DeviceProtocol.MQTT}, Reason.WRONG_CREDENTIAL_KIND),
        ({"protocol": DeviceProtocol.OTHER}, Reason.WRONG_CREDENTIAL_KIND),
    ],
)
def test_every_other_device_is_refused_with_its_reason(changes: dict[str, Any], reason: Reason) -> None:
    assert judge(**changes) == Rejected(reason)


def test_a_secured_association_needs_more_than_a_name() -> None:
    row = credential_row(protocol=DeviceProtocol.COAP, secure_access=False)
    claim = NodeClaim(row.node_id, TransportSecurity.PSK)
    assert judge_node(claim, row, NOW) == Rejected(Reason.WRONG_CREDENTIAL_KIND)


def test_unknown_node_is_refused() -> None:
    assert judge_node(NodeClaim("nobody", TransportSecurity.NONE), None, NOW) == Rejected(Reason.UNKNOWN_DEVICE)


def test_a_timeout_that_was_cleared_or_is_to_come_does_not_count() -> None:
    assert judge(activated=True, timeout_at=int(NOW) - 1).reason is Reason.ACCEPTED
    assert judge(activated=False, timeout_at=None).reason is Reason.ACCEPTED
