"""The node's log on standard error: lines for a person at a terminal, JSON lines for everything else."""

import os
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO, cast

import structlog
from structlog.dev import ConsoleRenderer, plain_traceback
from structlog.processors import JSONRenderer, TimeStamper, add_log_level, format_exc_info
from structlog.typing import Processor

from engine.cli.output import plain


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


def _escape(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Control characters of peers must not drive the terminal, nor forge a line."""
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = plain(value)
    return event
