"""The unmodified huaweicloudsdkiotda drives every operation on products and certificates, and reads its own models."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from huaweicloudsdkcore.exceptions.exceptions import ServiceResponseException
from huaweicloudsdkiotda import v5 as sdk
from huaweicloudsdkiotda.v5 import IoTDAClient

from engine.limits import Limits
from engine.node.data_directory import REGISTRY_FILE, initialise
from engine.registry.certificates import read_device_certificate
from engine.registry.sqlite import SqliteStore
from tests.helpers.nodes import CLOCK, RunningNode, open_test_node
from tests.helpers.sdk import MODES, Mode, call

pytestmark = pytest.mark.parametrize("mode", MODES)

VERIFY_CODE = "1ac730fe-f557-499b-8cb7-5d9a02b50518"
"""Of the document's example."""
DOCUMENT = Path(__file__).parents[2] / "docs" / "certificates.md"
FIELDS = ("certificate_id", "cn_name", "owner", "status", "verify_code", "create_date", "effective_date", "expiry_date")


async def refusal(running: RunningNode, mode: Mode, work: Callable[[IoTDAClient], object]) -> tuple[int, str]:
    """Status and error code that the SDK reports."""
    with pytest.raises(ServiceResponseException) as raised:
        await call(running, mode, work)
    return raised.value.status_code, raised.value.error_code


def fields_of(model: Any) -> dict[str, Any]:
    """Every field that the SDK read into a model."""
    return {field: getattr(model, field) for field in model.openapi_types}


def run_documented(of: str, directory: Path, **replaced: str) -> None:
    """Run the openssl lines of docs/certificates.md that make this file, with words of the example replaced."""
    text = DOCUMENT.read_text("utf-8")
    blocks = [block for block in text.split("\n\n") if block.startswith("    openssl ") and f"-out {of}" in block]
    (block,) = blocks
    lines = block.partition("    keyturn ")[0]
    for word, by in replaced.items():
        lines = lines.replace(word, by)
    run = ["sh", "-e", "-c", lines]
    subprocess.run(run, check=True, capture_output=True, cwd=directory)


def make_ca(directory: Path) -> str:
    """A device CA as the documentation makes one; its PEM."""
    run_documented("ca.pem", directory)
    return (directory / "ca.pem").read_text()


def issue(directory: Path, common_name: str) -> str:
    """What the CA issues to this name, as the documentation does; its PEM."""
    run_documented("verification.pem", directory, **{VERIFY_CODE: common_name})
    return (directory / "verification.pem").read_text()


def a_service() -> sdk.ServiceCapability:
    para = sdk.ServiceCommandPara(para_name="for", data_type="int", min="0", max="60", unit="s", required=True)
    return sdk.ServiceCapability(
        service_id="$meter",
        service_type="meter",
        option="Master",
        description="what it measures",
        properties=[
            sdk.ServiceProperty(
                property_name="level",
                data_type="string list",
                method="RWE",
                enum_list=["low", "high"],
                max_length=8,
                step=0.5,
                default_value={"low": 1},
            )
        ],
        commands=[
            sdk.ServiceCommand(
                command_name="shut",
                paras=[para],
                responses=[sdk.ServiceCommandResponse(response_name="done", paras=[para])],
            )
        ],
        events=[sdk.ServiceEvent(event_type="leak", paras=[para])],
    )


async def test_products(tmp_path: Path, mode: Mode) -> None:
    body = sdk.AddProduct(
        product_id="meters",
        name="Meters",
        device_type="Meter",
        protocol_type="MQTT",
        data_format="binary",
        manufacturer_name="Works",
        industry="water",
        description="For water; \u6c34\u3002",
        app_id="factory",
        service_capabilities=[a_service()],
    )
    async with open_test_node(tmp_path) as running:
        created = await call(running, mode, lambda c: c.create_product(sdk.CreateProductRequest(body=body)))
        assert created.status_code == 201
        assert created.service_capabilities == [a_service()]
        assert (created.app_id, created.name, created.industry) == ("factory", "Meters", "water")

        shown = await call(
            running, mode, lambda c: c.show_product(sdk.ShowProductRequest(product_id="meters", app_id="factory"))
        )
        assert fields_of(shown) == fields_of(created)
        listed = await call(running, mode, lambda c: c.list_products(sdk.ListProductsRequest(product_name="Met")))
        assert listed.page.count == 1
        assert fields_of(listed.products[0]).items() <= fields_of(created).items()

        change = sdk.UpdateProduct(name="Gauges", description="", service_capabilities=[])
        updated = await call(
            running, mode, lambda c: c.update_product(sdk.UpdateProductRequest(product_id="meters", body=change))
        )
        changed: dict[str, Any] = {"name": "Gauges", "description": "", "service_capabilities": []}
        assert fields_of(updated) == fields_of(created) | changed

        to_coap = sdk.UpdateProductRequest(product_id="meters", body=sdk.UpdateProduct(protocol_type="CoAP"))
        assert await refusal(running, mode, lambda c: c.update_product(to_coap)) == (400, "IOTDA.090406")
        delete = sdk.DeleteProductRequest(product_id="meters", app_id="factory")
        assert (await call(running, mode, lambda c: c.delete_product(delete))).status_code == 204
        assert await refusal(running, mode, lambda c: c.delete_product(delete)) == (404, "IOTDA.090101")


