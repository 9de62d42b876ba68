"""Which devices changed since when, for as many of them as there is memory for."""

from collections import OrderedDict
from collections.abc import Sequence


class RecentChanges:
    """The newest change of each of the last `most` devices, by a number that grows."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._changed: OrderedDict[str, int] = OrderedDict()
        self._forgotten = 0

    def note(self, device_ids: Sequence[str], sequence: int) -> None:
        """These changed with number `sequence`, the greatest so far."""
        for device_id in device_ids:
            self._changed[device_id] = sequence
            self._changed.move_to_end(device_id)
        while len(self._changed) > self._most:
            self._forgotten = self._changed.popitem(last=False)[1]

    def is_since(self, device_id: str, sequence: int) -> bool:
        """Whether the device changed after `sequence`; True as well when that is no longer known."""
        return self._forgotten > sequence or self._changed.get(device_id, 0) > sequence
