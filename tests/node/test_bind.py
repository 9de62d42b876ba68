"""Sockets of a configuration; what serves them is tests/test_app.py."""

import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from engine.config import LISTENERS, ApiConfig, Config
from engine.errors import ConfigError, UsageError
from engine.node.bind import address_of, bind

FREE = {kind.name: "127.0.0.1:0" for kind in LISTENERS}
ALL_OFF = {kind.name: "off" for kind in LISTENERS}


def bound(**listeners: str) -> dict[str, socket.socket]:
    return dict(bind(Config(data=Path("data"), listeners={**ALL_OFF, **listeners})))


def test_every_listener_that_is_on_has_a_socket_that_does_not_block() -> None:
    with ExitStack() as stack:
        sockets = {name: stack.enter_context(sock) for name, sock in bind(Config(data=Path("data"), listeners=FREE))}
        assert set(sockets) == set(FREE)
        for name, sock in sockets.items():
            assert not sock.getblocking()
            assert address_of(sock).startswith("127.0.0.1:")
            is_datagram = next(kind.is_datagram for kind in LISTENERS if kind.name == name)
            assert sock.type == (socket.SOCK_DGRAM if is_datagram else socket.SOCK_STREAM)


def test_taken_address_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=rf"listeners.mqtt: 127.0.0.1:{port}: Address already in use"):
            bound(mqtt=f"127.0.0.1:{port}")


def test_name_that_is_no_address_is_told() -> None:
    with pytest.raises(UsageError, match=r"listeners\.mqtt: nowhere\.invalid:1883"):
        bound(mqtt="nowhere.invalid:1883")


def test_any_ipv6_address_takes_ipv4_as_well() -> None:
    with bound(mqtt="[::]:0")["mqtt"] as sock:
        port = sock.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            pass
        assert address_of(sock) == f"[::]:{port}"


def test_api_beyond_loopback_wants_to_be_told_so() -> None:
    with pytest.raises(ConfigError, match="not loopback"):
        bound(api="0.0.0.0:0")
    config = Config(data=Path("data"), listeners={**ALL_OFF, "api": "0.0.0.0:0"}, api=ApiConfig(insecure=True))
    for _name, sock in bind(config):
        sock.close()


def test_loopback_by_its_name_is_loopback() -> None:
    with bound(api="localhost:0")["api"] as sock:
        assert address_of(sock).startswith(("127.0.0.1:", "[::1]:"))
