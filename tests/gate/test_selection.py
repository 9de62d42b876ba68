"""The choice between reference and native twin: configuration, self-test, earned ratio."""

import errno
import os
import sys
from collections.abc import Callable

import msgspec
import pytest

from engine.cli.gate import OFFERED
from engine.errors import ConfigError
from engine.gate import compiled
from engine.gate.interface import AcceptedChain, KnownAnswer, Operation
from engine.gate.measure import Timing
from engine.gate.record import Record, current_build
from engine.gate.reference.chain import VERIFY_CHAIN
from engine.gate.reference.chain import ChainVerifier as ReferenceChainVerifier
from engine.gate.reference.secret import VERIFY_SECRET, verify_secret
from engine.gate.selection import (
    FIGURE,
    FIGURES,
    OPERATIONS,
    Operations,
    choose,
    choose_offered,
    choose_operations,
    required_ratios,
    take_record,
)

FASTER, SLOWER = Timing(3e-6, 1e-6), Timing(1.9e-6, 1e-6)


def double(number: int) -> int:
    return number + number


def twin_of_double(number: int) -> int:
    return number * 2


def slow_twin(number: int) -> int:
    return sum(1 for _ in range(number)) * 2


def wrong_twin(number: int) -> int:
    return number * 2 + (number == 0)


def raising_twin(number: int) -> int:
    raise ValueError(number)


def operation_with(twin: Callable[[int], int]) -> Operation[Callable[[int], int]]:
    known_answers = (KnownAnswer((400,), 800), KnownAnswer((0,), 0))
    return Operation(name="double", reference=double, native=lambda: twin, known_answers=known_answers)


def absent() -> Callable[[int], int]:
    raise ImportError("No module named 'engine.gate._native'")


def refused() -> Callable[[int], int]:
    raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))


ABSENT = msgspec.structs.replace(operation_with(double), native=absent)
REFUSED = msgspec.structs.replace(operation_with(double), native=refused)


class TestConfiguration:
    def test_never_takes_the_reference_without_looking_at_the_twin(self) -> None:
        chosen, choice = choose(ABSENT, "never", 2.0, FASTER)
        assert chosen is double
        assert (choice.chosen, choice.why) == ("reference", 'native = "never"')

    def test_always_takes_the_twin_however_slow_it_is(self) -> None:
        chosen, choice = choose(operation_with(twin_of_double), "always", 2.0, SLOWER)
        assert chosen is twin_of_double
        assert choice.chosen == "native"

    def test_always_without_a_module_is_an_error_that_names_native(self) -> None:
        with pytest.raises(ConfigError, match=r'native = "always".*double.*no native module'):
            choose(ABSENT, "always", 2.0, None)

    @pytest.mark.parametrize("twin", [wrong_twin, raising_twin])
    def test_always_with_a_failing_self_test_is_an_error(self, twin: Callable[[int], int]) -> None:
        with pytest.raises(ConfigError, match=r'native = "always".*self-test failed'):
            choose(operation_with(twin), "always", 2.0, None)


class TestSelfTest:
    def test_twin_with_a_wrong_answer_falls_back_and_says_which(self) -> None:
        chosen, choice = choose(operation_with(wrong_twin), "auto", 2.0, FASTER)
        assert chosen is double
        assert (choice.chosen, choice.why) == ("reference", "its self-test failed: known answer 2 came out wrong")

    def test_twin_that_raises_falls_back_and_says_what(self) -> None:
        chosen, choice = choose(operation_with(raising_twin), "auto", 2.0, FASTER)
        assert chosen is double
        assert choice.why == "its self-test failed: known answer 1 raised ValueError"

    def test_absent_module_falls_back_and_says_so(self) -> None:
        chosen, choice = choose(ABSENT, "auto", 2.0, FASTER)
        assert chosen is double
        assert choice.why == "no native module (No module named 'engine.gate._native')"

    def test_twin_that_the_system_refuses_falls_back_and_says_so(self) -> None:
        """The credential table's key lies in a locked page: where none may be locked, C can know nobody."""
        chosen, choice = choose(REFUSED, "auto", 2.0, FASTER)
        assert chosen is double
        assert choice.why == "the system does not let it open (Cannot allocate memory)"
        with pytest.raises(ConfigError, match=r'native = "always".*double.*Cannot allocate memory'):
            choose(REFUSED, "always", 2.0, None)


