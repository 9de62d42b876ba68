from engine.claims.claim import SecretClaim, SignType


def test_password_is_not_in_the_repr() -> None:
    claim = SecretClaim("pump_1", "pump_1", b"very-secret", SignType.STAMP_JUDGED, b"2026112222")
    assert "very-secret" not in repr(claim)
    assert "pump_1" in repr(claim)
