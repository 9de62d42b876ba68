"""auth_info.timeout against real connections: who was activated stays, who was not is gone."""

import trio

from engine.cli.client import ApiRefusal
from engine.verdict.outcome import Reason
from tests.conformance.conftest import SECRET, Gate, OpenGate, connect_as
from tests.conformance.test_connect import refusal
from tests.helpers.mqtt_packets import PINGREQ


async def is_there(gate: Gate, device_id: str) -> bool:
    try:
        await gate.running.show_device(device_id)
    except ApiRefusal as refused:
        return refused.status != 404
    return True


async def test_device_that_does_not_connect_in_time_is_deleted_and_no_other(open_gate: OpenGate) -> None:
    async with open_gate(reap_seconds=0.05) as gate, gate.client() as live:
        assert (await live.exchange(connect_as()))[3] == 0
        one_second = {"auth_info": {"timeout": 1}}
        await trio.to_thread.run_sync(gate.running.api.request, "PUT", "/devices/pump", one_second)
        await gate.running.create_device("late", auth_info={"secret": SECRET, "timeout": 1})

        while await is_there(gate, "late"):
            await trio.sleep(0.05)

        assert await gate.answer(connect_as("late")) == refusal(Reason.UNKNOWN_DEVICE, 4)
        assert await is_there(gate, "pump")
        assert await live.exchange(PINGREQ) == b"\xd0\0"
