"""The root of the tickets' keys: the same after a restart, sealed, and made anew where it is of no use."""

import os
from pathlib import Path

import pytest

from engine.node.ticket_root import ROOT_BYTES, TICKET_ROOT_FILE, read_ticket_root
from engine.registry.sealing import MasterKeys, Sealer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / TICKET_ROOT_FILE


KEYS = MasterKeys.generate(os.urandom)
SEALER = Sealer(KEYS, os.urandom)


def test_root_is_made_once_and_read_again(path: Path) -> None:
    root = read_ticket_root(path, SEALER, os.urandom)
    assert len(root) == ROOT_BYTES
    assert read_ticket_root(path, Sealer(KEYS, os.urandom), os.urandom) == root


def test_file_is_private_and_tells_nothing_without_the_master_key(path: Path) -> None:
    root = read_ticket_root(path, SEALER, os.urandom)
    assert path.stat().st_mode & 0o777 == 0o600
    assert root not in path.read_bytes()


@pytest.mark.parametrize("blob", [b"", b"\1", b"nonsense" * 10])
def test_damaged_file_is_replaced(path: Path, blob: bytes) -> None:
    path.write_bytes(blob)
    root = read_ticket_root(path, SEALER, os.urandom)
    assert len(root) == ROOT_BYTES
    assert read_ticket_root(path, SEALER, os.urandom) == root


def test_changed_bit_is_replaced(path: Path) -> None:
    root = read_ticket_root(path, SEALER, os.urandom)
    blob = bytearray(path.read_bytes())
    blob[-1] ^= 1
    path.write_bytes(blob)
    assert read_ticket_root(path, SEALER, os.urandom) != root


def test_root_under_an_old_master_key_is_replaced(path: Path) -> None:
    """A rotation has dropped that key, or will: whoever has it must not open tickets for ever."""
    root = read_ticket_root(path, SEALER, os.urandom)
    rotated = Sealer(KEYS.with_new_key(os.urandom), os.urandom)
    assert read_ticket_root(path, rotated, os.urandom) != root


def test_what_a_crash_left_half_written_is_no_hindrance(path: Path) -> None:
    path.with_name(path.name + ".new").write_bytes(b"half")
    read_ticket_root(path, SEALER, os.urandom)
    assert [one.name for one in path.parent.iterdir()] == [TICKET_ROOT_FILE]
