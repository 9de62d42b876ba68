"""The CRL of a device CA: set, show, delete. Ours: the reference service's API has no such operation.

When SetCrl returns, what the list revokes is refused. A live session goes on, as it is proved already, unless
force_disconnect ends it.
"""

import trio
from litestar import Router, delete, get, put
from litestar.params import JSONBody

from engine.api.answers import PROBLEMS
from engine.api.authentication import CallerOf
from engine.api.body import StrictBody
from engine.api.certificate_schema import CrlAnswer, CrlDetailAnswer, SetCrl, crl_answer, crl_detail_answer
from engine.api.certificates import CertificateIdPath, find_certificate
from engine.api.changes import audit_entry, change_certificates
from engine.api.problems import ApiProblem, Problem
from engine.api.schema import ProjectIdPath
from engine.api.services import ApiServices, ServicesOf
from engine.registry.crls import CrlFault, at_or_above, check_issuer, is_in_force, read_crl_text
from engine.registry.record import CaCertificate, CaCrl, Crl


@put("/", dto=StrictBody[SetCrl], responses=PROBLEMS, summary="SetCrl", operation_id="SetCrl")
async def set_crl(
    project_id: ProjectIdPath,
    certificate_id: CertificateIdPath,
    data: JSONBody[SetCrl],
    caller: CallerOf,
    services: ServicesOf,
) -> CrlAnswer:
    """Put a CRL beside the device CA that issued it, in place of the one before."""
    ca = await find_certificate(services, project_id, certificate_id)
    # Thousands of entries take milliseconds: not on the loop.
    crl = await trio.to_thread.run_sync(_read, data.content, ca, services)
    is_closing = data.force_disconnect is True
    close = await _anchors_of(services, ca) if is_closing else []
    record = CaCrl(
        project_id=project_id, certificate_id=certificate_id, crl=crl, uploaded_at=int(services.clock.wall())
    )
    answer = crl_answer(record)
    audit = audit_entry(
        services,
        caller,
        "certificate.set-crl",
        certificate_id,
        crl_number=answer.crl_number,
        this_update=answer.this_update,
        next_update=answer.next_update,
        revoked=answer.revoked,
        force_disconnect=is_closing,
    )
    change = services.store.certificates.set_crl(record, audit)
    return crl_answer(await change_certificates(services, project_id, change, close=close))


@get("/", responses=PROBLEMS, summary="ShowCrl", operation_id="ShowCrl")
async def show_crl(
    project_id: ProjectIdPath, certificate_id: CertificateIdPath, services: ServicesOf
) -> CrlDetailAnswer:
    """Show the CRL of a device CA that was uploaded, its PEM included."""
    await find_certificate(services, project_id, certificate_id)
    crl = await services.store.certificates.crl(project_id, certificate_id)
    if crl is None:
        raise ApiProblem(Problem.CRL_ABSENT)
    return crl_detail_answer(crl)


@delete("/", responses=PROBLEMS, summary="DeleteCrl", operation_id="DeleteCrl")
async def delete_crl(
    project_id: ProjectIdPath, certificate_id: CertificateIdPath, caller: CallerOf, services: ServicesOf
) -> None:
    """Delete the CRL of a device CA: what it revoked is accepted again."""
    await find_certificate(services, project_id, certificate_id)
    audit = audit_entry(services, caller, "certificate.delete-crl", certificate_id)
    change = services.store.certificates.delete_crl(project_id, certificate_id, audit)
    await change_certificates(services, project_id, change)


def _read(content: str, ca: CaCertificate, services: ApiServices) -> Crl:
    """The list, if this CA issued it and it is in force. ApiProblem says what is wrong with it."""
    crl = read_crl_text(content, services.limits.crl_bytes)
    fault = crl if isinstance(crl, CrlFault) else check_issuer(crl.der, ca.der)
    if fault is not None or isinstance(crl, CrlFault):
        raise ApiProblem(Problem.CRL_CONTENT, fault.why if fault else "")
    if not is_in_force(crl, services.clock.wall()):
        raise ApiProblem(Problem.CRL_CONTENT, "It is not in force now: thisUpdate <= now < nextUpdate.")
    return crl


async def _anchors_of(services: ApiServices, ca: CaCertificate) -> list[str]:
    """The fingerprints of the device CAs that anchor this one's devices: itself, and those that issued it."""
    cas = (await services.store.certificates.verified_cas([ca.project_id])).get(ca.project_id, ())
    return [one.fingerprint for one in at_or_above(ca, cas)]


crls_router = Router(
    "/certificates/{certificate_id:str}/crl", route_handlers=[set_crl, show_crl, delete_crl], tags=["certificates"]
)
