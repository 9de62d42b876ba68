"""The marker of a line is of the form that every other marker has."""

from engine.registry.store_batches import BatchLine, marker_of


def test_marker_grows_with_the_line_and_has_24_hex_digits() -> None:
    assert marker_of(BatchLine(number=30_001, target="")) == "000000000000000000007531"
    assert marker_of(BatchLine(number=9, target="")) < marker_of(BatchLine(number=10, target=""))
