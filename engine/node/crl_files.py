"""The CRLs that an operator puts into a directory (tls.crls), by hand or by whatever fetches them from the CA."""

from collections.abc import Sequence
from pathlib import Path

from engine.errors import ConfigError
from engine.limits import Limits
from engine.registry.crls import CrlFault, CrlFile, read_crl, read_issuer

_ARMOUR = 2
"""PEM is 4/3 of DER and its lines; twice is enough, and bounds what is read."""


def read_crl_files(directory: Path, limits: Limits) -> Sequence[CrlFile]:
    """Every file of the directory as one CRL, PEM or DER, by name; hidden files and directories are left out.

    Raises ConfigError, which names the file that cannot be used; none counts then.
    """
    try:
        paths = sorted(path for path in directory.iterdir() if path.is_file() and not path.name.startswith("."))
    except OSError as error:
        raise ConfigError(f"tls.crls: {directory}: {error.strerror}") from None
    if len(paths) > limits.crl_files:
        raise ConfigError(f"tls.crls: {directory}: more than {limits.crl_files} files (limits.crl_files)")
    return [_read(path, limits) for path in paths]


def _read(path: Path, limits: Limits) -> CrlFile:
    try:
        with path.open("rb") as file:
            data = file.read(_ARMOUR * limits.crl_bytes + 1)
    except OSError as error:
        raise ConfigError(f"tls.crls: {path}: {error.strerror}") from None
    if len(data) > _ARMOUR * limits.crl_bytes:
        raise ConfigError(f"tls.crls: {path}: larger than {limits.crl_bytes} bytes (limits.crl_bytes)")
    crl = read_crl(data, limits.crl_bytes)
    if isinstance(crl, CrlFault):
        raise ConfigError(f"tls.crls: {path}: {crl.why}")
    return CrlFile(path.name, crl, read_issuer(crl.der))
