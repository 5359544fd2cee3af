"""A dishonest district, for the check only: a real node with real keys that alters what it passes on.

`python -m node.demo.relay --config FILE` serves that centre as `python -m node serve` does, except that the first
frames of other centres that it relays to its parent leave it with one byte changed. It signs nothing falsely and breaks
nothing else: what TLS and the gate can see of it is in order. Only the origin's own signature tells.
"""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from federation.grpc_link import GrpcLink
from federation.link import Channel
from federation.v1.link_pb2 import Envelope, FrameDelivery
from node.app import Node
from node.serving import serve
from node.settings import Settings


class LyingChannel:
    """A connection to the parent that flips one bit in each relayed frame."""

    def __init__(self, channel: Channel, own_name: str) -> None:
        self._channel = channel
        self._own_name = own_name

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - everything else is the real channel
        return getattr(self._channel, name)

    async def send(self, envelope: Envelope) -> None:
        """Pass it on, altered if it carries another centre's words."""
        if envelope.WhichOneof("body") == "frame" and envelope.frame.origin not in {"", self._own_name}:
            envelope = Envelope(frame=altered(envelope.frame))
        await self._channel.send(envelope)


def altered(delivery: FrameDelivery) -> FrameDelivery:
    """The same delivery with the last bit of its frame flipped: in the last record, or in a genesis' signature."""
    lie = FrameDelivery()
    lie.CopyFrom(delivery)
    lie.frame = delivery.frame[:-1] + bytes([delivery.frame[-1] ^ 1])
    return lie


def main(config: Annotated[Path, typer.Option(help="The settings file of the district that is to lie.")]) -> None:
    """Serve the centre, dishonestly, until it is told to stop."""
    honest = GrpcLink.dial

    async def dial(self: GrpcLink, address: str, name: str) -> Channel:
        channel = await honest(self, address, name)
        return LyingChannel(channel, self._keystore.name)

    GrpcLink.dial = dial  # type: ignore[method-assign]  # the one dishonest line
    asyncio.run(serve(Node(Settings.load(config))))


if __name__ == "__main__":
    typer.run(main)
