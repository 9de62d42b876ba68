"""New access keys and tokens: the record to store, and the secret that is shown once."""

import base64
import hashlib
import string

from engine.registry.sealing import Random, Sealer, Slot
from engine.registry.store_access import AccessKey, ApiToken, Role

_ACCESS_KEY_ALPHABET = string.ascii_uppercase + string.digits
_ACCESS_KEY_LENGTH = 20
_SECRET_KEY_ALPHABET = string.ascii_letters + string.digits
_SECRET_KEY_LENGTH = 40
"""The reference service's forms: 20 capitals and digits (103 bits), 40 letters and digits (238 bits)."""
_TOKEN_BYTES = 32
"""THREATS, "The application API"."""


def mint_access_key(
    project_id: str, role: Role, *, reads_secrets: bool, sealer: Sealer, random: Random, now: float
) -> tuple[AccessKey, str]:
    """A new access key and its secret key."""
    access_key = _random_text(random, _ACCESS_KEY_LENGTH, _ACCESS_KEY_ALPHABET)
    secret_key = _random_text(random, _SECRET_KEY_LENGTH, _SECRET_KEY_ALPHABET)
    key = AccessKey(
        access_key=access_key,
        project_id=project_id,
        sealed_secret_key=sealer.seal(secret_key.encode(), project_id, access_key, Slot.ACCESS_KEY),
        role=role,
        reads_secrets=reads_secrets,
        created_at=int(now),
    )
    return key, secret_key


def mint_api_token(
    project_id: str, name: str, role: Role, *, reads_secrets: bool, random: Random, now: float
) -> tuple[ApiToken, str]:
    """A new token's record, and the token itself."""
    text = base64.urlsafe_b64encode(random(_TOKEN_BYTES)).rstrip(b"=").decode()
    token = ApiToken(
        digest=token_digest(text),
        project_id=project_id,
        name=name,
        role=role,
        reads_secrets=reads_secrets,
        created_at=int(now),
    )
    return token, text


def token_digest(token: str) -> bytes:
    """What the store knows of a token. Header octets reach us as Latin-1; tokens of ours are ASCII."""
    return hashlib.sha256(token.encode("latin-1")).digest()


def _random_text(random: Random, length: int, alphabet: str) -> str:
    """Every character equally likely: an octet that would favour some of them is thrown away."""
    fair = 256 - 256 % len(alphabet)
    text = ""
    while len(text) < length:
        text += "".join(alphabet[octet % len(alphabet)] for octet in random(length) if octet < fair)
    return text[:length]
