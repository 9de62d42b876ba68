"""A batch task takes effect on live devices as the single calls do."""

import trio

from tests.conformance.conftest import Gate, OpenGate, connect_as

ACCEPTED, NOT_AUTHORIZED, BAD_CREDENTIALS = b"\0\0", b"\0\5", b"\0\4"


async def run(gate: Gate, task_type: str) -> None:
    """Do this to the device `pump`, and wait until the task counts it as done."""
    body = {"task_name": "Task", "task_type": task_type, "targets": ["pump"]}
    api = gate.running.api
    task = await trio.to_thread.run_sync(api.post, "/batchtasks", body)
    path = f"/batchtasks/{task['task_id']}"
    while (await trio.to_thread.run_sync(api.get, path))["batchtask"]["status"] != "Success":
        await trio.sleep(0.01)


async def test_frozen_and_deleted_in_a_batch_ends_the_session_and_the_credential(open_gate: OpenGate) -> None:
    async with open_gate() as gate:
        async with gate.client() as live:
            assert (await live.exchange(connect_as()))[2:4] == ACCEPTED
            await run(gate, "freezeDevices")
            assert await live.is_closed()
        assert (await gate.answer(connect_as()))[2:4] == NOT_AUTHORIZED
        await run(gate, "unfreezeDevices")
        async with gate.client() as live:
            assert (await live.exchange(connect_as()))[2:4] == ACCEPTED
            await run(gate, "deleteDevices")
            assert await live.is_closed()
        assert (await gate.answer(connect_as()))[2:4] == BAD_CREDENTIALS
