"""Faults that other systems for the same work have had, each with its source: none of them may be ours.

The names say what must not happen. Every test here was seen to fail on a product that was broken for it.
"""

import asyncio
import dataclasses
import os
from collections.abc import AsyncIterator, Iterator

import pytest

from federation import dialling as dialling_module
from federation import sender as sender_module
from federation import session as session_module
from federation import tables
from federation.failpoint import arm, disarm
from federation.frame import NO_HASH, Genesis, Record, encode_record, open_frame, parse_frame, seal_frame
from federation.ledger import Lane, new_rid
from federation.peer import Backoff
from federation.receiver import Unacceptable
from federation.v1.link_pb2 import Envelope, Refusal
from node.clock import SystemClock
from pki.gate import Gate
from pki.keystore import Keystore
from tests.fakes.authority import small_federation
from tests.fakes.link import FakeLink, FakeNet
from tests.federation.conftest import FIVE
from tests.federation.doors import Ways
from tests.federation.nats_servers import program
from tests.federation.nodes import Node, until
from tests.federation.pairs import Centre, deliver, keep, now, outgoing, pump, resume


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    disarm()


@pytest.fixture
def net() -> FakeNet:
    return FakeNet()


def gate_of(node: Node) -> Gate:
    return Gate(node.keystore.root_pem, lambda: node.registry.current)


@pytest.fixture
def make(nodes, net: FakeNet):
    def one(code: str) -> Node:
        node = nodes(code)
        node.link = lambda node: FakeLink(
            net, node.keystore, Gate(node.keystore.root_pem, lambda: node.registry.current)
        )
        return node

    return one


@pytest.fixture(params=["fake", "grpc", "nats"])
async def ways(request) -> AsyncIterator[Ways]:
    if request.param == "nats":
        program()
    found = Ways(request.param)
    yield found
    await found.close()


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence is noticed after a second instead of fifteen."""
    monkeypatch.setattr(session_module, "BEAT_S", 0.2)
    monkeypatch.setattr(session_module, "SILENT_S", 1.0)


def connected(node: Node, other: Node) -> bool:
    state = node.peer(other)
    return bool(state and state.connected)


async def pair(make) -> tuple[Node, Node]:
    district, commune = make("731"), make("26374")
    await district.start()
    await commune.start(district, listen=False)
    await until(lambda: connected(district, commune) and connected(commune, district))
    return district, commune


# the link ----------------------------------------------------------------------------------------------------------


async def test_a_link_that_beats_and_carries_nothing_is_not_taken_for_well(make, net, monkeypatch) -> None:
    """thingsboard-edge #57: the link looks alive and nothing flows.

    Heartbeats pass, frames and receipts do not: it shows in what is under way, and once they pass again, all arrives
    without anybody starting anything anew.
    """
    monkeypatch.setattr(sender_module, "SILENCE_S", 0.5)
    district, commune = await pair(make)
    since = commune.peer(district).since
    net.loss = 1.0
    commune.say("swallowed")
    await until(lambda: commune.peer(district).in_flight > 0)
    heard_at = commune.peer(district).last_heard_at
    await until(lambda: commune.peer(district).last_heard_at > heard_at)
    assert connected(commune, district)
    assert commune.peer(district).waiting == {"urgent": 1}
    assert district.heard() == []
    net.loss = 0.0
    await until(lambda: district.heard() == ["swallowed"])
    await until(lambda: commune.peer(district).in_flight == 0 and commune.peer(district).waiting == {})
    assert commune.peer(district).since == since


@pytest.mark.parametrize("place", ["session.before_hello", "session.after_hello"])
async def test_a_first_connection_that_fails_leaves_nothing_marked_as_synchronised(make, place) -> None:
    """thingsboard-edge #163: the first connect fails, and the flag that says "synchronised" sticks."""
    district, commune = make("731"), make("26374")
    for number in range(3):
        commune.say(f"before {number}")
        district.say_to(commune, f"down {number}")
    district.federation.join("93", "COC mới", "coc", "731")
    district.registry.offer(district.federation.authority.registry_raw)
    arm(f"{place}:raise@1")
    await district.start()
    await commune.start(district, listen=False)
    await until(lambda: district.heard() == ["before 0", "before 1", "before 2"])
    await until(lambda: commune.heard() == ["down 0", "down 1", "down 2"])
    await until(lambda: commune.registry.current.version == district.registry.current.version)


