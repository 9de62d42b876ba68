"""keyturn ca: the device CAs, whose certificates let devices in: add, prove, look at, remove."""

import contextlib
import datetime
import shlex
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Annotated

import typer

from engine.api.certificate_schema import CertificateAnswer
from engine.cli.ca_demo_device import demo_device
from engine.cli.client import ApiRefusal
from engine.cli.device_cas import open_device_cas
from engine.cli.options import DEFAULT_DATA, DataOption, JsonOption, read_certificate
from engine.cli.output import show_fields, show_json, show_table
from engine.errors import UsageError

ca = typer.Typer(no_args_is_help=True, help="Device CAs: whose certificates let devices in.")

CertificateId = Annotated[str, typer.Argument(metavar="ID", help="As keyturn ca list shows it.")]

_MOST = 100
"""So many device CAs a project may have, unless keyturn.toml says otherwise (limits.device_cas)."""


@ca.command()
def add(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The CA's certificate, PEM. Never its key.")],
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
) -> None:
    """Upload a device CA, and print how to prove that you hold its key.

    Until that is proved with keyturn ca verify, its devices are refused.
    """
    cas = open_device_cas(data)
    with _about(file):
        made = cas.add(read_certificate(file))
    if as_json:
        show_json(made)
        return
    show_fields(_fields(made))
    typer.echo(proof_lines(made, file, data), err=True)


@ca.command("list")
def list_cas(
    limit: Annotated[int, typer.Option(min=1, help="Show at most so many.")] = _MOST,
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
) -> None:
    """List the device CAs, newest first."""
    found, count = open_device_cas(data).list_newest(limit)
    if as_json:
        show_json(found)
        return
    show_table(
        ("certificate_id", "cn_name", "owner", "verified", "expires"),
        [(each.certificate_id, each.cn_name, each.owner, _verified(each), _expiry(each)) for each in found],
    )
    typer.echo(f"{len(found)} of {count}")


@ca.command()
def show(certificate_id: CertificateId, data: DataOption = DEFAULT_DATA, as_json: JsonOption = False) -> None:
    """Show a device CA and its PEM and, while it is not verified, how to prove that you hold its key."""
    found = open_device_cas(data).show(certificate_id)
    if as_json:
        show_json(found)
        return
    show_fields(_fields(found))
    typer.echo(f"\n{found.content.rstrip()}")
    if not found.status:
        typer.echo(proof_lines(found, Path("ca.pem"), data), err=True)


@ca.command()
def verify(
    certificate_id: CertificateId,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The verification certificate that the CA issued, PEM.")],
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Prove that you hold a device CA's key: from now on its devices are let in."""
    cas = open_device_cas(data)
    with _about(file):
        cas.verify(certificate_id, read_certificate(file))
    typer.echo(f"{certificate_id} verified")


@ca.command()
def remove(certificate_id: CertificateId, data: DataOption = DEFAULT_DATA) -> None:
    """Remove a device CA: from now on its devices are refused."""
    open_device_cas(data).remove(certificate_id)
    typer.echo(f"{certificate_id} removed")


ca.command("demo-device")(demo_device)


def proof_lines(made: CertificateAnswer, file: Path, data: Path) -> str:
    """What to type to prove that one holds the key of the CA in `file` (iotda-rest.md A.5)."""
    key = file.with_suffix(".key")
    where = shlex.quote(str(data))
    return f"""
Now prove that you hold the CA's key: issue a certificate to the verify code with it.
Keyturn never sees the key, here {key}.

  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out verification.key
  openssl req -new -key verification.key -subj /CN={made.verify_code} -out verification.csr
  openssl x509 -req -in verification.csr -CA {shlex.quote(str(file))} -CAkey {shlex.quote(str(key))} \\
      -CAcreateserial -sha256 -days 1 -out verification.pem
  keyturn ca verify {made.certificate_id} verification.pem --data {where}"""


@contextlib.contextmanager
def _about(file: Path) -> Iterator[None]:
    """What is wrong with a file's content is said with its name."""
    try:
        yield
    except ApiRefusal as refusal:
        if refusal.status == HTTPStatus.BAD_REQUEST:
            raise UsageError(f"{file}: {refusal}") from None
        raise


def _fields(made: CertificateAnswer) -> dict[str, object]:
    return {
        "certificate_id": made.certificate_id,
        "cn_name": made.cn_name,
        "owner": made.owner,
        "verified": _verified(made),
        "verify_code": made.verify_code,
        "expires": _expiry(made),
    }


def _verified(made: CertificateAnswer) -> str:
    return "yes" if made.status else "no"


def _expiry(made: CertificateAnswer) -> str:
    at = datetime.datetime.strptime(made.expiry_date, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC)
    return f"{at:%Y-%m-%d}{' (expired)' if at < datetime.datetime.now(datetime.UTC) else ''}"
