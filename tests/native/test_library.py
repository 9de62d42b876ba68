"""native/library*.c: which library context serves TLS and certificates, and that every kind of key is read in it."""

import datetime
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding

from build import COMPILE, HARDENING, LINK, WARNINGS
from engine.gate.compiled import library_version

ROOT = Path(__file__).parents[2]
SOURCES = [*sorted((ROOT / "native").glob("library*.c")), ROOT / "tests" / "native" / "drive_library.c"]
SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")

IS_OPENSSL = library_version().startswith("OpenSSL")
OURS = "own" if library_version().startswith(("OpenSSL 3.0.", "OpenSSL 3.1.")) else "default"

# The sections of openssl.cnf (config(5)) that each configuration adds to.
CONFIGURATION = """openssl_conf = init
[init]
providers = providers
alg_section = algorithms
[providers]
default = activated
{providers}
[activated]
activate = 1
[algorithms]
{algorithms}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("native") / "drive_library"
    command = ["gcc", *WARNINGS, *HARDENING, *COMPILE, "-O1", "-g", f"-I{ROOT / 'native'}", *SANITIZE]
    subprocess.run([*command, *SOURCES, *LINK, "-o", str(program)], check=True)
    return program


def said(program: Path, *files: Path, configuration: Path | None = None) -> list[str]:
    environment = {"OPENSSL_CONF": str(configuration)} if configuration else {}
    run = subprocess.run([program, *files], env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert run.stderr == ""
    return run.stdout.splitlines()


def configured(directory: Path, *, providers: str = "", algorithms: str = "") -> Path:
    file = directory / "openssl.cnf"
    file.write_text(CONFIGURATION.format(providers=providers, algorithms=algorithms))
    return file


def certificate_with(directory: Path, name: str, key: CertificatePublicKeyTypes) -> Path:
    """Of this public key, signed by somebody."""
    now = datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key).serial_number(1)
    builder = builder.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    file = directory / f"{name}.der"
    signed = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    file.write_bytes(signed.public_bytes(Encoding.DER))
    return file


def test_openssl_as_delivered_serves_from_our_own_context(program: Path, tmp_path: Path) -> None:
    assert said(program) == [OURS]
    assert said(program, configuration=configured(tmp_path)) == [OURS]


def test_another_provider_in_the_configuration_ends_our_own_context(program: Path, tmp_path: Path) -> None:
    assert said(program, configuration=configured(tmp_path, providers="base = activated")) == ["default"]


def test_openssl_that_must_be_fips_serves_nothing_else(program: Path, tmp_path: Path) -> None:
    """There is no FIPS provider here, so that nobody is served; AWS-LC reads no openssl.cnf."""
    configuration = configured(tmp_path, algorithms="default_properties = fips=yes")
    assert said(program, configuration=configuration) == ["default", *(["no server"] if IS_OPENSSL else [])]


def test_key_of_every_kind_is_read_whether_devices_may_have_it_or_not(program: Path, tmp_path: Path) -> None:
    keys: dict[str, CertificatePublicKeyTypes] = {
        "P-256": ec.generate_private_key(ec.SECP256R1()).public_key(),
        "P-521": ec.generate_private_key(ec.SECP521R1()).public_key(),
        "RSA": rsa.generate_private_key(65537, 2048).public_key(),
        "Ed25519": ed25519.Ed25519PrivateKey.generate().public_key(),
        "DSA": dsa.generate_private_key(1024).public_key(),
        "X25519": x25519.X25519PrivateKey.generate().public_key(),
        "Ed448": ed448.Ed448PrivateKey.generate().public_key(),
    }
    if not IS_OPENSSL:
        del keys["Ed448"]  # AWS-LC does not know it
    files = [certificate_with(tmp_path, name, key) for name, key in keys.items()]
    bits = dict(zip(keys, said(program, *files)[1:], strict=True))
    expected = {"P-256": "256", "P-521": "521", "RSA": "2048", "DSA": "1024"}
    assert {name: bits[name] for name in expected} == expected
    assert "0" not in bits.values()


def test_certificate_whose_key_nobody_reads_is_read_without_it(program: Path, tmp_path: Path) -> None:
    file = certificate_with(tmp_path, "P-256", ec.generate_private_key(ec.SECP256R1()).public_key())
    known = bytes.fromhex("06082a8648ce3d030107")  # OBJECT IDENTIFIER prime256v1
    der = file.read_bytes()
    assert known in der
    file.write_bytes(der.replace(known, bytes.fromhex("06082a8648ce3d03017f")))
    assert said(program, file) == [OURS, "0"]


def test_what_is_no_certificate_is_not_read(program: Path, tmp_path: Path) -> None:
    whole = certificate_with(tmp_path, "P-256", ec.generate_private_key(ec.SECP256R1()).public_key())
    cut = tmp_path / "cut.der"
    cut.write_bytes(whole.read_bytes()[:-1])
    assert said(program, cut) == [OURS, "unread"]
