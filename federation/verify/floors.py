"""Streams of which the exporter gave up the beginning: allowed where another centre's receipt calls it safe."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature

from . import bundle, wire
from .frames import Frame, KeyFor
from .verdict import Beginning, Damaged

FLOORS = "floors/"
_ACK_DOMAIN = b"lienthong.federation.ack.v1\x00"
_DOWN = "down:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """A receipt: the receiver holds a stream up to `durable` of `epoch`, and up to `safe` somewhere else too."""

    receiver: str
    epoch: bytes
    durable: int
    head_hash: bytes
    safe_epoch: bytes
    safe: int


def floor_name(origin: str, lane: str, audience: str) -> str:
    """Where the receipt for a stream's beginning stands in a bundle."""
    return f"{FLOORS}{origin}/{lane}/{audience}"


def open_floor(raw: bytes, name: str, parents: Mapping[str, str], key_for: KeyFor) -> Floor:
    """The receipt in a member of that name; Damaged if it is not signed by whoever takes that stream."""
    parts = list(bundle.split(raw))
    if len(parts) != 2:  # noqa: PLR2004 - a receipt and its signature
        raise Damaged("FLOOR", "the receipt for the beginning of a stream cannot be read")
    message = wire.read(parts[0])
    receiver, origin, audience = message.text(2), message.text(4), message.text(6)
    if floor_name(origin, message.text(5), audience) != name:
        raise Damaged("FLOOR", "the receipt is one for another stream")
    allowed = audience.removeprefix(_DOWN) if audience.startswith(_DOWN) else parents.get(origin, "")
    if not allowed or receiver != allowed:
        raise Damaged("FLOOR", f"the beginning is called safe by {receiver or 'nobody'}, who does not take this stream")
    key = key_for(receiver, message.string(3))
    if key is None:
        raise Damaged("FLOOR", f"no certificate from the trusted root names {receiver} with the key of its receipt")
    try:
        key.key.verify(parts[1], hashlib.sha256(_ACK_DOMAIN + parts[0]).digest())
    except InvalidSignature as error:
        raise Damaged("FLOOR", f"the receipt does not carry the signature of {receiver}") from error
    return Floor(
        receiver=receiver,
        epoch=message.string(7),
        durable=message.number(8),
        head_hash=message.string(9),
        safe_epoch=message.string(11),
        safe=message.number(12),
    )


def check_floor(floor: Floor, epochs: Mapping[bytes, Sequence[Frame]], first: Frame) -> None:
    """Damaged unless the receipt covers everything before the first frame that is here."""
    if not floor.safe_epoch:
        raise Damaged("FLOOR", "the receipt calls nothing safe")
    header = first.header
    before = (header.genesis.epoch, header.genesis.frame_no) if header.genesis else (header.epoch, header.frame_no - 1)
    if (floor.epoch, floor.durable) == before:
        held = header.prev_frame_hash
    else:
        there = [frame for frame in epochs.get(floor.epoch, ()) if frame.header.frame_no == floor.durable]
        held = there[0].digest if there else b""
    if held != floor.head_hash:
        raise Damaged("FLOOR", f"{floor.receiver} signed for another chain than the one that is here")
    if (floor.safe_epoch, floor.safe) != before and not any(
        frame.header.frame_no == floor.safe for frame in epochs.get(floor.safe_epoch, ())
    ):
        raise Damaged("FLOOR", f"{floor.receiver} does not call everything before frame {header.frame_no} safe")


def beginning_of(floor: Floor, first: Frame) -> Beginning:
    """From where on the stream is proved, for the verdict."""
    header = first.header
    return Beginning(
        origin=header.origin,
        lane=header.lane,
        audience=header.audience,
        epoch=header.epoch,
        frame_no=header.frame_no,
        held_by=floor.receiver,
    )
