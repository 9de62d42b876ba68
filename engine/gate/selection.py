"""The choice between reference and native twin: once, at start, per operation.

1. The configuration: native = "never" takes the reference, "always" the twin or nothing.
2. The compiled module imports, and its known answers pass.
3. "auto": it is faster by at least the ratio that gate.toml demands. What `keyturn gate` recorded says so; where no
   record counts, a measurement of a few milliseconds does.
"""

import contextlib
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any, Literal

import msgspec

from engine.errors import ConfigError
from engine.gate.interface import F, Operation, VerifyChain, VerifySecret
from engine.gate.measure import Timing, measure
from engine.gate.record import Record, current_build
from engine.gate.reference.chain import VERIFY_CHAIN, VERIFY_CHAIN_FIRST_SIGHT
from engine.gate.reference.secret import VERIFY_SECRET

OPERATIONS: tuple[Operation[Any], ...] = (VERIFY_SECRET, VERIFY_CHAIN)
"""Everything behind the gate."""

FIGURES: tuple[tuple[Operation[Any], Operation[Any]], ...] = ((VERIFY_CHAIN_FIRST_SIGHT, VERIFY_CHAIN),)
"""(figure, operation): what is measured and shown beside an operation, and chooses nothing."""

FIGURE = "shown only"
"""Why of such a figure."""

Native = Literal["auto", "always", "never"]
"""The configuration's word."""


class Operations(msgspec.Struct, frozen=True):
    """The implementations chosen, to be passed down to the rooms that use them."""

    verify_secret: VerifySecret
    verify_chain: VerifyChain


class Choice(msgspec.Struct, frozen=True):
    """What was chosen for one operation and why, for the log and for a person.

    timing is None where nothing had to be measured. required: the ratio that gate.toml demands.
    """

    operation: str
    chosen: Literal["reference", "native"]
    required: float
    why: str
    timing: Timing | None = None


class TwinUnusable(Exception):
    """There is no native twin, or it gives wrong answers; the text says which."""


class _Requirement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    ratio: float


def required_ratios() -> dict[str, float]:
    """gate.toml: operation to the ratio its native twin must reach."""
    text = resources.files("engine.gate").joinpath("gate.toml").read_text("utf-8")
    return {name: row.ratio for name, row in msgspec.convert(tomllib.loads(text), dict[str, _Requirement]).items()}


def choose_operations(native: Native, record: Record | None = None) -> tuple[Operations, list[Choice]]:
    """Choose every operation. ConfigError, naming `native`, where "always" cannot be kept.

    The list has the figures of the record as well.
    """
    timings = record.timings if record else {}
    required = required_ratios()
    choices = []

    def chosen(operation: Operation[F]) -> F:
        name = operation.name
        implementation, choice = choose(operation, native, required[name], timings.get(name))
        choices.append(choice)
        return implementation

    operations = Operations(verify_secret=chosen(VERIFY_SECRET), verify_chain=chosen(VERIFY_CHAIN))
    return operations, [*choices, *_figures(choices, required, timings)]


def _figures(choices: Sequence[Choice], required: Mapping[str, float], timings: Mapping[str, Timing]) -> list[Choice]:
    """What was measured beside the operations."""
    chosen = {choice.operation: choice.chosen for choice in choices}
    return [
        Choice(figure.name, chosen[operation.name], required[figure.name], FIGURE, timings[figure.name])
        for figure, operation in FIGURES
        if figure.name in timings
    ]


def choose_offered(operation: Operation[F], native: Native, record: Record | None = None) -> tuple[F, Choice]:
    """Choose an operation that another room offers. ConfigError as above."""
    recorded = record.timings.get(operation.name) if record else None
    return choose(operation, native, required_ratios()[operation.name], recorded)


def choose(operation: Operation[F], native: Native, required: float, recorded: Timing | None) -> tuple[F, Choice]:
    """Choose one operation; `recorded` is its timing in a record that counts. ConfigError as above."""
    if native == "never":
        return operation.reference, Choice(operation.name, "reference", required, 'native = "never"')
    try:
        twin = load_twin(operation)
    except TwinUnusable as fault:
        if native == "always":
            raise ConfigError(f'native = "always" cannot be kept for {operation.name}: {fault}') from None
        return operation.reference, Choice(operation.name, "reference", required, str(fault))
    if native == "always":
        return twin, Choice(operation.name, "native", required, 'native = "always"')

    timing = recorded or measure(operation, twin, rounds=7, round_seconds=0.001)
    why = "recorded" if recorded else "measured at start"
    if timing.ratio < required:
        return operation.reference, Choice(operation.name, "reference", required, why, timing)
    return twin, Choice(operation.name, "native", required, why, timing)


def load_twin(operation: Operation[F]) -> F:
    """The native twin, once every known answer has passed. TwinUnusable says why there is none."""
    try:
        twin = operation.native()
    except ImportError as fault:
        raise TwinUnusable(f"no native module ({fault})") from None
    except OSError as fault:
        raise TwinUnusable(f"the system does not let it open ({fault.strerror})") from None
    for number, known in enumerate(operation.known_answers, 1):
        try:
            answer = twin(*known.arguments)
        except Exception as fault:
            raise TwinUnusable(f"its self-test failed: known answer {number} raised {type(fault).__name__}") from fault
        if answer != known.answer:
            raise TwinUnusable(f"its self-test failed: known answer {number} came out wrong")
    return twin


def take_record(offered: Sequence[Operation[Any]] = ()) -> Record | None:
    """Measure every operation that has a usable twin, for about half a second each. None where there is none.

    offered: what other rooms offer beside the gate's own.
    """
    timings = {}
    for operation in (*OPERATIONS, *(figure for figure, _ in FIGURES), *offered):
        with contextlib.suppress(TwinUnusable):
            timings[operation.name] = measure(operation, load_twin(operation), rounds=50, round_seconds=0.005)
    return Record(current_build(), timings) if timings else None
