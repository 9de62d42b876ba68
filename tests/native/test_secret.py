"""native/secret.c by itself: no branch or address depends on a secret (memcheck), no byte is read or written astray."""

import hmac
import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from build import COMPILE, HARDENING, LINK, WARNINGS
from engine.gate.reference.secret import VERIFY_SECRET, verify_secret

ROOT = Path(__file__).parents[2]
REAL = ROOT / "native" / "secret.c"
FAULTY = ROOT / "tests" / "native" / "faulty_secret.c"
DRIVER = ROOT / "tests" / "native" / "drive_secret.c"

PASSWORD, STAMP, SECRET, OTHER = VERIFY_SECRET.known_answers[0].arguments

# Every length at which something changes: nothing, a block of SHA-256 less its padding, a block, the longest secret.
LENGTHS = (0, 1, 55, 56, 63, 64, 65, 256)
CASES = [
    *(known.arguments for known in VERIFY_SECRET.known_answers),
    *((PASSWORD, STAMP, b"p" * length, b"s" * length) for length in LENGTHS),
    *(((PASSWORD * 4)[:length], STAMP, SECRET, OTHER) for length in LENGTHS),
    *((PASSWORD, b"k" * length, SECRET, OTHER) for length in LENGTHS),
    # Rows of equal stamps, and back to an earlier one.
    *(
        (hmac.new(stamp, SECRET, "sha256").hexdigest().encode(), stamp, *secrets)
        for stamp in (STAMP, STAMP, STAMP[:-1] + b"9", STAMP)
        for secrets in ((SECRET, OTHER), (OTHER, SECRET), (OTHER, OTHER), (SECRET, SECRET))
    ),
]
ANSWERS = "".join(f"{verify_secret(*case)}\n" for case in CASES)

BY = ("-DBY",)
"""The driver asks eng_secret_verify_by."""

Compile = Callable[..., Path]


@pytest.fixture
def compile_driver(tmp_path: Path) -> Compile:
    """Compile the driver with one implementation, by the flags that the module itself is built with."""

    def compile_with(source: Path, *flags: str) -> Path:
        program = tmp_path / "drive_secret"
        command = ["gcc", *WARNINGS, *HARDENING, *COMPILE, "-O2", "-g", f"-I{ROOT / 'native'}", *flags]
        subprocess.run([*command, str(DRIVER), str(source), *LINK, "-o", str(program)], check=True)
        return program

    return compile_with


def drive(
    *command: str | Path, cases: Sequence[tuple[bytes, ...]] = CASES, **environment: str
) -> subprocess.CompletedProcess[str]:
    lines = "".join(f"{argument.hex()}\n" for case in cases for argument in case)
    return subprocess.run(
        command, input=lines, env=os.environ | environment, capture_output=True, text=True, check=False
    )


def memcheck(program: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run under valgrind; status 9 when it has something to report."""
    return drive("valgrind", "-q", "--error-exitcode=9", "--leak-check=full", program, **environment)


@pytest.mark.system("valgrind")
class TestMemcheck:
    # 0 switches every processor extension off: the plain code of libcrypto, as on a machine without them.
    @pytest.mark.parametrize("environment", [{}, {"OPENSSL_ia32cap": "0"}], ids=["this processor", "plain processor"])
    @pytest.mark.parametrize("asked", [(), BY], ids=["plain", "by"])
    def test_no_branch_and_no_address_depends_on_a_secret(
        self, compile_driver: Compile, environment: dict[str, str], asked: tuple[str, ...]
    ) -> None:
        run = memcheck(compile_driver(REAL, "-DMEMCHECK", *asked), **environment)
        assert (run.returncode, run.stderr, run.stdout) == (0, "", ANSWERS)

    def test_same_driver_passes_a_slow_but_careful_implementation(self, compile_driver: Compile) -> None:
        """So that what is caught below is the fault, not the code around it."""
        run = memcheck(compile_driver(FAULTY, "-DMEMCHECK"))
        assert (run.returncode, run.stdout) == (0, ANSWERS), run.stderr

    @pytest.mark.parametrize(
        ("fault", "report"),
        [
            ("EARLY_EXIT", "Conditional jump or move depends on uninitialised value"),
            ("SHORTCUT", "Conditional jump or move depends on uninitialised value"),
            ("HEX_TABLE", "Use of uninitialised value"),
        ],
    )
    def test_fault_that_tells_a_secret_is_caught(self, compile_driver: Compile, fault: str, report: str) -> None:
        run = memcheck(compile_driver(FAULTY, "-DMEMCHECK", f"-D{fault}"))
        assert run.returncode == 9
        assert report in run.stderr


class TestSanitizers:
    FLAGS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")

    @pytest.mark.parametrize("asked", [(), BY], ids=["plain", "by"])
    def test_edge_lengths_are_clean(self, compile_driver: Compile, asked: tuple[str, ...]) -> None:
        run = drive(compile_driver(REAL, *self.FLAGS, *asked))
        assert (run.returncode, run.stderr, run.stdout) == (0, "", ANSWERS)

    def test_byte_read_past_the_password_is_caught(self, compile_driver: Compile) -> None:
        run = drive(compile_driver(FAULTY, *self.FLAGS, "-DOVER_READ"))
        assert run.returncode != 0
        assert "heap-buffer-overflow" in run.stderr


def test_ignored_answer_does_not_compile(tmp_path: Path) -> None:
    """The result is must-use: a caller cannot forget to look at it."""
    source = tmp_path / "ignores.c"
    source.write_text('#include "secret.h"\nvoid f(void) { eng_secret_verify(0, 0, 0, 0, 0, 0, 0, 0); }\n')
    command = ["gcc", *WARNINGS, f"-I{ROOT / 'native'}", "-c", str(source), "-o", "/dev/null"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode != 0
    assert "ignoring return value of 'eng_secret_verify'" in run.stderr.replace("‘", "'").replace("’", "'")
