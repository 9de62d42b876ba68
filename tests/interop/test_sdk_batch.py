"""The unmodified SDK through every batch operation, in its three ways of saying who asks, against a real node."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
import trio
from huaweicloudsdkcore.exceptions.exceptions import ServiceResponseException
from huaweicloudsdkcore.http.formdata import FormFile
from huaweicloudsdkiotda.v5 import (
    BatchTargets,
    ConfirmBatchTaskRequest,
    CreateBatchTask,
    CreateBatchTaskRequest,
    DeleteBatchTaskFileRequest,
    DeleteBatchTaskRequest,
    IoTDAClient,
    ListBatchTaskFilesRequest,
    ListBatchTasksRequest,
    ListDevicesRequest,
    RetryBatchTaskRequest,
    ShowBatchTaskRequest,
    ShowBatchTaskResponse,
    ShowDeviceRequest,
    StopBatchTaskRequest,
    TaskPolicy,
    UploadBatchTaskFileRequest,
    UploadBatchTaskFileRequestBody,
)

from tests.helpers.nodes import RunningNode, open_test_node
from tests.helpers.sdk import MODES, Mode, call

T = TypeVar("T")
ENDED = ("Success", "Fail", "PartialSuccess", "Stopped")


class Sdk:
    """Calls of the SDK in one mode, each in a thread."""

    def __init__(self, running: RunningNode, mode: Mode, directory: Path) -> None:
        self._running = running
        self._mode = mode
        self._directory = directory

    async def __call__(self, work: Callable[[IoTDAClient], T]) -> T:
        return await call(self._running, self._mode, work)

    async def upload(self, content: str) -> Any:
        path = trio.Path(self._directory / "devices.csv")
        await path.write_text(content, "utf-8")
        # The SDK opens the file, and closes it when the object goes: both in the thread.
        return await self(
            lambda client: client.upload_batch_task_file(
                UploadBatchTaskFileRequest(body=UploadBatchTaskFileRequestBody(file=FormFile(str(path))))
            )
        )

    async def create(self, task_type: str, **fields: Any) -> Any:
        body = CreateBatchTask(task_name="任务_1", task_type=task_type, **fields)
        return await self(lambda client: client.create_batch_task(CreateBatchTaskRequest(body=body)))

    async def show(self, task_id: str, **query: Any) -> ShowBatchTaskResponse:
        return await self(lambda client: client.show_batch_task(ShowBatchTaskRequest(task_id=task_id, **query)))

    async def ended(self, task_id: str) -> ShowBatchTaskResponse:
        """The task once it is finished."""
        with trio.fail_after(30):
            while (shown := await self.show(task_id, limit=50)).batchtask.status not in ENDED:
                await trio.sleep(0.02)
        return shown

    async def done(self, task_type: str, **fields: Any) -> ShowBatchTaskResponse:
        return await self.ended((await self.create(task_type, **fields)).task_id)


@pytest.fixture(params=MODES)
async def sdk(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    async with open_test_node(tmp_path) as running:
        await running.create_product()
        yield Sdk(running, request.param, tmp_path)


async def test_sdk_creates_changes_and_deletes_devices_in_batches(sdk: Sdk) -> None:
    rows = "".join(f"d{number},n{number},product,secret-of-{number}\n" for number in range(1, 4))
    file = await sdk.upload(f"device_id,node_id,product_id,secret\n{rows}broken\n")
    assert (file.file_name, len(file.file_id)) == ("devices.csv", 24)

    created = await sdk.done("createDevices", document_source=file.file_id)

    task = created.batchtask
    assert (task.status, task.task_type, task.task_name) == ("PartialSuccess", "createDevices", "任务_1")
    progress = task.task_progress
    assert (progress.total, progress.success, progress.fail, progress.removed) == (4, 3, 1, 0)
    broken = created.task_details[0]
    assert (broken.status, broken.output, broken.error.error_code) == ("Fail", "line 5", "IOTDA.000006")
    assert created.page.count == 4
    device = await sdk(lambda client: client.show_device(ShowDeviceRequest(device_id="d2")))
    assert device.auth_info.secret == "secret-of-2"

    update = await sdk.upload("device_id,device_name\nd1,new\n")
    assert (await sdk.done("updateDevices", document_source=update.file_id)).batchtask.status == "Success"
    device = await sdk(lambda client: client.show_device(ShowDeviceRequest(device_id="d1")))
    assert device.device_name == "new"
    assert (await sdk.done("freezeDevices", targets=["d1", "d2"])).batchtask.status == "Success"
    device = await sdk(lambda client: client.show_device(ShowDeviceRequest(device_id="d1")))
    assert device.status == "FROZEN"
    assert (await sdk.done("unfreezeDevices", targets=["d1", "d2"])).batchtask.targets == ["d1", "d2"]
    by_filter = await sdk.done("deleteDevices", targets_filter={"product_id": "product"})
    assert by_filter.batchtask.task_progress.success == 3
    assert (await sdk(lambda client: client.list_devices(ListDevicesRequest()))).page.count == 0

    files = (await sdk(lambda client: client.list_batch_task_files(ListBatchTaskFilesRequest()))).files
    assert [each.file_id for each in files] == [update.file_id, file.file_id]
    await sdk(lambda client: client.delete_batch_task_file(DeleteBatchTaskFileRequest(file_id=file.file_id)))
    tasks = await sdk(lambda client: client.list_batch_tasks(ListBatchTasksRequest(status="Success", limit=2)))
    assert (len(tasks.batchtasks), tasks.page.count) == (2, 4)
    await sdk(lambda client: client.delete_batch_task(DeleteBatchTaskRequest(task_id=task.task_id)))
    with pytest.raises(ServiceResponseException) as refused:
        await sdk.show(task.task_id)
    assert (refused.value.status_code, refused.value.error_code) == (404, "IOTDA.090501")


async def test_sdk_confirms_stops_and_retries(sdk: Sdk) -> None:
    held = await sdk.create("freezeDevices", targets=["a", "b", "c"], need_confirm=True)
    with trio.fail_after(30):
        while (await sdk.show(held.task_id)).batchtask.status != "Waitting":
            await trio.sleep(0.02)
    request = ConfirmBatchTaskRequest(task_id=held.task_id, body=BatchTargets(targets=["a", "x"]))
    confirmed = await sdk(lambda client: client.confirm_batch_task(request))
    assert [(each.target, each.status) for each in confirmed.targets] == [("a", "success"), ("x", "failure")]
    await sdk(
        lambda client: client.stop_batch_task(
            StopBatchTaskRequest(task_id=held.task_id, body=BatchTargets(targets=["b"]))
        )
    )
    await sdk(
        lambda client: client.confirm_batch_task(ConfirmBatchTaskRequest(task_id=held.task_id, body=BatchTargets()))
    )
    ended = await sdk.ended(held.task_id)
    assert {each.target: each.status for each in ended.task_details} == {"a": "Fail", "b": "Stopped", "c": "Fail"}

    retry = RetryBatchTaskRequest(task_id=held.task_id, body=BatchTargets(targets=["a"]))
    retried = await sdk(lambda client: client.retry_batch_task(retry))
    assert [(each.target, each.status) for each in retried.targets] == [("a", "success")]
    failed = await sdk.show((await sdk.ended(held.task_id)).batchtask.task_id, task_detail_status="Fail")
    assert {each.error.error_code for each in failed.task_details} == {"IOTDA.014000"}

    later = await sdk.create("freezeDevices", targets=["a"], task_policy=TaskPolicy(retry_count=5, retry_interval=1440))
    with trio.fail_after(30):
        while (await sdk.show(later.task_id)).batchtask.task_progress.fail_wait_retry != 1:
            await trio.sleep(0.02)
    await sdk(lambda client: client.stop_batch_task(StopBatchTaskRequest(task_id=later.task_id, body=BatchTargets())))
    assert (await sdk.ended(later.task_id)).batchtask.status == "Stopped"
    assert (await sdk.show(later.task_id)).batchtask.task_policy.retry_interval == 1440
