"""The table of errors, and the document made of it."""

from pathlib import Path

import pytest

from engine.api.problems import (
    BY_REFUSAL,
    ApiProblem,
    Problem,
    errors_document,
    problem_body,
    raise_refusal,
)
from engine.registry.store import StoreRefusal

ERRORS = Path(__file__).parents[2] / "docs" / "errors.md"

# What only `keyturn init` can meet; an access key that is random is never made twice.
NOT_OVER_HTTP = {StoreRefusal.PROJECT_EXISTS, StoreRefusal.ACCESS_KEY_EXISTS}


def test_errors_document_is_current():
    """When this fails: python -m engine.api.problems > docs/errors.md"""
    assert ERRORS.read_text("utf-8") == errors_document()


def test_a_code_means_one_thing():
    """Only "malformed" has two, which the reference service tells apart by nothing: bad JSON and bad media type."""
    codes = [problem.value.code for problem in Problem]
    assert {code for code in codes if codes.count(code) > 1} == {"IOTDA.000008"}


def test_codes_of_ours_come_from_the_free_block_and_say_so():
    for problem in Problem:
        assert problem.value.is_ours == problem.value.code.startswith("IOTDA.090"), problem
        assert f"| {problem.value.status} | {problem.value.code} | {problem.value.message} |" in errors_document()


def test_every_refusal_of_the_store_has_its_problem():
    assert set(StoreRefusal) - set(BY_REFUSAL) == NOT_OVER_HTTP


@pytest.mark.parametrize(
    ("problem", "status", "code"),
    [
        (Problem.INVALID_INPUT, 400, "IOTDA.000006"),
        (Problem.MALFORMED_REQUEST, 400, "IOTDA.000008"),
        (Problem.INVALID_TIME, 400, "IOTDA.000009"),
        (Problem.TIMES_REVERSED, 400, "IOTDA.000010"),
        (Problem.LIMIT_OUT_OF_RANGE, 400, "IOTDA.000017"),
        (Problem.MARKER_OUT_OF_RANGE, 400, "IOTDA.000018"),
        (Problem.INTERNAL, 500, "IOTDA.000001"),
        (Problem.DEVICE_ABSENT, 404, "IOTDA.014000"),
        (Problem.DEVICE_EXISTS, 400, "IOTDA.014031"),
        (Problem.SUB_DEVICE_FREEZE, 403, "IOTDA.014038"),
        (Problem.ALREADY_FROZEN, 403, "IOTDA.014039"),
        (Problem.NOT_FROZEN, 403, "IOTDA.014040"),
        (Problem.UNAUTHENTICATED, 401, "APIGW.0301"),
    ],
)
def test_public_codes_are_those_of_the_contract(problem: Problem, status: int, code: str):
    """iotda-rest.md A.6"""
    assert (problem.value.status, problem.value.code) == (status, code)


def test_the_detail_follows_the_message():
    body = problem_body(Problem.INVALID_INPUT, "node_id: is required.", "id")
    assert body.error_msg == "Invalid input data. node_id: is required."


def test_only_what_the_gateway_refuses_carries_the_request_id():
    carrying = {problem for problem in Problem if problem_body(problem, "", "id").request_id == "id"}
    assert carrying == {Problem.UNAUTHENTICATED}


def test_a_refusal_is_raised_and_its_absence_is_not():
    raise_refusal(None)
    with pytest.raises(ApiProblem) as raised:
        raise_refusal(StoreRefusal.ALREADY_FROZEN)
    assert raised.value.problem is Problem.ALREADY_FROZEN
