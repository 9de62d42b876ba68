"""A directory of CRLs: all of it or nothing, and the error names the file."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from engine.errors import ConfigError
from engine.limits import Limits
from engine.node.crl_files import read_crl_files
from tests.helpers.certificates import KEY, make_ca
from tests.helpers.crls import der, make_crl, pem

CA = make_ca()
CRL = make_crl(CA.certificate, KEY, 7)


def test_pem_and_der_are_read_by_name_and_hidden_files_and_directories_are_not(tmp_path: Path) -> None:
    (tmp_path / "b.pem").write_text(pem(CRL))
    (tmp_path / "a.crl").write_bytes(der(CRL))
    (tmp_path / ".a.crl.part").write_bytes(b"half a fi")
    (tmp_path / "old").mkdir()
    read = read_crl_files(tmp_path, Limits())
    assert [(file.name, file.crl.der) for file in read] == [("a.crl", der(CRL)), ("b.pem", der(CRL))]


SPOILED: dict[str, tuple[Callable[[Path], object], str]] = {
    "cut short": (lambda path: path.write_bytes(der(CRL)[:-1]), "bad.crl"),
    "empty": (lambda path: path.write_bytes(b""), "bad.crl"),
    "certificate": (lambda path: path.write_text(CA.pem), "bad.crl"),
    "too large": (lambda path: path.write_bytes(b"x" * (2 * Limits().crl_bytes + 1)), "bad.crl: larger than"),
    "private key": (lambda path: path.write_text(CA.key_pem), "bad.crl: .*private key"),
}


@pytest.mark.parametrize(("spoil", "words"), SPOILED.values(), ids=SPOILED)
def test_file_that_cannot_be_used_is_named(tmp_path: Path, spoil: Callable[[Path], object], words: str) -> None:
    (tmp_path / "a.crl").write_bytes(der(CRL))
    spoil(tmp_path / "bad.crl")
    with pytest.raises(ConfigError, match=words):
        read_crl_files(tmp_path, Limits())


def test_directory_that_is_not_there_is_no_empty_one(tmp_path: Path) -> None:
    """Revocations must not be lost by a typing error."""
    with pytest.raises(ConfigError, match="absent: No such file"):
        read_crl_files(tmp_path / "absent", Limits())


def test_number_of_files_is_bounded(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(der(CRL))
    with pytest.raises(ConfigError, match="more than 1 files"):
        read_crl_files(tmp_path, msgspec.structs.replace(Limits(), crl_files=1))
