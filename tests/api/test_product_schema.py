"""How a stored product is shown."""

import msgspec

from engine.api.product_schema import product_answer, product_summary
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
