"""keyturn product, against a node that serves."""

import json
from pathlib import Path

import pytest

from engine.cli.application import run


@pytest.fixture
def on(served: Path) -> tuple[str, str]:
    return ("--data", str(served))


def test_create_and_list(on: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "services.json").write_text('[{"service_id": "a", "service_type": "a"}]')
    arguments = ["--product-id", "meter", "--name", "Water-meter", "--device-type", "Meter", "--data-format", "binary"]
    services = ["--services", str(tmp_path / "services.json")]
    assert run(["product", "create", *arguments, *services, "--json", *on]) == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["product_id"], made["name"], made["device_type"]) == ("meter", "Water-meter", "Meter")
    assert (made["protocol_type"], made["data_format"]) == ("MQTT", "binary")
    assert [each["service_id"] for each in made["service_capabilities"]] == ["a"]
    assert run(["product", "list", *on]) == 0
    output = capsys.readouterr().out
    assert "Water-meter" in output
    assert output.splitlines()[-1] == "2 of 2"
    assert run(["product", "list", "--json", "--limit", "1", *on]) == 0
    assert [each["product_id"] for each in json.loads(capsys.readouterr().out)] == ["meter"]


def test_left_out_the_id_is_made_up_and_printed(on: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["product", "create", "--name", "No_id", *on]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines["name"] == "No_id"
    assert lines["product_id"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--name", "x", "--protocol", "Carrier pigeon"], "IOTDA.000006"),
        (["--name", "x", "--product-id", "product"], "("),
        (["--name", "x", "--product-id", "a b"], "IOTDA.000006"),
    ],
)
def test_what_the_api_refuses_is_one_line(
    arguments: list[str], words: str, on: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["product", "create", *arguments, *on]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert words in error


@pytest.mark.parametrize("content", ["{}", "[", "\udcff"])
def test_services_that_are_no_list_are_named(
    content: str, on: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "services.json").write_text(content, errors="surrogateescape")
    assert run(["product", "create", "--name", "x", "--services", str(tmp_path / "services.json"), *on]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "services.json" in error
