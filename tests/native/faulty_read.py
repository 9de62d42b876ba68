"""Reads past the end of a block; test_sanitized.py names it, and wants it to be caught."""

from engine.gate import _native


def test_header_that_is_read_past_its_end() -> None:
    data = _native.ffi.new("uint8_t[2]", [0x10, 0xFF])
    start, end = _native.ffi.new("size_t *"), _native.ffi.new("size_t *")
    _native.lib.eng_mqtt_frame(data, 100, 1 << 20, start, end)
