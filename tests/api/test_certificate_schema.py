"""How stored certificates are shown."""

import msgspec

from engine.api.certificate_schema import (
    certificate_answer,
    certificate_detail_answer,
    device_certificate_answer,
    device_certificate_summary,
    device_of_certificate,
)
from engine.registry.certificates import read_device_certificate
from tests.helpers.certificates import NOW, issue, make_ca
from tests.registry.contract_certificates import ca
from tests.registry.samples import device

MADE = make_ca()


def test_what_is_not_known_is_left_out():
    shown = msgspec.to_builtins(certificate_answer(ca(common_name=None)))
    assert not {"cn_name", "owner", "template_id", "ocsp_server_ca_id"} & set(shown)
    whole = msgspec.to_builtins(certificate_detail_answer(ca(common_name=None, der=MADE.der)))
    assert "name" not in whole


def test_a_verified_ca_has_status_true():
    assert certificate_answer(ca()).status is False
    assert certificate_answer(ca(verified_at=1)).status is True


def test_the_detail_adds_name_and_content_to_the_rest():
    stored = ca(der=MADE.der, owner="Works", verified_at=1)
    whole = msgspec.to_builtins(certificate_detail_answer(stored))
    assert (whole.pop("name"), whole.pop("content")) == ("CA 1", MADE.pem)
    assert whole == msgspec.to_builtins(certificate_answer(stored))


def test_a_device_certificate_without_a_common_name_is_shown_without_one():
    made = issue(MADE)
    stored = read_device_certificate(made.der, "p", "id", NOW.timestamp())
    whole = msgspec.to_builtins(device_certificate_answer(stored))
    assert whole.pop("certificate_pem") == made.pem
    assert whole == msgspec.to_builtins(device_certificate_summary(stored))
    assert "common_name" not in whole


def test_a_device_of_a_certificate_shows_no_more_than_the_contract_does():
    shown = msgspec.to_builtins(device_of_certificate(device(device_name="Pump")))
    assert set(shown) == {"app_id", "device_id", "node_id", "gateway_id", "device_name", "product_id"}
