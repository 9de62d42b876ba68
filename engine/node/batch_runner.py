"""Works batch tasks, a small group of lines at a time, so that neither the writer nor the event loop is ever kept long.

All that it knows is in the registry: after a crash it goes on where the last durable group ended. A group is

    apply       the changes of its lines, and that these lines are Processing, in one transaction
    tell        the bus, as the single calls do
    settle      what came of each line, in another transaction

Lines found Processing were applied before a crash, and are told and settled; they are never applied again.
"""

from collections.abc import Sequence

import structlog
import trio

from engine.api.batch_document import BatchDocument, Row, Target
from engine.api.problems import BY_REFUSAL, ApiProblem, Problem
from engine.api.services import ApiServices
from engine.errors import StoreUnavailable
from engine.node.batch_lines import Workshop, find_source, first_line, message_of, read_file
from engine.observe.repeats import Repeats
from engine.registry.record import AuditEntry
from engine.registry.store_batches import BatchLine, BatchTask, LineChange, LineOutcome, TaskStatus, TaskType

_LINES_ADDED = 512
"""Lines added by one write: 2 ms of the event loop to read them, 1 ms of the writer."""
_CLOSES_SESSION = frozenset({TaskType.DELETE_DEVICES, TaskType.FREEZE_DEVICES})

_log = structlog.get_logger("keyturn.node")


class BatchRunner:
    """Works every unfinished task of the node until cancelled. `services` are the API's."""

    def __init__(self, services: ApiServices, repeats: Repeats) -> None:
        self._services = services
        self._batches = services.store.batches
        self._repeats = repeats
        self._documents: dict[str, BatchDocument] = {}

    async def run(self) -> None:
        """Work for ever. An outage is logged, and the work waits for its end."""
        while True:
            if not await self.work():
                await trio.sleep(self._services.limits.batch_poll_seconds)

    async def work(self) -> bool:
        """One group of each task that has something to do, and some lines of one that is deleted; whether any had."""
        try:
            tasks = await self._batches.unfinished()
        except StoreUnavailable as error:
            self._note_outage(error)
            return False
        unfinished = {task.task_id for task in tasks}
        self._documents = {key: document for key, document in self._documents.items() if key in unfinished}
        return any([await self._work_guarded(task) for task in tasks] + [await self._purge()])

    async def _work_guarded(self, task: BatchTask) -> bool:
        """One task: what goes wrong with it holds up no other."""
        try:
            return await self._work_on(task)
        except StoreUnavailable as error:
            self._note_outage(error)
            return False
        except ApiProblem as problem:
            return await self._fail(task, problem)
        except Exception:
            _log.exception("a batch task failed; this is a bug", task_id=task.task_id)
            return await self._fail(task, ApiProblem(Problem.INTERNAL))

    async def _purge(self) -> bool:
        try:
            return await self._batches.purge()
        except StoreUnavailable as error:
            self._note_outage(error)
            return False

    async def _work_on(self, task: BatchTask) -> bool:
        if task.status is TaskStatus.INITIALIZING:
            await self._add_lines(task)
            return True
        await self._tell(task, await self._batches.changed_lines(task.task_id))
        if task.status is not TaskStatus.STOPPING:
            now = self._services.clock.wall()
            if task.scheduled_at is not None and now < task.scheduled_at:
                return False
            lines = await self._batches.due_lines(task.task_id, now, self._services.limits.batch_group)
            if lines:
                await self._work_lines(task, lines)
                return True
        return await self._batches.finish(task.task_id, self._audit(task, "batch-task.finish")) is not None

    async def _add_lines(self, task: BatchTask) -> None:
        """All lines of a new task, from the first again when a crash came between."""
        source = await find_source(self._services, task)
        seen: dict[str, int] = {}
        numbers = list(source.numbers())
        for start in range(0, len(numbers), _LINES_ADDED):
            group = numbers[start : start + _LINES_ADDED]
            lines = [first_line(source, number, task.need_confirm, seen) for number in group]
            is_last = start + _LINES_ADDED >= len(numbers)
            if not await self._batches.add_lines(task.task_id, lines, is_first=start == 0, is_last=is_last):
                return  # stopped, or deleted, in the meantime

    async def _work_lines(self, task: BatchTask, lines: Sequence[BatchLine]) -> None:
        rows, outcomes = await self._rows(task, lines)
        workshop = await Workshop.open(self._services, task, list(rows.values()))
        changes: list[LineChange] = []
        for line in lines:
            try:
                if line.number in rows:
                    changes.append(await workshop.change(line.number, rows[line.number]))
            except ApiProblem as problem:
                outcomes.append(self._failure(task, line, problem))
        # Shielded, as a single call's change: what is changed is told.
        with trio.CancelScope(shield=True):
            answers = await self._batches.apply(task.task_id, changes)
            await self._tell(task, [line for line in lines if line.number in answers and answers[line.number] is None])
        outcomes += [
            self._failure(task, line, ApiProblem(BY_REFUSAL[refusal]))
            for line in lines
            if (refusal := answers.get(line.number)) is not None
        ]
        if outcomes:
            await self._batches.settle(task.task_id, outcomes)

    async def _rows(self, task: BatchTask, lines: Sequence[BatchLine]) -> tuple[dict[int, Row], list[LineOutcome]]:
        """What the lines ask for, and the failures of those that say nothing clear."""
        if task.file_id is None:
            return {line.number: Target(line.target) for line in lines}, []
        if task.task_id not in self._documents:
            self._documents[task.task_id] = await read_file(self._services, task, task.file_id)
        document = self._documents[task.task_id]
        rows: dict[int, Row] = {}
        broken = []
        for line in lines:
            try:
                rows[line.number] = document.row(line.number)
            except ApiProblem as problem:
                broken.append(self._failure(task, line, problem, is_final=True))
        return rows, broken

    async def _tell(self, task: BatchTask, lines: Sequence[BatchLine]) -> None:
        """Have every worker forget the old records of these changed lines; only then are they done."""
        if not lines:
            return
        if task.task_type is not TaskType.CREATE_DEVICES:
            close = task.task_type in _CLOSES_SESSION
            await self._services.bus.invalidate([line.target for line in lines], close=close)
        await self._batches.settle(task.task_id, [LineOutcome(line.number) for line in lines])

    def _failure(self, task: BatchTask, line: BatchLine, problem: ApiProblem, *, is_final: bool = False) -> LineOutcome:
        """A failed try, and when the next one is: never for a line that will read the same then."""
        is_last = is_final or line.attempts >= task.retry_count
        retry_at = None if is_last else int(self._services.clock.wall()) + task.retry_interval_seconds
        return LineOutcome(line.number, problem.problem.value.code, message_of(problem), retry_at)

    async def _fail(self, task: BatchTask, problem: ApiProblem) -> bool:
        """End a task that cannot go on. False, and the task as it was, when the registry does not take even that."""
        try:
            await self._batches.fail_task(
                task.task_id, problem.problem.value.code, message_of(problem), self._audit(task, "batch-task.fail")
            )
        except StoreUnavailable as error:
            self._note_outage(error)
            return False
        return True

    def _audit(self, task: BatchTask, action: str) -> AuditEntry:
        return AuditEntry(
            at=self._services.clock.wall(),
            project_id=task.project_id,
            actor="keyturn",
            action=action,
            target=task.task_id,
        )

    def _note_outage(self, error: StoreUnavailable) -> None:
        if self._repeats.is_due("batch"):
            _log.warning("the registry is unavailable; batch tasks wait", error=str(error))
