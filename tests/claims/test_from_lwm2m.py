"""Register to claim (lwm2m-device.md D)."""

import pytest

from engine.claims.claim import NoClaim, NodeClaim, TransportSecurity
from engine.claims.from_lwm2m import claim_from_endpoint_name
from engine.limits import Limits


@pytest.mark.parametrize("name", ["490154203237518", "urn:imei:490154203237518", "pump", "x" * 64, "Pumpe Süd"])
def test_a_name_makes_a_claim_as_it_stands(name: str) -> None:
    claim = claim_from_endpoint_name(name, TransportSecurity.NONE, Limits())
    assert claim == NodeClaim(name, TransportSecurity.NONE)


@pytest.mark.parametrize("name", [None, "x" * 65, "a\nb", "a\0", "\x1b[2J", "\u202e"])
def test_a_name_that_no_node_can_have_makes_none(name: str | None) -> None:
    """What is written to logs and audit must not drive a terminal, nor grow without end."""
    assert claim_from_endpoint_name(name, TransportSecurity.NONE, Limits()) == NoClaim()
