"""Batch tasks over the API, for tests: upload, create, work until nothing is left."""

from collections.abc import Sequence
from typing import Any

from engine.api.services import ApiServices
from engine.node.batch_runner import BatchRunner
from engine.observe.repeats import Repeats

HEADER = "device_id,node_id,product_id,secret"


def rows(numbers: Sequence[int], product_id: str = "meters") -> str:
    """A file of createDevices: the devices d1, d2, ... with secrets."""
    lines = [f"d{number},n{number},{product_id},horse-battery-{number}" for number in numbers]
    return "\n".join([HEADER, *lines]) + "\n"


async def upload(api: Any, content: str | bytes, name: str = "devices.csv") -> str:
    """The file_id."""
    data = content if isinstance(content, bytes) else content.encode()
    response = await api.post("batchtask-files", files={"file": (name, data, "text/csv")})
    assert response.status_code == 201, response.text
    return response.json()["file_id"]


async def create_task(api: Any, task_type: str = "createDevices", **fields: Any) -> str:
    """The task_id."""
    response = await api.post("batchtasks", {"task_name": "Task", "task_type": task_type, **fields})
    assert response.status_code == 201, response.text
    return response.json()["task_id"]


async def show(api: Any, task_id: str, **query: Any) -> dict[str, Any]:
    response = await api.get(f"batchtasks/{task_id}", params={"limit": 50, **query})
    assert response.status_code == 200, response.text
    return response.json()


def runner_of(services: ApiServices) -> BatchRunner:
    return BatchRunner(services, Repeats(services.clock, services.limits))


async def work(services: ApiServices) -> None:
    """Until nothing is left to do now, as a node that was just started."""
    runner = runner_of(services)
    while await runner.work():
        pass


def counts(shown: dict[str, Any]) -> dict[str, int]:
    """What of the progress is not 0."""
    return {name: count for name, count in shown["batchtask"]["task_progress"].items() if count}
