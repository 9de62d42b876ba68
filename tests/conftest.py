"""System programs: a test that needs one says so, and what could not run is named, not silent.

And hypothesis without its deadline: a busy machine is no fault of the code.
"""

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator

import hypothesis
import pytest

import engine.gate

CI = os.environ.get("CI") == "true"

hypothesis.settings.register_profile("keyturn", deadline=None, derandomize=CI)
hypothesis.settings.register_profile("short", deadline=None, derandomize=CI, max_examples=25)
hypothesis.settings.register_profile("long", deadline=None, max_examples=1000)
hypothesis.settings.load_profile("keyturn")

# Debian package (.ci/apt-packages) -> the program that a test runs.
PROGRAMS = {
    "libcoap3-bin": "coap-client-notls",
    "mosquitto-clients": "mosquitto_pub",
    "openssl": "openssl",
    "valgrind": "valgrind",
}

OTHER_MODULE = os.environ.get("KEYTURN_NATIVE_MODULE")
"""A second build of the native module, to test instead of the installed one: .ci/test-aws-lc."""

NOT_RUN = pytest.StashKey[dict[str, list[str]]]()


def use_native_module(path: str) -> None:
    """Before anything imports engine.gate._native."""
    spec = importlib.util.spec_from_file_location("engine.gate._native", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert sys.modules.setdefault(spec.name, module) is module
    engine.gate._native = module  # type: ignore[attr-defined]


if OTHER_MODULE:
    use_native_module(OTHER_MODULE)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[NOT_RUN] = {}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test marked `system(package)` where the package's program is missing."""
    for mark in item.iter_markers("system"):
        (package,) = mark.args
        if shutil.which(PROGRAMS[package]) is None:
            item.config.stash[NOT_RUN].setdefault(package, []).append(item.nodeid)
            pytest.skip(f"{PROGRAMS[package]} is missing: {install_line([package])}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    not_run = config.stash[NOT_RUN]
    if not not_run:
        return
    terminalreporter.section("not run: system packages are missing", yellow=True)
    for line in not_run_lines(not_run):
        terminalreporter.write_line(line)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """On CI nothing may be left out; on a person's machine it is enough to have said so."""
    if session.config.stash[NOT_RUN] and CI and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def not_run_lines(not_run: dict[str, list[str]]) -> Iterator[str]:
    """What did not run, package by package, and the line that installs them all."""
    for package, tests in sorted(not_run.items()):
        yield f"{package}:"
        yield from (f"    {test}" for test in tests)
    yield install_line(sorted(not_run))


def install_line(packages: list[str]) -> str:
    return f"apt-get install --no-install-recommends {' '.join(packages)}"
