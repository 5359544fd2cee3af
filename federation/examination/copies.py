"""What others hold of the same streams: their signed heads, and copies of frames, from a bundle, a file or a link."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from google.protobuf.message import DecodeError
from sqlalchemy import Connection, select
from sqlalchemy.orm import Session

from federation import chain, tables
from federation.examination.finding import Finding
from federation.examination.frames import Tail
from federation.examination.receipts import contradicted, cut
from federation.frame import (
    NO_HASH,
    Frame,
    FrameInvalid,
    KeyFor,
    Signer,
    StreamKey,
    parse_frame,
    verify_frame,
)
from federation.receipt import Ack, open_ack, sign_ack
from federation.rights import may_travel
from federation.v1 import copies_pb2, frame_pb2
from federation.verify import bundle
from federation.verify.verdict import Damaged
from pki.registry import Registry

_ZIP = b"PK"
_frame = tables.frame


class NoCopies(Exception):  # noqa: N818 - what is the case
    """A file or a neighbour has nothing that can be used; the message is a sentence for a person."""


@dataclass(slots=True)
class Shelf:
    """Verified copies of frames by the frame that they follow, and verified heads."""

    key_for: KeyFor
    frames: dict[tuple[StreamKey, bytes], Frame] = field(default_factory=dict)
    heads: dict[tuple[str, StreamKey], tuple[Ack, frame_pb2.SignedAck]] = field(default_factory=dict)
    refused: int = 0
    giver: str = ""
    giver_at: datetime | None = None

    def add(self, raw: bytes) -> bool:
        """Keep a copy if its origin signed it."""
        try:
            parts = parse_frame(raw)
            key = self.key_for(parts.header.stream.origin, parts.header.key_id)
            frame = verify_frame(parts, key) if key else None
        except FrameInvalid:
            frame = None
        if frame is None:
            self.refused += 1
            return False
        self.frames[frame.header.stream, frame.header.prev_frame_hash] = frame
        return True

    def add_head(self, signed: frame_pb2.SignedAck) -> bool:
        """Keep a head if the one who states it signed it."""
        try:
            ack = open_ack(signed, self.key_for)
        except FrameInvalid:
            self.refused += 1
            return False
        self.heads[ack.receiver, ack.stream] = (ack, signed)
        return True

    def after(self, stream: StreamKey, frame_hash: bytes) -> Frame | None:
        """The frame that follows the one with that hash."""
        return self.frames.get((stream, frame_hash))

    def last_of(
        self, stream: StreamKey, after: tuple[bytes, int, bytes] | None, most: int
    ) -> tuple[bytes, int, bytes] | None:
        """The last of the frames, at most so many, that are on the shelf behind a place; None if there is none."""
        last: tuple[bytes, int, bytes] | None = None
        at = after[2] if after else NO_HASH
        for _ in range(most):
            frame = self.after(stream, at)
            if frame is None:
                break
            at, last = frame.hash, (frame.header.epoch, frame.header.frame_no, frame.hash)
        return last


def read_file(raw: bytes, key_for: KeyFor) -> Shelf:
    """What a bundle of frames or a file of heads holds; raises NoCopies."""
    shelf = Shelf(key_for)
    if raw.startswith(_ZIP):
        try:
            members = bundle.unpack(raw)
            for name, content in members.items():
                if name.startswith(bundle.FRAMES):
                    for one in bundle.split(content):
                        shelf.add(one)
        except Damaged as error:
            raise NoCopies(f"the bundle cannot be read: {error.reason}") from error
    else:
        try:
            held = copies_pb2.HeldHeads.FromString(raw)
        except DecodeError as error:
            raise NoCopies("the file is neither a bundle of frames nor a file of heads") from error
        for signed in held.heads:
            shelf.add_head(signed)
    if not shelf.frames and not shelf.heads:
        raise NoCopies(f"the file holds nothing that its centres signed ({shelf.refused} pieces refused)")
    return shelf


def state_heads(
    session: Session, signer: Signer, now: datetime, registry: Registry, peer: str = ""
) -> list[frame_pb2.SignedAck]:
    """This node's signed word on how far it holds each stream, or each that may travel between it and a neighbour."""
    found = []
    for one in chain.load_all(session.connection()):
        if one.empty or (peer and not is_shared(registry, one.key, signer.name, peer)):
            continue
        ack = Ack(signer.name, b"", one.key, one.epoch, one.frame_no, one.frame_hash, now)
        found.append(sign_ack(ack, signer))
    return found


