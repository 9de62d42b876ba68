"""Device CAs: the same through a node that serves and, when none does, in the registry itself."""

import datetime
import json
from pathlib import Path

import msgspec
import pytest

from engine.cli.application import run
from engine.cli.client import ApiClient, ApiRefusal
from engine.cli.device_cas import ApiDeviceCas, DeviceCas, open_device_cas
from engine.config import read_address
from engine.errors import UsageError
from engine.node.certificates import create_ca, issue_device_certificate, issue_proof
from engine.node.data_directory import DataLock, read_credentials, running_node
from engine.registry.store_access import Role
from tests.cli.conftest import run_keyturn

NOW = datetime.datetime.now(datetime.UTC)


@pytest.fixture(params=["api", "store"])
def cas(request: pytest.FixtureRequest) -> DeviceCas:
    """Both ways."""
    return open_device_cas(request.getfixturevalue("served" if request.param == "api" else "data"))


def test_a_ca_is_added_proved_shown_and_removed(cas: DeviceCas) -> None:
    ca = create_ca(NOW, "Fleet CA")
    made = cas.add(ca.certificate.decode())
    assert (made.status, made.cn_name and made.cn_name[:9]) == (False, "Fleet CA ")
    assert cas.show(made.certificate_id).content == ca.certificate.decode()

    cas.verify(made.certificate_id, issue_proof(ca, made.verify_code, NOW).decode())
    assert cas.show(made.certificate_id).status
    found, count = cas.list_newest(50)
    assert (found[0].certificate_id, len(found)) == (made.certificate_id, count)

    cas.remove(made.certificate_id)
    with pytest.raises(ApiRefusal, match=r"IOTDA\.090401"):
        cas.show(made.certificate_id)
    assert cas.list_newest(50)[1] == count - 1


def test_no_more_are_listed_than_asked_for(cas: DeviceCas) -> None:
    made = [cas.add(create_ca(NOW).certificate.decode()).certificate_id for _each in range(3)]
    found, count = cas.list_newest(2)
    assert [each.certificate_id for each in found] == [made[2], made[1]]
    assert count >= 3
    for each in made:
        cas.remove(each)


def test_what_is_refused_has_the_code_and_the_words_of_the_api_both_ways(cas: DeviceCas) -> None:
    ca, other = create_ca(NOW), create_ca(NOW)
    made = cas.add(ca.certificate.decode())

    def refusal_of(proof: bytes) -> str:
        with pytest.raises(ApiRefusal) as refused:
            cas.verify(made.certificate_id, proof.decode())
        assert refused.value.status == 400
        return str(refused.value)

    assert refusal_of(issue_proof(ca, "another code", NOW)) == (
        "The verification certificate's common name is not the verify code (IOTDA.090404)"
    )
    assert "IOTDA.014308" in refusal_of(issue_proof(other, made.verify_code, NOW))
    assert "Give exactly one certificate, as PEM (IOTDA.014301)" in refusal_of(b"no certificate")
    with pytest.raises(ApiRefusal, match=r"basicConstraints says CA=false \(IOTDA\.014301\)"):
        cas.add(issue_device_certificate(ca, "pump-1", NOW).certificate.decode())
    with pytest.raises(ApiRefusal, match=r"exists already \(IOTDA\.090402\)"):
        cas.add(ca.certificate.decode())
    assert not cas.show(made.certificate_id).status
    cas.remove(made.certificate_id)


def test_an_expired_ca_is_refused(cas: DeviceCas) -> None:
    long_ago = NOW - datetime.timedelta(days=5000)
    with pytest.raises(ApiRefusal, match="expired"):
        cas.add(create_ca(long_ago).certificate.decode())


@pytest.mark.parametrize("certificate_id", ["no-such-ca", "a/../b", "f" * 24])
def test_an_unknown_id_is_refused(cas: DeviceCas, certificate_id: str) -> None:
    proof = issue_proof(create_ca(NOW), "code", NOW).decode()
    for ask in (cas.show, cas.remove, lambda each: cas.verify(each, proof)):
        with pytest.raises(UsageError):
            ask(certificate_id)


def test_a_token_without_the_permission_changes_nothing(served: Path) -> None:
    command = ["token", "create", "--name", "looker", "--role", Role.READ_ONLY.value, "--json", "--data", str(served)]
    token = json.loads(run_keyturn(*command).stdout)["token"]
    node = running_node(served)
    assert node is not None
    credentials = msgspec.structs.replace(read_credentials(served), token=token)
    cas = ApiDeviceCas(ApiClient(read_address(node.addresses["api"], "api"), credentials))
    with pytest.raises(ApiRefusal, match=r"no permission for this \(IOTDA\.000022\)"):
        cas.add(create_ca(NOW).certificate.decode())
    assert cas.list_newest(1)[1] >= 0


def test_a_data_directory_in_use_is_not_written(data: Path) -> None:
    cas = open_device_cas(data)
    with DataLock(data), pytest.raises(UsageError, match="another keyturn process"):
        cas.add(create_ca(NOW).certificate.decode())


def test_what_is_done_without_a_node_is_audited(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cas, ca = open_device_cas(data), create_ca(NOW)
    made = cas.add(ca.certificate.decode())
    cas.verify(made.certificate_id, issue_proof(ca, made.verify_code, NOW).decode())
    cas.remove(made.certificate_id)

    assert run(["audit", "--json", "--limit", "3", "--data", str(data)]) == 0

    entries = json.loads(capsys.readouterr().out)
    assert [(entry["actor"], entry["action"], entry["target"]) for entry in entries] == [
        ("keyturn", f"certificate.{action}", made.certificate_id) for action in ("delete", "verify", "create")
    ]
