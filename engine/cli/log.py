"""The node's log on standard error: lines for a person at a terminal, JSON lines for everything else."""

import os
import sys
import time
from collections.abc import Callable, MutableMapping
from typing import Any, TextIO, cast

import structlog
from structlog.dev import ConsoleRenderer, plain_traceback
from structlog.processors import JSONRenderer, TimeStamper, add_log_level, format_exc_info
from structlog.typing import Processor

from engine.cli.output import plain
from engine.clock import Clock
from engine.limits import Limits
from engine.observe.repeats import Repeats


class _StandardError:
    """Standard error that never raises: a full disk or a closed pipe behind it must not stop the node."""

    def write(self, text: str) -> None:
        try:
            sys.stderr.write(text)
        except OSError:
            return

    def flush(self) -> None:
        try:
            sys.stderr.flush()
        except OSError:
            return


def configure_log() -> None:
    """Set structlog up for this process. KEYTURN_DEBUG=1 shows the debug level too."""
    processors: list[Processor] = [add_log_level, TimeStamper(fmt="iso", utc=True), _escape]
    # structlog's own tracebacks show the locals of every frame, secrets among them: Python's plain ones do not.
    if sys.stderr.isatty():
        processors += [ConsoleRenderer(exception_formatter=plain_traceback)]
    else:
        processors += [format_exc_info, JSONRenderer()]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger("debug" if os.environ.get("KEYTURN_DEBUG") else "info"),
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, _StandardError())),
        cache_logger_on_first_use=True,
    )
    sys.unraisablehook = _unraisable_hook(Repeats(Clock(time.time, time.monotonic), Limits()))


def _unraisable_hook(repeats: Repeats) -> Callable[["sys.UnraisableHookArgs"], None]:
    """Python's ssl reports here each server_name that it cannot read: a peer could make a log storm of it."""
    log = structlog.get_logger()

    def report(unraisable: "sys.UnraisableHookArgs") -> None:
        kind = unraisable.exc_type.__name__
        if repeats.is_due(kind):
            exc_info = (unraisable.exc_type, unraisable.exc_value, unraisable.exc_traceback)
            log.error("exception ignored", kind=kind, exc_info=exc_info)

    return report


def _escape(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Control characters of peers must not drive the terminal, nor forge a line."""
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = plain(value)
    return event
