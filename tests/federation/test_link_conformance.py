"""Whatever a link may do, over every link there is: nothing is lost, nothing doubled, nobody wrong let in."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest
from cryptography import x509

from federation import session as session_module
from federation.ledger import Lane
from federation.link import Channel, LinkError, ParentAddress
from federation.v1.link_pb2 import Envelope, FrameDelivery
from tests.fakes.authority import small_federation
from tests.federation.conftest import FIVE
from tests.federation.doors import Ways
from tests.federation.nats_servers import program
from tests.federation.nodes import Node, until

# What a child is told, or finds out, when it is not let in: TLS itself refuses more over NATS, where the server is told
# the keys of the registry; over gRPC the gate refuses after the handshake and can say why.
REFUSED = {
    "foreign root": {"fake": {"BAD_CHAIN"}, "grpc": {"TLS_REFUSED"}, "nats": {"TLS_REFUSED"}},
    "expired": {"fake": {"EXPIRED", "BAD_CHAIN"}, "grpc": {"TLS_REFUSED"}, "nats": {"TLS_REFUSED"}},
    "another key": {"fake": {"WRONG_KEY"}, "grpc": {"WRONG_KEY"}, "nats": {"TLS_REFUSED"}},
    "wildcard": {"fake": {"BAD_SAN"}, "grpc": {"BAD_SAN"}, "nats": {"TLS_REFUSED"}},
    "no child": {"fake": {"NOT_MY_CHILD", "CLOSED"}, "grpc": {"NOT_MY_CHILD"}, "nats": {"TLS_REFUSED"}},
    "revoked": {"fake": {"REVOKED"}, "grpc": {"REVOKED"}, "nats": {"REVOKED", "CLOSED", "TLS_REFUSED"}},
}


@pytest.fixture(params=["fake", "grpc", "nats"])
async def ways(request) -> AsyncIterator[Ways]:
    if request.param == "nats":
        program()
    found = Ways(request.param)
    yield found
    await found.close()


@pytest.fixture
def make(nodes: Callable[..., Node], ways: Ways) -> Callable[[str], Node]:
    """A node that speaks over the link in question; all are stopped before the doors are taken away."""

    def one(code: str) -> Node:
        node = nodes(code)
        node.link = ways.link
        return node

    return one


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence is noticed after a second instead of fifteen."""
    monkeypatch.setattr(session_module, "BEAT_S", 0.2)
    monkeypatch.setattr(session_module, "SILENT_S", 1.0)


async def pair(make, ways: Ways) -> tuple[Node, Node, object]:
    """A district, its commune, and the door between them."""
    district, commune = make("731"), make("26374")
    await district.start()
    door = await ways.door(district)
    await commune.start(door, listen=False)
    await until(lambda: connected(district, commune) and connected(commune, district))
    return district, commune, door


def connected(node: Node, other: Node) -> bool:
    state = node.peer(other)
    return bool(state and state.connected)


def error_of(node: Node, other: Node) -> str:
    state = node.peer(other)
    return state.error_code if state else ""


def waiting(node: Node) -> int:
    return sum(sum(state.waiting.values()) + state.in_flight for state in node.delivery.peers())


async def test_records_go_both_ways_and_are_acknowledged(make, ways) -> None:
    district, commune, _ = await pair(make, ways)
    said = [str(number) for number in range(20)]
    for text in said:
        commune.say(text)
    commune.say("figures", lane=Lane.REGULAR)
    district.say_to(commune, "down")
    await until(lambda: sorted(district.heard()) == sorted([*said, "figures"]))
    assert [text for text in district.heard() if text != "figures"] == said
    await until(lambda: commune.heard() == ["down"])
    await until(lambda: waiting(commune) == 0 and waiting(district) == 0)
    assert commune.alarms() == district.alarms() == []
    held = [row for row in commune.held() if row[0] == commune.name]
    assert sorted(held) == sorted(row for row in district.held() if row[0] == commune.name)