class TestEarnedRatio:
    def test_recorded_ratio_over_the_required_takes_the_twin(self) -> None:
        chosen, choice = choose(operation_with(slow_twin), "auto", 2.0, FASTER)
        assert chosen is slow_twin
        assert (choice.timing, choice.why) == (FASTER, "recorded")

    def test_recorded_ratio_equal_to_the_required_takes_the_twin(self) -> None:
        chosen, _ = choose(operation_with(slow_twin), "auto", 2.0, Timing(2e-6, 1e-6))
        assert chosen is slow_twin

    def test_recorded_ratio_under_the_required_keeps_the_reference(self) -> None:
        chosen, choice = choose(operation_with(twin_of_double), "auto", 2.0, SLOWER)
        assert chosen is double
        assert (choice.chosen, choice.timing) == ("reference", SLOWER)

    def test_without_a_record_a_slow_twin_is_found_out(self) -> None:
        chosen, choice = choose(operation_with(slow_twin), "auto", 1.0, None)
        assert chosen is double
        assert (choice.chosen, choice.why) == ("reference", "measured at start")

    def test_without_a_record_a_fast_twin_is_found_out(self) -> None:
        operation = msgspec.structs.replace(operation_with(twin_of_double), reference=slow_twin)
        chosen, choice = choose(operation, "auto", 1.0, None)
        assert chosen is twin_of_double
        assert (choice.chosen, choice.why) == ("native", "measured at start")


class TestOperations:
    def test_configuration_reaches_every_operation(self) -> None:
        never, always = choose_operations("never")[0], choose_operations("always")[0]
        assert (never.verify_secret, always.verify_secret) == (verify_secret, compiled.verify_secret)
        assert isinstance(never.verify_chain, ReferenceChainVerifier)
        assert isinstance(always.verify_chain, compiled.ChainVerifier)

    def test_native_tables_are_of_one_node(self) -> None:
        one, other = choose_operations("always")[0], choose_operations("always")[0]
        assert one.verify_chain is not other.verify_chain

    def test_record_reaches_the_operations(self) -> None:
        timings = {"verify_secret": SLOWER, "verify_chain": FASTER}
        operations, choices = choose_operations("auto", Record(current_build(), timings))
        assert operations.verify_secret is verify_secret
        assert isinstance(operations.verify_chain, ReferenceChainVerifier)
        assert [(choice.operation, choice.timing) for choice in choices] == list(timings.items())

    def test_module_that_does_not_import_leaves_the_references(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "engine.gate.compiled", None)
        operations, choices = choose_operations("auto")
        assert operations.verify_secret is verify_secret
        assert isinstance(operations.verify_chain, ReferenceChainVerifier)
        assert ["no native module" in choice.why for choice in choices] == [True, True]

    def test_first_known_answer_is_an_everyday_acceptance(self) -> None:
        """It is what the gate measures with: a full-length password that the primary secret proves, a path of three."""
        assert VERIFY_SECRET.known_answers[0].answer == 1
        assert len(VERIFY_SECRET.known_answers[0].arguments[0]) == 64
        assert isinstance(VERIFY_CHAIN.known_answers[0].answer, AcceptedChain)
        assert len(VERIFY_CHAIN.known_answers[0].arguments[1]) == 1


class TestOffered:
    def test_record_and_the_demanded_ratio_decide_about_what_another_room_offers(self) -> None:
        parse = msgspec.structs.replace(operation_with(slow_twin), name="parse_connect")
        chosen, choice = choose_offered(parse, "auto", Record(current_build(), {"parse_connect": FASTER}))
        assert chosen is slow_twin
        assert (choice.timing, choice.required) == (FASTER, required_ratios()["parse_connect"])
        assert choose_offered(parse, "auto")[1].why == "measured at start"


class TestFigures:
    def test_figure_of_the_record_is_shown_and_chooses_nothing(self) -> None:
        timings = {"verify_chain": Timing(30e-6, 1e-6), "verify_chain_first_sight": SLOWER}
        operations, choices = choose_operations("auto", Record(current_build(), timings))
        assert isinstance(operations.verify_chain, compiled.ChainVerifier)
        shown = choices[-1]
        assert (shown.operation, shown.chosen, shown.timing) == ("verify_chain_first_sight", "native", SLOWER)
        assert shown.why == FIGURE

    def test_figure_is_not_measured_at_start(self) -> None:
        names = [choice.operation for choice in choose_operations("auto")[1]]
        assert names == [operation.name for operation in OPERATIONS]


MEASURED = {operation.name for operation in (*OPERATIONS, *(figure for figure, _ in FIGURES))}


def test_everything_measured_has_a_required_ratio_and_nothing_else_has() -> None:
    assert set(required_ratios()) == {*MEASURED, *(operation.name for operation in OFFERED)}
    assert required_ratios()["verify_secret"] >= 2.0
    assert required_ratios()["verify_chain"] >= 20.0


def test_every_operation_is_passed_down() -> None:
    assert Operations.__struct_fields__ == tuple(operation.name for operation in OPERATIONS)


def test_record_taken_here_is_of_this_build_and_holds_all_that_is_measured() -> None:
    record = take_record()
    assert record is not None
    assert record.build == current_build()
    assert set(record.timings) == MEASURED


def test_what_another_room_offers_is_measured_beside_the_gates_own() -> None:
    record = take_record((operation_with(twin_of_double),))
    assert record is not None
    assert set(record.timings) == {*MEASURED, "double"}


def test_no_record_is_taken_without_a_twin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "engine.gate.compiled", None)
    assert take_record() is None
