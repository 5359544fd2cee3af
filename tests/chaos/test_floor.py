"""What was given up by the rules is looked for with whoever took it; everything else that is missing is still lost."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from federation.receipt import sign_ack
from federation.safety import advance_safe, heads, prune, safe_acks
from federation.v1 import link_pb2 as wire
from node.clock import SystemClock
from node.database import Database, migrate
from node.histories import own
from tests.chaos.checker import Line, Verdict, judge, load
from tests.chaos.export import export
from tests.fakes.authority import small_federation
from tests.federation.pairs import Centre, now, pump, resume
from tests.federation.stores import edit


def opened(file: Path) -> Database:
    database = Database(f"sqlite:///{file}", SystemClock())
    migrate(database.engine, own())
    return database


@pytest.fixture
def pair(tmp_path):
    """A commune that gave up the beginning of what is safe at its district, two epochs of it."""
    world = small_federation(tmp_path)
    child, parent = (Centre(world, code, tmp_path, opened) for code in ("26374", "731"))
    child.say("a")
    child.restart()
    for text in ("b", "c", "d"):
        child.say(text)
    pump(child, parent)
    held = parent.storage.read(heads)
    parent.storage.write(lambda session: advance_safe(session, held))
    sender = resume(child, parent)
    for ack in parent.storage.read(
        lambda session: safe_acks(session, name=parent.name, peer=child.name, registry=world.registry, now=now())
    ):
        child.hear(sender, wire.Envelope(ack=sign_ack(ack, parent.keystore)))
    at = now() + timedelta(days=31)
    child.storage.write(lambda session: prune(session, signer=child.keystore, registry=world.registry, now=at, limit=4))
    child.say("later")
    pump(child, parent)
    yield child, parent
    child.storage.close()
    parent.storage.close()


def judged(
    pair, tmp_path: Path, change: Callable[[str, list[Line]], list[Line]] = lambda _code, lines: lines
) -> Verdict:
    child, parent = pair
    tree = {"what": "tree", "parents": {"26374": "731", "731": ""}, "names": {"26374": child.name, "731": parent.name}}
    exports = {}
    for centre in pair:
        file = tmp_path / f"export-{centre.code}.jsonl"
        export(centre.file, file)
        exports[centre.code] = change(centre.code, load(file))
    return judge([tree], exports)


def test_what_is_held_above_is_not_lost(pair, tmp_path) -> None:
    assert judged(pair, tmp_path) == Verdict()


def test_a_record_given_up_below_and_missing_above_is_lost(pair, tmp_path) -> None:
    def change(code, lines):
        index = next(n for n, line in enumerate(lines) if line["what"] == "record")
        return lines[:index] + lines[index + 1 :] if code == "731" else lines

    assert judged(pair, tmp_path, change).lost


def test_a_frame_emptied_above_the_floor_is_lost(pair, tmp_path) -> None:
    edit(pair[0].storage, "UPDATE federation_frame SET raw = :raw WHERE pos = 5", raw=b"")
    assert judged(pair, tmp_path).lost


def test_a_floor_raised_over_what_nobody_took_is_lost(pair, tmp_path) -> None:
    child = pair[0]
    child.say("unsent", "and another")
    child.say("last")
    edit(child.storage, "UPDATE federation_stream SET floor = head_pos - 1")
    edit(child.storage, "UPDATE federation_frame SET raw = :raw WHERE pos <= 8", raw=b"")
    assert judged(pair, tmp_path).lost


def test_a_floor_of_anothers_stream_is_a_phantom(pair, tmp_path) -> None:
    edit(pair[1].storage, "UPDATE federation_stream SET floor = 2")
    edit(pair[1].storage, "UPDATE federation_frame SET raw = :raw WHERE pos <= 2", raw=b"")
    verdict = judged(pair, tmp_path)
    assert verdict.phantom
    assert verdict.lost
