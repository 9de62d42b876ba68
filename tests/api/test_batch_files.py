"""UploadBatchTaskFile, ListBatchTaskFiles, DeleteBatchTaskFile."""

from pathlib import Path

import pytest
import trio

from engine.limits import Limits
from tests.api.conftest import Api, api_services, open_store, serve_test_api
from tests.helpers.batch import create_task, rows, upload, work


async def test_file_is_uploaded_listed_and_deleted(api: Api) -> None:
    file_id = await upload(api, rows([1]), "设备.csv")

    listed = (await api.get("batchtask-files")).json()
    assert listed == {"files": [{"file_id": file_id, "file_name": "设备.csv", "upload_time": "20231114T221320Z"}]}
    assert (await api.delete(f"batchtask-files/{file_id}")).status_code == 204
    assert (await api.get("batchtask-files")).json() == {"files": []}
    gone = await api.delete(f"batchtask-files/{file_id}")
    assert (gone.status_code, gone.json()["error_code"]) == (404, "IOTDA.090502")


async def test_content_is_sealed_at_rest_and_never_audited(api: Api, tmp_path: Path) -> None:
    """A file of new devices is full of secrets."""
    await upload(api, rows([1]))
    await api.store.close()

    assert b"horse-battery" not in await trio.Path(tmp_path / "registry.db").read_bytes()


async def test_upload_and_deletion_are_audited(api: Api) -> None:
    file_id = await upload(api, rows([1]))
    await api.delete(f"batchtask-files/{file_id}")

    deleted, created = (await api.get("keyturn/audit", params={"target": file_id})).json()["entries"]
    assert (deleted["action"], created["action"]) == ("batch-file.delete", "batch-file.create")
    assert created["detail"] == {"file_name": "devices.csv", "bytes": len(rows([1]))}


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "empty"), (b"PK\x03\x04", "save it as CSV"), (b"\xff\xfe", "not UTF-8"), (b"a\0", "NUL")],
)
async def test_content_that_is_no_text_is_refused(api: Api, content: bytes, said: str) -> None:
    response = await api.post("batchtask-files", files={"file": ("a.csv", content)})

    assert (response.status_code, response.json()["error_code"]) == (400, "IOTDA.000006")
    assert said in response.json()["error_msg"]


@pytest.mark.parametrize("name", ["", "a" * 256, "line\x07feed"])
async def test_name_must_be_printable_and_short(api: Api, name: str) -> None:
    boundary, disposition = "B", f'form-data; name="file"; filename="{name}"'
    body = f"--{boundary}\r\nContent-Disposition: {disposition}\r\n\r\nx\r\n--{boundary}--\r\n".encode()
    response = await api.post(
        "batchtask-files", content=body, headers={"Content-Type": f"multipart/form-data; boundary={boundary}"}
    )

    assert response.status_code == 400, response.text


async def test_json_is_no_upload(api: Api) -> None:
    response = await api.post("batchtask-files", {"file": "x"})

    assert (response.status_code, response.json()["error_code"]) == (415, "IOTDA.000008")


async def test_upload_is_bounded_and_larger_than_other_bodies(tmp_path: Path) -> None:
    store = await open_store(tmp_path)
    limits = Limits(batch_file_bytes=200_000, api_body_bytes=100_000)
    async with serve_test_api(api_services(store, limits=limits)) as api:
        await upload(api, b"x" * 200_000)
        for size in (200_001, 300_000):
            response = await api.post("batchtask-files", files={"file": ("a.csv", b"x" * size)})
            assert (response.status_code, response.json()["error_code"]) == (413, "IOTDA.090003")
    await store.close()


async def test_project_has_a_bound_of_files(tmp_path: Path) -> None:
    store = await open_store(tmp_path, Limits(batch_files=1))
    async with serve_test_api(api_services(store)) as api:
        await upload(api, "a")
        response = await api.post("batchtask-files", files={"file": ("a.csv", b"x")})
        assert (response.status_code, response.json()["error_code"]) == (403, "IOTDA.090504")
    await store.close()


async def test_file_stays_while_a_task_reads_it(stocked: Api) -> None:
    file_id = await upload(stocked, rows([1]))
    await create_task(stocked, document_source=file_id)

    refused = await stocked.delete(f"batchtask-files/{file_id}")
    assert (refused.status_code, refused.json()["error_code"]) == (403, "IOTDA.090505")
    await work(stocked.services)
    assert (await stocked.delete(f"batchtask-files/{file_id}")).status_code == 204


async def test_another_project_sees_no_file(stocked: Api) -> None:
    file_id = await upload(stocked, rows([1]))

    other = {"X-Auth-Token": "token of project-2"}
    assert (await stocked.get("/v5/iot/project-2/batchtask-files", headers=other)).json() == {"files": []}
    assert (await stocked.delete(f"/v5/iot/project-2/batchtask-files/{file_id}", headers=other)).status_code == 404
    body = {"task_name": "T", "task_type": "createDevices", "document_source": file_id}
    assert (await stocked.post("/v5/iot/project-2/batchtasks", body, headers=other)).status_code == 404
