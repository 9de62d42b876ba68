"""Records as values."""

from engine.registry.record import AuthType, DeviceProtocol
from tests.helpers.records import credential


def test_unsealed_credential_shows_its_device_and_no_secret() -> None:
    opened = credential(primary=b"horse-battery", secondary=b"staple-correct", device_id="pump_1", generation=7)

    shown = f"{opened} {opened!r} {[opened]} {(opened,)!s}"

    assert "pump_1" in shown
    assert "generation 7" in shown
    assert "horse" not in shown
    assert "staple" not in shown


def test_stored_words_are_the_contracts_own() -> None:
    """iotda-rest.md A.3 and A.4; they stand in every registry that was ever made."""
    assert [str(one) for one in AuthType] == ["SECRET", "CERTIFICATES"]
    assert [str(one) for one in DeviceProtocol] == ["MQTT", "CoAP", "Other"]
