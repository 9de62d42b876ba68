"""The Judge: dispatch over the closed set of claims, with the operations that the gate chose."""

import msgspec

from engine.claims.claim import CertificateClaim, NodeClaim, SecretClaim
from engine.gate.interface import AnchorSet, ChainProfile, VerifyChain, VerifySecret
from engine.registry.record import Credential, CredentialRow
from engine.verdict.certificate import Evidence, judge_certificate
from engine.verdict.node import judge_node
from engine.verdict.outcome import Outcome
from engine.verdict.policy import VerdictPolicy
from engine.verdict.secret import judge_secret


class Judge(msgspec.Struct, frozen=True):
    """Built once in app; every method is pure. `now` is in epoch seconds; the credential is that of the device which
    the claim names, or the dummy."""

    policy: VerdictPolicy
    verify_secret: VerifySecret
    verify_chain: VerifyChain

    def judge_secret(self, claim: SecretClaim, credential: Credential, now: float) -> Outcome:
        """The verdict on a device ID and a password."""
        return judge_secret(claim, credential, now, self.policy, self.verify_secret)

    def judge_certificate(
        self, claim: CertificateClaim, anchors: AnchorSet, credential: Credential, now: float, *, is_inactive: bool
    ) -> Outcome:
        """The verdict on a device ID and a certificate. anchors: the verified CAs of the device's project."""
        chain = self.verify_chain(claim.leaf, claim.intermediates, anchors, now, ChainProfile.DEVICE)
        return judge_certificate(claim, Evidence(chain, is_inactive), credential, now, self.policy)

    def judge_node(self, claim: NodeClaim, row: CredentialRow | None, now: float) -> Outcome:
        """The verdict on a claim that no secret proves, given the row of the CoAP device it names, if there is one."""
        return judge_node(claim, row, now)
