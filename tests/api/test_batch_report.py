"""ReportBatchTask: a task's lines as a file for people."""

import csv
import io

from tests.api.conftest import Api
from tests.helpers.batch import create_task, rows, upload, work


async def test_report_holds_every_line_and_no_formula(stocked: Api) -> None:
    content = rows([1]) + "-lead,-lead,meters,horse-battery\n=1+1,n,meters,horse-battery\n"
    task_id = await create_task(stocked, document_source=await upload(stocked, content))
    await work(stocked.services)

    response = await stocked.get(f"keyturn/batchtasks/{task_id}/report")

    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    header, *lines = csv.reader(io.StringIO(response.text, newline=""))
    assert header == ["line", "target", "status", "error_code", "error_msg"]
    assert [line[:4] for line in lines] == [
        ["4", "", "Fail", "IOTDA.000006"],
        ["3", "'-lead", "Success", ""],
        ["2", "d1", "Success", ""],
    ]
    assert lines[0][4].startswith("Invalid input data. Line 4: device_id: ")
    assert "horse" not in response.text
    failed = await stocked.get(f"keyturn/batchtasks/{task_id}/report", params={"status": "Fail"})
    assert failed.text.count("\r\n") == 2


async def test_report_goes_beyond_one_read(stocked: Api) -> None:
    targets = [f"d{number}" for number in range(2500)]
    task_id = await create_task(stocked, "freezeDevices", targets=targets)
    await work(stocked.services)

    lines = list(csv.reader(io.StringIO((await stocked.get(f"keyturn/batchtasks/{task_id}/report")).text)))
    assert [line[1] for line in lines[1:]] == targets[::-1]


async def test_report_needs_a_task_of_the_project(stocked: Api) -> None:
    response = await stocked.get(f"keyturn/batchtasks/{'f' * 24}/report")

    assert (response.status_code, response.json()["error_code"]) == (404, "IOTDA.090501")
