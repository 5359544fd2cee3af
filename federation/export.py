"""A bundle of everything stored, for a process that trusts only the root certificate (see federation.verify)."""

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from typing import cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from federation import tables
from federation.frame import Signer
from federation.verify import bundle, manifest
from federation.verify.proof import REGISTRY, member_name
from pki import encoding
from pki.registry import Registry


def export_frames(session: Session, registry: Registry, signer: Signer, now: datetime) -> bytes:
    """The stored frames as their origins signed them, the certificates they need, and this centre's signed manifest."""
    members = dict(_epochs(session))
    members[REGISTRY] = registry.raw
    for number, der in enumerate(registry.issuing_certificates):
        members[f"{bundle.ISSUING}{number:02}.der"] = der
    for centre in registry.centres:
        for der in centre.sign_certificates:
            members[f"{bundle.CERTIFICATES}{centre.name}/{_key_id(der)}.der"] = der
    listed = manifest.write(signer.name, signer.key_id, now.isoformat(), members)
    members[bundle.MANIFEST] = listed
    members[bundle.SIGNATURE] = signer.sign(manifest.DOMAIN + listed)
    return bundle.pack(members)


def _epochs(session: Session) -> Iterator[tuple[str, bytes]]:
    """The frames of each epoch of each stream, in the order of the chain, under the epoch's name in the bundle."""
    stream, frame = tables.stream.c, tables.frame.c
    rows = session.execute(
        select(stream.origin, stream.lane, stream.audience, frame.epoch, frame.raw)
        .where(func.length(frame.raw) > 0)  # else its bytes were given up, because they are safe above
        .join_from(tables.frame, tables.stream, frame.stream_id == stream.id)
        .order_by(stream.id, frame.pos)
    )
    for place, frames in groupby(rows, key=lambda row: (row.origin, row.lane, row.audience, row.epoch)):
        yield member_name(*place), bundle.join(row.raw for row in frames)


def _key_id(certificate: bytes) -> str:
    """How the bundle names the key in a sign certificate; the registry has checked its kind."""
    key = encoding.from_der(certificate, "a sign certificate").public_key()
    return encoding.key_id(cast("Ed25519PublicKey", key)).hex()
