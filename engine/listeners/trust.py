"""Whom certificates are judged by: the verified device CAs and their CRLs, by project, kept until one changes."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import trio

from engine.gate.interface import Anchor, AnchorSet
from engine.registry.crls import CrlFile, is_by
from engine.registry.record import CaCertificate, CaCrl, Crl
from engine.registry.store_certificates import CertificateStore

NOBODY = AnchorSet(())
"""The anchors of a project without a verified CA, and of an unknown device: no chain leads there."""


class Expiry(NamedTuple):
    """When (epoch seconds) a verified device CA expires, or the last of its CRLs; sorts by that."""

    at: int
    project_id: str
    certificate_id: str
    common_name: str


class _Trusted(NamedTuple):
    """What one look at the registry gives."""

    anchors: Mapping[str, AnchorSet]
    ca_expiries: Sequence[Expiry]
    crl_expiries: Sequence[Expiry]


class Trust:
    """One per node. Read from the store when first asked, and again after `forget`; an outage is StoreUnavailable.

    A project whose CAs and CRLs are as they were keeps its AnchorSet, and with it what was made of its chains: adding a
    CA of one project flushes nothing of another (DESIGN section 7).

    Every CRL of a project stands behind every anchor of it, because a CA's devices may also come by another anchor: its
    issuer, or a cross certificate. A CRL binds by its issuer's name (docs/chains.md), so that it touches nobody else.
    """

    def __init__(self, store: CertificateStore) -> None:
        self._store = store
        self._loading = trio.Lock()
        self._trusted = _Trusted({}, (), ())
        self._files: Sequence[CrlFile] = ()
        self._changes = 0
        self._loaded = -1

    def forget(self) -> None:
        """A device CA or a CRL was added, removed or changed: what is kept counts no more, from this moment."""
        self._changes += 1

    def replace_files(self, files: Sequence[CrlFile]) -> bool:
        """The CRLs of tls.crls are these from now on; whether they differ from those before."""
        if self._files == files:
            return False
        self._files = files
        self.forget()
        return True

    async def anchors(self) -> Mapping[str, AnchorSet]:
        """The anchors of every project that has a verified CA. No checkpoint where nothing changed."""
        if self._loaded != self._changes:
            async with self._loading:
                await self._load()
        return self._trusted.anchors

    async def device_cas(self) -> Sequence[bytes]:
        """The verified device CAs of all projects, DER, each once: what a TLS handshake is anchored by."""
        anchors = await self.anchors()
        return list(dict.fromkeys(anchor.certificate for held in anchors.values() for anchor in held.anchors))

    @property
    def ca_expiries(self) -> Sequence[Expiry]:
        """When each verified device CA expires, soonest first, as of the last look at the registry."""
        return self._trusted.ca_expiries

    @property
    def crl_expiries(self) -> Sequence[Expiry]:
        """For each verified device CA that has a CRL: when the last of them expires, soonest first."""
        return self._trusted.crl_expiries

    async def _load(self) -> None:
        changes = self._changes
        if self._loaded == changes:
            return
        uploaded, by_project = await self._store.crls(), await self._store.verified_cas(None)
        # Not on the loop: comparing many CAs with many files takes milliseconds.
        self._trusted = await trio.to_thread.run_sync(
            _trusted, by_project, uploaded, self._files, self._trusted.anchors
        )
        self._loaded = changes


def _trusted(
    by_project: Mapping[str, Sequence[CaCertificate]],
    uploaded: Sequence[CaCrl],
    files: Sequence[CrlFile],
    kept: Mapping[str, AnchorSet],
) -> _Trusted:
    own = {(one.project_id, one.certificate_id): one.crl for one in uploaded}
    anchors: dict[str, AnchorSet] = {}
    crl_expiries = []
    for project_id, cas in by_project.items():
        crls: dict[bytes, None] = {}
        for ca in cas:
            of_ca = _crls_of(ca, own, files)
            crls |= dict.fromkeys(crl.der for crl in of_ca)
            if of_ca:
                # One in force is enough (docs/chains.md).
                crl_expiries.append(_expiry(ca, max(crl.next_update for crl in of_ca)))
        wanted = tuple(Anchor(ca.der, tuple(crls)) for ca in cas)
        before = kept.get(project_id)
        anchors[project_id] = before if before is not None and before.anchors == wanted else AnchorSet(wanted)
    ca_expiries = [_expiry(ca, ca.expires_at) for cas in by_project.values() for ca in cas]
    return _Trusted(anchors, sorted(ca_expiries), sorted(crl_expiries))


def _crls_of(ca: CaCertificate, own: Mapping[tuple[str, str], Crl], files: Sequence[CrlFile]) -> Sequence[Crl]:
    uploaded = own.get((ca.project_id, ca.certificate_id))
    return [*([uploaded] if uploaded else []), *(file.crl for file in files if is_by(file, ca.der))]


def _expiry(ca: CaCertificate, at: int) -> Expiry:
    return Expiry(at, ca.project_id, ca.certificate_id, ca.common_name or "")