async def test_cuts_under_load_lose_and_double_nothing(make, ways) -> None:
    district, commune, door = await pair(make, ways)
    said = []
    for number in range(40):
        said.append(str(number))
        commune.say(said[-1])
        if number % 10 == 5:
            door.cut()
        await asyncio.sleep(0.02)
    await until(lambda: len(district.heard()) >= 40)
    assert district.heard() == said
    await until(lambda: waiting(commune) == 0)
    assert commune.alarms() == district.alarms() == []


async def test_a_line_on_which_nothing_moves_is_noticed_at_both_ends_and_mended(make, ways, soon) -> None:
    district, commune, door = await pair(make, ways)
    commune.say("before")
    await until(lambda: district.heard() == ["before"])
    door.stall()
    commune.say("into the void")
    await until(lambda: not connected(commune, district) and not connected(district, commune))
    assert error_of(district, commune) in {"SILENT", "CLOSED"}
    door.resume()
    await until(lambda: district.heard() == ["before", "into the void"])
    await until(lambda: waiting(commune) == 0 and connected(district, commune))
    assert commune.alarms() == district.alarms() == []


async def test_lost_doubled_and_disordered_messages_are_recovered(make, ways) -> None:
    if ways.kind == "grpc":
        pytest.skip("TCP below gRPC neither loses nor doubles nor disorders single messages")
    district, commune, _ = await pair(make, ways)
    ways.disturb(loss=0.05, double=0.2, reorder=0.05)
    said = [str(number) for number in range(60)]
    for text in said:
        commune.say(text)
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.5)
    ways.disturb(loss=0, double=0, reorder=0)
    commune.say("last")
    await until(lambda: "last" in district.heard(), f"{district.heard()}")
    assert district.heard() == [*said, "last"]
    assert commune.alarms() == [] or ways.kind == "fake"


async def test_a_message_above_the_limit_ends_the_connection_and_no_process(make, ways) -> None:
    district, commune, _ = await pair(make, ways)
    intruder = ways.link(commune)
    channel = await intruder.dial(f"127.0.0.1:{district.port}", district.name)
    with pytest.raises(LinkError):
        await _send_and_listen_to_the_end(channel, Envelope(frame=FrameDelivery(frame=bytes(2 << 20))))
    await channel.close("DONE", "")
    await intruder.close()
    commune.say("after")
    await until(lambda: district.heard() == ["after"])


async def _send_and_listen_to_the_end(channel: Channel, envelope: Envelope) -> None:
    await channel.send(envelope)
    while True:
        await channel.receive()


def dressed(node: Node, what: str, tmp_path) -> Node:
    """The node in validly signed material that is not right for it."""
    if what == "foreign root":
        keys = small_federation(tmp_path / "elsewhere", centres=FIVE, foreign=True).keystore(node.code)
        chain, key = keys.tls_chain_pem, keys.tls_key_pem
    elif what == "expired":
        now = node.federation.now
        since, until_ = now - timedelta(days=3), now - timedelta(days=1)
        chain, key = node.federation.forged_chain(names=[x509.DNSName(node.name)], since=since, until=until_)
    else:
        name = "*.lienthong.internal" if what == "wildcard" else node.name
        chain, key = node.federation.forged_chain(names=[x509.DNSName(name)])
    folder = tmp_path / "dressed"
    folder.mkdir(mode=0o700)
    (folder / "tls.pem").write_bytes(chain)
    (folder / "tls.key").write_bytes(key)
    node.use(dataclasses.replace(node.keystore, folder=folder, tls_chain_pem=chain, tls_key_pem=key))
    return node


@pytest.mark.parametrize("what", ["foreign root", "expired", "another key", "wildcard"])
async def test_what_is_validly_signed_and_wrong_does_not_come_in(make, ways, what, tmp_path) -> None:
    district = await make("731").start()
    commune = dressed(make("26374"), what, tmp_path)
    commune.say("let me in")
    await commune.start(district, listen=False)
    await until(lambda: error_of(commune, district) in REFUSED[what][ways.kind], error_of(commune, district))
    assert district.heard() == []


