"""The shape of the code: tests mirror the source, files and functions stay small, every package is shipped."""

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ENGINE = sorted((ROOT / "engine").rglob("*.py"))
PYTHON = sorted(path for room in ("engine", "tests", "bench") for path in (ROOT / room).rglob("*.py"))
C = sorted(path for room in ("native", "bench/native") for path in (ROOT / room).glob("*.[ch]"))

FILE_LINES = 400
FUNCTION_LINES = 60

# Modules without a test file of the same name, and where they are tested instead.
TESTED_ELSEWHERE: dict[str, str] = {
    "engine/errors.py": "a tree of names; what raises them is tested where it stands",
}

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(source: str) -> list[FunctionNode]:
    return [node for node in ast.walk(ast.parse(source)) if isinstance(node, FunctionNode)]


def does_something(function: FunctionNode) -> bool:
    """Not the `...` of a Protocol, with or without a docstring."""
    return any(
        not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
        for statement in function.body
    )


def long_functions(source: str) -> list[str]:
    return [f.name for f in functions(source) if (f.end_lineno or f.lineno) - f.lineno + 1 > FUNCTION_LINES]


def mirror_of(path: Path) -> Path:
    """engine/a/b.py -> tests/a/test_b.py"""
    inside = path.relative_to(ROOT / "engine")
    return ROOT / "tests" / inside.with_name(f"test_{inside.name}")


@pytest.mark.parametrize("path", ENGINE, ids=relative)
def test_module_with_code_has_its_test_file(path: Path) -> None:
    if any(does_something(function) for function in functions(path.read_text("utf-8"))):
        assert mirror_of(path).exists() != (relative(path) in TESTED_ELSEWHERE)


@pytest.mark.parametrize("name", TESTED_ELSEWHERE)
def test_exception_to_the_mirror_still_exists(name: str) -> None:
    assert (ROOT / name).exists()


@pytest.mark.parametrize("path", PYTHON + C, ids=relative)
def test_file_is_small(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= FILE_LINES


@pytest.mark.parametrize("path", PYTHON, ids=relative)
def test_functions_are_small(path: Path) -> None:
    assert long_functions(path.read_text("utf-8")) == []


def test_planted_long_function_is_found() -> None:
    body = "    x = 1\n" * FUNCTION_LINES
    assert long_functions(f"def f():\n{body}") == ["f"]
    assert long_functions(f"class C:\n  async def g(self):\n{body[10:]}") == []


def test_protocol_needs_no_test_and_code_does() -> None:
    protocol, code = functions('def f():\n    """What."""\n    ...\n\ndef g():\n    return 1\n')
    assert not does_something(protocol)
    assert does_something(code)


def test_every_package_is_shipped() -> None:
    """pyproject.toml lists the packages (the root holds other folders that are none)."""
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["packages"]
    assert listed == sorted(relative(path.parent).replace("/", ".") for path in ENGINE if path.name == "__init__.py")