def is_shared(registry: Registry, stream: StreamKey, one: str, other: str) -> bool:
    """Whether the stream may travel between the two, in either direction."""
    return may_travel(registry, stream, sender=one, receiver=other) or may_travel(
        registry, stream, sender=other, receiver=one
    )


def frames_after(
    connection: Connection, stream: StreamKey, after: tuple[bytes, int, bytes] | None, most: int, most_bytes: int
) -> Iterator[bytes]:
    """Stored frames behind one of them; none if that one is not held."""
    held = chain.load(connection, stream)
    place = held and after and chain.find(connection, held, after[0], after[1])
    if held is None or (after is not None and (not place or place.frame_hash != after[2])):
        return
    query = select(_frame.c.raw).where(_frame.c.stream_id == held.id, _frame.c.pos > (place.pos if place else 0))
    size = 0
    for row in connection.execute(query.order_by(_frame.c.pos).limit(most)):
        size += len(row.raw)
        if not row.raw:  # given up here, because whoever may ask for it holds it
            return
        if size > most_bytes and size != len(row.raw):
            return
        yield bytes(row.raw)


def compare(connection: Connection, shelf: Shelf, registry: Registry, name: str) -> Iterator[Finding]:
    """What heads and copies of others say against the chains here.

    Less than another holds is damage only of what this node once had: of its own streams, and of those that it relays.
    """
    held = {one.key: one for one in chain.load_all(connection)}
    for ack, _ in shelf.heads.values():
        if ack.receiver != name and is_shared(registry, ack.stream, name, ack.receiver):
            yield from _against(connection, held, ack, registry, name)
    for place in _by_epoch(shelf.frames.values()).values():
        for frame in sorted(place, key=lambda one: one.header.frame_no):
            header, receiver = frame.header, registry.parent_of(name) or ""
            said = Ack(receiver, b"", header.stream, header.epoch, header.frame_no, frame.hash, header.sealed_at)
            found = list(_against(connection, held, said, registry, name))
            yield from found
            if found:
                break


def _against(
    connection: Connection, held: dict[StreamKey, chain.Chain], ack: Ack, registry: Registry, name: str
) -> Iterator[Finding]:
    one = held.get(ack.stream)
    was_here = ack.stream.origin == name or may_travel(registry, ack.stream, sender=name, receiver=ack.receiver)
    if one is None:
        if was_here:
            yield cut(chain.Chain(0, ack.stream, 0, b"", -1, b"", 1, 0, 0), Tail(), ack, "another centre holds it")
        return
    place = chain.find(connection, one, ack.epoch, ack.durable)
    if place is not None:
        yield from contradicted(connection, one, ack, "another centre has a signed frame")
    elif was_here and not _is_counted(connection, one, ack):
        tail = Tail(pos=one.pos, epoch=one.epoch, frame_no=one.frame_no, next_seq=one.next_seq)
        yield cut(one, tail, ack, f"another centre holds frame {ack.durable} of epoch {ack.epoch.hex()[:8]}")


def _is_counted(connection: Connection, one: chain.Chain, ack: Ack) -> bool:
    """Whether the chain here says by itself that it has that frame: then its absence is seen without others' help."""
    if ack.epoch == one.epoch:
        return ack.durable <= one.frame_no
    return chain.knows_epoch(connection, one, ack.epoch)


def _by_epoch(frames: Iterable[Frame]) -> dict[tuple[StreamKey, bytes], list[Frame]]:
    found: dict[tuple[StreamKey, bytes], list[Frame]] = {}
    for frame in frames:
        found.setdefault((frame.header.stream, frame.header.epoch), []).append(frame)
    return found
