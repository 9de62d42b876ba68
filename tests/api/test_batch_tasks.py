"""CreateBatchTask and the calls that look at a task and steer it. What a task does: tests/node/test_batch_runner.py."""

from typing import Any

import msgspec
import pytest

from engine.limits import Limits
from tests.api.conftest import Api
from tests.helpers.batch import counts, create_task, rows, show, upload, work

NAMED: dict[str, Any] = {"task_name": "Task", "task_type": "freezeDevices", "targets": ["d1"]}


async def refusal(api: Api, **fields: Any) -> tuple[int, str, str]:
    """What a task that is refused is answered; nothing was made."""
    body = {name: value for name, value in {**NAMED, **fields}.items() if value is not None}
    response = await api.post("batchtasks", body)
    assert (await api.get("batchtasks")).json()["page"]["count"] == 0
    answer = response.json()
    return response.status_code, answer["error_code"], answer["error_msg"]


async def test_task_is_answered_as_it_was_asked_for(api: Api) -> None:
    policy = {"schedule_time": "20231114T221500Z", "retry_count": 2, "retry_interval": 30}
    made = await api.post("batchtasks", {**NAMED, "task_policy": policy, "need_confirm": True, "app_id": "a"})

    task = made.json()
    assert made.status_code == 201
    assert task == {
        "task_id": task["task_id"],
        "task_name": "Task",
        "task_type": "freezeDevices",
        "status": "Initializing",
        "task_progress": {
            "total": 0,
            "processing": 0,
            "success": 0,
            "fail": 0,
            "waitting": 0,
            "fail_wait_retry": 0,
            "stopped": 0,
            "removed": 0,
        },
        "create_time": "20231114T221320Z",
        "need_confirm": True,
        "targets": ["d1"],
        "task_policy": policy,
    }
    assert (await show(api, task["task_id"]))["batchtask"] == task
    listed = (await api.get("batchtasks")).json()
    assert listed == {
        "batchtasks": [{name: value for name, value in task.items() if name != "targets"}],
        "page": {"count": 1, "marker": task["task_id"]},
    }


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"task_name": ""}, "task_name"),
        ({"task_name": "a b"}, "task_name"),
        ({"task_name": "a" * 129}, "task_name"),
        ({"task_type": "firmwareUpgrade"}, "task_type"),
        ({"targets": []}, "targets"),
        ({"targets": ["a b"]}, "targets"),
        ({"targets": ["d"] * 30_001}, "targets"),
        ({"targets": None}, "targets, targets_filter, document_source"),
        ({"targets": None, "targets_filter": {}}, "targets_filter"),
        ({"targets": None, "targets_filter": {"group_ids": ["g"]}}, "targets_filter"),
        ({"task_type": "createDevices"}, "document_source"),
        ({"task_type": "updateDevices"}, "document_source"),
        ({"task_policy": {"retry_count": 1}}, "come together"),
        ({"task_policy": {"retry_interval": 1}}, "come together"),
        ({"task_policy": {"retry_count": 6, "retry_interval": 1}}, "retry_count"),
        ({"task_policy": {"retry_count": 1, "retry_interval": 1441}}, "retry_interval"),
        ({"task_policy": {"schedule_time": "tomorrow"}}, "schedule_time"),
        ({"task_policy": {"schedule_time": "20231122T000000Z"}}, "within 7 days"),
    ],
)
async def test_task_that_is_not_clear_is_refused(api: Api, fields: dict[str, Any], said: str) -> None:
    status, code, message = await refusal(api, **fields)

    assert (status, code) == (400, "IOTDA.000006")
    assert said in message


async def test_instant_that_does_not_exist_has_its_own_code(api: Api) -> None:
    assert (await refusal(api, task_policy={"schedule_time": "20230230T000000Z"}))[:2] == (400, "IOTDA.000009")


async def test_file_that_does_not_fit_the_task_is_refused_at_once(api: Api) -> None:
    file_id = await upload(api, "device_id\nd1\n")

    status, _, message = await refusal(api, task_type="createDevices", targets=None, document_source=file_id)
    assert (status, "lacks the column node_id" in message) == (400, True)
    assert (await refusal(api, targets=None, document_source="f" * 24))[1] == "IOTDA.090502"


async def test_targets_go_before_the_filter_and_that_before_the_file(stocked: Api) -> None:
    for number in (1, 2):
        await stocked.create_device(device_id=f"d{number}", node_id=f"n{number}")
    file_id = await upload(stocked, "device_id\nd2\n")
    by_all = await create_task(stocked, **{**NAMED, "targets_filter": {"node_id": "n2"}, "document_source": file_id})
    by_filter = await create_task(stocked, "unfreezeDevices", targets_filter={"node_id": "n1"}, document_source=file_id)
    await work(stocked.services)

    assert [each["target"] for each in (await show(stocked, by_all))["task_details"]] == ["d1"]
    shown = await show(stocked, by_filter)
    assert [each["target"] for each in shown["task_details"]] == ["d1"]
    assert "document_source" not in shown["batchtask"]
    assert shown["batchtask"]["targets_filter"] == {"node_id": "n1"}


async def test_30000_targets_of_128_characters_fit_into_a_body(api: Api) -> None:
    targets = [f"{number:0128d}" for number in range(30_000)]
    task_id = await create_task(api, "freezeDevices", targets=targets)

    await work(msgspec.structs.replace(api.services, limits=Limits(batch_group=10_000)))
    assert counts(await show(api, task_id)) == {"total": 30_000, "fail": 30_000}


