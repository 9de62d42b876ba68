from engine.claims.claim import SecretClaim, SignType
from engine.verdict.judge import Judge
from engine.verdict.outcome import Reason
from engine.verdict.policy import VerdictPolicy
from tests.helpers.records import PUBLISHED_PASSWORD, STAMP, STAMP_AT, credential


def test_judge_uses_the_operation_and_the_policy_it_was_built_with() -> None:
    claim = SecretClaim("pump_1", "pump_1", PUBLISHED_PASSWORD, SignType.STAMP_NOT_JUDGED, STAMP)

    def says(mask: int) -> Judge:
        return Judge(VerdictPolicy(), lambda *_: mask)

    assert says(1).judge(claim, credential(), STAMP_AT).reason is Reason.ACCEPTED
    assert says(0).judge(claim, credential(), STAMP_AT).reason is Reason.WRONG_SECRET
    assert says(2).judge(claim, credential(), STAMP_AT).reason is Reason.WRONG_SECRET, "there is no secondary secret"
    strict = Judge(VerdictPolicy(sign_types="checked-only"), lambda *_: 1)
    assert strict.judge(claim, credential(), STAMP_AT).reason is Reason.SIGN_TYPE_NOT_ALLOWED
