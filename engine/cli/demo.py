"""keyturn demo: a whole node, an application and real devices, on this machine, in a few seconds."""

import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import trio
import typer
from rich.text import Text

from engine.cli.audit import in_words, read_audit
from engine.cli.child import Child, serve_child
from engine.cli.client import ApiClient
from engine.cli.demo_certificates import DemoCertificates, certificate_scenes, certified_command, make_certificates
from engine.cli.demo_clients import Answer, NoAnswer, Protocol, Server, check_paho, has_mosquitto_pub, mosquitto_command
from engine.cli.demo_coap import check_aiocoap, coap_scenes
from engine.cli.demo_scenes import DEVICE, Scene, Stage, scenes
from engine.cli.output import console, open_table, plain, show_table
from engine.clock import Clock
from engine.config import read_address
from engine.errors import KeyturnError
from engine.node.data_directory import Credentials, initialise
from engine.registry.record import AuditEntry

_SIGN_INS = {"device.activate", "device.refused"}
_SPOKEN = {Protocol.MQTT_3: "3.1.1", Protocol.MQTT_5: "5", Protocol.TLS: "TLS"}
_AUDITED = 500
"""More entries than the demo makes."""
_STOPPED = Answer(Protocol.PROCESS, 0)


class DemoFailed(KeyturnError):
    """An answer was not the right one."""


class Played(msgspec.Struct, frozen=True):
    """A scene and what came of it; `answered` is text where no answer came."""

    who: str
    protocol: Protocol
    sent: str
    expected: Answer
    answered: Answer | str

    @property
    def is_right(self) -> bool:
        """Whether the answer is the expected one."""
        return self.answered == self.expected


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Keep serving afterwards, and say how to connect.")] = False,
) -> None:
    """Start a throw-away node, register devices, connect them, and check every answer.

    The exit status is 0 only if every answer was the right one. Nothing is left behind.
    """
    check_paho()
    check_aiocoap()
    # make passes SIGTERM on; the data directory and the node must go away with us all the same.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="keyturn-demo-") as directory:
        data = Path(directory, "data")
        credentials = trio.run(initialise, data, None, Clock(time.time, time.monotonic))
        certificates = make_certificates(Path(directory), data)
        with serve_child(data) as child:
            stage = _stage(child, credentials)
            played = [*_play(stage, certificates), _stop(child)]
        entries = read_audit(data, limit=_AUDITED)
        _show(played, entries)
        _check(played, entries)
        if keep:
            _keep_serving(data, credentials, stage.secrets, certificates)


def _stage(child: Child, credentials: Credentials) -> Stage:
    api = ApiClient(read_address(child.addresses["api"], "api"), credentials)
    ca = Path(credentials.data) / "tls" / "ca.pem"
    addresses = {name: read_address(address, name) for name, address in child.addresses.items()}
    return Stage(api, {name: Server(name, address, ca) for name, address in addresses.items()})


def _play(stage: Stage, certificates: DemoCertificates) -> list[Played]:
    out = console()
    out.print("[bold]Keyturn[/bold]: an application registers devices, and the devices connect.\n")
    played = []
    with out.status("") as status:
        for scene in (*scenes(), *certificate_scenes(certificates), *coap_scenes()):
            status.update(Text(f"{scene.who}: {scene.sent}"))
            played.append(Played(scene.who, scene.expected.protocol, scene.sent, scene.expected, _answer(scene, stage)))
    return played


def _answer(scene: Scene, stage: Stage) -> Answer | str:
    try:
        return scene.act(stage)
    except NoAnswer as fault:
        return str(fault)
    except OSError as fault:
        return fault.strerror or str(fault)


def _stop(child: Child) -> Played:
    answered = Answer(Protocol.PROCESS, child.stop())
    return Played("The operator", Protocol.PROCESS, "SIGTERM: it drains and ends", _STOPPED, answered)


def _show(played: Sequence[Played], entries: Sequence[AuditEntry]) -> None:
    table = open_table("", "MQTT", "sent", "expect", "answered")
    heading = None
    for row in played:
        if row.who != heading:
            heading = row.who
            table.add_section()
            table.add_row("", "", Text(heading, "bold"))
        mark, style = ("✓", "green") if row.is_right else ("✗", "bold red")
        answered = Text(plain(str(row.answered)), style)
        table.add_row(Text(mark, style), _SPOKEN.get(row.protocol, ""), row.sent, row.expected.in_digits, answered)
    out = console()
    out.print(table)
    out.print("\nThe audit tells what the wire does not ([bold]keyturn audit[/bold]):\n")
    show_table(
        ("action", "target", "detail"),
        [(entry.action, entry.target, in_words(entry)) for entry in reversed(entries) if entry.action in _SIGN_INS],
    )


def _check(played: Sequence[Played], entries: Sequence[AuditEntry]) -> None:
    wrong = sum(not row.is_right for row in played)
    if wrong:
        raise DemoFailed(f"{wrong} of {len(played)} answers were not the right ones")
    missing = _SIGN_INS - {entry.action for entry in entries}
    if missing:
        raise DemoFailed(f"the audit holds no {' and no '.join(sorted(missing))}")
    console().print(f"\n[green]All {len(played)} answers were the right ones.[/green]")


def _keep_serving(
    data: Path, credentials: Credentials, secrets: dict[str, str], certificates: DemoCertificates
) -> None:
    program = sys.argv[0] if Path(sys.argv[0]).name == "keyturn" else f"{sys.executable} -m engine"
    with serve_child(data) as child:
        stage = msgspec.structs.replace(_stage(child, credentials), secrets=secrets)
        typer.echo(f"\nServing {', '.join(f'{name} on {address}' for name, address in child.addresses.items())}.")
        typer.echo(f"  {program} device list --data {data}")
        if has_mosquitto_pub():
            server = stage.servers["mqtts"]
            typer.echo(f"  {shlex.join(mosquitto_command(server, stage.credentials(DEVICE), Protocol.MQTT_3))}")
            typer.echo(f"  {shlex.join(certified_command(server, certificates))}")
        typer.echo("Press Ctrl-C to end.")
        try:
            child.process.wait()
        except KeyboardInterrupt:
            child.stop()
            return
        raise DemoFailed("the node ended by itself")
