"""docs/known-good.md has a row for every input of the verdicts on secret and certificate, and of CONNECT's checks."""

import ast
import inspect
import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from engine.claims.claim import CertificateClaim, SecretClaim
from engine.claims.from_mqtt import claim_from_connect
from engine.framing.mqtt.connect import Connect, Will
from engine.limits import Limits
from engine.registry.record import Credential, CredentialRow
from engine.session.mqtt import MqttConversation
from engine.verdict import certificate, policy, secret
from engine.verdict.certificate import Evidence, judge_certificate
from engine.verdict.policy import VerdictPolicy
from engine.verdict.secret import judge_secret

PAGE = Path(__file__).parents[1] / "docs" / "known-good.md"
ROW = re.compile(r"^\| `(\w+\.\w+)` \| (checked|entry|always|none) \|", re.MULTILINE)

STRUCTS: tuple[type[msgspec.Struct], ...] = (
    Connect,
    Will,
    SecretClaim,
    CertificateClaim,
    Evidence,
    Credential,
    CredentialRow,
    VerdictPolicy,
)
BEFORE_THE_VERDICT = (claim_from_connect, MqttConversation._unfit)


def attributes_of(function: Callable[..., Any], *owners: str) -> set[str]:
    """x of every `owner.x` in the function."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value).rpartition(".")[2] in owners
    }


def inputs() -> set[str]:
    """Every field of what goes in; of Limits those that are looked at; every parameter that is no Struct."""
    fields = {f"{struct.__name__}.{field}" for struct in STRUCTS for field in struct.__struct_fields__}
    looked_at = set().union(*(attributes_of(function, "limits", "_limits") for function in BEFORE_THE_VERDICT))
    limits = {f"Limits.{field}" for field in looked_at & set(Limits.__struct_fields__)}
    parameters = {
        f"{function.__name__}.{name}"
        for function in (claim_from_connect, judge_secret, judge_certificate)
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.annotation not in (*STRUCTS, Limits)
    }
    return fields | limits | parameters


def rows() -> dict[str, str]:
    return dict(ROW.findall(PAGE.read_text("utf-8")))


def test_every_input_of_the_verdict_has_its_row_and_no_row_is_of_something_else() -> None:
    assert rows().keys() == inputs()


def test_inputs_are_found_where_they_hide() -> None:
    """So that the test above means something: a limit in a method, a field of a field, a bare parameter."""
    assert inputs() >= {"Limits.keep_alive_minimum_seconds", "Will.retain", "judge_secret.now", "CredentialRow.frozen"}


def test_what_is_said_to_play_no_part_is_looked_at_nowhere() -> None:
    """In what leads to the verdict, `x.field` is how a field is looked at."""
    sources = [textwrap.dedent(inspect.getsource(part)) for part in (*BEFORE_THE_VERDICT, secret, certificate, policy)]
    looked_at = {
        node.attr for source in sources for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)
    }
    unused = {name for name, kind in rows().items() if kind == "none"}
    assert {name for name in unused if name.partition(".")[2] in looked_at} == set()
