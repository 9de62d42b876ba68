"""The boundary to C: what is not bytes never reaches it, and the build can be told apart."""

import importlib
import sys
import types

import pytest

from engine.gate import _native, compiled
from engine.gate.interface import Anchor, AnchorSet, ChainProfile
from engine.limits import Limits

STAMP, SECRET = b"2025041401", b"12345678"


@pytest.mark.parametrize("wrong", [None, "12345678", 12345678, bytearray(SECRET), memoryview(SECRET)])
@pytest.mark.parametrize("position", range(4))
def test_anything_but_bytes_is_a_type_error(wrong: object, position: int) -> None:
    arguments: list[object] = [b"0" * 64, STAMP, SECRET, SECRET]
    arguments[position] = wrong
    with pytest.raises(TypeError):
        compiled.verify_secret(*arguments)


@pytest.mark.parametrize("wrong", [None, "certificate", 7])
def test_certificate_that_is_no_bytes_is_a_type_error(wrong: object) -> None:
    verify_chain = compiled.ChainVerifier(Limits())
    for leaf, intermediates, anchor in ((wrong, [], b""), (b"", [wrong], b""), (b"", [], wrong)):
        with pytest.raises(TypeError):
            verify_chain(leaf, intermediates, AnchorSet([Anchor(anchor)]), 0.0, ChainProfile.DEVICE)


def test_memory_that_is_short_is_a_memory_error_and_no_verdict() -> None:
    with pytest.raises(MemoryError):
        compiled._done(0)
    with pytest.raises(MemoryError):
        compiled._gc(_native.ffi.NULL, _native.lib.eng_chain_close)


def test_linked_library_is_named() -> None:
    assert compiled.library_version().startswith(("OpenSSL ", "AWS-LC ", "LibreSSL ", "BoringSSL"))


def test_module_digest_is_64_hex_digits() -> None:
    assert len(bytes.fromhex(compiled.module_digest())) == 32


def test_module_older_than_its_sources_is_an_import_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """An editable tree after `git pull`, not yet rebuilt: the selection must be able to fall back."""
    monkeypatch.setattr("engine.gate._native", types.SimpleNamespace(ffi=_native.ffi, lib=types.SimpleNamespace()))
    monkeypatch.delitem(sys.modules, "engine.gate.compiled")
    with pytest.raises(ImportError, match="older than its sources"):
        importlib.import_module("engine.gate.compiled")
