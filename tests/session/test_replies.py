from pathlib import Path

from engine.session.replies import IS_NO_PROOF, REPLIES, reasons_document
from engine.verdict.outcome import Reason


def test_every_reason_has_a_row() -> None:
    assert set(REPLIES) == set(Reason)


def test_without_proof_every_answer_is_the_same() -> None:
    """Nobody can enumerate devices or their kinds (DESIGN section 2)."""
    assert {REPLIES[reason] for reason in IS_NO_PROOF} == {REPLIES[Reason.UNKNOWN_DEVICE]}
    assert {
        Reason.UNKNOWN_DEVICE,
        Reason.WRONG_SECRET,
        Reason.MISSING_SECRET,
        Reason.WRONG_CREDENTIAL_KIND,
    } < IS_NO_PROOF


def test_an_outage_never_sounds_like_a_refusal_of_the_credential() -> None:
    outage = REPLIES[Reason.REGISTRY_UNAVAILABLE]
    assert (outage.mqtt3, outage.mqtt5, outage.coap) == (3, 0x88, "5.03")


def test_document_is_current() -> None:
    document = Path(__file__).parents[2] / "docs" / "reasons.md"
    assert document.read_text() == reasons_document()