async def test_a_centre_of_this_federation_that_is_no_child_does_not_come_in(make, ways) -> None:
    district = await make("735").start()
    commune = make("26374")
    commune.say("take mine too")
    await commune.delivery.start(
        parent=ParentAddress(f"127.0.0.1:{district.port}", district.name), listen=None, link=ways.link(commune)
    )
    await until(lambda: error_of(commune, district) in REFUSED["no child"][ways.kind])
    assert district.heard() == []


async def test_a_revoked_child_is_cut_off_while_it_is_connected(make, ways) -> None:
    district, commune, _ = await pair(make, ways)
    federation = district.federation
    federation.authority.revoke(commune.name, federation.now)
    district.registry.offer(federation.authority.registry_raw)
    await until(lambda: error_of(commune, district) in REFUSED["revoked"][ways.kind])
    await until(lambda: district.peer(commune) is None)
    commune.say("too late")
    await asyncio.sleep(1)
    assert district.heard() == []


async def test_a_certificate_that_runs_out_ends_the_connection_it_was_admitted_on(make, ways) -> None:
    if ways.kind == "fake":
        pytest.skip("the link of tests reads the machine's own time")
    district, commune, _ = await pair(make, ways)
    district.clock.ahead = timedelta(days=400)
    commune.say("signed in time, delivered too late")
    await until(lambda: error_of(commune, district) == "EXPIRED")
    assert district.heard() == []


async def test_two_starts_of_one_child_the_newer_is_heard_and_it_rings(make, ways) -> None:
    district, commune, _ = await pair(make, ways)
    # The storage of a clone is a copy of its own.
    (commune.federation.home("clone")).mkdir(mode=0o700)
    clone = make("26374")
    clone.storage.close()
    clone.storage = type(clone.storage)(commune.federation.home("clone") / "node.db")
    clone.use(clone.keystore)
    await clone.start(district, listen=False)
    await until(lambda: ("SESSION_FENCED", commune.name, "") in district.alarms())
    await until(lambda: error_of(commune, district) == "FENCED")
    await until(lambda: connected(clone, district))
    clone.say("from the newer")
    await until(lambda: "from the newer" in district.heard())


async def test_a_parent_that_restarts_again_and_again_hears_everything_once(make, ways) -> None:
    district, commune, _ = await pair(make, ways)
    said = []
    for number in range(30):
        said.append(str(number))
        commune.say(said[-1])
        if number in {10, 20}:
            await district.restart(port=district.port)
    await until(lambda: len(district.heard()) >= 30, f"{district.heard()}")
    assert district.heard() == said
    await until(lambda: waiting(commune) == 0)
    assert district.alarms() == []


async def test_a_child_that_restarts_goes_on_where_it_was(make, ways) -> None:
    district, commune, door = await pair(make, ways)
    said = []
    for number in range(20):
        said.append(str(number))
        commune.say(said[-1])
        district.say_to(commune, said[-1])
        if number == 10:
            await commune.stop()
            heard = commune.applied
            commune.open()
            commune.applied = heard
            await commune.start(door, listen=False)
    await until(lambda: len(district.heard()) >= 20 and len(commune.heard()) >= 20)
    assert district.heard() == said
    assert commune.heard() == said
    assert district.alarms() == commune.alarms() == []


async def test_what_waited_is_caught_up_in_order(make, ways) -> None:
    district, commune, _ = await pair(make, ways)
    port = district.port
    await district.stop()
    said = [str(number) for number in range(300)]
    for text in said:
        commune.say(text, lane=Lane.REGULAR)
    commune.say("alarm")
    await until(lambda: not connected(commune, district))
    heard = district.applied
    district.open()
    district.applied = heard
    await district.start(port=port)
    await until(lambda: len(district.heard()) >= 301)
    assert [text for text in district.heard() if text != "alarm"] == said
    assert district.heard().count("alarm") == 1
    await until(lambda: waiting(commune) == 0)
    assert district.alarms() == commune.alarms() == []
