"""A centre whose disk is put back to a copy, and the hello that follows: given back, sent again, unlocked.

Frames move here as two nodes would move them; only the link between is left out. What the restored centre appends while
it is locked waits unsealed, which comes to the same as renumbering what it sealed.
"""

import shutil
import sqlite3
from pathlib import Path

from sqlalchemy import delete

from federation import chain, tables
from federation.effects import Effects, Taking
from federation.frame import decode_record, open_frame, parse_frame
from federation.kinds import own_kinds
from federation.ledger import Sealer
from node import inbound
from tests.fakes.storage import FakeStorage
from tests.simulation.posts import Line, Post, Tree


def file_of(post: Post) -> Path:
    return Path(str(post.database.engine.url.database))


def back_up(post: Post, to: Path) -> None:
    to.unlink(missing_ok=True)
    with sqlite3.connect(file_of(post)) as source, sqlite3.connect(to) as target:
        source.backup(target)


def restore(post: Post, copy: Path) -> None:
    """The machine starts again from the copy, in a new epoch, and keeps its hands off custody."""
    file = file_of(post)
    post.database.close()
    for end in ("", "-wal", "-shm"):
        file.with_name(file.name + end).unlink(missing_ok=True)
    shutil.copyfile(copy, file)
    post.database = post.context.database = FakeStorage(file)
    post.sealer = Sealer(post.keystore, post.random, post.clock.now)
    post.is_locked = True


def lines_of(tree: Tree, post: Post) -> list[Line]:
    return [line for line in tree.lines.values() if post in {line.child, line.parent}]


def other_end(line: Line, post: Post) -> Post:
    return line.parent if post is line.child else line.child


def effects_of(post: Post) -> Effects:
    others = inbound.handlers(post.context)
    kinds = own_kinds(others, name=post.name, registry=lambda: post.registry.current)
    return Effects(others, name=post.name, own_handlers=inbound.own_handlers(post.context), kinds=kinds)


def give_back(post: Post, holder: Post) -> int:
    """The neighbour returns what it holds of this centre's own streams and this centre has lost."""
    returned = 0
    for key, _, raw in holder.outgoing_of(post.name):
        parts = parse_frame(raw)
        public_key = post.registry.current.public_key(post.name, parts.header.key_id)
        frame = open_frame(raw, public_key)

        def step(session, key=key, frame=frame):
            connection, now = session.connection(), post.clock.now()
            head = chain.load_or_create(connection, key)
            if chain.find(connection, head, frame.header.epoch, frame.header.frame_no) is not None:
                return 0
            chain.extend(connection, head, frame, sender=holder.name, at=now)
            records = [decode_record(one) for one in frame.records]
            rids = [record.rid.bytes for record in records]
            connection.execute(delete(tables.pending).where(tables.pending.c.rid.in_(rids)))
            effects_of(post).apply(Taking(session, head, holder.name, now), frame, records)
            chain.save(connection, head)
            return 1

        returned += post.database.write(step)
    return returned


def send_again(line: Line, post: Post) -> None:
    """The neighbour sends what it has for this centre, from wherever that stands now."""
    line.forget()
    line._one_way(other_end(line, post), post, 1_000)


def unlock(post: Post) -> None:
    """The hello with every neighbour is complete."""
    while post.database.write(lambda session: effects_of(post).replay_parked(session, post.clock.now())):
        pass
    post.is_locked = False
    post.database.write(lambda session: inbound.decide_what_waited(post.context, session))


def meet(tree: Tree, post: Post, *, sent_first: bool = False) -> None:
    """A whole hello with all neighbours, in one of its two orders."""
    for line in lines_of(tree, post):
        if sent_first:
            send_again(line, post)
        give_back(post, other_end(line, post))
        send_again(line, post)
    unlock(post)
