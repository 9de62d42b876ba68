from engine.claims.claim import NodeClaim, SecretClaim, SignType, TransportSecurity
from engine.gate.reference.chain import VERIFY_CHAIN
from engine.registry.record import DeviceProtocol
from engine.verdict.judge import Judge
from engine.verdict.outcome import Reason
from engine.verdict.policy import VerdictPolicy
from tests.helpers.records import PUBLISHED_PASSWORD, STAMP, STAMP_AT, credential, credential_row


def test_judge_uses_the_operation_and_the_policy_it_was_built_with() -> None:
    claim = SecretClaim("pump_1", "pump_1", PUBLISHED_PASSWORD, SignType.STAMP_NOT_JUDGED, STAMP)

    def says(mask: int) -> Judge:
        return Judge(VerdictPolicy(), lambda *_: mask, VERIFY_CHAIN.reference)

    assert says(1).judge_secret(claim, credential(), STAMP_AT).reason is Reason.ACCEPTED
    assert says(0).judge_secret(claim, credential(), STAMP_AT).reason is Reason.WRONG_SECRET
    assert says(2).judge_secret(claim, credential(), STAMP_AT).reason is Reason.WRONG_SECRET, (
        "there is no secondary secret"
    )
    strict = Judge(VerdictPolicy(sign_types="checked-only"), lambda *_: 1, VERIFY_CHAIN.reference)
    assert strict.judge_secret(claim, credential(), STAMP_AT).reason is Reason.SIGN_TYPE_NOT_ALLOWED


def test_node_claim_goes_to_the_judge_of_node_claims() -> None:
    claim = NodeClaim("pump", TransportSecurity.NONE)
    judge = Judge(VerdictPolicy(), lambda *_: 0, VERIFY_CHAIN.reference)
    row = credential_row(protocol=DeviceProtocol.COAP, secure_access=False)
    assert judge.judge_node(claim, row, STAMP_AT).reason is Reason.ACCEPTED
    assert judge.judge_node(claim, None, STAMP_AT).reason is Reason.UNKNOWN_DEVICE
