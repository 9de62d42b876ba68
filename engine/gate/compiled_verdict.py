"""The boundary to native/front_verdict.c, as compiled.py is to the rest of native/: the twin of `mqtt_front`."""

from engine.gate import _native
from engine.gate.compiled_table import CredentialTable, KnownGoodPolicy
from engine.gate.front_settings import Words, front_settings
from engine.limits import Limits

try:
    _eng_front_verdict_of_packet = _native.lib.eng_front_verdict_of_packet
except AttributeError as fault:
    raise ImportError(f"the native module is older than its sources: {fault}") from None


class FrontVerdict:
    """What a native front says to CONNECT of the devices in `table`, without a connection. For the gate and for tests.

    `packet`: one Control Packet. `now`: epoch seconds. Answers CONNACK and the Keep Alive in force (seconds); b"" and 0
    where Python is to be asked.
    """

    def __init__(self, table: CredentialTable, policy: KnownGoodPolicy, words: Words, limits: Limits) -> None:
        ffi = _native.ffi
        self._kept = (table, policy)
        self._settings = ffi.new("struct eng_front_settings *", front_settings(0, limits, 0, 0.0, words, bytes(16)))
        self._known = ffi.new("struct eng_front_known *", {"table": table.pointer, "policy": policy.pointer})
        self._verdict: _native._Struct = ffi.new("struct eng_front_verdict *")

    def __call__(self, packet: bytes, now: float) -> tuple[bytes, int]:
        verdict = self._verdict
        if not _eng_front_verdict_of_packet(self._settings, self._known, packet, len(packet), int(now), verdict):
            return b"", 0
        connack = verdict.connack
        return _native.ffi.buffer(connack.bytes, connack.len)[:], verdict.keep_alive_s
