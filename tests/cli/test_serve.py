"""keyturn serve as a process: ready, drained, alone on its data directory, and back after kill -9."""

import datetime
import json
import os
import resource
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
import trio

from engine.cli.application import run
from engine.cli.child import FREE_PORTS, Child
from engine.cli.serve import CutShort, _told_to_stop
from engine.config import LISTENERS, read_address
from engine.node.certificates import LOOPBACK_NAMES, Issued, issue_server_certificate
from engine.node.data_directory import running_node
from tests.cli.conftest import Keyturn
from tests.helpers.nodes import serve_process


def connect(address: str) -> socket.socket:
    there = read_address(address, "address")
    return socket.create_connection((there.host, there.port), timeout=10)


def test_the_ready_file_names_every_listener_and_all_of_them_accept(data: Path) -> None:
    with serve_process(data) as node:
        assert set(node.addresses) == {kind.name for kind in LISTENERS}
        for kind in LISTENERS:
            if not kind.is_datagram:
                connect(node.addresses[kind.name]).close()
        announced = running_node(data)
        assert announced is not None
        assert announced.pid == node.process.pid
        assert announced.addresses == node.addresses


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_and_the_status_is_0(data: Path, number: signal.Signals) -> None:
    with serve_process(data) as node:
        node.process.send_signal(number)
        assert node.process.wait(30) == 0
        assert not (data / "node.json").exists()
        assert running_node(data) is None
        events = [json.loads(line)["event"] for line in node.log.read_text().splitlines()]
        assert [event for event in events if event in ("serving", "draining", "stopped")] == [
            "serving",
            "draining",
            "stopped",
        ]


def test_sighup_reads_the_certificates_anew(data: Path) -> None:
    with serve_process(data) as node:
        old = certificate_of(node)
        new = certify(data)
        assert certificate_of(node) == old
        hang_up(node, "certificates reloaded")
        assert certificate_of(node) == new != old
        assert node.process.poll() is None


def test_cve_2017_7652_reload_without_a_descriptor_keeps_the_old_and_says_so(data: Path) -> None:
    """EMFILE for real. mosquitto fell back to open defaults."""
    with serve_process(data) as node:
        old = certificate_of(node)
        new = certify(data)
        pid = node.process.pid
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        hang_up(node, "certificates not reloaded, the old ones stay in force")
        assert "Too many open files" in node.log.read_text()
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        assert certificate_of(node) == old
        hang_up(node, "certificates reloaded")
        assert certificate_of(node) == new


def certify(data: Path) -> str:
    """A new server certificate in place of the old; its PEM."""
    ca = Issued((data / "tls/ca.pem").read_bytes(), (data / "tls/ca.key").read_bytes())
    issued = issue_server_certificate(ca, LOOPBACK_NAMES, datetime.datetime.now(datetime.UTC))
    (data / "tls/server.pem").write_bytes(issued.certificate)
    (data / "tls/server.key").write_bytes(issued.key)
    return issued.certificate.decode()


def certificate_of(node: Child) -> str:
    there = read_address(node.addresses["mqtts"], "mqtts")
    return ssl.get_server_certificate((there.host, there.port), timeout=10)


def hang_up(node: Child, event: str) -> None:
    """SIGHUP, and wait for this line of the log."""
    node.process.send_signal(signal.SIGHUP)
    give_up = time.monotonic() + 30
    while f'"{event}"' not in node.log.read_text():
        assert time.monotonic() < give_up, node.log.read_text()
        time.sleep(0.02)


def test_off_disables_a_listener(data: Path) -> None:
    with serve_process(data, [*FREE_PORTS, "--mqtt=off"]) as node:
        assert set(node.addresses) == {kind.name for kind in LISTENERS} - {"mqtt"}


def test_without_the_api_the_commands_say_so(data: Path, keyturn: Keyturn) -> None:
    with serve_process(data, [*FREE_PORTS, "--api=off"]):
        done = keyturn("device", "list", "--data", str(data))
    assert done.returncode == 1
    assert "its API off" in done.stderr


def test_a_second_node_on_the_same_data_is_refused_in_one_line(data: Path, keyturn: Keyturn) -> None:
    with serve_process(data) as node:
        done = keyturn("serve", "--data", str(data), *FREE_PORTS)
        assert done.returncode == 1
        assert done.stderr == f"keyturn: another keyturn process (pid {node.process.pid}) uses {data}\n"
        connect(node.addresses["mqtt"]).close()