async def test_what_is_sent_down_before_the_cut_is_noticed_is_not_lost(make, net, soon) -> None:
    """thingsboard #8165: a downlink that was sent before the disconnection was noticed is lost."""
    district, commune = await pair(make)
    net.stalled = True
    assert connected(district, commune)
    district.say_to(commune, "close the road")
    await until(lambda: district.peer(commune) and district.peer(commune).in_flight > 0)
    await until(lambda: not connected(district, commune) and not connected(commune, district))
    net.cut()
    net.stalled = False
    await until(lambda: commune.heard() == ["close the road"])
    await until(lambda: district.peer(commune).waiting == {})
    assert commune.heard() == ["close the road"]


async def test_the_first_word_after_a_reconnection_is_not_lost(nodes, ways) -> None:
    """nats.py #529: the first publish after a reconnection fails. Over every link there is."""
    district, commune = nodes("731"), nodes("26374")
    district.link = commune.link = ways.link
    await district.start()
    door = await ways.door(district)
    await commune.start(door, listen=False)
    said = []
    for number in range(3):
        await until(lambda: connected(commune, district) and connected(district, commune))
        since = commune.peer(district).since
        door.cut()
        await until(lambda since=since: connected(commune, district) and commune.peer(district).since != since)
        said.append(f"first after cut {number}")
        commune.say(said[-1])
        await until(lambda: district.heard() == said, f"{district.heard()}")


class Eager(SystemClock):
    """Sleeps a hundredth of what is asked, and remembers what was asked."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.asked.append(seconds)
        await asyncio.sleep(seconds / 100)


class NoJitter(Backoff):
    def next_s(self, *, is_cheap: bool = False) -> float:
        ceiling_s = self._ceiling_s
        super().next_s(is_cheap=is_cheap)
        return ceiling_s


async def test_a_long_absence_does_not_make_the_next_one_longer(make, net, monkeypatch) -> None:
    """synapse #8346: after a long outage the peer is back, and is still tried only after a long pause."""
    monkeypatch.setattr(dialling_module, "Backoff", NoJitter)
    district, commune = make("731"), make("26374")
    commune.clock = clock = Eager()
    commune.use(commune.keystore)
    district.port = net.next_port + 1
    await commune.start(district, listen=False)
    await until(lambda: Backoff.MOST_S in clock.asked)
    await district.start()
    await until(lambda: connected(commune, district))
    clock.asked.clear()
    net.cut()
    await until(lambda: Backoff.LEAST_S in clock.asked)
    await until(lambda: connected(commune, district))
    assert max(clock.asked) <= session_module.BEAT_S


def test_a_stream_that_was_refused_for_long_goes_on_at_the_next_hello(world, tmp_path) -> None:
    """synapse #8346 again, one level deeper: the pause of one stream does not outlive the connection."""
    child, parent = Centre(world, "26374", tmp_path), Centre(world, "731", tmp_path)
    child.say("waits")
    clock = 0.0
    sender = resume(child, parent, child.sender(parent, lambda: clock))
    for _ in range(12):
        while not (batch := outgoing(child, sender)):
            clock += 60.0
        child.hear(sender, refusal_of(batch[0]))
    assert outgoing(child, sender) == []
    resume(child, parent, sender)
    pump(child, parent, sender)
    assert parent.effects() == ["waits"]


def refusal_of(delivery):
    names = {"origin": delivery.origin, "lane": delivery.lane, "audience": delivery.audience}
    return Envelope(refusal=Refusal(code="STORAGE", reason="the disk is full", **names))


class Counted(FakeLink):
    dials = 0

    async def dial(self, address: str, name: str):
        type(self).dials += 1
        return await super().dial(address, name)


async def test_what_tries_again_and_again_ends_when_it_is_told_to(nodes, net) -> None:
    """openhim #1185: a retry that cannot be stopped. Dialling and sealing both fail for ever here."""
    district, commune = nodes("731"), nodes("26374")
    commune.link = lambda node: Counted(net, node.keystore, gate_of(node))
    commune.clock = clock = Eager()
    commune.use(commune.keystore)
    commune.say("cannot be sealed")
    commune.storage.fail_with = OSError("the disk is gone")
    district.port = 1
    before = asyncio.all_tasks()
    await commune.start(district, listen=False)
    await until(lambda: Counted.dials > 2 and len(clock.asked) > 5)
    await commune.delivery.stop()
    dials, asked = Counted.dials, len(clock.asked)
    assert asyncio.all_tasks() - before == set()
    for _ in range(20):
        await asyncio.sleep(0.01)
    assert (Counted.dials, len(clock.asked)) == (dials, asked)
    commune.storage.fail_with = None


