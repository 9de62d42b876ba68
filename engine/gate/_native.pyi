"""What cffi makes of native/*.cdef.h, as far as compiled.py uses it."""

class _Pointer: ...

class _Foreign:
    def string(self, pointer: _Pointer, /) -> bytes: ...

class _Library:
    def eng_library_version(self) -> _Pointer: ...
    def eng_secret_verify(
        self,
        password: bytes,
        password_len: int,
        stamp: bytes,
        stamp_len: int,
        primary: bytes,
        primary_len: int,
        secondary: bytes,
        secondary_len: int,
        /,
    ) -> int: ...

ffi: _Foreign
lib: _Library
