"""A bundle of everything stored, for a process that trusts only the root certificate (see federation.verify)."""

from collections.abc import Collection, Iterator
from datetime import datetime
from itertools import groupby
from typing import cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from federation import chain, given_up, tables
from federation.frame import Signer
from federation.verify import bundle, manifest
from federation.verify.floors import floor_name
from federation.verify.proof import REGISTRY, member_name
from pki import encoding
from pki.registry import Registry


def export_frames(session: Session, registry: Registry, signer: Signer, now: datetime) -> bytes:
    """The stored frames as their origins signed them, the certificates they need, and this centre's signed manifest."""
    members = dict(_epochs(session)) | dict(_floors(session, registry, signer.name))
    members[REGISTRY] = registry.raw
    members |= certificates_of(registry, {centre.name for centre in registry.centres})
    listed = manifest.write(signer.name, signer.key_id, now.isoformat(), members)
    members[bundle.MANIFEST] = listed
    members[bundle.SIGNATURE] = signer.sign(manifest.DOMAIN + listed)
    return bundle.pack(members)


def certificates_of(registry: Registry, named: Collection[str]) -> dict[str, bytes]:
    """The issuing certificates, and those of these centres' keys, under their names in a bundle."""
    found = {f"{bundle.ISSUING}{number:02}.der": der for number, der in enumerate(registry.issuing_certificates)}
    for centre in registry.centres:
        for der in centre.sign_certificates if centre.name in named else ():
            found[f"{bundle.CERTIFICATES}{centre.name}/{_key_id(der)}.der"] = der
    return found


def _epochs(session: Session) -> Iterator[tuple[str, bytes]]:
    """The frames of each epoch of each stream, in the order of the chain, under the epoch's name in the bundle."""
    stream, frame = tables.stream.c, tables.frame.c
    rows = session.execute(
        select(stream.origin, stream.lane, stream.audience, frame.epoch, frame.raw)
        .where(frame.pos > stream.floor)  # below it bytes were given up, because they are safe elsewhere
        .join_from(tables.frame, tables.stream, frame.stream_id == stream.id)
        .order_by(stream.id, frame.pos)
    )
    for place, frames in groupby(rows, key=lambda row: (row.origin, row.lane, row.audience, row.epoch)):
        yield member_name(*place), bundle.join(row.raw for row in frames)


def _floors(session: Session, registry: Registry, name: str) -> Iterator[tuple[str, bytes]]:
    """Where bytes were given up: the signed receipt that calls the last of them safe, under the stream's name."""
    connection = session.connection()
    for held in chain.load_all(connection):
        known = given_up.spans(connection, held) if held.floor and held.key.origin == name else []
        if not known:
            continue
        for ack, signed in given_up.safe_receipts(connection, held, known[-1].peer, registry.public_key):
            place = chain.find(connection, held, ack.safe_epoch, ack.safe)
            if place is not None and place.pos >= held.floor:
                key = held.key
                yield floor_name(key.origin, key.lane, key.audience), bundle.join([signed.ack, signed.signature])
                break


def _key_id(certificate: bytes) -> str:
    """How the bundle names the key in a sign certificate; the registry has checked its kind."""
    key = encoding.from_der(certificate, "a sign certificate").public_key()
    return encoding.key_id(cast("Ed25519PublicKey", key)).hex()
