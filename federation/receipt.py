"""Receipts: the signed word of a receiver that its disk holds a stream up to a frame."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from google.protobuf.message import DecodeError

from federation.frame import VERSION, FrameInvalid, KeyFor, Signer, StreamKey, from_us, to_us
from federation.v1 import frame_pb2 as wire

_ACK_DOMAIN = b"lienthong.federation.ack.v1\x00"


@dataclass(frozen=True, slots=True)
class Ack:
    """A receiver's statement that its disk holds a stream up to a frame."""

    receiver: str
    key_id: bytes
    stream: StreamKey
    epoch: bytes
    durable: int
    head_hash: bytes
    received_at: datetime
    safe_epoch: bytes = b""
    safe: int = 0


def sign_ack(ack: Ack, signer: Signer) -> wire.SignedAck:
    """The receipt that a receiver gives for what its disk holds; the signer's name and key replace those in `ack`."""
    raw = wire.Ack(
        version=VERSION,
        receiver=signer.name,
        key_id=signer.key_id,
        origin=ack.stream.origin,
        lane=ack.stream.lane,
        audience=ack.stream.audience,
        epoch=ack.epoch,
        durable=ack.durable,
        head_hash=ack.head_hash,
        received_at_us=to_us(ack.received_at),
        safe_epoch=ack.safe_epoch,
        safe=ack.safe,
    ).SerializeToString(deterministic=True)
    return wire.SignedAck(ack=raw, signature=signer.sign(hashlib.sha256(_ACK_DOMAIN + raw).digest()))


def open_ack(signed: wire.SignedAck, key_for: KeyFor) -> Ack:
    """What a receipt says, verified with its receiver's key; raises FrameInvalid naming the receiver."""
    try:
        message = wire.Ack.FromString(signed.ack)
        received_at = from_us(message.received_at_us)
    except (DecodeError, OverflowError) as error:
        raise FrameInvalid("FORM", "a receipt cannot be read") from error
    key = key_for(message.receiver, message.key_id)
    if key is None:
        raise FrameInvalid("BAD_ACK_SIG", "the key of a receipt is not its receiver's", message.receiver)
    try:
        key.verify(signed.signature, hashlib.sha256(_ACK_DOMAIN + signed.ack).digest())
    except InvalidSignature as error:
        raise FrameInvalid("BAD_ACK_SIG", "the signature of a receipt does not hold", message.receiver) from error
    return Ack(
        message.receiver,
        message.key_id,
        StreamKey(message.origin, message.lane, message.audience),
        message.epoch,
        message.durable,
        message.head_hash,
        received_at,
        message.safe_epoch,
        message.safe,
    )
