"""Device CA certificates: add, list, show, update, verify, delete (iotda-rest.md A.2, A.5).

When an operation returns, devices are judged by it. A live session goes on, as it is proved already, unless
force_disconnect ends it.
"""

from typing import Annotated, Literal

from litestar import MediaType, Router, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter
from msgspec import UNSET

from engine.api.answers import PROBLEMS
from engine.api.authentication import CallerOf
from engine.api.body import StrictBody
from engine.api.certificate_schema import (
    CertificateAnswer,
    CertificateDetailAnswer,
    CertificateList,
    CreateCertificate,
    UpdateCertificate,
    VerifyCertificate,
    certificate_answer,
    certificate_detail_answer,
    problem_of,
)
from engine.api.changes import audit_entry, change_certificates
from engine.api.problems import ApiProblem, Problem, raise_refusal
from engine.api.schema import DEFAULT_APP, ID, ProjectIdPath, page_of
from engine.api.services import ApiServices, ServicesOf
from engine.registry.certificates import CertificateFault, check_proof, read_device_ca, unverified_ca
from engine.registry.record import CaCertificate
from engine.registry.store import PageRequest
from engine.registry.store_certificates import CaUpdate

CertificateIdPath = Annotated[str, PathParameter(description="The device CA certificate.")]
AppIdQuery = Annotated[str | None, QueryParameter(max_length=36, pattern=ID, description="The resource space.")]


@post(
    "/",
    dto=StrictBody[CreateCertificate],
    responses=PROBLEMS,
    summary="AddCertificate",
    operation_id="AddCertificate",
)
async def add_certificate(
    project_id: ProjectIdPath, data: JSONBody[CreateCertificate], caller: CallerOf, services: ServicesOf
) -> CertificateAnswer:
    """Upload a device CA certificate. It serves once CheckCertificate has seen that its owner holds the key."""
    now = services.clock.wall()
    ca = read_device_ca(data.content, now)
    if isinstance(ca, CertificateFault):
        raise problem_of(ca)
    certificate = unverified_ca(
        ca,
        certificate_id=await services.store.allocate_record_id(now),
        project_id=project_id,
        app_id=data.app_id or DEFAULT_APP,
        random=services.randomness,
        now=now,
    )
    audit = audit_entry(
        services,
        caller,
        "certificate.create",
        certificate.certificate_id,
        fingerprint=ca.fingerprint,
        cn_name=ca.common_name,
    )
    raise_refusal(await services.store.certificates.add_ca(certificate, audit))
    return certificate_answer(certificate)


@get("/", responses=PROBLEMS, summary="ListCertificates", operation_id="ListCertificates")
async def list_certificates(
    project_id: ProjectIdPath, page: NamedDependency[PageRequest], services: ServicesOf, app_id: AppIdQuery = None
) -> CertificateList:
    """List device CA certificates, newest first."""
    found = await services.store.certificates.list_cas(project_id, app_id, page)
    return CertificateList(
        [certificate_answer(certificate) for certificate in found.certificates],
        page_of([certificate.certificate_id for certificate in found.certificates], found.count),
    )


@get("/{certificate_id:str}", responses=PROBLEMS, summary="ShowCertificate", operation_id="ShowCertificate")
async def show_certificate(
    project_id: ProjectIdPath, certificate_id: CertificateIdPath, services: ServicesOf
) -> CertificateDetailAnswer:
    """Show a device CA certificate, its PEM included."""
    return certificate_detail_answer(await find_certificate(services, project_id, certificate_id))


@put(
    "/{certificate_id:str}",
    dto=StrictBody[UpdateCertificate],
    responses=PROBLEMS,
    summary="UpdateCertificate",
    operation_id="UpdateCertificate",
)
async def update_certificate(
    project_id: ProjectIdPath,
    certificate_id: CertificateIdPath,
    data: JSONBody[UpdateCertificate],
    caller: CallerOf,
    services: ServicesOf,
) -> CertificateAnswer:
    """Change what is given of a device CA certificate; the certificate itself stays."""
    update = CaUpdate(
        provision_enable=UNSET if data.provision_enable is None else data.provision_enable,
        template_id=data.template_id,
        ocsp_enable=UNSET if data.ocsp_enable is None else data.ocsp_enable,
        ocsp_ssl_enable=UNSET if data.ocsp_ssl_enable is None else data.ocsp_ssl_enable,
        ocsp_server_ca_id=data.ocsp_server_ca_id,
    )
    audit = audit_entry(services, caller, "certificate.update", certificate_id)
    change = services.store.certificates.update_ca(project_id, certificate_id, update, audit)
    return certificate_answer(await change_certificates(services, project_id, change))


@post(
    "/{certificate_id:str}/action",
    status_code=200,
    # Nothing as JSON is "null"; as text it is nothing, which the contract wants.
    media_type=MediaType.TEXT,
    dto=StrictBody[VerifyCertificate],
    responses=PROBLEMS,
    summary="CheckCertificate",
    operation_id="CheckCertificate",
)
async def check_certificate(
    project_id: ProjectIdPath,
    certificate_id: CertificateIdPath,
    action_id: Annotated[Literal["verify"], QueryParameter(description="What to do.")],
    data: JSONBody[VerifyCertificate],
    caller: CallerOf,
    services: ServicesOf,
) -> None:
    """Verify a device CA certificate: its owner shows to hold the key by issuing a certificate to the verify_code."""
    del action_id
    certificate = await find_certificate(services, project_id, certificate_id)
    fault = check_proof(data.verify_content, certificate, services.clock.wall())
    if fault is not None:
        raise problem_of(fault)
    audit = audit_entry(services, caller, "certificate.verify", certificate_id)
    change = services.store.certificates.verify_ca(project_id, certificate_id, audit)
    await change_certificates(services, project_id, change)


@delete("/{certificate_id:str}", responses=PROBLEMS, summary="DeleteCertificate", operation_id="DeleteCertificate")
async def delete_certificate(
    project_id: ProjectIdPath,
    certificate_id: CertificateIdPath,
    caller: CallerOf,
    services: ServicesOf,
    force_disconnect: Annotated[bool, QueryParameter(description="End the live sessions that it anchors.")] = False,
) -> None:
    """Delete a device CA certificate, and its CRL."""
    certificate = await find_certificate(services, project_id, certificate_id)
    audit = audit_entry(
        services,
        caller,
        "certificate.delete",
        certificate_id,
        fingerprint=certificate.fingerprint,
        cn_name=certificate.common_name,
        force_disconnect=force_disconnect,
    )
    change = services.store.certificates.delete_ca(project_id, certificate_id, audit)
    close = [certificate.fingerprint] if force_disconnect else []
    await change_certificates(services, project_id, change, close=close)


async def find_certificate(services: ApiServices, project_id: str, certificate_id: str) -> CaCertificate:
    """The project's device CA. ApiProblem when it has none of that id."""
    certificates = await services.store.certificates.cas(project_id, [certificate_id])
    if certificate_id not in certificates:
        raise ApiProblem(Problem.CERTIFICATE_ABSENT)
    return certificates[certificate_id]


certificates_router = Router(
    "/certificates",
    route_handlers=[
        add_certificate,
        list_certificates,
        show_certificate,
        update_certificate,
        check_certificate,
        delete_certificate,
    ],
    tags=["certificates"],
)
