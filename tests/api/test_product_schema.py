"""How a stored product is shown."""

from typing import Any

import msgspec
import pytest

from engine.api.problems import ApiProblem
from engine.api.product_schema import ServiceCapability, device_model_text, product_answer, product_summary
from tests.registry.samples import product


def test_what_is_not_known_is_left_out():
    shown = msgspec.to_builtins(product_answer(product()))
    assert not {"industry", "description", "manufacturer_name"} & set(shown)
    assert shown["service_capabilities"] == []


def test_the_device_model_is_shown_as_it_was_given():
    model = (
        b'[{"service_id":"s","service_type":"t","properties":[{"property_name":"p","data_type":"int","method":"R"}]}]'
    )
    shown = product_answer(product(service_capabilities=model))
    assert msgspec.json.encode(shown.service_capabilities) == model


def test_a_summary_has_everything_but_the_device_model():
    whole = msgspec.to_builtins(product_answer(product(industry="water")))
    del whole["service_capabilities"]
    assert msgspec.to_builtins(product_summary(product(industry="water"))) == whole


def capability(service_id: str, **fields: Any) -> ServiceCapability:
    return msgspec.convert({"service_id": service_id, "service_type": "t", **fields}, ServiceCapability)


def test_names_are_different_within_one_service_and_may_be_the_same_in_two():
    model = [
        capability(
            service_id,
            properties=[{"property_name": "x", "data_type": "int", "method": "R"}],
            commands=[{"command_name": "x"}],
            events=[{"event_type": "x"}],
        )
        for service_id in ("a", "b")
    ]
    stored = device_model_text(model)
    assert msgspec.json.decode(stored, type=list[ServiceCapability]) == model


def test_a_service_is_named_once():
    with pytest.raises(ApiProblem) as raised:
        device_model_text([capability("a"), capability("b"), capability("a")])
    assert raised.value.detail == "service_capabilities: every service_id must be different."
