"""Whom certificates are judged by: the verified device CAs, by project, kept until one of them changes."""

from collections.abc import Mapping, Sequence

import trio

from engine.gate.interface import Anchor, AnchorSet
from engine.registry.store_certificates import CertificateStore

NOBODY = AnchorSet(())
"""The anchors of a project without a verified CA, and of an unknown device: no chain leads there."""


class Trust:
    """One per node. Read from the store when first asked, and again after `forget`; an outage is StoreUnavailable.

    A project whose CAs are as they were keeps its AnchorSet, and with it what was made of its chains: adding a CA of
    one project flushes nothing of another (DESIGN section 7).
    """

    def __init__(self, store: CertificateStore) -> None:
        self._store = store
        self._loading = trio.Lock()
        self._anchors: dict[str, AnchorSet] = {}
        self._changes = 0
        self._loaded = -1

    def forget(self) -> None:
        """A device CA was verified, removed or changed: what is kept counts no more, from this moment."""
        self._changes += 1

    async def anchors(self) -> Mapping[str, AnchorSet]:
        """The anchors of every project that has a verified CA. No checkpoint where nothing changed."""
        if self._loaded != self._changes:
            async with self._loading:
                await self._load()
        return self._anchors

    async def device_cas(self) -> Sequence[bytes]:
        """The verified device CAs of all projects, DER, each once: what a TLS handshake is anchored by."""
        anchors = await self.anchors()
        return list(dict.fromkeys(anchor.certificate for held in anchors.values() for anchor in held.anchors))

    async def _load(self) -> None:
        changes = self._changes
        if self._loaded == changes:
            return
        by_project = await self._store.verified_cas(None)
        anchors = {project_id: tuple(Anchor(ca.der) for ca in cas) for project_id, cas in by_project.items()}
        self._anchors = {
            project_id: kept
            if (kept := self._anchors.get(project_id)) is not None and kept.anchors == wanted
            else AnchorSet(wanted)
            for project_id, wanted in anchors.items()
        }
        self._loaded = changes
