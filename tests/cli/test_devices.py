"""keyturn device, against a node that serves."""

import json
from pathlib import Path

import pytest

from engine.cli.application import run
from tests.cli.conftest import Keyturn


@pytest.fixture
def on(served: Path) -> tuple[str, str]:
    return ("--data", str(served))


def created(on: tuple[str, str], device_id: str, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Make a device; what was printed."""
    command = ["device", "create", "--product-id", "product", "--node-id", device_id, "--device-id", device_id]
    assert run([*command, *arguments, *on]) == 0, capsys.readouterr().err
    return capsys.readouterr().out


def test_an_allocated_secret_is_shown_once_and_then_on_request(
    on: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    made = json.loads(created(on, "allocated", capsys, "--json"))
    secret = made["auth_info"]["secret"]
    assert run(["device", "show", "allocated", *on]) == 0
    shown = capsys.readouterr().out
    assert "allocated" in shown
    assert secret not in shown
    assert run(["device", "show", "allocated", "--json", *on]) == 0
    assert secret not in capsys.readouterr().out
    assert run(["device", "show", "allocated", "--show-secret", *on]) == 0
    assert secret in capsys.readouterr().out


@pytest.mark.parametrize(("option", "secure"), [((), True), (("--no-secure-access",), False)])
def test_a_device_needs_security_unless_told_otherwise(
    on: tuple[str, str], capsys: pytest.CaptureFixture[str], option: tuple[str, ...], secure: bool
) -> None:
    made = json.loads(created(on, f"secure-{secure}", capsys, "--json", *option))
    assert made["auth_info"]["secure_access"] is secure


def test_a_device_with_a_certificate_has_a_fingerprint_and_no_secret(
    on: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    certified = ("--auth-type", "CERTIFICATES", "--json")
    first = json.loads(created(on, "first-use", capsys, *certified))["auth_info"]
    assert first["auth_type"] == "CERTIFICATES"
    assert not first.keys() & {"secret", "fingerprint"}
    pinned = json.loads(created(on, "pinned", capsys, *certified, "--fingerprint", "ab" * 32))["auth_info"]
    assert pinned["fingerprint"] == "ab" * 32


def test_for_a_person_the_allocated_secret_is_a_line(on: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    lines = dict(line.split(maxsplit=1) for line in created(on, "lines", capsys).splitlines())
    assert lines["device_id"] == "lines"
    assert lines["status"] == "INACTIVE"
    assert len(lines["secret"]) >= 8


def test_a_given_secret_comes_from_a_file_and_is_not_printed(
    on: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "secret").write_text("given-secret-1\n")
    assert "given-secret-1" not in created(on, "given", capsys, "--secret-file", str(tmp_path / "secret"))
    assert run(["device", "show", "given", "--show-secret", "--json", *on]) == 0
    assert json.loads(capsys.readouterr().out)["auth_info"]["secret"] == "given-secret-1"


def test_or_from_standard_input(served: Path, keyturn: Keyturn) -> None:
    arguments = ["--product-id", "product", "--node-id", "piped", "--device-id", "piped", "--data", str(served)]
    done = keyturn("device", "create", *arguments, "--secret-file", "-", typed="piped-secret-1\n")
    assert done.returncode == 0, done.stderr
    assert "piped-secret-1" not in done.stdout
    shown = keyturn("device", "show", "piped", "--show-secret", "--data", str(served))
    assert "piped-secret-1" in shown.stdout


def test_every_field_reaches_the_device(on: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    fields = ["--name", "Boiler", "--description", "in_the_cellar", "--timeout", "3600"]
    made = json.loads(created(on, "full", capsys, *fields, "--json"))
    assert made["device_name"] == "Boiler"
    assert made["description"] == "in_the_cellar"
    assert made["auth_info"]["timeout"] == 3600
    child = json.loads(created(on, "child", capsys, "--gateway-id", "full", "--json"))
    assert child["gateway_id"] == "full"


def test_list_pages_through_all_and_says_how_many_there_are(
    on: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(53):
        created(on, f"many-{number:02}", capsys)
    assert run(["device", "list", "--limit", "1000", "--json", *on]) == 0
    everything = [each["device_id"] for each in json.loads(capsys.readouterr().out)]
    assert everything[:53] == [f"many-{number:02}" for number in reversed(range(53))]
    assert len(set(everything)) == len(everything)
    assert run(["device", "list", "--limit", "51", *on]) == 0
    output = capsys.readouterr().out
    assert "many-52" in output
    assert "many-02" in output
    assert "many-01" not in output
    assert output.splitlines()[-1] == f"51 of {len(everything)}"


def test_list_of_one_product(on: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["device", "list", "--product-id", "no-such-product", *on]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "0 of 0"


def test_freeze_unfreeze_delete(on: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    created(on, "fickle", capsys)

    def status() -> str:
        assert run(["device", "show", "fickle", "--json", *on]) == 0
        return str(json.loads(capsys.readouterr().out)["status"])

    assert run(["device", "freeze", "fickle", *on]) == 0
    assert capsys.readouterr().out == "fickle frozen\n"
    assert status() == "FROZEN"
    assert run(["device", "freeze", "fickle", *on]) == 1
    assert "IOTDA.014039" in capsys.readouterr().err
    assert run(["device", "unfreeze", "fickle", *on]) == 0
    capsys.readouterr()
    assert status() == "INACTIVE"
    assert run(["device", "delete", "fickle", *on]) == 0
    assert capsys.readouterr().out == "fickle deleted\n"
    assert run(["device", "show", "fickle", *on]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "IOTDA.014000" in error


def test_a_device_that_exists_is_one_line(on: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    created(on, "twice", capsys)
    command = ["device", "create", "--product-id", "product", "--node-id", "x", "--device-id", "twice", *on]
    assert run(command) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "IOTDA.014031" in error


@pytest.mark.parametrize("device_id", ["../products", "a/b", "a?b=c", "%2e%2e", "é"])
def test_an_id_that_is_none_stays_one_segment_of_the_path(
    device_id: str, on: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["device", "show", device_id, *on]) == 1
    assert capsys.readouterr().err.count("\n") == 1
