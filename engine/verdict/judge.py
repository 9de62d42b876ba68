"""The Judge: dispatch over the closed set of claims, with the operations that the gate chose."""

import msgspec

from engine.claims.claim import Claim
from engine.gate.interface import VerifySecret
from engine.registry.record import Credential
from engine.verdict.outcome import Outcome
from engine.verdict.policy import VerdictPolicy
from engine.verdict.secret import judge_secret


class Judge(msgspec.Struct, frozen=True):
    """Built once in app; every method is pure."""

    policy: VerdictPolicy
    verify_secret: VerifySecret

    def judge(self, claim: Claim, credential: Credential, now: float) -> Outcome:
        """The verdict on a claim, given the credential of the device it names (or the dummy), at `now` (epoch s)."""
        return judge_secret(claim, credential, now, self.policy, self.verify_secret)
