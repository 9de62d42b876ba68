from pathlib import Path

import pytest

from engine.config import Address, Config, read_address, read_config
from engine.errors import ConfigError


def write(tmp_path: Path, text: str) -> Path:
    (tmp_path / "keyturn.toml").write_text(text)
    return tmp_path


def test_empty_file_is_the_defaults(tmp_path: Path) -> None:
    config = read_config(write(tmp_path, ""))
    assert config == Config(data=tmp_path)
    assert config.address("mqtt") == Address("127.0.0.1", 1883)
    assert config.address("api") == Address("127.0.0.1", 8080)


def test_command_line_overrides_the_file(tmp_path: Path) -> None:
    data = write(tmp_path, '[listeners]\nmqtt = "0.0.0.0:1884"\napi = "off"\n')
    config = read_config(data, {"mqtt": "[::1]:0"})
    assert config.address("mqtt") == Address("::1", 0)
    assert str(config.address("mqtt")) == "[::1]:0"
    assert config.address("api") is None


def test_balancers_are_networks_of_the_listeners_that_are_named(tmp_path: Path) -> None:
    config = read_config(write(tmp_path, '[proxy]\nmqtt = ["10.0.0.0/8", "::1"]\n'))
    assert [str(network) for network in config.balancers("mqtt") or ()] == ["10.0.0.0/8", "::1/128"]
    assert config.balancers("mqtts") is None


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("nativ = 'auto'", "nativ"),
        ("native = 'sometimes'", "native"),
        ("[listeners]\nmqtt = '1883'", "listeners.mqtt"),
        ("[listeners]\nmqtt = 'localhost:99999'", "listeners.mqtt"),
        ("[listeners]\nmqtt = '::1:1883'", "brackets"),
        ("[listeners]\nmqqt = '127.0.0.1:1'", "listeners.mqqt"),
        ("[policy]\nsign_types = 'any'", "sign_types"),
        ("[policy]\nstamp_window_hours = -1", "stamp_window_hours"),
        ("[limits]\nconect_seconds = 1.0", "conect_seconds"),
        ("[limits]\nconnect_seconds = 'ten'", "connect_seconds"),
        ("[proxy]\nmqqt = ['10.0.0.0/8']", "proxy.mqqt"),
        ("[proxy]\napi = ['10.0.0.0/8']", "proxy.api"),
        ("[proxy]\ncoap = ['10.0.0.0/8']", "proxy.coap"),
        ("[proxy]\nmqtt = ['10.0.0.1/8']", "proxy.mqtt"),
        ("[proxy]\nmqtt = []", "proxy.mqtt"),
        ("[proxy]\nmqtt = '10.0.0.0/8'", "proxy"),
        ("native = ", "keyturn.toml"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, text: str, named: str) -> None:
    """Unknown policy or a misspelt bound: closed, never a silent default (THREATS 9)."""
    with pytest.raises(ConfigError, match=named):
        read_config(write(tmp_path, text))


def test_absent_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="keyturn init"):
        read_config(tmp_path)


@pytest.mark.parametrize("text", ["", "host", "host:", ":1", "host:-1", "host:1x", "host:٣", "a:b:c"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="field"):
        read_address(text, "field")
