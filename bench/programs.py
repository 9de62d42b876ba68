"""The C programs of the benchmarks: bench/native/*.c, compiled when first asked for into .cache/bench/.

With KEYTURN_LIBSSL_PREFIX set, they are linked against the static libssl and libcrypto below it, else against the
system's.
"""

import hashlib
import os
import subprocess
from pathlib import Path

from build import WARNINGS

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "bench" / "native"
_PARTS = {
    "storm": ("storm", "options", "devices", "connection", "tally", "histogram", "tls", "fatal"),
    "floor": ("floor", "tls", "fatal"),
}


def libssl_prefix() -> str:
    """Where the libssl to link is; empty for the system's."""
    return os.environ.get("KEYTURN_LIBSSL_PREFIX", "")


def program(name: str) -> Path:
    """The compiled `storm` or `floor`; made anew when a source is newer. CalledProcessError when it cannot be."""
    prefix = libssl_prefix()
    which = hashlib.sha256(prefix.encode()).hexdigest()[:8] if prefix else "system"
    made = ROOT / ".cache" / "bench" / which / name
    newest = max(source.stat().st_mtime for source in SOURCES.iterdir())
    if made.exists() and made.stat().st_mtime > newest:
        return made
    made.parent.mkdir(parents=True, exist_ok=True)
    # Under another name until it is whole: two runs may make it at the same time.
    unfinished = made.with_suffix(f".{os.getpid()}")
    sources = [str(SOURCES / f"{part}.c") for part in _PARTS[name]]
    subprocess.run(["gcc", *WARNINGS, "-D_GNU_SOURCE", "-O2", *_libssl(prefix, sources), "-o", unfinished], check=True)
    unfinished.replace(made)
    return made


def _libssl(prefix: str, sources: list[str]) -> list[str]:
    if not prefix:
        return [*sources, "-lssl", "-lcrypto", "-lm"]
    libraries = [f"{prefix}/lib/libssl.a", f"{prefix}/lib/libcrypto.a"]
    return [f"-I{prefix}/include", *sources, *libraries, "-lstdc++", "-lpthread", "-lm"]