async def test_lists_are_filtered_and_paged(api: Api) -> None:
    first = await create_task(api, "freezeDevices", targets=["a"], app_id="a")
    second = await create_task(api, "deleteDevices", targets=["a"])

    async def listed(**query: Any) -> list[str]:
        return [each["task_id"] for each in (await api.get("batchtasks", params=query)).json()["batchtasks"]]

    assert await listed() == [second, first]
    assert await listed(task_type="freezeDevices") == [first]
    assert await listed(app_id="a") == [first]
    assert await listed(status="Success") == []
    assert await listed(marker=second) == [first]
    assert await listed(limit=1, offset=1) == [first]
    assert (await api.get("batchtasks", params={"status": "Waiting"})).json()["error_code"] == "IOTDA.000006"


async def test_lines_are_shown_with_their_errors_and_in_pages(stocked: Api) -> None:
    task_id = await create_task(stocked, document_source=await upload(stocked, rows([1, 2]) + "broken\n"))
    await work(stocked.services)

    shown = await show(stocked, task_id)
    assert shown["task_details"] == [
        {
            "target": "",
            "status": "Fail",
            "output": "line 4",
            "error": {
                "error_code": "IOTDA.000006",
                "error_msg": "Invalid input data. Line 4: it has 1 cells, not 4.",
            },
        },
        {"target": "d2", "status": "Success", "output": "line 3"},
        {"target": "d1", "status": "Success", "output": "line 2"},
    ]
    assert shown["page"]["count"] == 3
    page = await show(stocked, task_id, limit=1)
    following = await show(stocked, task_id, limit=1, marker=page["page"]["marker"])
    assert [each["target"] for each in following["task_details"]] == ["d2"]
    assert len((await show(stocked, task_id, task_detail_status="Success"))["task_details"]) == 2
    assert (await show(stocked, task_id, task_detail_status="Removed"))["task_details"] == []
    assert [each["target"] for each in (await show(stocked, task_id, target="d1"))["task_details"]] == ["d1"]


@pytest.mark.parametrize("verb", ["retry", "stop", "confirm"])
async def test_steering_needs_a_task_of_the_project(api: Api, verb: str) -> None:
    response = await api.post(f"batchtasks/{'f' * 24}/{verb}", {})

    assert (response.status_code, response.json()["error_code"]) == (404, "IOTDA.090501")
    task_id = await create_task(api, **NAMED)
    other = {"X-Auth-Token": "token of project-2"}
    for method, path in (("POST", f"/{verb}"), ("GET", ""), ("DELETE", "")):
        path = f"/v5/iot/project-2/batchtasks/{task_id}{path}"
        answer = await api.call(method, path, headers=other, **({"json": {}} if method == "POST" else {}))
        assert answer.status_code == 404


async def test_named_targets_get_a_result_each(api: Api) -> None:
    task_id = await create_task(api, "freezeDevices", targets=["a", "b"], need_confirm=True)
    confirm = f"batchtasks/{task_id}/confirm"
    assert (await api.post(confirm, {})).json()["error_code"] == "IOTDA.090509"
    await work(api.services)

    assert (await api.post(confirm, {"targets": ["a", "c"]})).json() == {
        "targets": [
            {"target": "a", "status": "success"},
            {
                "target": "c",
                "status": "failure",
                "error_code": "IOTDA.090511",
                "error_msg": "The batch task has no such target in a state for this.",
            },
        ]
    }
    await work(api.services)
    assert counts(await show(api, task_id)) == {"total": 2, "fail": 1, "waitting": 1}
    assert (await api.post(f"batchtasks/{task_id}/stop", {"targets": ["b"]})).json()["targets"][0][
        "status"
    ] == "success"
    await work(api.services)
    assert (await api.post(f"batchtasks/{task_id}/stop", {})).json()["error_code"] == "IOTDA.090507"
    assert (await api.post(confirm, {"targets": ["a"] * 101})).status_code == 400


async def test_only_a_finished_task_is_deleted(api: Api) -> None:
    task_id = await create_task(api, **NAMED)

    refused = await api.delete(f"batchtasks/{task_id}")
    assert (refused.status_code, refused.json()["error_code"]) == (403, "IOTDA.090506")
    assert (await api.post(f"batchtasks/{task_id}/retry", {})).json()["error_code"] == "IOTDA.090508"
    await work(api.services)
    assert (await api.delete(f"batchtasks/{task_id}")).status_code == 204
    assert (await api.get(f"batchtasks/{task_id}")).status_code == 404


async def test_a_type_has_ten_unfinished_tasks_at_most(api: Api) -> None:
    for _ in range(10):
        await create_task(api, **NAMED)

    eleventh = await api.post("batchtasks", NAMED)
    assert (eleventh.status_code, eleventh.json()["error_code"]) == (403, "IOTDA.090503")
    await create_task(api, "deleteDevices", targets=["a"])
    await work(api.services)
    await create_task(api, **NAMED)


async def test_every_change_of_a_task_is_audited(api: Api) -> None:
    task_id = await create_task(api, **NAMED)
    await work(api.services)
    await api.post(f"batchtasks/{task_id}/retry", {"targets": ["d1"]})
    await api.post(f"batchtasks/{task_id}/stop", {})
    await work(api.services)
    await api.delete(f"batchtasks/{task_id}")

    entries = (await api.get("keyturn/audit", params={"target": task_id})).json()["entries"]
    assert [(entry["action"].partition(".")[2], entry["actor"] == "keyturn") for entry in reversed(entries)] == [
        ("create", False),
        ("finish", True),
        ("retry", False),
        ("stop", False),
        ("finish", True),
        ("delete", False),
    ]
    assert entries[-2]["detail"] == {"status": "Fail", "lines": {"Fail": 1}}
