"""The project's device CAs from the command line: over the API while a node runs, else in the registry itself."""

import contextlib
import datetime
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from engine.api.certificate_schema import (
    CertificateAnswer,
    CertificateDetailAnswer,
    certificate_answer,
    certificate_detail_answer,
    problem_of,
)
from engine.api.problems import ApiProblem, Problem, problem_body, raise_refusal
from engine.api.schema import DEFAULT_APP
from engine.cli.client import ApiClient, ApiRefusal, open_client, segment
from engine.cli.offline import OfflineRegistry
from engine.node.certificates import Issued, issue_proof
from engine.node.data_directory import running_node
from engine.registry.certificates import CertificateFault, check_proof, read_device_ca, unverified_ca
from engine.registry.record import CaCertificate
from engine.registry.sqlite import SqliteStore
from engine.registry.store import PageRequest

_PATH = "/certificates"


class DeviceCas(Protocol):
    """What the commands do. What is refused is an ApiRefusal, of the same code and words both ways; or UsageError."""

    def add(self, content: str) -> CertificateAnswer:
        """Upload a CA as PEM; it is not verified yet."""

    def show(self, certificate_id: str) -> CertificateDetailAnswer: ...

    def list_newest(self, limit: int) -> tuple[Sequence[CertificateAnswer], int]:
        """Up to `limit` of them, newest first, and the count of all."""

    def verify(self, certificate_id: str, content: str) -> None:
        """By the verification certificate, PEM."""

    def remove(self, certificate_id: str) -> None: ...


def open_device_cas(data: Path) -> DeviceCas:
    """Of the node that runs on this data directory, or of the registry when none does. UsageError."""
    return StoreDeviceCas(OfflineRegistry(data)) if running_node(data) is None else ApiDeviceCas(open_client(data))


def add_and_verify(cas: DeviceCas, ca: Issued, now: datetime.datetime) -> None:
    """Upload a CA of which the key is at hand, and prove it. Nothing is done when the project has it already."""
    try:
        made = cas.add(ca.certificate.decode())
    except ApiRefusal as refusal:
        if refusal.code == Problem.CERTIFICATE_EXISTS.value.code:
            return
        raise
    cas.verify(made.certificate_id, issue_proof(ca, made.verify_code, now).decode())


class ApiDeviceCas:
    """DeviceCas of a node that runs."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    def add(self, content: str) -> CertificateAnswer:
        """See DeviceCas."""
        return msgspec.convert(self._client.post(_PATH, {"content": content}), CertificateAnswer)

    def show(self, certificate_id: str) -> CertificateDetailAnswer:
        """See DeviceCas."""
        return msgspec.convert(self._client.get(f"{_PATH}/{segment(certificate_id)}"), CertificateDetailAnswer)

    def list_newest(self, limit: int) -> tuple[Sequence[CertificateAnswer], int]:
        """See DeviceCas."""
        found, count = self._client.newest(_PATH, "certificates", {}, limit)
        return msgspec.convert(found, list[CertificateAnswer]), count

    def verify(self, certificate_id: str, content: str) -> None:
        """See DeviceCas."""
        self._client.post(f"{_PATH}/{segment(certificate_id)}/action?action_id=verify", {"verify_content": content})

    def remove(self, certificate_id: str) -> None:
        """See DeviceCas."""
        self._client.delete(f"{_PATH}/{segment(certificate_id)}")


class StoreDeviceCas:
    """DeviceCas of a registry that nobody serves from."""

    def __init__(self, registry: OfflineRegistry) -> None:
        self._registry = registry
        self._project_id = registry.project_id

    def add(self, content: str) -> CertificateAnswer:
        """See DeviceCas."""
        now = self._registry.now()
        ca = read_device_ca(content, now)
        if isinstance(ca, CertificateFault):
            with _as_refusals():
                raise problem_of(ca)

        async def adding(store: SqliteStore) -> CaCertificate:
            certificate = unverified_ca(
                ca,
                certificate_id=await store.allocate_record_id(now),
                project_id=self._project_id,
                app_id=DEFAULT_APP,
                random=os.urandom,
                now=now,
            )
            detail = {"fingerprint": ca.fingerprint, "cn_name": ca.common_name}
            audit = self._registry.audit("certificate.create", certificate.certificate_id, detail)
            raise_refusal(await store.certificates.add_ca(certificate, audit))
            return certificate

        with _as_refusals():
            return certificate_answer(self._registry.use(adding))

    def show(self, certificate_id: str) -> CertificateDetailAnswer:
        """See DeviceCas."""
        return certificate_detail_answer(self._find(certificate_id))

    def list_newest(self, limit: int) -> tuple[Sequence[CertificateAnswer], int]:
        """See DeviceCas."""
        page = self._registry.use(
            lambda store: store.certificates.list_cas(self._project_id, None, PageRequest(limit=limit))
        )
        return [certificate_answer(certificate) for certificate in page.certificates], page.count

    def verify(self, certificate_id: str, content: str) -> None:
        """See DeviceCas."""
        fault = check_proof(content, self._find(certificate_id), self._registry.now())
        audit = self._registry.audit("certificate.verify", certificate_id)
        with _as_refusals():
            if fault is not None:
                raise problem_of(fault)
            raise_refusal(
                self._registry.use(lambda store: store.certificates.verify_ca(self._project_id, certificate_id, audit))
            )

    def remove(self, certificate_id: str) -> None:
        """See DeviceCas."""
        found = self._find(certificate_id)
        detail = {"fingerprint": found.fingerprint, "cn_name": found.common_name}
        audit = self._registry.audit("certificate.delete", certificate_id, detail)
        with _as_refusals():
            raise_refusal(
                self._registry.use(lambda store: store.certificates.delete_ca(self._project_id, certificate_id, audit))
            )

    def _find(self, certificate_id: str) -> CaCertificate:
        found = self._registry.use(lambda store: store.certificates.cas(self._project_id, [certificate_id]))
        if certificate_id not in found:
            raise _refusal(Problem.CERTIFICATE_ABSENT)
        return found[certificate_id]


@contextlib.contextmanager
def _as_refusals() -> Iterator[None]:
    try:
        yield
    except ApiProblem as fault:
        raise _refusal(fault.problem, fault.detail) from None


def _refusal(problem: Problem, detail: str = "") -> ApiRefusal:
    """In the words of the API."""
    body = problem_body(problem, detail, "")
    return ApiRefusal(problem.value.status, body.error_code, body.error_msg)
