"""Which Topic Filters a device may subscribe to: its own downlink topics (DESIGN section 9)."""

_DOWNLINK = (
    "sys/messages/down",
    "sys/commands/",
    "sys/properties/set/",
    "sys/properties/get/",
    "sys/shadow/get/response/",
    "sys/events/down",
    "user/",
)
"""Below `$oc/devices/{device_id}/`, as the reference service's device SDKs subscribe to them; a trailing slash takes
all below. What a device publishes goes nowhere, so an uplink topic under one of these is never delivered back."""


def is_own_downlink(topic_filter: str, device_id: str) -> bool:
    """Whether every topic that the filter can match is a downlink topic of this device."""
    prefix = f"$oc/devices/{device_id}/"
    if not topic_filter.startswith(prefix):
        return False
    rest = topic_filter[len(prefix) :]
    return any(rest == topic or (topic.endswith("/") and rest.startswith(topic)) for topic in _DOWNLINK)
