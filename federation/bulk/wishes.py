"""Wishes as they are told to a child, and as the child reads them."""

import hashlib
import logging
from collections.abc import Iterable, Sequence

from federation.bulk.manifest import DIGEST_BYTES
from federation.bulk.wants import Want, Wish
from federation.frame import from_us, to_us
from federation.v1 import bulk_pb2 as wire

MOST_WISHES = 200
REASON_LIMIT = 500
log = logging.getLogger(__name__)


def tell_wishes(open_wants: Iterable[Want]) -> wire.WantedObjects:
    """Everything that is wanted of one child, and a mark that changes with it."""
    wishes = [
        wire.ObjectWish(
            digest=want.wish.digest,
            manifest_hash=want.wish.manifest_hash,
            subject=want.wish.subject,
            asker=want.wish.asker,
            asked_by=want.wish.asked_by,
            reason=want.wish.reason,
            asked_at_us=to_us(want.wish.at),
        )
        for want in open_wants
    ]
    found = wire.WantedObjects(wishes=wishes)
    found.mark = hashlib.sha256(found.SerializeToString(deterministic=True)).digest()
    return found


def read_wishes(wishes: Sequence[wire.ObjectWish]) -> list[Wish]:
    """What the parent wishes, without what cannot be read."""
    found = []
    for one in wishes[:MOST_WISHES]:
        hashes = {len(one.digest), len(one.manifest_hash)}
        texts = ((one.subject, 64), (one.asker, 80), (one.asked_by, 200), (one.reason, REASON_LIMIT))
        if hashes != {DIGEST_BYTES} or any(len(text) > limit or not text.isprintable() for text, limit in texts):
            log.warning("a wish of the parent cannot be read and is passed over")
            continue
        found.append(
            Wish(
                digest=one.digest,
                manifest_hash=one.manifest_hash,
                subject=one.subject,
                asker=one.asker,
                asked_by=one.asked_by,
                reason=one.reason,
                at=from_us(one.asked_at_us),
            )
        )
    return found
