"""Policy as the verdict sees it: the questions beside the proof, each answered by a pure function."""

import calendar
import functools
from typing import Literal

import msgspec

from engine.claims.claim import SignType
from engine.registry.record import CredentialRow

SECONDS_PER_HOUR = 3600


class VerdictPolicy(msgspec.Struct, frozen=True):
    """sign_types and stamp_window_hours as in config.Policy."""

    sign_types: Literal["both", "sticky", "checked-only"] = "both"
    stamp_window_hours: int = 1


def is_sign_type_allowed(sign_type: SignType, row: CredentialRow, policy: VerdictPolicy) -> bool:
    """The sign type is not under the MAC: a sniffed password can be replayed as type 0 unless policy forbids type 0."""
    if sign_type is SignType.STAMP_JUDGED or policy.sign_types == "both":
        return True
    return policy.sign_types == "sticky" and not row.checked_stamp_seen


def is_expired(row: CredentialRow, now: float) -> bool:
    """A device past its timeout is gone, whether or not the reaper came by already; `now` in epoch seconds."""
    return not row.activated and row.timeout_at is not None and now >= row.timeout_at


@functools.lru_cache(maxsize=64)  # a fleet's stamps are of a few hours; what peers make up costs only its place
def hour_of_stamp(stamp: bytes) -> int | None:
    """Hours since the epoch of YYYYMMDDHH (10 ASCII digits, UTC), None when that is no date."""
    year, month, day, hour = int(stamp[:4]), int(stamp[4:6]), int(stamp[6:8]), int(stamp[8:])
    if not (year >= 1970 and 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1] and hour <= 23):
        return None
    return calendar.timegm((year, month, day, hour, 0, 0)) // SECONDS_PER_HOUR


def is_stamp_in_window(stamp: bytes, now: float, policy: VerdictPolicy) -> bool:
    """This hour and `stamp_window_hours` before and after (mqtt-device.md, "Ours"); `now` in epoch seconds."""
    hour = hour_of_stamp(stamp)
    return hour is not None and abs(int(now // SECONDS_PER_HOUR) - hour) <= policy.stamp_window_hours
