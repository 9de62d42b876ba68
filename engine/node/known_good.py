"""Fills the table by which C accepts known devices, and keeps it true (DESIGN section 6, docs/known-good.md).

An entry is put from a row that was read under a number of the bus, and only while no change of the device came since;
a change removes the entry before anybody hears of the change. All of it happens on the event loop, so that between the
look at the changes and the entry nothing else runs.
"""

import math
from collections.abc import Sequence

import structlog
import trio

from engine.claims.claim import CertificateClaim, DeviceClaim
from engine.errors import StoreUnavailable
from engine.gate.compiled_table import CredentialTable
from engine.limits import Limits
from engine.node.recent_changes import RecentChanges
from engine.registry.record import AuthType, Credential, CredentialRow, DeviceProtocol
from engine.registry.sealing import Sealer
from engine.registry.store import Store
from engine.verdict.outcome import Accepted

_log = structlog.get_logger("keyturn.node")

_ROWS_BETWEEN_CHECKPOINTS = 64
"""About 1 ms of unsealing and sealing."""


class KnownGood:
    """The one writer of the table. Implements node.local.Cache, and listeners.admit.OnAccepted by `offer`."""

    def __init__(self, *, table: CredentialTable, store: Store, sealer: Sealer, limits: Limits) -> None:
        self.table = table
        self._store = store
        self._sealer = sealer
        self._limits = limits
        self._sequence = 0
        self._changed = RecentChanges(limits.invalidations_remembered)
        self._checked = RecentChanges(limits.invalidations_remembered)
        self._certificates_changed = 0

    async def fill(self) -> None:
        """Put every device of the registry that may be, and log how many. What changes meanwhile is left out.

        An outage or a full table ends it: other devices come in as they are accepted.
        """
        last = ""
        try:
            while not self.table.is_full and self._limits.known_good_rows:
                sequence = self._sequence
                rows = await self._store.credentials_after(last, self._limits.known_good_rows)
                await self._put_all(rows, sequence)
                if len(rows) < self._limits.known_good_rows:
                    break
                last = rows[-1].device_id
        except StoreUnavailable as error:
            _log.warning("the registry cannot be read; known devices are learned as they connect", error=str(error))
        if self.table.is_full:
            _log.warning("the credential table is full; the devices that are not in it take the long way")
        _log.info("devices known at start", count=len(self.table))

    def learn(self, rows: Sequence[CredentialRow], sequence: int) -> None:
        """Put those of them that may be; they were read under `sequence`."""
        for row in rows:
            self._put_row(row, sequence)

    def offer(self, claim: DeviceClaim, credential: Credential, accepted: Accepted, sequence: int) -> None:
        """A device was accepted by this, whose row was read under `sequence`; its activation is durable."""
        row = credential.row
        if isinstance(claim, CertificateClaim):
            self._put_certified(claim, row, accepted, sequence)
            return
        is_checked = row.checked_stamp_seen or accepted.checked_stamp
        is_active = row.activated or accepted.first
        if _may_be_known(row, AuthType.SECRET) and is_active and self._is_fresh(row, sequence, is_checked):
            primary = credential.primary if credential.has_primary else None
            secondary = credential.secondary if credential.has_secondary else None
            self._put(row, primary, secondary, is_checked=is_checked)

    def forget(self, device_ids: Sequence[str], sequence: int) -> None:
        """As Cache.forget."""
        self._sequence = sequence
        self._changed.note(device_ids, sequence)
        self._remove(device_ids)

    def forget_unchecked(self, device_ids: Sequence[str], sequence: int) -> None:
        """As Cache.forget_unchecked."""
        self._sequence = sequence
        self._checked.note(device_ids, sequence)
        self._remove(device_ids)

    def forget_certificates(self, sequence: int) -> None:
        """As Cache.forget_certificates."""
        self._sequence = sequence
        self._certificates_changed = sequence
        self.table.distrust()

    def _remove(self, device_ids: Sequence[str]) -> None:
        for device_id in device_ids:
            # Any text: of a change that failed the caller's own, which no device need have.
            self.table.remove(device_id.encode("utf-8", "surrogatepass"))

    async def _put_all(self, rows: Sequence[CredentialRow], sequence: int) -> None:
        for number, row in enumerate(rows):
            if number % _ROWS_BETWEEN_CHECKPOINTS == 0:
                await trio.lowlevel.checkpoint()
            self._put_row(row, sequence)

    def _put_row(self, row: CredentialRow, sequence: int) -> None:
        is_checked = row.checked_stamp_seen
        if not (_may_be_known(row, AuthType.SECRET) and row.activated and self._is_fresh(row, sequence, is_checked)):
            return
        try:
            primary, secondary = self._sealer.open_secrets(row)
        except StoreUnavailable:
            # Its CONNECT is answered "unavailable", by Python.
            return
        self._put(row, primary, secondary, is_checked=is_checked)

    def _is_fresh(self, row: CredentialRow, sequence: int, is_checked: bool) -> bool:
        """Whether the row, read under `sequence`, is as it is now, a first checked stamp included."""
        if sequence >= self._sequence:
            return True
        if self._changed.is_since(row.device_id, sequence):
            return False
        return is_checked or not self._checked.is_since(row.device_id, sequence)

    def _put(self, row: CredentialRow, primary: bytes | None, secondary: bytes | None, *, is_checked: bool) -> None:
        self.table.put(
            row.device_id.encode(),
            bytes.fromhex(row.record_id),
            row.generation,
            checked_stamp_seen=is_checked,
            primary=primary,
            secondary=secondary,
        )

    def _put_certified(self, claim: CertificateClaim, row: CredentialRow, accepted: Accepted, sequence: int) -> None:
        if not _may_be_known(row, AuthType.CERTIFICATES) or accepted.chain is None:
            return
        if self._certificates_changed > sequence or not self._is_fresh(row, sequence, is_checked=True):
            return
        self.table.put_certified(
            row.device_id.encode(),
            bytes.fromhex(row.record_id),
            row.generation,
            (claim.leaf, *claim.intermediates),
            accepted.chain.anchor_sha256,
            math.ceil(accepted.chain.since),
            math.floor(accepted.chain.until),
        )


def _may_be_known(row: CredentialRow, auth_type: AuthType) -> bool:
    """Whether the verdict on this device by such a proof, once activated, depends on nothing beside what C looks at
    (docs/known-good.md)."""
    return row.auth_type is auth_type and row.protocol is DeviceProtocol.MQTT and not row.frozen
