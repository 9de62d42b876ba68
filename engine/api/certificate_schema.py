"""The bodies of the certificate operations (iotda-rest.md A.2, A.5; the lengths from the reference's documents)."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from engine.api.problems import ApiProblem, Problem
from engine.api.schema import END, ID, RECORD_ID, AppId, DeviceId, NodeId, Page, ProductId, compact_time
from engine.registry.certificates import CertificateFault, FaultKind, pem_of
from engine.registry.crls import crl_pem_of
from engine.registry.record import CaCertificate, CaCrl, CertificateStatus, Device, DeviceCertificate
from engine.registry.store import NEWEST

COMMON_NAME = f"^[A-Za-z0-9_\\-? '#()\\\\.,&%@!*]*{END}"

_Pem = Annotated[str, Meta(min_length=1, max_length=65535, description="One X.509 certificate, as PEM.")]
_TemplateId = Annotated[str, Meta(max_length=36, pattern=ID, description="Kept; null unbinds.")]
_OcspServerCaId = Annotated[str, Meta(max_length=36, pattern=ID, description="Kept; null unbinds.")]


class CreateCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """The body of AddCertificate. Fields that are not named here are ignored."""

    content: _Pem
    app_id: Annotated[AppId, Meta(description="The resource space; the default one when absent.")] | None = None


class UpdateCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """The body of UpdateCertificate: what is absent stays. Fields that are not named here are ignored."""

    provision_enable: Annotated[bool, Meta(description="Whether devices may register themselves.")] | None = None
    template_id: _TemplateId | UnsetType | None = UNSET
    ocsp_enable: Annotated[bool, Meta(description="Whether revocation is asked for by OCSP.")] | None = None
    ocsp_ssl_enable: Annotated[bool, Meta(description="Whether the OCSP server is asked over TLS.")] | None = None
    ocsp_server_ca_id: _OcspServerCaId | UnsetType | None = UNSET


class VerifyCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """The body of CheckCertificate: a certificate that the CA issued to its verify_code."""

    verify_content: _Pem


class UpdateDeviceCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """The body of UpdateDeviceCertificate."""

    status: Annotated[CertificateStatus, Meta(description="Whether devices may connect with it.")]
    force_disconnect: Annotated[bool, Meta(description="End the live session that it opened.")] | None = None


class SetCrl(msgspec.Struct, frozen=True, kw_only=True):
    """The body of SetCrl."""

    content: Annotated[
        str, Meta(min_length=1, max_length=1_000_000, description="One CRL by the CA, as PEM or as DER in base64.")
    ]
    force_disconnect: Annotated[bool, Meta(description="End the live sessions that the CA anchors.")] | None = None


class ListDevicePage(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ListDeviceByDeviceCertificate: the paging that other lists take in the query."""

    limit: Annotated[int, Meta(ge=1, le=50, description="Records in this page.")] = 10
    marker: Annotated[str, Meta(pattern=RECORD_ID, description="Only records with a smaller id.")] = NEWEST
    offset: Annotated[int, Meta(ge=0, le=500, description="Records to skip after the marker.")] = 0


