"""Many children in one process that keep what they signed in memory: what a parent is measured with.

On the wire they are children: keys of their own, mutual TLS, hello, frames within the limits that the parent grants.
They have no disk, so that what is measured is the parent and not how fast its children look up what they send. Each
receipt is verified when the clock has stopped.
"""

import asyncio
import os
import struct
from pathlib import Path
from typing import Any

import grpc.aio

from bench.actor import answer, next_order
from bench.parent import KIND
from federation import grpc_link
from federation.frame import NO_HASH, VERSION, Frame, Genesis, Record, encode_record, seal_frame
from federation.ledger import UP, Lane, new_rid, wall_hlc
from federation.receipt import Ack, open_ack
from federation.v1 import frame_pb2
from federation.v1 import link_pb2 as wire
from node.clock import SystemClock
from pki.keystore import Keystore
from pki.registry import RegistryFile

METHOD = "/federation.v1.Link/Exchange"
_clock = SystemClock()


class Child:
    """One centre below the parent, without a disk."""

    def __init__(self, keys: Path, registry: RegistryFile) -> None:
        """Open the keys; nothing is signed yet."""
        self.keystore = Keystore.load(keys)
        self._registry = registry
        self._epoch = os.urandom(16)
        self._last: Frame | None = None
        self._receipts: list[frame_pb2.SignedAck] = []
        self._acked = 0
        self._heard = asyncio.Event()
        self._writing = asyncio.Lock()
        self.messages: list[bytes] = []
        self.made = 0

    def fill(self, frames: int, records: int, size: int) -> None:
        """Sign a first frame and so many more with records."""
        payload = os.urandom(size)
        self._seal([], Genesis(b"", 0, NO_HASH, "first"))
        for _ in range(frames):
            now = _clock.now()
            made = (Record(new_rid(now, os.urandom), KIND, 1, now, wall_hlc(now), payload) for _ in range(records))
            self._seal([encode_record(one) for one in made], None)
        self.made += frames * records

    def _seal(self, records: list[bytes], genesis: Genesis | None) -> None:
        before = self._last.header if self._last else None
        frame = self._last = seal_frame(
            signer=self.keystore,
            lane=Lane.REGULAR,
            audience=UP,
            epoch=self._epoch,
            frame_no=before.frame_no + 1 if before else 0,
            first_seq=before.first_seq + before.count if before else 1,
            prev_frame_hash=self._last.hash if self._last else NO_HASH,
            records=records,
            sealed_at=_clock.now(),
            genesis=genesis,
        )
        stream = frame.header.stream
        delivery = wire.FrameDelivery(frame=frame.raw, origin=stream.origin, lane=stream.lane, audience=stream.audience)
        self.messages.append(wire.Envelope(frame=delivery).SerializeToString())

    async def offer(self, address: str) -> None:
        """Dial, say hello, and send all there is within the limits; ends when there is a receipt for the last frame."""
        name = self._registry.current.parent_of(self.keystore.name)
        options = [*grpc_link._CLIENT, ("grpc.ssl_target_name_override", name)]
        keys = self.keystore
        credentials = grpc.ssl_channel_credentials(keys.root_pem, keys.tls_key_pem, keys.tls_chain_pem)
        async with grpc.aio.secure_channel(address, credentials, options=options) as channel:
            call = channel.stream_stream(METHOD)()
            await call.write(wire.Envelope(hello=self._hello()).SerializeToString())
            window = await self._window(call)
            works = [
                asyncio.create_task(work) for work in (self._send(call, window), self._hear(call), self._beat(call))
            ]
            done, others = await asyncio.wait(works, return_when=asyncio.FIRST_COMPLETED)
            for one in others:
                one.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            done.pop().result()  # whoever failed says why
            await call.done_writing()

    async def _send(self, call: Any, window: int) -> None:
        for number, message in enumerate(self.messages):
            await self._room(number, window)
            async with self._writing:
                await call.write(message)
        await self._room(len(self.messages), 1)  # all of them are acknowledged

    async def _beat(self, call: Any) -> None:
        """Say every two seconds that this child lives, as all do: who is silent for long is let go."""
        while True:
            await asyncio.sleep(2.0)
            async with self._writing:
                await call.write(wire.Envelope(heartbeat=wire.Heartbeat(at_us=0)).SerializeToString())

    def _hello(self) -> wire.Hello:
        return wire.Hello(
            version=VERSION,
            node=self.keystore.name,
            boot=self._epoch,
            registry_version=self._registry.current.version,
            credit=[wire.LaneCredit(lane=lane.value, frames=32, bytes=1 << 21) for lane in Lane],
            sealing_epoch=self._epoch,
        )

    async def _window(self, call: Any) -> int:
        """So many frames may be under way."""
        said = wire.Envelope.FromString(await call.read())
        credit = next(one for one in said.hello.credit if one.lane == Lane.REGULAR)
        return min(credit.frames, credit.bytes // max(len(message) for message in self.messages))

    async def _hear(self, call: Any) -> None:
        while (raw := await call.read()) is not grpc.aio.EOF:
            said = wire.Envelope.FromString(raw)
            if said.WhichOneof("body") == "ack":
                self._receipts.append(said.ack)
                self._acked = frame_pb2.Ack.FromString(said.ack.ack).durable + 1
                self._heard.set()
            elif said.WhichOneof("body") != "heartbeat":
                raise RuntimeError(f"the parent says {said}")
        raise RuntimeError(f"the parent lets {self.keystore.name} go")

    async def _room(self, number: int, window: int) -> None:
        """Wait until frame `number` may be under way."""
        while number - self._acked >= window:
            self._heard.clear()
            await self._heard.wait()

    def verified(self) -> list[Ack]:
        """All receipts, verified; the last is for the last frame."""
        acks = [open_ack(one, self._registry.current.public_key) for one in self._receipts]
        if self._last is None or not acks or acks[-1].head_hash != self._last.hash:
            raise RuntimeError(f"{self.keystore.name} has no receipt for its last frame")
        return acks


def export(children: list[Child], file: Path) -> int:
    """The messages that the children will send, each as (number of the child, size, bytes); how many."""
    with file.open("wb") as out:
        for number, child in enumerate(children):
            for message in child.messages:
                out.write(struct.pack("<II", number, len(message)) + message)
    return sum(len(child.messages) for child in children)


async def obey(children: list[Child], order: dict[str, Any]) -> None:
    """Carry out one order."""
    match order["do"]:
        case "fill":
            for child in children:
                child.fill(order["frames"], order["records"], order["size"])
            answer(records=sum(child.made for child in children))
        case "export":
            answer(messages=export(children, Path(order["file"])))
        case "offer":
            answer(at_s=_clock.monotonic())
            await asyncio.gather(*(child.offer(order["parent"]) for child in children))
            answer(receipts=sum(len(child.verified()) for child in children))


async def main() -> None:
    """Obey until nobody gives orders."""
    order = next_order()
    if order is None:
        return
    first = Keystore.load(Path(order["keys"][0]))
    registry = RegistryFile(first.registry_path, first.root_pem, _clock.now)
    children = [Child(Path(keys), registry) for keys in order["keys"]]
    answer(children=len(children))
    while (order := await asyncio.to_thread(next_order)) is not None:
        await obey(children, order)


if __name__ == "__main__":
    asyncio.run(main())
