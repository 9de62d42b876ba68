"""What is written in batches, once in seen_flush_seconds: last-seen instants, and refusals summed up for the audit."""

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

import msgspec
import structlog
import trio

from engine.clock import Clock
from engine.errors import StoreUnavailable
from engine.limits import Limits
from engine.node.local import LocalBus
from engine.observe.attempts import Attempts, RefusalSummary
from engine.observe.repeats import Repeats
from engine.registry.record import AuditEntry
from engine.registry.store import Store

_log = structlog.get_logger("keyturn.node")


class Collect(Protocol):
    """Hands the bus and the attempts what was put aside for a round; all of it in the last one."""

    def __call__(self, *, is_last: bool) -> None: ...


def nothing_aside(*, is_last: bool) -> None:
    """There is nothing that puts anything aside."""


class Batches:
    """Writes them until cancelled, and once more when asked; what the store cannot take now waits for the next time."""

    def __init__(
        self,
        bus: LocalBus,
        attempts: Attempts,
        store: Store,
        clock: Clock,
        limits: Limits,
        repeats: Repeats,
        collect: Collect = nothing_aside,
    ) -> None:
        self._bus = bus
        self._attempts = attempts
        self._store = store
        self._clock = clock
        self._limits = limits
        self._repeats = repeats
        self._collect = collect
        self._summaries: list[RefusalSummary] = []
        self._entries: list[AuditEntry] = []
        self._failures: Counter[tuple[int, str]] = Counter()

    async def run(self) -> None:
        """Flush for ever."""
        while True:
            await trio.sleep(self._limits.seen_flush_seconds)
            await self.flush()

    async def flush(self, *, is_last: bool = False) -> None:
        """One round. An outage is logged, and nothing is lost by it. The last round takes the minute begun, too."""
        self._collect(is_last=is_last)
        try:
            await self._bus.flush()
            await self._write_refusals(is_last=is_last)
        except StoreUnavailable as error:
            if self._repeats.is_due("flush"):
                _log.warning("the registry takes no batches; they wait for the next time", error=str(error))

    async def _write_refusals(self, *, is_last: bool) -> None:
        # Drained only when the round before is written: until then they wait in Attempts, whose memory is bounded.
        if not self._summaries and not self._entries:
            self._summaries = self._attempts.drain_refusals(self._clock.wall(), is_last=is_last)
        if self._summaries:
            self._entries = await self._entries_of(self._summaries)
            self._summaries = []
        if self._entries:
            await self._store.append_audit(self._entries)
            self._entries = []

    async def _entries_of(self, summaries: Sequence[RefusalSummary]) -> list[AuditEntry]:
        """A refusal belongs to the project of the device that was asserted; an unknown device's to none ("")."""
        rows = await self._store.credentials(sorted({s.device_id for s in summaries if s.device_id is not None}))
        entries: list[AuditEntry] = []
        for summary in summaries:
            row = None if summary.device_id is None else rows.get(summary.device_id)
            project_id = "" if row is None else row.project_id
            entries.append(_refused(summary, project_id))
            if summary.device_id is not None and self._is_alarming(summary.device_id, summary):
                _log.warning("many failed attempts on one device", device_id=summary.device_id)
                entries.append(_alarm(summary.device_id, summary, project_id))
        return entries

    def _is_alarming(self, device_id: str, summary: RefusalSummary) -> bool:
        """Whether this summary brings the device over the limit in its minute: said once a device and minute."""
        for key in [key for key in self._failures if key[0] < summary.minute]:
            del self._failures[key]
        key = (summary.minute, device_id)
        before = self._failures[key]
        self._failures[key] += summary.count
        return before < self._limits.alarm_failures <= self._failures[key]


def _refused(summary: RefusalSummary, project_id: str) -> AuditEntry:
    detail = {
        "reason": None if summary.reason is None else summary.reason.value,
        "from": summary.prefix,
        "count": summary.count,
    }
    return AuditEntry(
        at=float(summary.minute),
        project_id=project_id,
        actor="device",
        action="device.refused",
        target=summary.device_id or "",
        detail=msgspec.json.encode(detail),
    )


def _alarm(device_id: str, summary: RefusalSummary, project_id: str) -> AuditEntry:
    return AuditEntry(
        at=float(summary.minute), project_id=project_id, actor="keyturn", action="device.alarm", target=device_id
    )
