"""New credentials: unpredictable, sealed or hashed at rest, of the reference service's forms."""

import base64
import hashlib
import os
import re
from collections import Counter

from engine.registry.minting import mint_access_key, mint_api_token, token_digest
from engine.registry.sealing import MasterKeys, Sealer, Slot
from engine.registry.store_access import Role


def sealer() -> Sealer:
    return Sealer(MasterKeys.generate(os.urandom), os.urandom)


def test_access_key_has_its_secret_key_sealed() -> None:
    under = sealer()

    key, secret_key = mint_access_key("p", Role.OPERATOR, reads_secrets=False, sealer=under, random=os.urandom, now=5.9)

    assert re.fullmatch(r"[A-Z0-9]{20}", key.access_key)
    assert re.fullmatch(r"[A-Za-z0-9]{40}", secret_key)
    assert (key.project_id, key.role, key.reads_secrets, key.created_at) == ("p", Role.OPERATOR, False, 5)
    assert under.unseal(key.sealed_secret_key, "p", key.access_key, Slot.ACCESS_KEY) == secret_key.encode()
    assert secret_key not in repr(key)


def test_token_is_known_by_its_digest_alone() -> None:
    token, text = mint_api_token("p", "ci", Role.READ_ONLY, reads_secrets=True, random=os.urandom, now=5.9)

    assert len(base64.urlsafe_b64decode(text + "=")) == 32
    assert token.digest == hashlib.sha256(text.encode()).digest() == token_digest(text)
    assert (token.name, token.role, token.reads_secrets, token.created_at) == ("ci", Role.READ_ONLY, True, 5)
    assert text not in repr(token)


def test_every_octet_value_gives_every_character_the_same_chance() -> None:
    """A plain remainder would make the first characters of the alphabet likelier."""
    octets = iter(bytes(range(256)) * 40)

    def counting(size: int) -> bytes:
        return bytes(next(octets) for _ in range(size))

    under = sealer()
    texts = [
        mint_access_key("p", Role.ADMIN, reads_secrets=True, sealer=under, random=counting, now=0.0) for _ in range(100)
    ]
    counts = Counter("".join(key.access_key for key, _ in texts))

    assert len(counts) == 36
    assert max(counts.values()) - min(counts.values()) < 40