async def test_device_ca_certificates(tmp_path: Path, mode: Mode) -> None:
    pem = make_ca(tmp_path)
    add = sdk.AddCertificateRequest(body=sdk.CreateCertificateDTO(content=pem, app_id="factory"))
    async with open_test_node(tmp_path) as running:
        added = await call(running, mode, lambda c: c.add_certificate(add))
        assert added.status_code == 201
        assert (added.cn_name, added.owner, added.status) == ("Fleet CA", "Works", False)
        assert await refusal(running, mode, lambda c: c.add_certificate(add)) == (400, "IOTDA.090402")
        certificate_id = added.certificate_id

        update = sdk.UpdateCertificateDTO(provision_enable=True, template_id="t", ocsp_enable=True)
        updated = await call(
            running,
            mode,
            lambda c: c.update_certificate(sdk.UpdateCertificateRequest(certificate_id=certificate_id, body=update)),
        )
        assert (updated.provision_enable, updated.template_id, updated.ocsp_ssl_enable) == (True, "t", False)

        def check(content: str) -> Callable[[IoTDAClient], sdk.CheckCertificateResponse]:
            proof = sdk.VerifyCertificateDTO(verify_content=content)
            request = sdk.CheckCertificateRequest(certificate_id=certificate_id, action_id="verify", body=proof)
            return lambda client: client.check_certificate(request)

        wrong, right = issue(tmp_path, "somebody"), issue(tmp_path, added.verify_code)
        assert await refusal(running, mode, check(wrong)) == (400, "IOTDA.090404")
        assert (await call(running, mode, check(right))).status_code == 200

        shown = await call(
            running, mode, lambda c: c.show_certificate(sdk.ShowCertificateRequest(certificate_id=certificate_id))
        )
        assert (shown.status, shown.name, shown.content) == (True, "Fleet CA", pem)
        listed = await call(
            running, mode, lambda c: c.list_certificates(sdk.ListCertificatesRequest(app_id="factory", limit=5))
        )
        assert (listed.page.count, listed.page.marker) == (1, certificate_id)
        assert [getattr(listed.certificates[0], name) for name in FIELDS] == [getattr(shown, name) for name in FIELDS]

        delete = sdk.DeleteCertificateRequest(certificate_id=certificate_id)
        assert (await call(running, mode, lambda c: c.delete_certificate(delete))).status_code == 204
        assert await refusal(running, mode, lambda c: c.delete_certificate(delete)) == (404, "IOTDA.090401")


async def test_device_certificates(tmp_path: Path, mode: Mode) -> None:
    make_ca(tmp_path)
    pem = issue(tmp_path, "pump-1")
    certificate_id, fingerprint = await note(tmp_path, pem)
    async with open_test_node(tmp_path) as running:
        await running.create_product()
        await running.create_device("pump-1", auth_info={"auth_type": "CERTIFICATES", "fingerprint": fingerprint})

        listed = await call(
            running, mode, lambda c: c.list_device_certificate(sdk.ListDeviceCertificateRequest(common_name="pump"))
        )
        assert listed.page.count == 1
        (one,) = listed.device_certificates
        assert (one.certificate_id, one.common_name) == (certificate_id, "pump-1")
        assert (one.fingerprint, one.status) == (fingerprint.upper(), "ACTIVE")

        show = sdk.ShowDeviceCertificateRequest(certificate_id=certificate_id)
        shown = await call(running, mode, lambda c: c.show_device_certificate(show))
        assert (shown.certificate_pem, shown.expiry_date) == (pem, one.expiry_date)
        update = sdk.UpdateDeviceCertificateRequest(
            certificate_id=certificate_id, body=sdk.UpdateDeviceCertificate(status="INACTIVE")
        )
        assert (await call(running, mode, lambda c: c.update_device_certificate(update))).status == "INACTIVE"

        devices = sdk.ListDeviceByDeviceCertificateRequest(
            certificate_id=certificate_id, body=sdk.ListDeviceRequest(limit=1)
        )
        found = await call(running, mode, lambda c: c.list_device_by_device_certificate(devices))
        assert [device.device_id for device in found.devices] == ["pump-1"]
        assert (found.devices[0].product_id, found.page.count) == ("product", 1)

        delete = sdk.DeleteDeviceCertificateRequest(certificate_id=certificate_id)
        assert (await call(running, mode, lambda c: c.delete_device_certificate(delete))).status_code == 204
        assert await refusal(running, mode, lambda c: c.show_device_certificate(show)) == (404, "IOTDA.090405")


async def note(tmp_path: Path, pem: str) -> tuple[str, str]:
    """A device has connected with this certificate, as far as the registry in tmp_path/data knows; id, fingerprint."""
    credentials = await initialise(tmp_path / "data", None, CLOCK)
    store = SqliteStore.open(tmp_path / "data" / REGISTRY_FILE, limits=Limits(), clock=CLOCK)
    record_id = await store.allocate_record_id(CLOCK.wall())
    der = x509.load_pem_x509_certificate(pem.encode()).public_bytes(Encoding.DER)
    certificate = read_device_certificate(der, credentials.project_id, record_id, CLOCK.wall())
    noted = await store.certificates.note_device_certificate(certificate)
    await store.close()
    return noted.certificate_id, noted.fingerprint
