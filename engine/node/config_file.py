"""The text of a new data directory's keyturn.toml: every field with its default, commented out.

Commented out, so that a later version's better default reaches a node whose operator never chose.
"""

import msgspec

from engine.config import LISTENERS, ApiConfig, Config, Policy, TlsConfig, WebSocketConfig
from engine.limits import Limits

_TEMPLATE = """\
# Keyturn's configuration. Every line that is commented out shows the default; `keyturn serve` reads this file once,
# at start, and its flags win over it.

# Whether operations behind the gate use their compiled twins: "auto" (where `keyturn gate` measured that they earn
# it), "always" or "never".
{native}

# Peers to whom the limits on failed attempts and the share per address do not apply: balancers, test machines.
# For example ["10.0.0.0/8", "::1/128"].
{exempt_networks}

# Where each listener binds: "host:port", "[v6]:port" or "off". Port 0 picks a free one.
[listeners]
{listeners}

# Listeners whose every connection comes through a balancer and begins with a PROXY header (version 1 or 2), and the
# networks of the balancers: whoever is elsewhere is closed unread. A listener that is not named takes no header. For
# example mqtt = ["10.0.0.0/8"], and so for mqtts, ws and wss.
[proxy]

# What passes beyond the proof itself.
[policy]
# The sign type is not covered by the password, so a password that was overheard can be replayed as type 0 for ever.
# "both" accepts types 0 and 1, as the reference service does; "sticky" refuses type 0 once a device was accepted with
# type 1, until its secret is reset; "checked-only" refuses type 0.
{sign_types}
# Sign type 1: accept the time stamps of this hour and of so many hours before and after it.
{stamp_window_hours}

# The application API.
[api]
# Listen in the clear on an address that is not loopback, because something in front of it does the TLS.
{insecure}
# The names that a request's Host header may carry, without port.
{hosts}
# The only region for which keys derived from access keys (V11-HMAC-SHA256) are taken, for example "cn-north-4"; empty
# for any.
{region}

# The listeners with TLS. SIGHUP reads the files anew.
[tls]
# PEM files, relative to the data directory: the server's certificate with the intermediates behind it, and its key.
{certificate}
{key}
# A directory of CRLs by device CAs (PEM or DER, one a file), relative to the data directory; empty for none.
{crls}

# The listeners with WebSocket.
[websocket]
# When not empty: the Origins (as "https://console.example.com") whose pages may connect. Other programs send none.
{origins}

# Every bound, in seconds, bytes or counts; engine/limits.py says what each is for and where its number comes from.
[limits]
{limits}
"""


def write_config_template() -> str:
    """The whole file."""
    config, policy, api, tls, websocket = Config(), Policy(), ApiConfig(), TlsConfig(), WebSocketConfig()
    return _TEMPLATE.format(
        native=_default("native", config.native),
        exempt_networks=_default("exempt_networks", config.exempt_networks),
        listeners="\n".join(f"# {kind.what}\n{_default(kind.name, f'127.0.0.1:{kind.port}')}" for kind in LISTENERS),
        sign_types=_default("sign_types", policy.sign_types),
        stamp_window_hours=_default("stamp_window_hours", policy.stamp_window_hours),
        insecure=_default("insecure", api.insecure),
        hosts=_default("hosts", api.hosts),
        region=_default("region", api.region),
        certificate=_default("certificate", tls.certificate),
        key=_default("key", tls.key),
        crls=_default("crls", tls.crls),
        origins=_default("origins", websocket.origins),
        limits="\n".join(_default(name, value) for name, value in msgspec.structs.asdict(Limits()).items()),
    )


def _default(name: str, value: object) -> str:
    # For strings, numbers, booleans and lists of them, TOML and JSON are the same text.
    return f"#{name} = {msgspec.json.encode(value).decode()}"
