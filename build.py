"""Builds the native module engine.gate._native with cffi; setup.py names it, `pip wheel .` and `pip install .` run it.

Every native/*.c is compiled in; every native/*.cdef.h is read by C and by cffi alike. libssl and libcrypto are those
below KEYTURN_LIBSSL_PREFIX, else AWS-LC's where `make aws-lc` has built them, else the system's OpenSSL
(KEYTURN_LIBSSL_PREFIX= says so).
"""

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.exit("This is Keyturn's build.py, not PyPA's build (`python -m build` finds it first here): use `pip wheel .`")

from cffi import FFI  # below the exit, which must speak where cffi is not installed

NATIVE = Path("native")
SOURCES = sorted(NATIVE.glob("*.c"))
HEADERS = sorted(NATIVE.glob("*.h"))

WARNINGS = ["-std=c11", "-Wall", "-Wextra", "-Werror"]
HARDENING = ["-fstack-protector-strong", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2", "-fvisibility=hidden"]

PREFIX = os.environ.get("KEYTURN_LIBSSL_PREFIX", ".cache/aws-lc" if Path(".cache/aws-lc/lib/libssl.a").exists() else "")


def library_flags(prefix: str) -> tuple[list[str], list[str]]:
    """What to compile and to link with, for the library below `prefix` ("": the system's).

    A static one stays inside the module: its symbols are not seen from outside, and ours bind to it first. Else they
    might meet those of the libssl that Python's ssl module has loaded.
    """
    if not prefix:
        return [], ["-lssl", "-lcrypto"]
    root = Path(prefix).absolute()
    hidden = ["-Wl,--exclude-libs,ALL", "-Wl,-Bsymbolic"]
    return ["-isystem", f"{root}/include"], [*hidden, f"{root}/lib/libssl.a", f"{root}/lib/libcrypto.a", "-lpthread"]


COMPILE, LINK = library_flags(PREFIX)

ffibuilder = FFI()
for header in HEADERS:
    if header.name.endswith(".cdef.h"):
        ffibuilder.cdef(header.read_text("utf-8"))
ffibuilder.set_source(
    "engine.gate._native",
    "".join(f'#include "{header.name}"\n' for header in HEADERS if not header.name.endswith(".cdef.h")),
    sources=[str(source) for source in SOURCES],
    depends=[str(header) for header in HEADERS],
    include_dirs=[str(NATIVE)],
    extra_compile_args=[*WARNINGS, *HARDENING, "-O2", *COMPILE],
    extra_link_args=["-Wl,-z,relro,-z,now", *LINK],
)
