"""What lines ask for, and what is said of those that ask for nothing clear."""

from pathlib import Path

import pytest

from engine.api.batch_document import BatchDocument, Target
from engine.api.problems import ApiProblem, Problem
from engine.node.batch_lines import Named, Workshop, failed_line, find_source, first_line, message_of
from engine.registry.store_batches import BatchLine, FreezeLine, LineStatus, TaskType
from tests.api.conftest import PROJECT, api_services, open_store
from tests.registry.batch_samples import task


def test_message_is_the_one_of_the_single_call() -> None:
    assert message_of(ApiProblem(Problem.DEVICE_ABSENT)) == "The device does not exist."
    line = failed_line(3, "d", ApiProblem(Problem.INVALID_INPUT, "Line 3: node_id: is required."))
    assert (line.status, line.attempts, line.error_code) == (LineStatus.FAIL, 1, "IOTDA.000006")
    assert line.error_msg == "Invalid input data. Line 3: node_id: is required."


def test_lines_begin_waiting_or_failed() -> None:
    seen: dict[str, int] = {}
    document = BatchDocument.read(b"device_id\na\na b\na\nc\n", TaskType.FREEZE_DEVICES, 9)

    lines = [first_line(document, number, True, seen) for number in document.numbers()]

    assert lines[0] == BatchLine(number=2, target="a", is_held=True)
    assert [(line.number, line.target, line.error_code) for line in lines[1:]] == [
        (3, "", "IOTDA.000006"),
        (4, "a", "IOTDA.090510"),
        (5, "c", None),
    ]


def test_named_targets_are_counted_from_1() -> None:
    named = Named(["a", "b"])

    assert [named.row(number) for number in named.numbers()] == [Target("a"), Target("b")]


async def test_file_that_is_gone_fails_the_task(tmp_path: Path) -> None:
    store = await open_store(tmp_path)

    with pytest.raises(ApiProblem) as refused:
        await find_source(api_services(store), task(project_id=PROJECT, file_id="f" * 24))
    assert refused.value.problem is Problem.BATCH_FILE_ABSENT
    await store.close()


async def test_absent_device_is_refused_before_the_store_is_asked(tmp_path: Path) -> None:
    store = await open_store(tmp_path)
    workshop = await Workshop.open(api_services(store), task(project_id=PROJECT), [Target("absent")])

    with pytest.raises(ApiProblem) as refused:
        assert isinstance(await workshop.change(1, Target("absent")), FreezeLine)
    assert refused.value.problem is Problem.DEVICE_ABSENT
    await store.close()