class CertificateAnswer(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A device CA certificate. Only with `status` true do its device certificates authenticate."""

    certificate_id: str
    cn_name: str | None = None
    owner: str | None = None
    status: bool
    verify_code: str
    provision_enable: bool
    template_id: str | None = None
    ocsp_enable: bool
    ocsp_server_ca_id: str | None = None
    ocsp_ssl_enable: bool
    create_date: str
    effective_date: str
    expiry_date: str


class CertificateDetailAnswer(CertificateAnswer, frozen=True, omit_defaults=True, kw_only=True):
    """A device CA certificate, whole."""

    name: str | None = None
    content: str


class CertificateList(msgspec.Struct, frozen=True):
    """The answer of ListCertificates."""

    certificates: list[CertificateAnswer]
    page: Page


class CrlAnswer(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The CRL of a device CA. After `next_update` every device of the CA is refused."""

    certificate_id: str
    crl_number: str | None = None
    this_update: str
    next_update: str
    upload_date: str
    revoked: int


class CrlDetailAnswer(CrlAnswer, frozen=True, omit_defaults=True, kw_only=True):
    """The CRL of a device CA, whole."""

    content: str


class DeviceCertificateSummary(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A certificate that a device has connected with. `fingerprint` is its SHA-256."""

    certificate_id: str
    common_name: str | None = None
    expiry_date: str
    fingerprint: str
    status: Literal["ACTIVE", "INACTIVE"]


class DeviceCertificateAnswer(DeviceCertificateSummary, frozen=True, omit_defaults=True, kw_only=True):
    """A device certificate, whole."""

    certificate_pem: str


class DeviceCertificateList(msgspec.Struct, frozen=True):
    """The answer of ListDeviceCertificate."""

    device_certificates: list[DeviceCertificateSummary]
    page: Page


class DeviceOfCertificate(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A device that a certificate belongs to."""

    app_id: AppId
    device_id: DeviceId
    node_id: NodeId
    gateway_id: DeviceId
    product_id: ProductId
    device_name: str | None = None


class DevicesOfCertificate(msgspec.Struct, frozen=True):
    """The answer of ListDeviceByDeviceCertificate."""

    devices: list[DeviceOfCertificate]
    page: Page


def certificate_answer(certificate: CaCertificate) -> CertificateAnswer:
    """A stored device CA, as every answer but ShowCertificate's has it."""
    return CertificateAnswer(**_of_ca(certificate))


def certificate_detail_answer(certificate: CaCertificate) -> CertificateDetailAnswer:
    """A stored device CA, whole. Nobody gave it a name, so its common name is that."""
    return CertificateDetailAnswer(**_of_ca(certificate), name=certificate.common_name, content=pem_of(certificate.der))


def crl_answer(crl: CaCrl) -> CrlAnswer:
    """A stored CRL, as SetCrl answers it."""
    return CrlAnswer(**_of_crl(crl))


def crl_detail_answer(crl: CaCrl) -> CrlDetailAnswer:
    """A stored CRL, whole."""
    return CrlDetailAnswer(**_of_crl(crl), content=crl_pem_of(crl.crl.der))


def device_certificate_summary(certificate: DeviceCertificate) -> DeviceCertificateSummary:
    """A stored device certificate, for a list."""
    return DeviceCertificateSummary(**_of_device_certificate(certificate))


def device_certificate_answer(certificate: DeviceCertificate) -> DeviceCertificateAnswer:
    """A stored device certificate, whole."""
    return DeviceCertificateAnswer(**_of_device_certificate(certificate), certificate_pem=pem_of(certificate.der))


def device_of_certificate(device: Device) -> DeviceOfCertificate:
    """A stored device, as far as this list shows it."""
    return DeviceOfCertificate(
        app_id=device.app_id,
        device_id=device.device_id,
        node_id=device.node_id,
        gateway_id=device.gateway_id,
        product_id=device.product_id,
        device_name=device.device_name,
    )


def _of_ca(certificate: CaCertificate) -> dict[str, Any]:
    return {
        "certificate_id": certificate.certificate_id,
        "cn_name": certificate.common_name,
        "owner": certificate.owner,
        "status": certificate.verified_at is not None,
        "verify_code": certificate.verify_code,
        "provision_enable": certificate.provision_enable,
        "template_id": certificate.template_id,
        "ocsp_enable": certificate.ocsp_enable,
        "ocsp_server_ca_id": certificate.ocsp_server_ca_id,
        "ocsp_ssl_enable": certificate.ocsp_ssl_enable,
        "create_date": compact_time(certificate.created_at),
        "effective_date": compact_time(certificate.effective_at),
        "expiry_date": compact_time(certificate.expires_at),
    }


def _of_crl(crl: CaCrl) -> dict[str, Any]:
    return {
        "certificate_id": crl.certificate_id,
        # As text: JSON numbers end at 53 bits in many readers, this one may have 160.
        "crl_number": None if crl.crl.number is None else str(crl.crl.number),
        "this_update": compact_time(crl.crl.this_update),
        "next_update": compact_time(crl.crl.next_update),
        "upload_date": compact_time(crl.uploaded_at),
        "revoked": crl.crl.revoked,
    }


def _of_device_certificate(certificate: DeviceCertificate) -> dict[str, Any]:
    return {
        "certificate_id": certificate.certificate_id,
        "common_name": certificate.common_name,
        "expiry_date": compact_time(certificate.expires_at),
        "fingerprint": certificate.fingerprint.upper(),
        "status": certificate.status.value,
    }


_BY_FAULT = {
    FaultKind.CONTENT: Problem.CERTIFICATE_CONTENT,
    FaultKind.VERIFY_CODE: Problem.VERIFY_CODE_MISMATCH,
    FaultKind.PROOF: Problem.PROOF_FAILED,
}


def problem_of(fault: CertificateFault) -> ApiProblem:
    """A certificate that is not accepted, in the words of the API."""
    return ApiProblem(_BY_FAULT[fault.kind], fault.why)