# tiers -------------------------------------------------------------------------------------------------------------


async def test_what_came_to_a_relay_while_its_own_line_was_cut_is_passed_on_afterwards(make, net) -> None:
    """nats-server #6468, #7530: the stream of a leaf is not mirrored after the return.

    The relay's line is cut, the leaf begins a stream that the centre above has never seen, the relay itself is started
    anew, and then the line returns.
    """
    province, district, commune = make("75"), make("731"), make("26374")
    await province.start()
    await district.start(province)
    await commune.start(district, listen=False)
    commune.say("seen before")
    await until(lambda: province.heard(commune) == ["seen before"])
    port = province.port
    await province.stop()
    commune.say("urgent while away")
    commune.say("a new stream", lane=Lane.REGULAR)
    await until(lambda: sorted(district.heard(commune)) == ["a new stream", "seen before", "urgent while away"])
    await district.restart(province, port=district.port)
    applied = province.applied
    province.open()
    province.applied = applied
    await province.start(port=port)
    await until(lambda: sorted(province.heard(commune)) == ["a new stream", "seen before", "urgent while away"])
    commune.say("after the return")
    await until(lambda: "after the return" in province.heard(commune))
    mine = sorted(row for row in commune.held() if row[2] == "up")
    await until(lambda: sorted(row for row in province.held() if row[0] == commune.name) == mine)


async def test_a_parent_that_was_restarted_still_knows_its_children(make) -> None:
    """netdata #10627: the restart of a parent hides its children until they come back - or for ever."""
    district, commune = await pair(make)
    commune.say("known")
    district.say_to(commune, "heard")
    await until(lambda: district.heard() == ["known"] and commune.heard() == ["heard"])
    await commune.stop()
    port = district.port
    await district.restart(port=port)
    await until(lambda: district.peer(commune) is not None)
    district.say_to(commune, "waits for it")
    await until(lambda: district.peer(commune).waiting == {"urgent": 1})
    assert (district.peer(commune).relation, district.peer(commune).connected) == ("child", False)
    commune.open()
    await commune.start(district, listen=False)
    await until(lambda: connected(district, commune) and commune.heard() == ["waits for it"])


# records -----------------------------------------------------------------------------------------------------------


def test_poison_neither_blocks_what_follows_nor_is_dropped(world, tmp_path) -> None:
    """thingsboard #7491: one bad message blocks the queue. thingsboard #7478: then such messages are thrown away."""
    child, parent = Centre(world, "26374", tmp_path), Centre(world, "731", tmp_path)
    child.say("before")
    for kind in ("test.bug", "test.no", "test.nobody_knows_it"):
        child.say(f"poison {kind}", kind=kind)
        child.say(f"after {kind}")
    pump(child, parent)
    good = ["before", "after test.bug", "after test.no", "after test.nobody_knows_it"]
    assert parent.effects() == good
    parked = parent.rows(tables.parked)
    assert sorted(row.code for row in parked) == ["HANDLER", "NOT_TODAY", "UNKNOWN_KIND"]
    assert all(row.applied_at_us is None for row in parked)
    assert parent.frames(child.name) == child.frames()
    assert {code for code, *_ in parent.alarms()} == {"PARKED"}
    parent.handlers |= dict.fromkeys(("test.bug", "test.no", "test.nobody_knows_it"), keep)
    parent.restart()
    for _ in range(2):
        parent.storage.write(lambda session: parent.receiver.replay_parked(session, now()))
    poison = ["poison test.bug", "poison test.no", "poison test.nobody_knows_it"]
    assert parent.effects() == good + poison


