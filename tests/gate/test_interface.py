"""AnchorSet keeps what an implementation made of it; ChainReason says the same in Python and in C."""

import re
from pathlib import Path

from engine.gate.interface import Anchor, AnchorSet, ChainProfile, ChainReason

HEADER = Path(__file__).parents[2] / "native" / "chain.h"


def test_anchors_are_prepared_once_for_each_implementation() -> None:
    made: list[str] = []

    def prepare(anchors: object) -> object:
        made.append("made")
        return anchors

    anchors = AnchorSet([Anchor(b"one"), Anchor(b"two")])
    assert anchors.prepared("a", prepare) is anchors.prepared("a", prepare) is anchors.anchors
    assert made == ["made"]
    anchors.prepared("b", prepare)
    assert made == ["made", "made"]


def test_reasons_have_the_same_numbers_in_c() -> None:
    enumerators = re.search(r"enum eng_chain_reason \{(.*?)\}", HEADER.read_text(), re.DOTALL)
    assert enumerators is not None
    names = [name.strip() for name in enumerators[1].split(",")]
    assert names == ["ENG_CHAIN_GOOD", *(f"ENG_{reason.name}" for reason in ChainReason)]
    assert list(ChainReason) == list(range(1, len(names)))


def test_profiles_have_the_same_numbers_in_c() -> None:
    assert f"#define ENG_DEVICE {ChainProfile.DEVICE}" in HEADER.read_text()
    assert ChainProfile.PATH == 0
