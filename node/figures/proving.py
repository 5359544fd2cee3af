"""Whether a state that is kept still verifies: its record is taken out of the stored frame and opened with its key."""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy.orm import Session

from federation.frame import FrameInvalid, open_enclosure
from federation.ledger import NotSealed, enclosure
from federation.receiver import Unacceptable
from node.figures.rows import Stated
from node.figures.wire import KIND, decode_sheet
from pki.registry import Registry


class Verdict(StrEnum):
    """What a look at the signed bytes gave."""

    VALID = "valid"
    WAITING = "waiting"  # not sealed yet, or its bytes were given up because the centre above holds them safely
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Proved:
    """The verdict, the key that signed (SHA-256), and why not if it is not valid."""

    verdict: Verdict
    key_id: bytes = b""
    reason: str = ""


def prove(session: Session, registry: Registry, stated: Stated) -> Proved:
    """Open the signed record that a state came in, now, and find the very bytes that are kept."""
    try:
        found = open_enclosure(enclosure(session, stated.rid, stated.centre), registry.public_key)
        _, states = decode_sheet(found.payload)
    except NotSealed as error:
        return Proved(Verdict.WAITING, reason=str(error))
    except (FrameInvalid, Unacceptable) as error:
        return Proved(Verdict.INVALID, reason=error.reason)
    if found.origin != stated.centre or found.kind != KIND or stated.raw not in [raw for raw, _ in states]:
        return Proved(Verdict.INVALID, found.key_id, "the kept state is not in the signed record")
    return Proved(Verdict.VALID, found.key_id)
