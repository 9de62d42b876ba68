"""Both implementations of `verify_chain`."""

from collections.abc import Sequence

import pytest

from engine.gate import compiled
from engine.gate.interface import AnchorSet, ChainProfile, ChainVerdict, VerifyChain
from engine.gate.reference import chain as reference
from engine.limits import Limits

IMPLEMENTATIONS = {"reference": reference.ChainVerifier, "native": compiled.ChainVerifier}


class Twice:
    """Asks twice: what is remembered must not change the verdict."""

    def __init__(self, verify_chain: VerifyChain) -> None:
        self._verify_chain = verify_chain

    def __call__(
        self, leaf: bytes, intermediates: Sequence[bytes], anchors: AnchorSet, now: float, profile: ChainProfile
    ) -> ChainVerdict:
        verdict = self._verify_chain(leaf, intermediates, anchors, now, profile)
        assert self._verify_chain(leaf, intermediates, anchors, now, profile) == verdict
        return verdict


@pytest.fixture(params=IMPLEMENTATIONS.values(), ids=IMPLEMENTATIONS.keys())
def verify_chain(request: pytest.FixtureRequest) -> VerifyChain:
    return Twice(request.param(Limits()))
