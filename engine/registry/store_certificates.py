"""The certificates' part of the Store: device CAs, and the certificates that devices connect with."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec
from msgspec import UNSET, UnsetType

from engine.registry.record import AuditEntry, CaCertificate, CaCrl, CertificateStatus, DeviceCertificate
from engine.registry.store import DevicePage, PageRequest, StoreRefusal


class CaPage(msgspec.Struct, frozen=True):
    """As DevicePage."""

    certificates: Sequence[CaCertificate]
    count: int


class DeviceCertificatePage(msgspec.Struct, frozen=True):
    """As DevicePage."""

    certificates: Sequence[DeviceCertificate]
    count: int


class CaUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """What is to change of a device CA; what is UNSET stays."""

    provision_enable: bool | UnsetType = UNSET
    template_id: str | UnsetType | None = UNSET
    ocsp_enable: bool | UnsetType = UNSET
    ocsp_ssl_enable: bool | UnsetType = UNSET
    ocsp_server_ca_id: str | UnsetType | None = UNSET


class DeviceCertificateFilter(msgspec.Struct, frozen=True, kw_only=True):
    """ListDeviceCertificate's filters: common_name is a prefix, fingerprint a SHA-1 or SHA-256 in lower-case hex."""

    common_name: str | None = None
    fingerprint: str | None = None


class CertificateStore(Protocol):
    """`store.certificates`. What Store promises of its methods, these promise too.

    The changes that answer a record answer it as it is after the change, so that no second call can fail in between.
    """

    async def add_ca(self, certificate: CaCertificate, audit: AuditEntry) -> StoreRefusal | None:
        """Insert; PROJECT_ABSENT, CERTIFICATE_EXISTS (the same one, in this project), TOO_MANY_CERTIFICATES."""

    async def cas(self, project_id: str, certificate_ids: Sequence[str]) -> Mapping[str, CaCertificate]:
        """The device CAs of the project among these ids."""

    async def list_cas(self, project_id: str, app_id: str | None, page: PageRequest) -> CaPage:
        """One page of the project's device CAs, of one resource space where one is named; newest first."""

    async def verified_cas(self, project_ids: Sequence[str] | None = None) -> Mapping[str, Sequence[CaCertificate]]:
        """The verified CAs of each of these projects, oldest first, expired ones included; None: of every project.

        A project without one is left out. All of it is one state of the registry.
        """

    async def update_ca(
        self, project_id: str, certificate_id: str, update: CaUpdate, audit: AuditEntry
    ) -> CaCertificate | StoreRefusal:
        """Change; CERTIFICATE_ABSENT. What is already so is no change: no generation, no audit entry."""

    async def verify_ca(self, project_id: str, certificate_id: str, audit: AuditEntry) -> StoreRefusal | None:
        """The owner has shown to hold the key, at audit.at; CERTIFICATE_ABSENT, CA_LOOKS_ALIKE (is_look_alike).

        A second time changes nothing.
        """

    async def delete_ca(self, project_id: str, certificate_id: str, audit: AuditEntry) -> StoreRefusal | None:
        """Delete, its CRL too; CERTIFICATE_ABSENT."""

    async def set_crl(self, crl: CaCrl, audit: AuditEntry) -> CaCrl | StoreRefusal:
        """Put a list beside its CA, in place of the one before; CERTIFICATE_ABSENT, CRL_OLDER, CRLS_TOO_LARGE.

        Older: an earlier thisUpdate, or a smaller number where both have one. The same list again changes nothing.
        """

    async def crl(self, project_id: str, certificate_id: str) -> CaCrl | None:
        """The list beside a device CA."""

    async def crls(self) -> Sequence[CaCrl]:
        """The lists of all projects."""

    async def delete_crl(self, project_id: str, certificate_id: str, audit: AuditEntry) -> StoreRefusal | None:
        """Delete; CRL_ABSENT."""

    async def note_device_certificate(self, certificate: DeviceCertificate) -> DeviceCertificate:
        """Durably note the certificate of a device that connects; the record as it stands.

        The first sight in the project makes the record, with an audit entry "device-certificate.create". Any later one
        changes nothing and answers what is there (by fingerprint), whose status may be INACTIVE.
        """

    async def certificate_statuses(
        self, project_id: str, fingerprints: Sequence[str]
    ) -> Mapping[str, CertificateStatus]:
        """The status of those of these certificates (SHA-256 in lower-case hex) that are on record in the project."""

    async def device_certificates(
        self, project_id: str, certificate_ids: Sequence[str]
    ) -> Mapping[str, DeviceCertificate]:
        """The device certificates of the project among these ids."""

    async def list_device_certificates(
        self, project_id: str, matching: DeviceCertificateFilter, page: PageRequest
    ) -> DeviceCertificatePage:
        """One page of the device certificates that match, newest first."""

    async def devices_of_certificate(self, certificate: DeviceCertificate, page: PageRequest) -> DevicePage:
        """One page of the devices whose first or second fingerprint is this certificate's, newest first."""

    async def set_device_certificate_status(
        self, project_id: str, certificate_id: str, status: CertificateStatus, audit: AuditEntry
    ) -> DeviceCertificate | StoreRefusal:
        """Change; DEVICE_CERTIFICATE_ABSENT. What is already so is no change."""

    async def delete_device_certificate(
        self, project_id: str, certificate_id: str, audit: AuditEntry
    ) -> StoreRefusal | None:
        """Delete; DEVICE_CERTIFICATE_ABSENT. Connecting with it again makes a new record, ACTIVE."""