async def test_a_record_that_names_what_is_not_known_yet_is_not_lost(nodes) -> None:
    """thingsboard #10203: attributes arrive before the device that they belong to, and are lost."""
    devices: set[str] = set()

    def device(session, inbound) -> None:
        devices.add(inbound.payload.decode())

    def attribute(session, inbound) -> None:
        if inbound.payload.decode() not in devices:
            raise Unacceptable("UNKNOWN_DEVICE", "nothing is known of that device yet")
        attributes.append(inbound.payload.decode())

    attributes: list[str] = []
    district = nodes("731", handlers={"test.device": device, "test.attribute": attribute})
    commune = nodes("26374")
    await district.start()
    await commune.start(district, listen=False)
    # The urgent lane overtakes the regular one, so that this order is an honest one.
    commune.say("pump 1", kind="test.attribute")
    await until(lambda: [code for code, *_ in district.alarms()] == ["PARKED"])
    assert attributes == []
    commune.say("pump 1", lane=Lane.REGULAR, kind="test.device")
    await until(lambda: devices == {"pump 1"})
    done = await asyncio.to_thread(district.delivery.replay_parked, district.clock.now())
    assert (done, attributes) == (1, ["pump 1"])
    assert await asyncio.to_thread(district.delivery.replay_parked, district.clock.now()) == 0
    assert attributes == ["pump 1"]


# keys --------------------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Forger:
    """Signs with one key and names another."""

    name: str
    key_id: bytes
    key: Keystore

    def sign(self, message: bytes) -> bytes:
        return self.key.sign(message)


def frames_by(signer, text: str) -> list[bytes]:
    record = encode_record(Record(new_rid(now(), os.urandom), "test.note", 1, now(), 1, text.encode()))
    rest = {"lane": "regular", "audience": "up", "sealed_at": now(), "first_seq": 1}
    epoch = os.urandom(16)
    first = seal_frame(
        signer=signer,
        epoch=epoch,
        frame_no=0,
        prev_frame_hash=NO_HASH,
        records=[],
        genesis=Genesis(b"", 0, NO_HASH, "first"),
        **rest,
    )
    second = seal_frame(signer=signer, epoch=epoch, frame_no=1, prev_frame_hash=first.hash, records=[record], **rest)
    return [first.raw, second.raw]


@pytest.fixture
def renewed(tmp_path):
    """A commune with two keys of its own: the one it had, and the one it has now; and its sibling's."""
    federation = small_federation(tmp_path / "keys", centres=FIVE)
    old = federation.keystore("26374")
    new = federation.enrol("26374")
    return federation, old, new


def codes_of(parent: Centre, child: Centre, frames: list[bytes]) -> list[str]:
    answers = [one for raw in frames for one in parent.take(child, deliver(raw, child.name))]
    return [one.refusal.code if one.WhichOneof("body") == "refusal" else one.WhichOneof("body") for one in answers]


def test_a_key_id_cannot_be_used_again_for_another_key(renewed, tmp_path) -> None:
    """synapse #4012: a new key under the id of an older one."""
    federation, old, new = renewed
    child, parent = Centre(federation, "26374", tmp_path), Centre(federation, "731", tmp_path)
    assert old.key_id != new.key_id
    for signer in (Forger(new.name, old.key_id, new), Forger(old.name, new.key_id, old)):
        assert set(codes_of(parent, child, frames_by(signer, "under another's id"))) == {"BAD_ORIGIN_SIG"}
    assert parent.effects() == []
    kept = {federation.registry.public_key(new.name, one.key_id).public_bytes_raw() for one in (old, new)}
    assert len(kept) == 2


def test_the_key_that_a_frame_names_is_the_one_it_is_verified_with(renewed, tmp_path) -> None:
    """synapse #11373: another key of the origin is chosen than the one that signed, and good records are refused."""
    federation, old, new = renewed
    child, parent = Centre(federation, "26374", tmp_path), Centre(federation, "731", tmp_path)
    assert "refusal" not in codes_of(parent, child, frames_by(old, "signed before the renewal"))
    assert parent.effects() == ["signed before the renewal"]
    for keystore in (old, new):
        for raw in frames_by(keystore, "any time"):
            key_id = parse_frame(raw).header.key_id
            assert key_id == keystore.key_id
            open_frame(raw, federation.registry.public_key(new.name, key_id))


def test_a_key_of_another_centre_is_never_chosen(renewed, tmp_path) -> None:
    """synapse #11373 again: the right id, of a key that belongs to somebody else."""
    federation, _, new = renewed
    child, parent = Centre(federation, "26374", tmp_path), Centre(federation, "731", tmp_path)
    stranger = federation.keystore("26173")
    signer = Forger(new.name, stranger.key_id, stranger)
    assert set(codes_of(parent, child, frames_by(signer, "as my neighbour"))) == {"BAD_ORIGIN_SIG"}
    assert parent.effects() == []
    assert {row.origin for row in parent.rows(tables.alarm)} == {child.name}
