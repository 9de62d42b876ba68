"""The command line: every group of commands, and one line on standard error for everything that goes wrong."""

import os
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, NoReturn

import typer

from engine.cli.access_keys import access_key
from engine.cli.audit import audit
from engine.cli.ca import ca
from engine.cli.demo import demo
from engine.cli.devices import device
from engine.cli.gate import gate
from engine.cli.init import init
from engine.cli.master_key import master_key
from engine.cli.output import plain
from engine.cli.password import password
from engine.cli.products import product
from engine.cli.serve import serve
from engine.cli.tokens import token
from engine.errors import KeyturnError, StoreUnavailable

_REFUSED = 1
_WRONG_USAGE = 2
_BUG = 70
_INTERRUPTED = 130

application = typer.Typer(
    name="keyturn",
    help="A device-authentication engine: the gate that a million reconnecting devices pass through.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
application.command()(init)
application.command()(serve)
application.add_typer(product, name="product")
application.add_typer(device, name="device")
application.add_typer(ca, name="ca")
application.add_typer(access_key, name="access-key")
application.add_typer(token, name="token")
application.command()(password)
application.command()(audit)
application.add_typer(master_key, name="master-key")
application.command()(gate)
application.command()(demo)


def _show_version(wanted: bool) -> None:
    if not wanted:
        return
    try:
        typer.echo(f"keyturn {version('keyturn')}")
    except PackageNotFoundError:
        typer.echo("keyturn (not installed)")
    raise typer.Exit


@application.callback()
def _main(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options that stand before the command."""


def run(arguments: Sequence[str]) -> int:
    """Run one command; its exit status: 0 done, 1 refused or failed, 2 wrong usage, 70 a bug, 130 interrupted."""
    try:
        # Not standalone: typer would frame its errors, and print tracebacks of everything else.
        status = typer.main.get_command(application).main(list(arguments), "keyturn", standalone_mode=False)
        sys.stdout.flush()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else _REFUSED
    except BrokenPipeError:
        _forget_standard_output()
        return _REFUSED
    except BaseException as fault:  # whatever it is, a person reads one line of it
        return _report(fault)
    if status == _INTERRUPTED:
        return _say("interrupted", _INTERRUPTED)  # typer makes a status of Ctrl-C
    return status if isinstance(status, int) else 0


def main() -> NoReturn:
    """The console script."""
    sys.exit(run(sys.argv[1:]))


def _report(fault: BaseException) -> int:
    """Say on one line of standard error what went wrong. The exit status."""
    leaves = _leaves(fault)
    if any(isinstance(leaf, KeyboardInterrupt | typer.Abort | EOFError) for leaf in leaves):
        return _say("interrupted", _INTERRUPTED)
    unexpected = next((leaf for leaf in leaves if _words(leaf) is None), None)
    if unexpected is None:
        status = _WRONG_USAGE if isinstance(leaves[0], typer.TyperException) else _REFUSED
        return _say("; ".join(dict.fromkeys(_words(leaf) or "" for leaf in leaves)), status)
    if os.environ.get("KEYTURN_DEBUG"):
        traceback.print_exception(fault)
    what = f"{type(unexpected).__name__} {unexpected}".strip()
    return _say(f"{what} (this is a bug; KEYTURN_DEBUG=1 shows where)", _BUG)


def _words(fault: BaseException) -> str | None:
    """What to tell a person; None for what nobody raised on purpose."""
    match fault:
        case typer.TyperException():
            return str(getattr(fault, "format_message", fault.__str__)())
        case StoreUnavailable():
            return f"the registry cannot be used: {fault}"
        case KeyturnError():
            return str(fault)
        case OSError() if fault.strerror:
            return f"{fault.filename}: {fault.strerror}" if fault.filename else fault.strerror
        case _:
            return None


def _leaves(fault: BaseException) -> list[BaseException]:
    """The faults inside exception groups, however deep."""
    if isinstance(fault, BaseExceptionGroup):
        return [leaf for inner in fault.exceptions for leaf in _leaves(inner)]
    return [fault]


def _say(line: str, status: int) -> int:
    if not line:
        return status  # typer has shown the help instead
    try:
        sys.stderr.write(f"keyturn: {plain(' '.join(line.split()))}\n")
        sys.stderr.flush()
    except OSError:
        pass  # nobody listens: the status says it
    return status


def _forget_standard_output() -> None:
    """The reader went away (`keyturn device list | head -1`): keep Python's own flush at exit from complaining."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
