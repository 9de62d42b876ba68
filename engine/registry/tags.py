"""The tags of a device: in Device.tags as the API shows them, in the table device_tag for who looks devices up."""

import sqlite3
from collections.abc import Mapping

import msgspec


def tags_of(text: bytes | None) -> dict[str, str]:
    """Device.tags, key to value."""
    tags = [] if text is None else msgspec.json.decode(text, type=list[dict[str, str]])
    return {tag["tag_key"]: tag["tag_value"] for tag in tags}


def tags_text(tags: Mapping[str, str]) -> bytes:
    """Tags as Device.tags holds them."""
    return msgspec.json.encode([{"tag_key": key, "tag_value": value} for key, value in tags.items()])


def index_tags(
    connection: sqlite3.Connection, project_id: str, record_id: str, device_id: str, tags: Mapping[str, str]
) -> None:
    """Have the table say of the device just these tags."""
    connection.execute("DELETE FROM device_tag WHERE device_id = ?", (device_id,))
    connection.executemany(
        "INSERT INTO device_tag (project_id, record_id, device_id, tag_key, tag_value) VALUES (?, ?, ?, ?, ?)",
        [(project_id, record_id, device_id, key, value) for key, value in tags.items()],
    )
