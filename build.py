"""Builds the native module engine.gate._native with cffi; setup.py names it, `pip wheel .` and `pip install .` run it.

Every native/*.c is compiled in; every native/*.cdef.h is read by C and by cffi alike.
"""

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
    libraries=["crypto"],
    extra_compile_args=[*WARNINGS, *HARDENING, "-O2"],
    extra_link_args=["-Wl,-z,relro,-z,now"],
)
