"""The configuration: msgspec Structs decoded from keyturn.toml. Every default is sane, every field is documented."""

import ipaddress
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from engine.errors import ConfigError
from engine.limits import Limits


class ListenerKind(msgspec.Struct, frozen=True):
    """One row of the listener table: flags, configuration, ready file, /readyz, demo and metric labels come from here.

    `protocol` is the metric label; `what` is the help text of the flag; `has_tls` asks for the files of [tls];
    `is_datagram`: UDP, not TCP; `takes_proxy`: [proxy] may name it.
    """

    name: str
    port: int
    protocol: str
    what: str
    has_tls: bool = False
    is_datagram: bool = False
    takes_proxy: bool = False


LISTENERS = (
    ListenerKind("mqtt", 1883, "mqtt", "MQTT over TCP", takes_proxy=True),
    ListenerKind("mqtts", 8883, "mqtts", "MQTT over TLS", has_tls=True, takes_proxy=True),
    ListenerKind("ws", 8083, "ws", "MQTT over WebSocket", takes_proxy=True),
    ListenerKind("wss", 8084, "wss", "MQTT over WebSocket over TLS", has_tls=True, takes_proxy=True),
    ListenerKind("coap", 5683, "coap", "LwM2M over CoAP (UDP)", is_datagram=True),
    ListenerKind("api", 8080, "http", "the application API, /livez, /readyz and /metrics"),
)

OFF = "off"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Address(msgspec.Struct, frozen=True):
    """Where a listener binds. Port 0 lets the system pick a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the verdict lets pass beyond the proof itself (DESIGN section 2).

    sign_types: "both" as the reference service; "sticky" refuses sign type 0 once a device was accepted with 1;
    "checked-only" refuses sign type 0 always. stamp_window_hours: this hour and so many before and after (sign type 1).
    """

    sign_types: Literal["both", "sticky", "checked-only"] = "both"
    stamp_window_hours: Annotated[int, msgspec.Meta(ge=0, le=24)] = 1


class ApiConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The application API. insecure: listen in the clear on an address that is not loopback, because something in front
    of it does the TLS. hosts: the names that a request's Host header may carry (without port). region: the only one for
    which keys derived from access keys (V11-HMAC-SHA256) are taken; empty for any, as a node alone is in no region."""

    insecure: bool = False
    hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "[::1]")
    region: Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9-]{0,64}\Z")] = ""


class TlsConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What devices check the server by: PEM files, relative to the data directory unless absolute. certificate: the
    server's, then the intermediates up to what devices preset. key: the server certificate's, not encrypted.
    crls: a directory of CRLs by device CAs, PEM or DER, one a file, beside those that were uploaded; empty for none."""

    certificate: str = "tls/server.pem"
    key: str = "tls/server.key"
    crls: str = ""


class WebSocketConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """origins: when not empty, a request that carries an Origin header (a browser's) must name one of these."""

    origins: tuple[str, ...] = ()


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One node. `data` is the data directory made by `keyturn init`; it is never read from the file itself.

    native: whether operations behind the gate use their compiled twins ("auto": where the gate's record says so).
    listeners: name to "host:port", "[v6]:port" or "off"; a name left out has its default.
    exempt_networks: peers (balancers, tests) to whom the failed-attempt limits and the share per prefix do not apply.
    proxy: name of a listener whose every connection comes through a balancer and begins with a PROXY header (version 1
    or 2), to the networks that such a balancer may be in. A listener that is not named takes no header.
    """

    data: Path = Path(".")
    native: Literal["auto", "always", "never"] = "auto"
    listeners: dict[str, str] = {}
    exempt_networks: tuple[str, ...] = ()
    proxy: dict[str, tuple[str, ...]] = {}
    policy: Policy = Policy()
    api: ApiConfig = ApiConfig()
    tls: TlsConfig = TlsConfig()
    websocket: WebSocketConfig = WebSocketConfig()
    limits: Limits = Limits()

    def address(self, name: str) -> Address | None:
        """The address of a listener, None when it is off. ConfigError names the listener."""
        kind = next((kind for kind in LISTENERS if kind.name == name), None)
        if kind is None:
            raise ConfigError(f"listeners.{name}: there is no such listener ({', '.join(k.name for k in LISTENERS)})")
        text = self.listeners.get(name, f"127.0.0.1:{kind.port}")
        return None if text == OFF else read_address(text, f"listeners.{name}")

    def balancers(self, name: str) -> tuple[Network, ...] | None:
        """Whose PROXY header a listener takes; None where it takes none. ConfigError names what cannot be used."""
        if name not in self.proxy:
            return None
        named = [kind.name for kind in LISTENERS if kind.takes_proxy]
        if name not in named:
            raise ConfigError(f"proxy.{name}: there is no such listener with MQTT ({', '.join(named)})")
        if not self.proxy[name]:
            raise ConfigError(f"proxy.{name}: name the networks of the balancers; nobody else could connect")
        return networks_of(self.proxy[name], f"proxy.{name}")


def networks_of(texts: Sequence[str], field: str) -> tuple[Network, ...]:
    """ "10.0.0.0/8", "::1". ConfigError names the field."""
    try:
        return tuple(ipaddress.ip_network(text) for text in texts)
    except ValueError as fault:
        raise ConfigError(f"{field}: {fault}") from None


def read_address(text: str, field: str) -> Address:
    """ "host:port" or "[v6]:port". ConfigError names the field."""
    host, separator, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ConfigError(f"{field}: write an IPv6 address in brackets: {text!r}")
    if not separator or not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise ConfigError(f"{field}: expected host:port or {OFF!r}, got {text!r}")
    return Address(host, int(port))


def read_config(data: Path, overrides: dict[str, str] | None = None) -> Config:
    """Read data/keyturn.toml; `overrides` are listener addresses from the command line. ConfigError names the field."""
    path = data / "keyturn.toml"
    try:
        config = msgspec.convert(tomllib.loads(path.read_text("utf-8")), Config)
    except FileNotFoundError:
        raise ConfigError(f"{path}: not found; make a data directory with: keyturn init --data {data}") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as fault:
        raise ConfigError(f"{path}: {fault}") from None
    config = msgspec.structs.replace(config, data=data, listeners={**config.listeners, **(overrides or {})})
    for name in {*config.listeners, *(kind.name for kind in LISTENERS)}:
        config.address(name)
    for name in config.proxy:
        config.balancers(name)
    return config
