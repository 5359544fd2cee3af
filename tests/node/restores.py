"""A centre whose disk is put back to a copy, and the hello that follows: given back, sent again, unlocked.

Frames move here as two nodes would move them; only the link between is left out. What the restored centre appends while
it is locked waits unsealed, which comes to the same as renumbering what it sealed.
"""

import shutil
import sqlite3
from pathlib import Path

from federation.effects import Effects
from federation.frame import StreamKey
from federation.hello import position
from federation.kinds import own_kinds
from federation.ledger import Sealer
from federation.removal import Removal
from federation.restitution import Restitution, following, locator
from federation.v1 import link_pb2
from node import inbound
from node.incident import anew
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
    removal = Removal(post.name, post.registry.current, post.clock.now(), post.sealer.renew)
    post.database.write(lambda session: anew.put_aside(session, removal))


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
    restitution = Restitution(
        name=post.name,
        registry=lambda: post.registry.current,
        effects=effects_of(post),
        sealer=post.sealer,
        companion=post.companion,
    )
    streams = dict.fromkeys(key for key, _, _ in holder.outgoing_of(post.name))
    return sum(_give_back_one(post, holder, restitution, key) for key in streams)


def _give_back_one(post: Post, holder: Post, restitution: Restitution, key: StreamKey) -> int:
    returned, remaining = 0, 1
    while remaining:
        recall = link_pb2.Recall(origin=key.origin, lane=key.lane, audience=key.audience)
        recall.held.extend(position(one) for one in post.database.read(lambda session: locator(session, key)))
        given = holder.database.read(lambda session, asked=recall: following(session, asked, holder.companion))
        frames = restitution.open(given)
        done = post.database.write(
            lambda session, frames=frames, beside=tuple(given.beside): restitution.take(
                session, holder.name, frames, post.clock.now(), beside
            )
        )
        returned, remaining = returned + done.frames, given.remaining
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
