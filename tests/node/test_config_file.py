"""keyturn.toml as init writes it: it says the defaults, every one of them, and changes none."""

import re
import tomllib

import msgspec

from engine.config import LISTENERS, ApiConfig, Config, Policy, TlsConfig, WebSocketConfig
from engine.limits import Limits
from engine.node.config_file import write_config_template

UNCOMMENTED = re.sub(r"^#(?=[a-z_]+ = )", "", write_config_template(), flags=re.MULTILINE)


def test_the_file_as_written_changes_no_default() -> None:
    assert msgspec.convert(tomllib.loads(write_config_template()), Config) == Config()


def test_every_line_that_is_commented_out_is_the_default() -> None:
    listeners = {kind.name: f"127.0.0.1:{kind.port}" for kind in LISTENERS}
    assert msgspec.convert(tomllib.loads(UNCOMMENTED), Config) == Config(listeners=listeners)


def test_every_field_is_there() -> None:
    """A field added to a Struct and forgotten in the file would be found by nobody."""
    written = tomllib.loads(UNCOMMENTED)
    assert {*written, "data"} == set(Config.__struct_fields__)
    assert list(written["listeners"]) == [kind.name for kind in LISTENERS]
    sections = {"policy": Policy, "api": ApiConfig, "tls": TlsConfig, "websocket": WebSocketConfig, "limits": Limits}
    for section, kind in sections.items():
        assert list(written[section]) == list(kind.__struct_fields__)
