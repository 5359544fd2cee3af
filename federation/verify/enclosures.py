"""Where a record carries records of other centres inside: the one thing here that knows what is in a payload."""

from . import wire

# Kind of record -> number of the payload's field that repeats enclosed records (proto/node/v1).
FIELDS = {"incident.alert": 7, "incident.offer": 7, "incident.withdraw": 7, "incident.status": 7, "ledger.bypass": 1}


def enclosed_in(kind: str, payload: bytes) -> list[bytes]:
    """The enclosed records of a payload, still to be proved."""
    number = FIELDS.get(kind)
    return wire.read(payload).strings(number) if number else []
