from collections.abc import Callable, Iterator

import pytest

from tests.helpers.native_front import PolledFront

OpenFront = Callable[..., PolledFront]


@pytest.fixture
def open_front() -> Iterator[OpenFront]:
    """`open_front(...)` as PolledFront; closed at the end."""
    opened: list[PolledFront] = []

    def open_one(*device_ids: str, **how: object) -> PolledFront:
        opened.append(PolledFront(device_ids or ("pump",), **how))  # type: ignore[arg-type]
        return opened[-1]

    yield open_one
    for front in opened:
        front.close()
