"""keyturn password: what to type into any MQTT client."""

import datetime
import hmac
import re
from typing import Annotated, Literal

import msgspec
import typer

from engine.cli.options import JsonOption, read_secret
from engine.cli.output import show_fields, show_json
from engine.errors import UsageError

_DEVICE_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_STAMP = re.compile(r"[0-9]{10}")


class ConnectCredentials(msgspec.Struct, frozen=True):
    """The fields of CONNECT that say who a device is; `password` is None where a certificate proves it."""

    client_id: str
    user_name: str
    password: str | None


def connect_credentials(device_id: str, secret: str, stamp: str, sign_type: str = "0") -> ConnectCredentials:
    """mqtt-device.md C.1: the password is hex(HMAC-SHA256(key = stamp, message = secret))."""
    password = hmac.digest(stamp.encode(), secret.encode(), "sha256").hex()
    return ConnectCredentials(f"{device_id}_0_{sign_type}_{stamp}", device_id, password)


def certificate_credentials(device_id: str, stamp: str) -> ConnectCredentials:
    """mqtt-device.md C.4: as with a secret, and no Password."""
    return ConnectCredentials(f"{device_id}_0_0_{stamp}", device_id, None)


def check_device_id(device_id: str) -> None:
    """UsageError for what cannot be one."""
    if not _DEVICE_ID.fullmatch(device_id):
        raise UsageError("DEVICE_ID: expected 1 to 128 letters, digits, '_' and '-'")


def stamp_at(now: datetime.datetime) -> str:
    """YYYYMMDDHH in UTC."""
    return now.astimezone(datetime.UTC).strftime("%Y%m%d%H")


def password(
    device_id: Annotated[str, typer.Argument(metavar="DEVICE_ID")],
    sign_type: Annotated[
        Literal["0", "1"],
        typer.Option(help="0: the time stamp is not judged; 1: it must be of this hour, or one beside it."),
    ] = "0",
    stamp: Annotated[
        str | None, typer.Option(metavar="YYYYMMDDHH", help="The time stamp, in UTC; left out: this hour.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print client id, user name and password of a device for any MQTT client.

    The device's secret is read from standard input, or asked for. Nothing is sent anywhere.
    """
    check_device_id(device_id)
    stamp = stamp_at(datetime.datetime.now(datetime.UTC)) if stamp is None else stamp
    if not _STAMP.fullmatch(stamp):
        raise UsageError("--stamp: expected ten digits, YYYYMMDDHH")
    made = connect_credentials(device_id, read_secret(None), stamp, sign_type)
    if as_json:
        show_json(made)
    else:
        show_fields({"client id": made.client_id, "user name": made.user_name, "password": made.password})
