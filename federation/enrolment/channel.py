"""gRPC channels of enrolment, and refusals that keep their code over the wire."""

import grpc
import grpc.aio

from pki.errors import PkiError
from pki.statement import MAX_BYTES

REQUEST_LIMIT_BYTES = 64 << 10
ANSWER_LIMIT_BYTES = 3 * MAX_BYTES
CALL_LIMIT_S = 20.0

_STATUS = {
    "TOO_LARGE": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "TOO_OFTEN": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "FULL": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "PENDING": grpc.StatusCode.FAILED_PRECONDITION,
    "UNREACHABLE": grpc.StatusCode.UNAVAILABLE,
    "NO_AUTHORITY": grpc.StatusCode.UNAVAILABLE,
    "BAD_REQUEST": grpc.StatusCode.INVALID_ARGUMENT,
    "BAD_CSR": grpc.StatusCode.INVALID_ARGUMENT,
    "UNSEALABLE": grpc.StatusCode.INVALID_ARGUMENT,
}


def open_channel(
    address: str,
    *,
    expected: str,
    roots_pem: bytes,
    key_pem: bytes | None = None,
    chain_pem: bytes | None = None,
) -> grpc.aio.Channel:
    """A TLS channel to the address whose certificate must bear the expected registry name."""
    credentials = grpc.ssl_channel_credentials(roots_pem, key_pem, chain_pem)
    options = [
        ("grpc.ssl_target_name_override", expected),
        ("grpc.max_receive_message_length", ANSWER_LIMIT_BYTES),
        ("grpc.enable_http_proxy", 0),
        ("grpc.enable_retries", 0),
    ]
    return grpc.aio.secure_channel(address, credentials, options=options)


def status_of(error: PkiError) -> grpc.StatusCode:
    """The gRPC status that fits a refusal."""
    return _STATUS.get(error.code, grpc.StatusCode.PERMISSION_DENIED)


def refusal_of(error: grpc.aio.AioRpcError, whom: str) -> PkiError:
    """The refusal that the other side meant; UNREACHABLE where nobody of ours answered."""
    code, separator, reason = (error.details() or "").partition(": ")
    if separator and code.isascii() and code.replace("_", "").isupper():
        return PkiError(code, reason)
    if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
        return PkiError("UNREACHABLE", f"{whom} does not answer, or refused the connection ({error.details()})")
    return PkiError("REFUSED", f"{whom} refused ({error.code().name}: {error.details()})")
