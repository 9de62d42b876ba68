"""The bodies of the batch operations."""

from engine.api.batch_schema import TaskPolicy, target_results, task_answer, task_detail
from engine.registry.store_batches import BatchLine, LineStatus
from tests.registry.batch_samples import task


def test_policy_is_answered_as_it_was_given() -> None:
    assert task_answer(task(), {}).task_policy is None
    scheduled = task_answer(task(scheduled_at=1_700_000_000), {}).task_policy
    assert scheduled == TaskPolicy(schedule_time="20231114T221320Z")
    never = task_answer(task(retry_count=0, retry_interval_seconds=60), {}).task_policy
    assert never == TaskPolicy(retry_count=0, retry_interval=1)


def test_progress_counts_every_line_once() -> None:
    progress = task_answer(task(), dict.fromkeys(LineStatus, 2)).task_progress

    assert progress.total == 2 * len(LineStatus)
    assert progress.total == sum(
        (progress.processing, progress.success, progress.fail, progress.waitting, progress.fail_wait_retry)
    ) + (progress.stopped + progress.removed)


def test_line_of_a_file_names_it() -> None:
    line = BatchLine(number=7, target="t")

    assert task_detail(line, is_of_file=True).output == "line 7"
    assert task_detail(line, is_of_file=False).output is None
    assert [each.status for each in target_results(["a", "b"], frozenset("a")).targets] == ["success", "failure"]
