"""Batch tasks are worked: as the single calls would, line by line accounted, through outages and crashes."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from httpx import Client

from engine.config import read_address
from engine.limits import Limits
from engine.node.data_directory import initialise, read_credentials
from engine.registry.sqlite import SqliteStore
from engine.registry.store import DeviceFilter, PageRequest
from tests.api.conftest import PRODUCT, Api, Hands, api_services, open_store, serve_test_api
from tests.helpers.batch import counts, create_task, rows, runner_of, show, upload, work
from tests.helpers.faulty_store import FaultyStore
from tests.helpers.nodes import CLOCK, serve_process

SCHEDULED = {"schedule_time": "20231114T221500Z"}  # 100 s after the conftest's NOW


@asynccontextmanager
async def opened(path: Path, **limits: int) -> AsyncIterator[Api]:
    """The API over a registry with the product "meters"."""
    hands = Hands()
    bounds = Limits(**limits)
    store = await open_store(path, bounds)
    async with serve_test_api(api_services(store, hands, limits=bounds), hands) as served:
        await served.create_product()
        yield served
    await store.close()


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with opened(tmp_path) as served:
        yield served


async def add_devices(api: Api, count: int) -> None:
    for number in range(1, count + 1):
        await api.create_device(device_id=f"d{number}", node_id=f"n{number}")


async def count_devices(store: SqliteStore) -> int:
    return (await store.list_devices("project-1", DeviceFilter(), PageRequest())).count


async def test_devices_are_created_as_the_single_call_creates_them(api: Api) -> None:
    task_id = await create_task(api, document_source=await upload(api, rows([1, 2])))
    await work(api.services)

    shown = await show(api, task_id)
    assert shown["batchtask"]["status"] == "Success"
    assert counts(shown) == {"total": 2, "success": 2}
    device = (await api.get("devices/d1")).json()
    assert device["auth_info"]["secret"] == "horse-battery-1"
    audit = (await api.get("keyturn/audit", params={"target": "d1"})).json()["entries"]
    creation = audit[-1]
    assert (creation["action"], creation["detail"]["batch_task"]) == ("device.create", task_id)
    assert creation["actor"].startswith("token:")


async def test_devices_are_updated_and_an_empty_cell_changes_nothing(api: Api) -> None:
    await add_devices(api, 2)
    text = "device_id,device_name,secure_access\nd1,new,false\nd2,,\nabsent,x,\n"
    task_id = await create_task(api, "updateDevices", document_source=await upload(api, text))
    await work(api.services)

    first, second = [(await api.get(f"devices/d{number}")).json() for number in (1, 2)]
    assert (first["device_name"], first["auth_info"]["secure_access"]) == ("new", False)
    assert ("device_name" not in second, second["auth_info"]["secure_access"]) == (True, True)
    (failed,) = (await show(api, task_id, task_detail_status="Fail"))["task_details"]
    assert (failed["target"], failed["error"]["error_code"]) == ("absent", "IOTDA.014000")
    assert (("d1", "d2"), False) in api.bus.invalidations


@pytest.mark.parametrize(
    ("task_type", "close", "action"),
    [
        ("freezeDevices", True, "device.freeze"),
        ("unfreezeDevices", False, "device.unfreeze"),
        ("deleteDevices", True, "device.delete"),
    ],
)
async def test_change_is_told_before_it_counts_as_done(api: Api, task_type: str, close: bool, action: str) -> None:
    await add_devices(api, 2)
    if task_type == "unfreezeDevices":
        for number in (1, 2):
            await api.post(f"devices/d{number}/freeze")
    task_id = await create_task(api, task_type, targets=["d1", "absent", "d2"])
    told: list[dict[str, int]] = []
    invalidate = api.bus.invalidate

    async def invalidate_and_look(device_ids: Any, *, close: bool) -> None:
        told.append((await api.services.store.batches.progress([task_id]))[task_id])  # type: ignore[arg-type]
        await invalidate(device_ids, close=close)

    api.bus.invalidate = invalidate_and_look  # type: ignore[method-assign]
    await work(api.services)

    assert told == [{"Processing": 2, "Waitting": 1}]
    assert api.bus.invalidations[-1] == (("d1", "d2"), close)
    assert counts(await show(api, task_id)) == {"total": 3, "success": 2, "fail": 1}
    assert (await api.get("keyturn/audit", params={"target": "d2"})).json()["entries"][0]["action"] == action


async def test_filter_takes_sub_devices_before_their_gateway(api: Api) -> None:
    """Newest first, so that deleting all of a product does not stumble over "the device has sub-devices"."""
    await add_devices(api, 1)
    await api.create_device(device_id="sub", node_id="sub", gateway_id="d1")
    task_id = await create_task(api, "deleteDevices", targets_filter={"product_id": "meters"})
    await work(api.services)

    assert (await show(api, task_id))["batchtask"]["status"] == "Success"
    assert await count_devices(api.store) == 0


@pytest.mark.parametrize(("matching", "said"), [({"product_id": "absent"}, "no device"), ({"node_id": "n"}, "more")])
async def test_filter_that_finds_nothing_or_too_much_fails_the_task(
    tmp_path: Path, matching: dict[str, str], said: str
) -> None:
    async with opened(tmp_path, batch_targets=2) as api:
        await add_devices(api, 3)
        task_id = await create_task(api, "freezeDevices", targets_filter=matching)
        await work(api.services)

        task = (await show(api, task_id))["batchtask"]
        assert task["status"] == "Fail"
        assert said in task["status_desc"]
        await api.post(f"batchtasks/{task_id}/retry", {})
        assert (await show(api, task_id))["batchtask"]["status"] == "Initializing"


async def test_target_that_stands_twice_is_worked_once(api: Api) -> None:
    content = rows([1, 2]) + "d1,n9,meters,horse-battery\n"
    task_id = await create_task(api, document_source=await upload(api, content))
    by_name = await create_task(api, "freezeDevices", targets=["d2", "d2"], task_policy=SCHEDULED)
    await work(api.services)

    (failed,) = (await show(api, task_id, task_detail_status="Fail"))["task_details"]
    assert (failed["target"], failed["error"]["error_code"]) == ("d1", "IOTDA.090510")
    assert failed["error"]["error_msg"].endswith("Its first line is 2.")
    assert counts(await show(api, by_name)) == {"total": 2, "waitting": 1, "fail": 1}


async def test_scheduled_task_waits_for_its_instant(tmp_path: Path) -> None:
    async with opened(tmp_path) as api:
        task_id = await create_task(api, "freezeDevices", targets=["absent"], task_policy=SCHEDULED)
        api.hands.wall += 99
        await work(api.services)
        assert (await show(api, task_id))["batchtask"]["status"] == "Waitting"

        api.hands.wall += 1
        await work(api.services)
        assert (await show(api, task_id))["batchtask"]["status"] == "Fail"


async def test_failed_line_is_tried_again_as_often_as_the_policy_says(tmp_path: Path) -> None:
    async with opened(tmp_path) as api:
        policy = {"retry_count": 2, "retry_interval": 1}
        task_id = await create_task(api, "freezeDevices", targets=["d1", "late"], task_policy=policy)
        await add_devices(api, 1)
        await work(api.services)
        assert counts(await show(api, task_id)) == {"total": 2, "success": 1, "fail_wait_retry": 1}
        assert (await show(api, task_id))["batchtask"]["status"] == "Processing"

        api.hands.wall += 59
        await work(api.services)
        assert counts(await show(api, task_id))["fail_wait_retry"] == 1
        await api.create_device(device_id="late", node_id="late")
        api.hands.wall += 1
        await work(api.services)
        assert counts(await show(api, task_id)) == {"total": 2, "success": 2}

        gone = await create_task(api, "freezeDevices", targets=["absent"], task_policy=policy)
        for expected in ("fail_wait_retry", "fail_wait_retry", "fail"):
            await work(api.services)
            assert counts(await show(api, gone)) == {"total": 1, expected: 1}
            api.hands.wall += 60


async def test_broken_line_is_not_tried_again_by_itself(api: Api) -> None:
    policy = {"retry_count": 5, "retry_interval": 1}
    task_id = await create_task(api, document_source=await upload(api, rows([1]) + "broken\n"), task_policy=policy)
    await work(api.services)

    assert counts(await show(api, task_id)) == {"total": 2, "success": 1, "fail": 1}
    await api.post(f"batchtasks/{task_id}/retry", {})
    await work(api.services)
    shown = await show(api, task_id)
    assert counts(shown) == {"total": 2, "success": 1, "fail": 1}
    assert "Line 3" in shown["task_details"][0]["error"]["error_msg"]
    assert await count_devices(api.store) == 1


async def test_stopped_task_leaves_the_rest_as_it_was(api: Api) -> None:
    services = msgspec.structs.replace(api.services, limits=Limits(batch_group=2))
    task_id = await create_task(api, document_source=await upload(api, rows(range(1, 11))))
    runner = runner_of(services)
    for _ in range(3):  # the lines are made, then two groups
        await runner.work()
    assert (await api.post(f"batchtasks/{task_id}/stop", {})).status_code == 200
    assert (await show(api, task_id))["batchtask"]["status"] == "Stopping"
    await work(services)

    shown = await show(api, task_id)
    assert shown["batchtask"]["status"] == "Stopped"
    assert counts(shown) == {"total": 10, "success": 4, "stopped": 6}
    assert await count_devices(api.store) == 4


async def test_lines_are_stopped_and_deleted_bit_by_bit_without_a_pause(tmp_path: Path) -> None:
    async with opened(tmp_path, batch_lines=2) as api:
        task_id = await create_task(api, document_source=await upload(api, rows(range(1, 8))))
        runner = runner_of(api.services)
        await runner.work()
        await api.post(f"batchtasks/{task_id}/stop", {})
        stopped = []
        while await runner.work():
            shown = await show(api, task_id)
            stopped.append((shown["batchtask"]["status"], counts(shown)["stopped"]))
        assert stopped == [("Stopping", 2), ("Stopping", 4), ("Stopping", 6), ("Stopped", 7)]

        await api.delete(f"batchtasks/{task_id}")
        assert (await api.get(f"batchtasks/{task_id}")).status_code == 404
        left = []
        while await runner.work():
            left.append(sum((await api.store.batches.progress([task_id]))[task_id].values()))
        assert left == [5, 3, 1, 0]


async def test_outage_at_any_call_loses_no_line_and_doubles_none(tmp_path: Path) -> None:
    """Every call of the store fails once, in turn; afterwards the task goes on and all is accounted."""
    async with opened(tmp_path, batch_group=2) as api:
        for fail_at in range(1, 1000):
            content = rows(range(10 * fail_at, 10 * fail_at + 3)) + "broken\nx,x,absent,horse-battery\n"
            file_id = await upload(api, content)
            task_id = await create_task(api, document_source=file_id)
            faulty = FaultyStore(api.store, fail_at=fail_at)
            runner = runner_of(msgspec.structs.replace(api.services, store=faulty))
            for _ in range(8):
                await runner.work()
            shown = await show(api, task_id)
            assert counts(shown) == {"total": 5, "success": 3, "fail": 2}, fail_at
            assert shown["batchtask"]["status"] == "PartialSuccess"
            assert await count_devices(api.store) == 3 * fail_at
            await api.delete(f"batchtask-files/{file_id}")
            if not faulty.has_failed:
                assert fail_at > 15
                return
    pytest.fail("the calls never ended")


async def test_task_that_meets_a_bug_fails_and_holds_up_no_other(api: Api) -> None:
    first = await create_task(api, document_source=await upload(api, rows([1])))
    second = await create_task(api, "freezeDevices", targets=["absent"])
    await runner_of(api.services).work()
    await work(msgspec.structs.replace(api.services, sealer=None))

    task = (await show(api, first))["batchtask"]
    assert (task["status"], task["status_desc"]) == ("Fail", "Internal server error.")
    assert (await show(api, second))["batchtask"]["status"] == "Fail"


def test_kill_in_the_middle_of_2000_devices_loses_no_line_and_doubles_none(tmp_path: Path) -> None:
    """kill -9, three times over; after the last start the task finishes and every line is accounted exactly once."""
    data = tmp_path / "data"
    trio.run(initialise, data, None, CLOCK)
    config = data / "keyturn.toml"
    config.write_text(config.read_text("utf-8").replace("[limits]", "[limits]\nbatch_group = 8"), "utf-8")
    with serve_process(data) as node, api_client(data, node.addresses["api"]) as client:
        client.post("products", json=PRODUCT).raise_for_status()
        content = rows(range(1, 2001), "meters").encode()
        uploaded = client.post("batchtask-files", files={"file": ("a.csv", content)}).raise_for_status().json()
        body = {"task_name": "T", "task_type": "createDevices", "document_source": uploaded["file_id"]}
        task = f"batchtasks/{client.post('batchtasks', json=body).raise_for_status().json()['task_id']}"
        wait_until(client, task, lambda progress: progress["success"] >= 100)
        node.process.kill()
    for more in (600, 1200):
        with serve_process(data) as node, api_client(data, node.addresses["api"]) as client:
            wait_until(client, task, lambda progress, most=more: progress["success"] >= most)
            node.process.kill()
    with serve_process(data) as node, api_client(data, node.addresses["api"]) as client:
        wait_until(client, task, lambda progress: progress["success"] + progress["fail"] == 2000)
        shown = finished(client, task)
        assert (shown["status"], shown["task_progress"]["success"]) == ("Success", 2000)
        assert client.get("devices", params={"limit": 1}).json()["page"]["count"] == 2000
        created, before = 0, None
        while entries := client.get("keyturn/audit", params={"before": before} if before else {}).json()["entries"]:
            created += sum(entry["action"] == "device.create" for entry in entries)
            before = entries[-1]["sequence"]
        assert created == 2000


def api_client(data: Path, address: str) -> Client:
    credentials = read_credentials(data)
    there = read_address(address, "api")
    base = f"http://{there.host}:{there.port}/v5/iot/{credentials.project_id}"
    return Client(base_url=base, headers={"X-Auth-Token": credentials.token}, timeout=20)


def wait_until(client: Client, task: str, is_so: Any) -> None:
    give_up = time.monotonic() + 60
    while not is_so(client.get(task, params={"limit": 1}).json()["batchtask"]["task_progress"]):
        assert time.monotonic() < give_up
        time.sleep(0.005)


def finished(client: Client, task: str) -> dict[str, Any]:
    give_up = time.monotonic() + 60
    while (shown := client.get(task).json()["batchtask"])["status"] == "Processing":
        assert time.monotonic() < give_up
        time.sleep(0.005)
    return shown
