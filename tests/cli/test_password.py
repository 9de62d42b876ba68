"""keyturn password: the published vector, and a secret that nobody sees."""

import datetime
import io
import json
import os
import pty
import subprocess
import sys

import pytest

from engine.cli.application import run
from engine.cli.password import certificate_credentials, connect_credentials, stamp_at

# mqtt-device.md C.1, the published vector.
SECRET, STAMP = "12345678", "2025041401"
PASSWORD = "c75150e6cb841417396819e4d2ee4358a416344a03a083e3a8567074ddec820a"


def typed(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


@pytest.mark.parametrize("line_end", [b"", b"\n", b"\r\n"])
def test_published_vector(line_end: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    typed(monkeypatch, SECRET.encode() + line_end)
    assert run(["password", "a_b-1", "--stamp", STAMP, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "client_id": f"a_b-1_0_0_{STAMP}",
        "user_name": "a_b-1",
        "password": PASSWORD,
    }


def test_with_a_certificate_there_is_no_password() -> None:
    made = certificate_credentials("a_b-1", STAMP)
    assert (made.client_id, made.user_name, made.password) == (f"a_b-1_0_0_{STAMP}", "a_b-1", None)


def test_lines_for_a_person(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    typed(monkeypatch, SECRET.encode())
    assert run(["password", "dev", "--sign-type", "1", "--stamp", STAMP]) == 0
    assert capsys.readouterr().out == (f"client id  dev_0_1_{STAMP}\nuser name  dev\npassword   {PASSWORD}\n")


def test_the_stamp_is_this_hour_in_utc() -> None:
    tokyo = datetime.timezone(datetime.timedelta(hours=9))
    assert stamp_at(datetime.datetime(2025, 4, 14, 10, 59, 59, tzinfo=tokyo)) == STAMP


def test_left_out_the_stamp_is_now(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    before = stamp_at(datetime.datetime.now(datetime.UTC))
    typed(monkeypatch, SECRET.encode())
    assert run(["password", "dev", "--json"]) == 0
    after = stamp_at(datetime.datetime.now(datetime.UTC))
    made = json.loads(capsys.readouterr().out)
    assert made["client_id"].removeprefix("dev_0_0_") in (before, after)


@pytest.mark.parametrize(
    ("arguments", "secret", "words"),
    [
        (["a b"], SECRET, "DEVICE_ID"),
        (["x" * 129], SECRET, "DEVICE_ID"),
        (["d", "--stamp", "20250414"], SECRET, "--stamp"),
        (["d", "--stamp", "２０２５０４１４０１"], SECRET, "--stamp"),
        (["d"], "", "the secret is empty"),
        (["d"], "\n", "the secret is empty"),
        (["d"], "pässword", "not ASCII"),
    ],
)
def test_what_cannot_be_right_is_refused(
    arguments: list[str],
    secret: str,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    typed(monkeypatch, secret.encode())
    assert run(["password", *arguments]) == 1
    assert words in capsys.readouterr().err


def test_at_a_terminal_the_secret_is_asked_for_and_not_shown() -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "engine", "password", "dev", "--stamp", STAMP, "--json"]
    with subprocess.Popen(
        command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        os.close(theirs)
        assert process.stdout is not None
        assert process.stderr is not None
        prompt = b""
        while b"Secret: " not in prompt:
            read = os.read(process.stderr.fileno(), 1000)
            assert read, prompt
            prompt += read
        os.write(ours, SECRET.encode() + b"\n")
        made = json.loads(process.stdout.read())
        shown = prompt + process.stderr.read()
    os.close(ours)
    assert process.returncode == 0
    assert made["password"] == PASSWORD
    assert SECRET.encode() not in shown


def test_repr_of_what_a_client_sends_is_made_of_its_three_fields() -> None:
    made = connect_credentials("dev", SECRET, STAMP, "1")
    assert (made.client_id, made.user_name, made.password) == (f"dev_0_1_{STAMP}", "dev", PASSWORD)
