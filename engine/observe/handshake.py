"""Why a handshake below MQTT came to nothing: what there is to count before any device is named."""

import enum


class HandshakeFault(enum.Enum):
    """The value is the label of the metric and the word in the log."""

    # TLS: the alert that the peer was sent (RFC 8446 section 6)
    BAD_CERTIFICATE = "bad_certificate"
    CERTIFICATE_EXPIRED = "certificate_expired"
    DECRYPT_ERROR = "decrypt_error"
    HANDSHAKE_FAILURE = "handshake_failure"
    PROTOCOL_VERSION = "protocol_version"
    UNKNOWN_CA = "unknown_ca"
    UNSUPPORTED_CERTIFICATE = "unsupported_certificate"
    # TLS: the rest
    ALERT_RECEIVED = "alert_received"
    CERTIFICATE_LIST_TOO_LARGE = "certificate_list_too_large"
    HANDSHAKE_TOO_LARGE = "handshake_too_large"
    NOT_TLS = "not_tls"
    OTHER = "other"
    # WebSocket
    BAD_REQUEST = "bad_request"
    ORIGIN_NOT_ALLOWED = "origin_not_allowed"
    PATH_UNKNOWN = "path_unknown"
    SUBPROTOCOL_UNKNOWN = "subprotocol_unknown"
    # PROXY protocol
    FORBIDDEN_BY_BALANCER = "forbidden_by_balancer"
    NOT_PROXIED = "not_proxied"
    UNTRUSTED_BALANCER = "untrusted_balancer"
    # all of them
    CUT = "cut"
    PEER_GONE = "peer_gone"
