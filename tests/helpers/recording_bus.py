"""A Bus for tests of what is said on it."""

from collections.abc import Collection, Mapping, Sequence

from engine.registry.record import Activation


class RecordingBus:
    """Implements Bus: writes down every invalidation; `live` are the devices that are on line, and since when."""

    def __init__(self) -> None:
        self.invalidations: list[tuple[tuple[str, ...], bool]] = []
        self.live: dict[str, float] = {}
        self.certificate_invalidations = 0
        self.certified_closed: list[tuple[str, frozenset[str]]] = []

    @property
    def sequence(self) -> int:
        return len(self.invalidations)

    def is_changed_since(self, device_id: str, sequence: int) -> bool:
        return any(device_id in device_ids for device_ids, _ in self.invalidations[sequence:])

    async def invalidate(self, device_ids: Sequence[str], *, close: bool) -> None:
        self.invalidations.append((tuple(device_ids), close))
        if close:
            for device_id in device_ids:
                self.live.pop(device_id, None)

    async def invalidate_certificates(self) -> None:
        self.certificate_invalidations += 1

    async def close_certified(self, project_id: str, fingerprints: Collection[str]) -> int:
        self.certified_closed.append((project_id, frozenset(fingerprints)))
        return 0

    def are_certificates_changed_since(self, sequence: int) -> bool:
        return self.certificate_invalidations > sequence

    async def activate(self, activations: Sequence[Activation]) -> frozenset[str]:
        return frozenset(activation.device_id for activation in activations)

    def note_seen(self, activation: Activation) -> None:
        pass

    async def pin(self, device_id: str, generation: int, fingerprint: str) -> bool:
        del device_id, generation, fingerprint
        return True

    def online(self, device_ids: Sequence[str]) -> Mapping[str, float]:
        return {device_id: self.live[device_id] for device_id in device_ids if device_id in self.live}

    def all_online(self) -> Sequence[str]:
        return list(self.live)

    def close_session(self, device_id: str) -> bool:
        return self.live.pop(device_id, None) is not None
