import pytest

from engine.session.topics import is_own_downlink


@pytest.mark.parametrize(
    "rest",
    [
        "sys/messages/down",
        "sys/commands/#",
        "sys/commands/request_id=7",
        "sys/properties/set/#",
        "sys/properties/get/#",
        "sys/shadow/get/response/#",
        "sys/events/down",
        "user/anything/+/below",
    ],
)
def test_own_downlink_topic_is_granted_and_another_devices_is_not(rest: str) -> None:
    assert is_own_downlink(f"$oc/devices/pump/{rest}", "pump")
    assert not is_own_downlink(f"$oc/devices/pump/{rest}", "pum")
    assert not is_own_downlink(f"$oc/devices/pump2/{rest}", "pump")


@pytest.mark.parametrize(
    "topic_filter",
    [
        "#",
        "+",
        "$oc/#",
        "$oc/devices/#",
        "$oc/devices/+/sys/commands/#",
        "$oc/devices/pump/#",
        "$oc/devices/pump/sys/#",
        "$oc/devices/pump/sys/+/down",
        "$oc/devices/pump/sys/messages/up",
        "$oc/devices/pump/sys/messages/down/more",
        "$oc/devices/pump/sys/properties/report",
        "$share/group/$oc/devices/pump/sys/commands/#",
        "",
    ],
)
def test_filter_that_reaches_beyond_the_downlink_topics_is_refused(topic_filter: str) -> None:
    assert not is_own_downlink(topic_filter, "pump")
