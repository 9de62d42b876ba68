"""The certificates that devices have connected with: list, show, (de)activate, delete (iotda-rest.md A.2)."""

from typing import Annotated

from litestar import Router, delete, get, post, put
from litestar.di import NamedDependency, Provide
from litestar.params import JSONBody, PathParameter, QueryParameter

from engine.api.answers import PROBLEMS
from engine.api.authentication import LEAST_ROLE, CallerOf
from engine.api.body import StrictBody
from engine.api.certificate_schema import (
    COMMON_NAME,
    DeviceCertificateAnswer,
    DeviceCertificateList,
    DevicesOfCertificate,
    ListDevicePage,
    UpdateDeviceCertificate,
    device_certificate_answer,
    device_certificate_summary,
    device_of_certificate,
)
from engine.api.changes import audit_entry, change_certificates
from engine.api.problems import ApiProblem, Problem
from engine.api.schema import FINGERPRINT, ProjectIdPath, page_of
from engine.api.services import ApiServices, ServicesOf
from engine.registry.record import DeviceCertificate
from engine.registry.store import PageRequest
from engine.registry.store_access import Role
from engine.registry.store_certificates import DeviceCertificateFilter

CertificateIdPath = Annotated[str, PathParameter(description="The device certificate.")]


@get("/", responses=PROBLEMS, summary="ListDeviceCertificate", operation_id="ListDeviceCertificate")
async def list_device_certificates(
    project_id: ProjectIdPath,
    page: NamedDependency[PageRequest],
    matching: NamedDependency[DeviceCertificateFilter],
    services: ServicesOf,
) -> DeviceCertificateList:
    """List device certificates, newest first. A record is made when a device first connects with a certificate."""
    found = await services.store.certificates.list_device_certificates(project_id, matching, page)
    return DeviceCertificateList(
        [device_certificate_summary(certificate) for certificate in found.certificates],
        page_of([certificate.certificate_id for certificate in found.certificates], found.count),
    )


@get("/{certificate_id:str}", responses=PROBLEMS, summary="ShowDeviceCertificate", operation_id="ShowDeviceCertificate")
async def show_device_certificate(
    project_id: ProjectIdPath, certificate_id: CertificateIdPath, services: ServicesOf
) -> DeviceCertificateAnswer:
    """Show a device certificate, its PEM included."""
    return device_certificate_answer(await _find_device_certificate(services, project_id, certificate_id))


@put(
    "/{certificate_id:str}",
    dto=StrictBody[UpdateDeviceCertificate],
    responses=PROBLEMS,
    summary="UpdateDeviceCertificate",
    operation_id="UpdateDeviceCertificate",
)
async def update_device_certificate(
    project_id: ProjectIdPath,
    certificate_id: CertificateIdPath,
    data: JSONBody[UpdateDeviceCertificate],
    caller: CallerOf,
    services: ServicesOf,
) -> DeviceCertificateAnswer:
    """Activate or deactivate a device certificate."""
    certificate = await _find_device_certificate(services, project_id, certificate_id)
    is_closing = data.force_disconnect is True
    audit = audit_entry(services, caller, "device-certificate.update", certificate_id, force_disconnect=is_closing)
    change = services.store.certificates.set_device_certificate_status(project_id, certificate_id, data.status, audit)
    close = [certificate.fingerprint] if is_closing else []
    return device_certificate_answer(await change_certificates(services, project_id, change, close=close))


@delete(
    "/{certificate_id:str}",
    responses=PROBLEMS,
    summary="DeleteDeviceCertificate",
    operation_id="DeleteDeviceCertificate",
)
async def delete_device_certificate(
    project_id: ProjectIdPath, certificate_id: CertificateIdPath, caller: CallerOf, services: ServicesOf
) -> None:
    """Delete the record of a device certificate; a device that connects with it again makes a new one."""
    certificate = await _find_device_certificate(services, project_id, certificate_id)
    audit = audit_entry(
        services,
        caller,
        "device-certificate.delete",
        certificate_id,
        fingerprint=certificate.fingerprint,
        common_name=certificate.common_name,
        status=certificate.status,
    )
    change = services.store.certificates.delete_device_certificate(project_id, certificate_id, audit)
    await change_certificates(services, project_id, change)


@post(
    "/{certificate_id:str}/list-device",
    status_code=200,
    dto=StrictBody[ListDevicePage],
    responses=PROBLEMS,
    summary="ListDeviceByDeviceCertificate",
    operation_id="ListDeviceByDeviceCertificate",
    opt={LEAST_ROLE: Role.READ_ONLY},
)
async def list_devices_of_certificate(
    project_id: ProjectIdPath,
    certificate_id: CertificateIdPath,
    data: JSONBody[ListDevicePage],
    services: ServicesOf,
) -> DevicesOfCertificate:
    """List the devices whose fingerprint or secondary fingerprint is this certificate's, newest first."""
    certificate = await _find_device_certificate(services, project_id, certificate_id)
    page = PageRequest(data.limit, data.marker, data.offset)
    found = await services.store.certificates.devices_of_certificate(certificate, page)
    return DevicesOfCertificate(
        [device_of_certificate(device) for device in found.devices],
        page_of([device.record_id for device in found.devices], found.count),
    )


def device_certificate_filter(
    common_name: Annotated[
        str | None, QueryParameter(max_length=32, pattern=COMMON_NAME, description="As a prefix.")
    ] = None,
    fingerprint: Annotated[
        str | None, QueryParameter(pattern=FINGERPRINT, description="SHA-1 (40) or SHA-256 (64 hex digits).")
    ] = None,
) -> DeviceCertificateFilter:
    """ListDeviceCertificate's filters, as a Litestar dependency."""
    return DeviceCertificateFilter(common_name=common_name, fingerprint=fingerprint and fingerprint.lower())


async def _find_device_certificate(services: ApiServices, project_id: str, certificate_id: str) -> DeviceCertificate:
    """The project's device certificate. ApiProblem when it has none of that id."""
    certificates = await services.store.certificates.device_certificates(project_id, [certificate_id])
    if certificate_id not in certificates:
        raise ApiProblem(Problem.DEVICE_CERTIFICATE_ABSENT)
    return certificates[certificate_id]


device_certificates_router = Router(
    "/device-certificates",
    route_handlers=[
        list_device_certificates,
        show_device_certificate,
        update_device_certificate,
        delete_device_certificate,
        list_devices_of_certificate,
    ],
    dependencies={"matching": Provide(device_certificate_filter, sync_to_thread=False)},
    tags=["certificates"],
)
