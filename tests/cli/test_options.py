"""Secrets come from a file, from standard input or from a prompt; certificates from a file, and no key with them."""

import io
import sys
from pathlib import Path

import pytest

from engine.cli.options import read_certificate, read_secret
from engine.errors import UsageError


def test_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"s3cret-1\n")
    assert read_secret(str(tmp_path / "secret")) == "s3cret-1"


@pytest.mark.parametrize("source", ["-", None])
def test_from_standard_input(source: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"s3cret-1\r\n")))
    assert read_secret(source) == "s3cret-1"


def test_only_one_line_end_is_dropped_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b" s3cret \n\n")
    assert read_secret(str(tmp_path / "secret")) == " s3cret \n"


def test_a_wrong_path_is_not_read_to_its_end() -> None:
    assert len(read_secret("/dev/zero")) == 4096


@pytest.mark.parametrize(("content", "words"), [(b"", "empty"), (b"\n", "empty"), (b"\xff\xfe", "not ASCII")])
def test_what_cannot_be_a_secret_is_refused(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(content)
    with pytest.raises(UsageError, match=words):
        read_secret(str(tmp_path / "secret"))


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="absent"):
        read_secret(str(tmp_path / "absent"))


CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"


def test_a_certificate_is_read_with_the_text_around_it(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(b"Subject: CN=B\xc3\xa4renkiste\n" + CERTIFICATE.encode())
    assert read_certificate(tmp_path / "ca.pem").endswith(CERTIFICATE)


@pytest.mark.parametrize("label", ["PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY"])
def test_a_private_key_beside_the_certificate_goes_nowhere(label: str, tmp_path: Path) -> None:
    key = f"-----BEGIN {label}-----\nc2VjcmV0\n-----END {label}-----\n"
    (tmp_path / "both.pem").write_text(CERTIFICATE + key)
    with pytest.raises(UsageError, match=r"both\.pem: it holds a private key") as refused:
        read_certificate(tmp_path / "both.pem")
    assert "c2VjcmV0" not in str(refused.value)


def test_what_is_no_certificate_is_said_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "ca.der").write_bytes(b"\x30\x82\x01\x02")
    with pytest.raises(UsageError, match=r"ca\.der: no certificate in it; PEM is expected"):
        read_certificate(tmp_path / "ca.der")
    with pytest.raises(UsageError, match="/dev/zero: longer than 65535 bytes"):
        read_certificate(Path("/dev/zero"))
