"""What is left after a loss of power, opened by the product's own code and held against what had been promised."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select, text

from federation import tables
from federation.frame import decode_record, parse_frame
from federation.v1 import frame_pb2
from tests.fakes.link import FakeNet
from tests.powercut.centre import CHILD, PARENT, Centre, mark_of
from tests.powercut.life import drained
from tests.powercut.promises import Promises


@dataclass(slots=True)
class Findings:
    """What did not hold; all empty is what the product promises."""

    lost_writes: list[str] = field(default_factory=list)
    lost_frames: list[str] = field(default_factory=list)
    lost_acks: list[str] = field(default_factory=list)
    not_delivered: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    disorder: list[str] = field(default_factory=list)
    phantom: list[str] = field(default_factory=list)
    torn: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def any(self) -> bool:
        return any(getattr(self, name) for name in self.__slots__)


async def inspect(world: Path, home: Path, promises: Promises) -> Findings:
    """Open both centres, compare, let them go on, and compare again."""
    found = Findings()
    centres: list[Centre] = []
    try:
        # One by one: the first is let go of if the second cannot be opened. Nobody cuts the power here.
        centres.append(Centre(world, CHILD, home / CHILD, synchronous="OFF"))
        centres.append(Centre(world, PARENT, home / PARENT, synchronous="OFF"))
    except Exception as error:  # noqa: BLE001 - whatever it is, the database cannot be used
        found.problems.append(f"a database cannot be opened: {type(error).__name__}: {error}")
        for centre in centres:
            await centre.stop()
        return found
    child, parent = centres
    try:
        held = {centre.name: _Held(centre) for centre in centres}
        _check_promises(found, promises, centres, held)
        if not found.any():
            await _go_on(found, child, parent)
    finally:
        await child.stop()
        await parent.stop()
    return found


class _Held:
    """What one database holds."""

    def __init__(self, centre: Centre) -> None:
        self.code = centre.code
        stream, frame = tables.stream, tables.frame
        columns = (stream.c.origin, stream.c.lane, stream.c.audience, frame.c.epoch, frame.c.frame_no)
        query = (
            select(*columns, frame.c.frame_hash, frame.c.raw)
            .join(frame, frame.c.stream_id == stream.c.id)
            .order_by(stream.c.id, frame.c.pos)
        )
        rows = _rows(centre, query)
        self.places = {
            (row.origin, row.lane, row.audience, bytes(row.epoch), row.frame_no, bytes(row.frame_hash)) for row in rows
        }
        self.frames = {hashlib.sha256(row.raw).hexdigest() for row in rows}
        self.own: list[tuple[str, str]] = []  # (lane, mark) in order
        self.received: list[tuple[str, str]] = []
        for row in rows:
            into = self.own if row.origin == centre.name else self.received
            into += [(row.lane, mark_of(decode_record(raw).payload)) for raw in parse_frame(bytes(row.raw)).records]
        waiting = _rows(centre, select(tables.pending).order_by(tables.pending.c.pos))
        self.own += [(row.lane, mark_of(decode_record(bytes(row.raw)).payload)) for row in waiting]
        self.said = {row.mark for row in _rows(centre, text("SELECT mark FROM said"))}
        self.heard = [(row.lane, row.mark) for row in _rows(centre, text("SELECT lane, mark FROM heard ORDER BY n"))]
        self.sound = [row[0] for row in _rows(centre, text("PRAGMA integrity_check"))]


def _check_promises(found: Findings, promises: Promises, centres: list[Centre], held: dict[str, _Held]) -> None:
    names = {centre.code: centre.name for centre in centres}
    tried = {code: {mark for of, mark in promises.tried if of == code} for code in names}
    for code, mark in sorted(promises.kept):
        if mark not in {one for _, one in held[names[code]].own}:
            found.lost_writes.append(f"{mark}: {code} had said that it is recorded")
    for name, digest in sorted(promises.sent):
        if name in held and digest not in held[name].frames:
            found.lost_frames.append(f"frame {digest[:8]}: {name} had sent it")
    for raw in promises.acks:
        ack = frame_pb2.Ack.FromString(frame_pb2.SignedAck.FromString(raw).ack)
        place = (ack.origin, ack.lane, ack.audience, ack.epoch, ack.durable, ack.head_hash)
        if ack.receiver in held and place not in held[ack.receiver].places:
            found.lost_acks.append(f"{ack.lane} {ack.durable} of {ack.origin}: {ack.receiver} had acknowledged it")
    for one in held.values():
        marks = [mark for _, mark in one.own]
        found.phantom += [f"{mark} was never said" for mark in marks if mark not in tried[one.code]]
        found.doubled += _twice(marks, f"recorded at {one.code}")
        found.torn += [f"{mark} at {one.code}: row and record are not both there" for mark in set(marks) ^ one.said]
        if _by_lane(one.received) != _by_lane(one.heard):
            found.torn.append(f"{one.code}: the effects are not those of the stored frames")
        if one.sound != ["ok"]:
            found.problems.append(f"{one.code}: integrity_check: {one.sound[:3]}")


async def _go_on(found: Findings, child: Centre, parent: Centre) -> None:
    """After the power is back everything arrives, once, in order, and nothing rings."""
    net = FakeNet()
    await parent.start(net)
    await child.start(net, parent)
    all_heard = await drained(child, parent)
    for one, other in ((child, parent), (parent, child)):
        said, heard = _by_lane(_Held(one).own), _by_lane(_Held(other).heard)
        for lane, marks in said.items():
            arrived = heard.get(lane, [])
            missing = set(marks) - set(arrived)
            found.not_delivered += [f"{mark}: said at {one.code}, not heard at {other.code}" for mark in missing]
            found.doubled += _twice(arrived, f"heard at {other.code}")
            if not found.any() and arrived != marks:
                found.disorder.append(f"{lane} of {one.code} at {other.code}")
        found.problems += [f"{one.code} rings {row.code}: {row.detail}" for row in _rows(one, select(tables.alarm))]
    if not all_heard and not found.any():
        found.problems.append("the centres do not come to rest")


def _rows(centre: Centre, query):
    return centre.database.read(lambda session: session.execute(query).all())


def _twice(marks: Iterable[str], where: str) -> list[str]:
    return [f"{mark} {count} times {where}" for mark, count in Counter(marks).items() if count > 1]


def _by_lane(marks: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    lanes: dict[str, list[str]] = {}
    for lane, mark in marks:
        lanes.setdefault(lane, []).append(mark)
    return lanes
