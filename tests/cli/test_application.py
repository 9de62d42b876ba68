"""Every error is one clear line on standard error and a status that is not zero."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from engine.cli import application
from engine.cli.application import run
from engine.errors import StoreUnavailable, UsageError


def raising(monkeypatch: pytest.MonkeyPatch, fault: BaseException) -> None:
    """Make `keyturn gate` raise it: the one command whose work is a single call."""

    def fail(_offered: object) -> None:
        raise fault

    monkeypatch.setattr("engine.cli.gate.take_record", fail)


def test_version_names_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("keyturn ")


def test_no_arguments_show_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    output = capsys.readouterr()
    assert all(command in output.out for command in ("init", "serve", "device", "password", "master-key", "demo"))
    assert output.err == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["frobnicate"], "frobnicate"),
        (["password"], "DEVICE_ID"),
        (["serve", "--no-such-flag"], "--no-such-flag"),
        (["device", "list", "--limit", "none"], "--limit"),
        (["password", "d", "--sign-type", "2"], "--sign-type"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("keyturn: ")
    assert output.err.count("\n") == 1
    assert words in output.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["serve"],
        ["device", "list"],
        ["device", "show", "d"],
        ["product", "list"],
        ["audit"],
        ["master-key", "rotate"],
    ],
    ids=" ".join,
)
def test_a_data_directory_that_is_none_is_named_with_the_way_to_make_one(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = str(tmp_path / "absent")
    assert run([*arguments, "--data", data]) == 1
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert data in line
    assert "keyturn init" in line


def test_no_node_is_one_line_with_the_way_to_start_one(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["device", "list", "--data", str(data)]) == 1
    line = capsys.readouterr().err
    assert line == f"keyturn: no node runs on {data}; start one with: keyturn serve --data {data}\n"


@pytest.mark.parametrize(
    ("fault", "status", "line"),
    [
        (UsageError("not so"), 1, "not so"),
        (StoreUnavailable("disk full"), 1, "the registry cannot be used: disk full"),
        (PermissionError(13, "Permission denied", "/x/y"), 1, "/x/y: Permission denied"),
        (OSError(98, "Address already in use"), 1, "Address already in use"),
        (ExceptionGroup("", [ExceptionGroup("", [UsageError("deep")])]), 1, "deep"),
        (ExceptionGroup("", [UsageError("one"), UsageError("two"), UsageError("one")]), 1, "one; two"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (BaseExceptionGroup("", [KeyboardInterrupt(), UsageError("x")]), 130, "interrupted"),
        (UsageError("two\nlines \x1b[31mred"), 1, "two lines \\x1b[31mred"),
        (ZeroDivisionError("by zero"), 70, "ZeroDivisionError by zero (this is a bug; KEYTURN_DEBUG=1 shows where)"),
        (
            ExceptionGroup("", [UsageError("x"), KeyError()]),
            70,
            "KeyError (this is a bug; KEYTURN_DEBUG=1 shows where)",
        ),
    ],
)
def test_a_fault_is_one_line(
    fault: BaseException, status: int, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("KEYTURN_DEBUG", raising=False)
    raising(monkeypatch, fault)
    assert run(["gate"]) == status
    assert capsys.readouterr().err == f"keyturn: {line}\n"


def test_debug_shows_where_a_bug_is(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("KEYTURN_DEBUG", "1")
    raising(monkeypatch, ZeroDivisionError("by zero"))
    assert run(["gate"]) == 70
    error = capsys.readouterr().err
    assert "Traceback" in error
    assert "test_application.py" in error
    assert error.splitlines()[-1].startswith("keyturn: ZeroDivisionError")


def commands_below(command: Any, *words: str) -> Iterator[tuple[str, Any]]:
    yield " ".join(words), command
    for name, each in getattr(command, "commands", {}).items():
        yield from commands_below(each, *words, name)


COMMANDS = dict(commands_below(typer.main.get_command(application.application), "keyturn"))


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_and_option_says_what_it_does(words: str) -> None:
    command = COMMANDS[words]
    assert command.help
    for parameter in command.params:
        # An id of a device or a key needs no words.
        assert getattr(parameter, "help", None) or (parameter.metavar or "").isupper(), parameter.name


@pytest.mark.parametrize("arguments", [["--help"], ["password", "device"]], ids=" ".join)
def test_a_reader_that_goes_away_is_not_a_traceback(arguments: list[str]) -> None:
    """keyturn device list | head -1"""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "engine", *arguments]
    try:
        done = subprocess.run(command, input=b"12345678", stdout=writing, stderr=subprocess.PIPE, check=False)
    finally:
        os.close(writing)
    assert done.returncode == 1
    assert done.stderr == b""


def test_the_module_and_the_console_script_are_the_same() -> None:
    done = subprocess.run([sys.executable, "-m", "engine", "--version"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout.startswith("keyturn ")
    assert callable(application.main)
