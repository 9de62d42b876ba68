"""DESIGN section 1: nothing flows back. Every import in engine/ must be one that its room's row allows."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# What every room may import.
EVERYWHERE = {"msgspec", "engine.errors", "engine.limits"}

# A name stands for all that is below it; the longest one that fits a module is its room. The row is what a room may
# import beyond itself, the above and the standard library.
UP_TO_SESSION = {
    "engine.framing",
    "engine.claims",
    "engine.verdict",
    "engine.session",
    "engine.registry",
    "engine.gate",
    "engine.observe",
    "engine.node.bus",
}
ROOMS: dict[str, set[str]] = {
    "engine.errors": set(),
    "engine.limits": set(),
    "engine.clock": set(),
    "engine.config": set(),
    "engine.framing": set(),
    "engine.claims": {"engine.clock", "engine.framing"},
    "engine.registry.record": {"engine.clock"},
    "engine.registry": {"engine.clock", "cryptography", "psycopg"},
    "engine.gate": {"engine.clock", "cffi", "cryptography"},
    "engine.verdict": {"engine.clock", "engine.claims", "engine.registry.record", "engine.gate.interface"},
    "engine.session": {"engine.clock", "engine.framing", "engine.claims", "engine.verdict", "engine.registry.record"},
    "engine.observe": {"engine.clock", "engine.verdict.outcome", "prometheus_client", "structlog"},
    "engine.node.bus": {"engine.clock", "engine.registry.record", "engine.verdict.outcome"},
    "engine.listeners": {"engine.clock", "engine.config", *UP_TO_SESSION, "trio", "trio_websocket", "structlog"},
    "engine.api": {
        "engine.clock",
        "engine.config",
        "engine.registry",
        "engine.observe",
        "engine.node.bus",
        "engine.verdict.outcome",
        "litestar",
        "structlog",
    },
}
# What DESIGN's rows do not name and these rooms cannot do without.
BEYOND_DESIGN = {
    "engine.registry": {"trio": "Store is asynchronous: it waits for the writer thread and for a reader's hop"},
    "engine.listeners": {"wsproto": "trio-websocket's own core, for the Close frames that it leaves unsaid"},
    "engine.api": {
        "trio": "a change waits for its acknowledgement, a request for its deadline",
        "hypercorn": "it serves Litestar (DESIGN section 10)",
        "multipart": "uploads are read in memory, bounded: Litestar's own reader puts them into /tmp",
    },
}
# They know all the others.
TOP = {"engine", "engine.node", "engine.app", "engine.cli", "engine.__main__"}

# Framing is bytes in, frames out: no I/O, no time, no chance, not even from the standard library.
NOT_IN_FRAMING = {
    "asyncio",
    "datetime",
    "random",
    "secrets",
    "select",
    "selectors",
    "socket",
    "ssl",
    "threading",
    "time",
}


def room_of(module: str) -> str:
    """The longest room that `module` is in or below. LookupError for a module without a room."""
    rooms = [room for room in (*ROOMS, *TOP) if covers(room, module)]
    room = max(rooms, key=len, default="engine")
    if room == "engine" != module:
        raise LookupError(f"{module} is in no room of DESIGN section 1")
    return room


def covers(name: str, module: str) -> bool:
    return module == name or module.startswith(f"{name}.")


def imports_of(source: str) -> set[str]:
    """Every module that `source` imports, wherever in it; `from a import b` is a.b where that is a module of ours."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "absolute imports only"
            found |= {submodule(node.module or "", alias.name) for alias in node.names}
    return found


def submodule(package: str, name: str) -> str:
    path = ROOT.joinpath(*package.split("."), name)
    is_module = path.is_dir() or any(path.with_suffix(suffix).exists() for suffix in (".py", ".pyi"))
    return f"{package}.{name}" if is_module else package


def forbidden_imports(module: str, source: str) -> set[str]:
    """What `module` imports and its room may not."""
    room = room_of(module)
    if room in TOP:
        return set()
    allowed = {room, *EVERYWHERE, *ROOMS[room], *BEYOND_DESIGN.get(room, {})}
    standard = sys.stdlib_module_names - (NOT_IN_FRAMING if room == "engine.framing" else set())
    return {
        name
        for name in imports_of(source)
        if name.partition(".")[0] not in standard and not any(covers(one, name) for one in allowed)
    }


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = sorted((ROOT / "engine").rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_module_imports_only_what_its_room_may(path: Path) -> None:
    assert forbidden_imports(module_of(path), path.read_text("utf-8")) == set()


# Who may touch the compiled module, and for what; everybody else goes through them.
BOUNDARY = {
    "engine.gate.compiled": "operations behind the gate, and what the module says of itself",
    "engine.gate.compiled_front": "the front that a Trio task owns, and what it has seen",
    "engine.gate.compiled_pending": "the row of the pending, which native fronts are given as it is",
    "engine.gate.compiled_sessions": "the sessions of all fronts, which native ones are given as they are",
    "engine.gate.compiled_table": "the table of known devices, which outlives any one call",
    "engine.gate.compiled_tls": "TLS contexts, which native fronts are given as they are",
    "engine.gate.compiled_verdict": "what the front computes of a CONNECT, for the gate to measure",
}


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_compiled_module_is_imported_by_its_boundary_only(path: Path) -> None:
    imported = "engine.gate._native" in imports_of(path.read_text("utf-8"))
    assert imported is (module_of(path) in BOUNDARY)


@pytest.mark.parametrize(
    ("module", "source", "name"),
    [
        ("engine.errors", "import engine.limits as limits\nimport engine.config", "engine.config"),
        ("engine.framing.mqtt.connect", "import trio", "trio"),
        ("engine.framing.mqtt.connect", "from time import monotonic", "time"),
        ("engine.framing.mqtt.connect", "from engine.clock import Clock", "engine.clock"),
        ("engine.framing.proxy", "import socket", "socket"),
        ("engine.claims.claim", "from engine.verdict.outcome import Reason", "engine.verdict.outcome"),
        ("engine.verdict.judge", "def f():\n    from engine.gate.selection import choose", "engine.gate.selection"),
        ("engine.verdict.judge", "from engine.registry import store", "engine.registry.store"),
        ("engine.verdict.judge", "if True:\n    import structlog", "structlog"),
        ("engine.session.mqtt", "from engine.listeners import admit", "engine.listeners.admit"),
        ("engine.registry.record", "from engine.registry.store import Store", "engine.registry.store"),
        ("engine.gate.selection", "import engine.verdict.secret", "engine.verdict.secret"),
        ("engine.observe.metrics", "import trio.lowlevel", "trio.lowlevel"),
        ("engine.node.bus", "from engine.node.local import LocalBus", "engine.node.local"),
        ("engine.listeners.mqtt", "from engine.app import open_node", "engine.app"),
        ("engine.api.application", "from engine.session.table import SessionTable", "engine.session.table"),
    ],
)
def test_planted_import_that_flows_back_is_found(module: str, source: str, name: str) -> None:
    assert forbidden_imports(module, source) == {name}


def test_room_may_import_itself_and_what_its_row_names() -> None:
    source = "import msgspec, struct\nfrom engine.claims import claim\nfrom engine.verdict import outcome"
    assert forbidden_imports("engine.verdict.judge", source) == set()


def test_module_outside_every_room_is_found() -> None:
    with pytest.raises(LookupError, match=r"engine\.helpers is in no room"):
        room_of("engine.helpers")


def test_the_top_may_import_everything() -> None:
    assert forbidden_imports("engine.app", "import trio, litestar, engine.listeners.mqtt, engine.api.schema") == set()
