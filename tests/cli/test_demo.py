"""keyturn demo, the stranger's first sight: it checks every answer, and its status says whether it liked them."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.cli import demo as demo_module
from engine.cli.application import run
from engine.cli.demo_clients import Answer, NoAnswer, Protocol
from engine.cli.demo_scenes import Scene, Stage
from tests.cli.conftest import Keyturn


def test_every_answer_is_right_and_the_audit_shows_both(keyturn: Keyturn, tmp_path: Path) -> None:
    done = keyturn("demo", TMPDIR=str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✗" not in done.stdout
    mqtt = ("0 Connection Accepted", "0x00 Success", "4 bad user name or password", "5 not authorized", "0x8E")
    coap = ("2.01 Created", "2.04 Changed", "2.02 Deleted", "4.03 Forbidden", "4.04 Not Found")
    for answer in (*mqtt, *coap, "48 unknown_ca"):
        assert answer in done.stdout
    for entry in ("device.activate", "device.refused", "wrong_certificate", "untrusted_certificate"):
        assert entry in done.stdout
    assert max(len(line.rstrip()) for line in done.stdout.splitlines()) <= 80
    assert re.search(r"All \d+ answers were the right ones", done.stdout)
    assert os.listdir(tmp_path) == []


def wrong_scene(answer: Answer | None) -> list[Scene]:
    def act(_stage: Stage) -> Answer:
        if answer is None:
            raise NoAnswer("no CONNACK came")
        return answer

    return [Scene("nobody", "nothing", Answer(Protocol.MQTT_3, 0), act)]


@pytest.mark.parametrize("answer", [Answer(Protocol.MQTT_3, 4), None])
def test_a_wrong_answer_shows_and_fails(
    answer: Answer | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo_module, "scenes", lambda: wrong_scene(answer))
    monkeypatch.setattr(demo_module, "certificate_scenes", lambda _certificates: [])
    monkeypatch.setattr(demo_module, "coap_scenes", list)
    assert run(["demo"]) == 1
    output = capsys.readouterr()
    assert "✗" in output.out
    assert ("4 bad user name or password" if answer else "no CONNACK came") in output.out
    assert output.err == "keyturn: 1 of 2 answers were not the right ones\n"


def test_without_paho_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("engine.cli.demo_clients.paho", None)
    assert run(["demo"]) == 1
    assert "pip install 'keyturn[demo]'" in capsys.readouterr().err


def test_keep_serves_on_until_it_is_told_to_end_and_leaves_nothing(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "engine", "demo", "--keep"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdout is not None
        shown = []
        for line in process.stdout:
            shown.append(line)
            if "Press Ctrl-C" in line:
                break
        (data,) = re.findall(r"device list --data (\S+)", "".join(shown))
        typed = [line for line in shown if line.startswith("  mosquitto_pub")]
        published = [subprocess.run(shlex.split(line), capture_output=True, check=False).returncode for line in typed]
        listed = subprocess.run(
            [sys.executable, "-m", "engine", "device", "list", "--data", data],
            capture_output=True,
            text=True,
            check=False,
        )
        process.send_signal(signal.SIGTERM)
        rest = process.stdout.read()
    assert "meter-1" in listed.stdout
    assert published == ([0, 0] if shutil.which("mosquitto_pub") else [])
    assert process.returncode == 0, "".join(shown) + rest
    assert os.listdir(tmp_path) == []
