"""What a device sends to prove itself (mqtt-device.md C.1), computed apart from engine/."""

import hashlib
import hmac
import time


def credentials_of(
    device_id: str, secret: str, *, sign_type: int = 1, stamp: str | None = None
) -> tuple[str, str, str]:
    """Client Identifier, User Name and Password."""
    stamp = stamp or time.strftime("%Y%m%d%H", time.gmtime())
    password = hmac.new(stamp.encode(), secret.encode(), hashlib.sha256).hexdigest()
    return f"{device_id}_0_{sign_type}_{stamp}", device_id, password