def test_a_port_in_use_is_one_line_that_names_listener_and_address(data: Path, keyturn: Keyturn) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = keyturn("serve", "--data", str(data), *FREE_PORTS, "--mqtt", address)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()[-1:]
    assert line.startswith("keyturn: ")
    assert "mqtt" in line
    assert address in line
    assert "Address already in use" in line


def test_after_kill_9_it_serves_again(data: Path) -> None:
    with serve_process(data) as node:
        node.process.kill()
        node.process.wait()
        assert (data / "node.json").exists()
        assert running_node(data) is None
    with serve_process(data) as node:
        connect(node.addresses["mqtt"]).close()


def test_a_back_up_taken_while_it_serves_can_be_restored(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """docs/operations.md: SQLite's own back-up of the registry, and copies of the rest."""
    restored = tmp_path / "restored"
    with serve_process(data):
        assert run(["product", "create", "--name", "kept", "--data", str(data)]) == 0
        shutil.copytree(data, restored, ignore=shutil.ignore_patterns("registry.db*"))
        with (
            closing(sqlite3.connect(data / "registry.db")) as ours,
            closing(sqlite3.connect(restored / "registry.db")) as copy,
        ):
            ours.backup(copy)
    capsys.readouterr()
    with serve_process(restored):
        assert run(["product", "list", "--data", str(restored)]) == 0
        assert "kept" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flag", "words"), [("--mqtt=nowhere", "listeners.mqtt"), ("--api=127.0.0.1:99999", "listeners.api")]
)
def test_an_address_that_is_none_is_one_line(
    data: Path, flag: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["serve", "--data", str(data), flag]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert words in error


def test_a_field_that_does_not_exist_is_named(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "keyturn.toml").write_text("[policy]\nsign_type = 'both'\n")
    assert run(["serve", "--data", str(data)]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "sign_type" in error


def test_an_old_ready_file_is_taken_away_before_anything_accepts(data: Path, tmp_path: Path, keyturn: Keyturn) -> None:
    """A supervisor that waits for the file must not take yesterday's for today's."""
    ready = tmp_path / "ready.json"
    ready.write_text("{}")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = keyturn("serve", "--data", str(data), *FREE_PORTS, "--mqtt", address, "--ready-file", str(ready))
    assert done.returncode == 1
    assert not ready.exists()


def test_no_core_dump_and_all_the_descriptors_there_are(data: Path) -> None:
    """Secrets are in this process's memory; and a connection is a descriptor."""
    before = {number: resource.getrlimit(number) for number in (resource.RLIMIT_CORE, resource.RLIMIT_NOFILE)}
    core_hard, files_hard = (hard for _soft, hard in before.values())
    # What the child would inherit if it did nothing.
    resource.setrlimit(resource.RLIMIT_CORE, (core_hard, core_hard))
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, files_hard))
    try:
        with serve_process(data) as node:
            limits = Path(f"/proc/{node.process.pid}/limits").read_text().splitlines()
    finally:
        for number, limit in before.items():
            resource.setrlimit(number, limit)
    assert next(line.split()[4:6] for line in limits if line.startswith("Max core file size")) == ["0", "0"]
    assert next(line.split()[3:5] for line in limits if line.startswith("Max open files")) == [str(files_hard)] * 2


def test_no_other_process_of_the_user_may_trace_it() -> None:
    program = """
import ctypes
from engine.cli import serve
get_dumpable = lambda: ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
before = get_dumpable()
serve._keep_secrets_out_of_core_dumps()
print(before, get_dumpable())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout == "1 0\n", done.stderr


def test_serve_help_has_a_flag_for_every_listener(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert run(["serve", "--help"]) == 0
    shown = capsys.readouterr().out
    for kind in LISTENERS:
        assert f"--{kind.name}" in shown
        assert f"127.0.0.1:{kind.port}" in shown


async def test_the_second_signal_does_not_wait_for_the_drain() -> None:
    """A session that does not close in time must not hold the operator up for longer than wanted."""
    with pytest.RaisesGroup(CutShort):
        async with _told_to_stop() as stop:
            os.kill(os.getpid(), signal.SIGTERM)
            await stop.wait()
            os.kill(os.getpid(), signal.SIGTERM)
            await trio.sleep_forever()


async def test_a_block_that_ends_by_itself_leaves_the_signals_as_they_were() -> None:
    before = signal.getsignal(signal.SIGTERM)
    async with _told_to_stop():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before
