"""keyturn audit reads what the engine wrote, whether a node runs or not."""

import json
from pathlib import Path

import pytest
import trio

from engine.cli.application import run
from engine.cli.audit import read_audit
from engine.errors import StoreUnavailable
from engine.limits import Limits
from engine.node.data_directory import read_credentials
from engine.registry.record import AuditEntry
from engine.registry.sqlite import SqliteStore
from tests.helpers.nodes import CLOCK


def append(data: Path, *entries: AuditEntry) -> None:
    async def write() -> None:
        store = SqliteStore.open(data / "registry.db", limits=Limits(), clock=CLOCK)
        await store.append_audit(entries)
        await store.close()

    trio.run(write)


def entry(data: Path, action: str, target: str, *, project: bool = True, **detail: object) -> AuditEntry:
    project_id = read_credentials(data).project_id if project else ""
    body = json.dumps(detail).encode()
    return AuditEntry(at=1.0e9, project_id=project_id, actor="device", action=action, target=target, detail=body)


def test_newest_first_with_refusals_of_unknown_devices_in_their_place(data: Path) -> None:
    unknown = entry(data, "device.refused", "ghost", project=False, reason="unknown_device")
    append(data, entry(data, "device.activate", "one"), unknown, entry(data, "device.refused", "two"))
    assert [(each.action, each.target) for each in read_audit(data, limit=3)] == [
        ("device.refused", "two"),
        ("device.refused", "ghost"),
        ("device.activate", "one"),
    ]
    assert [each.target for each in read_audit(data, limit=1)] == ["two"]


def test_of_one_device(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    append(data, entry(data, "device.activate", "one"), entry(data, "device.activate", "two"))
    assert run(["audit", "--device", "one", "--json", "--data", str(data)]) == 0
    assert json.loads(capsys.readouterr().out) == [
        {
            "at": "2001-09-09T01:46:40Z",
            "project_id": read_credentials(data).project_id,
            "actor": "device",
            "action": "device.activate",
            "target": "one",
            "detail": {},
        }
    ]


def test_a_line_for_a_person_says_reason_and_count_and_escapes_the_peer_s_text(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    append(data, entry(data, "device.refused", "a\x1b[2J", reason="wrong_secret", count=3, **{"from": None}))
    assert run(["audit", "--data", str(data)]) == 0
    output = capsys.readouterr().out
    assert "reason wrong_secret, count 3" in output
    assert "a\\x1b[2J" in output
    assert "\x1b" not in output


def test_it_reads_beside_a_node_that_writes(served: Path) -> None:
    assert any(each.action == "product.create" for each in read_audit(served))


def test_a_registry_that_cannot_be_read_is_unavailable(data: Path) -> None:
    (data / "registry.db").write_bytes(b"not a database, but as long as a page of one" * 100)
    with pytest.raises(StoreUnavailable):
        read_audit(data)
