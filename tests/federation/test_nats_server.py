"""What the parent's real nats-server lets a child do, asked with good certificates, and how its going is borne."""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator

import pytest
from nats.aio.client import Client

from federation import nats_channel
from federation import nats_subject as subject
from federation.link import LinkError
from federation.nats_channel import connect, shut
from federation.nats_counter import Counter
from federation.v1.link_pb2 import Envelope, FrameDelivery
from federation.v1.nats_pb2 import Parcel
from tests.fakes.ports import free_port
from tests.federation.nats_servers import ServedNatsLink, Server, served_link
from tests.federation.nodes import until
from tests.federation.test_link import Side


class Parent(Side):
    """A district at its own server."""

    link: ServedNatsLink

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.link.server.port}"


@pytest.fixture
async def parent(federation, tmp_path) -> AsyncIterator[Parent]:
    refused: list[str] = []
    registry = federation.registry_file("731")
    home = federation.home("731")
    link = served_link(federation.keystore("731"), registry, lambda *said: refused.append(said[1]), home)
    made = Parent(link, refused=refused)
    await link.listen("127.0.0.1:0", made.accept)
    yield made
    made.over.set()
    await link.close()


class Stranger:
    """A NATS client with a centre's good certificate that does what it likes."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.closed = asyncio.Event()
        self.heard: list[bytes] = []
        self.client = Client()

    @classmethod
    async def enter(cls, keystore, parent: Parent) -> "Stranger":
        made = cls()
        made.client = await connect(
            keystore,
            parent.address,
            parent.link.needs.keystore.name,
            on_closed=made.closed.set,
            on_error=lambda error: made.errors.append(str(error)),
        )
        return made

    async def listen(self, where: str) -> None:
        async def hear(message) -> None:
            self.heard.append(message.data)

        await self.client.subscribe(where, cb=hear)
        await self.client.flush()

    async def say(self, where: str, raw: bytes = b"x") -> None:
        await self.client.publish(where, raw)
        await self.client.flush()


def second_child(federation) -> str:
    federation.join("26377", "COC phường Phước Tân", "coc", "731")
    return federation.name("26377")


async def test_a_child_hears_and_speaks_on_its_own_subjects_alone(parent, federation) -> None:
    sibling, own = second_child(federation), federation.name("26374")
    parent.link.needs.registry.offer(federation.authority.registry_raw)
    stranger = await Stranger.enter(federation.keystore("26374"), parent)
    wrong = [subject.down(sibling), subject.up(sibling), subject.up(own), subject.ALL_UP, subject.ALL_DOWN, ">", "*"]
    for where in [*wrong, f"{subject.INBOX}.>", "$SYS.>"]:
        before = len(stranger.errors)
        await stranger.listen(where)
        await until(lambda before=before: len(stranger.errors) > before, where)
    for where in (
        subject.up(sibling, "c"),
        subject.down(sibling, "c"),
        subject.down(own, "c"),
        f"{subject.INBOX}.x.y",
        subject.RELOAD.format("any"),
        "$SYS.REQ.SERVER.PING",
    ):
        before = len(stranger.errors)
        await stranger.say(where)
        await until(lambda before=before: len(stranger.errors) > before, where)
    assert all("permissions violation" in error for error in stranger.errors)
    quiet = len(stranger.errors)
    await stranger.listen(subject.down(own))
    await stranger.say(subject.up(own, "c"))
    await until(lambda: stranger.heard, "the parent answers whoever speaks on a connection that it does not know")
    assert len(stranger.errors) == quiet
    await shut(stranger.client)


async def test_a_good_certificate_alone_opens_no_connection(parent, federation) -> None:
    """A child that proves with the record key of another is refused by the parent, and nothing of it is heard."""
    own, other = federation.keystore("26374"), federation.keystore("735")
    mixed = dataclasses.replace(own, key_id=other.key_id, _sign_key=other._sign_key)
    link = served_link(mixed, federation.registry_file("26374"), lambda *_: None, federation.home("26374"))
    with pytest.raises(LinkError) as caught:
        await link.dial(parent.address, federation.name("731"))
    assert caught.value.code == "WRONG_KEY"
    assert parent.refused == ["WRONG_KEY"]
    assert parent.channels == []
    await link.close()


async def in_the_end(attempt):
    """What an attempt gives once it succeeds."""
    for _ in range(400):
        try:
            return await attempt()
        except LinkError:
            await asyncio.sleep(0.05)
    return await attempt()


async def to_the_end(channel) -> None:
    while True:
        await channel.receive()


async def test_a_newcomer_comes_in_and_a_revoked_one_is_put_out_without_a_restart(parent, federation) -> None:
    sibling = second_child(federation)
    with pytest.raises(LinkError) as caught:
        await Stranger.enter(federation.keystore("26377"), parent)
    assert caught.value.code == "TLS_REFUSED"
    parent.link.needs.registry.offer(federation.authority.registry_raw)
    newcomer = await in_the_end(lambda: Stranger.enter(federation.keystore("26377"), parent))
    federation.authority.revoke(sibling, federation.now)
    parent.link.needs.registry.offer(federation.authority.registry_raw)
    await until(newcomer.closed.is_set)


async def test_the_server_itself_refuses_what_is_too_large(parent, federation, monkeypatch) -> None:
    stranger = await Stranger.enter(federation.keystore("26374"), parent)
    monkeypatch.setattr(stranger.client, "_max_payload", 8 << 20)
    await stranger.client.publish(subject.up(federation.name("26374"), "c"), bytes(2 << 20))
    await until(stranger.closed.is_set)
    await until(lambda: "maximum payload" in parent.link.server.log.read_text().lower())


def child_link(federation) -> ServedNatsLink:
    home = federation.home("26374")
    return served_link(federation.keystore("26374"), federation.registry_file("26374"), lambda *_: None, home)


async def dialled(parent: Parent, federation):
    link = child_link(federation)
    channel = await link.dial(parent.address, federation.name("731"))
    await until(lambda: parent.channels)
    return link, channel


def note(text: str) -> Envelope:
    return Envelope(frame=FrameDelivery(frame=text.encode()))


async def test_the_first_message_after_a_restart_of_the_server_arrives(parent, federation) -> None:
    """nats.py #529: the first publish after a reconnection fails; here a broken connection is never used again."""
    link, channel = await dialled(parent, federation)
    await parent.link.server.stop()
    with pytest.raises(LinkError):
        await channel.receive()
    with pytest.raises(LinkError):
        await channel.send(note("into nothing"))
    await channel.close("DONE", "")
    await parent.link.server.start()
    parent.channels.clear()
    again = await in_the_end(lambda: link.dial(parent.address, federation.name("731")))
    await again.send(note("first"))
    await until(lambda: parent.channels)
    assert (await parent.channels[0].receive()).frame.frame == b"first"
    await link.close()


async def test_a_parent_that_began_anew_tells_a_child_at_once(parent, federation) -> None:
    """The server goes on, the parent behind it is another process: what it does not know is over."""
    link, channel = await dialled(parent, federation)
    counter = parent.link._counter
    counter._channels.clear()
    await channel.send(note("to the one before"))
    with pytest.raises(LinkError, match="ended the connection"):
        await to_the_end(channel)
    await link.close()


async def test_a_parent_that_died_is_noticed_by_the_next_message(parent, federation) -> None:
    link, channel = await dialled(parent, federation)
    parent.link._counter._client._transport._io_writer.transport.abort()
    await until(lambda: parent.link._counter._client.is_closed)
    with contextlib.suppress(LinkError):
        await channel.send(note("is anybody there"))
    with pytest.raises(LinkError, match="CLOSED"):
        await channel.receive()
    await link.close()


async def test_a_server_without_a_parent_behind_it_is_said(parent, federation) -> None:
    parent.link.keeps_server = True
    await parent.link.close()
    link = child_link(federation)
    try:
        with pytest.raises(LinkError, match="a NATS server answers") as caught:
            await link.dial(parent.address, federation.name("731"))
        assert caught.value.code == "UNREACHABLE"
    finally:
        await parent.link.server.stop()


async def test_the_parent_comes_back_to_its_server_by_itself(parent, federation) -> None:
    link, channel = await dialled(parent, federation)
    before = parent.link._counter._client
    before._transport._io_writer.transport.abort()
    await until(lambda: parent.link._counter._client is not before and parent.link._counter._client.is_connected)
    await channel.close("DONE", "")
    again = await link.dial(parent.address, federation.name("731"))
    await again.close("DONE", "")
    await link.close()


async def test_a_doubled_message_is_heard_once_and_ends_nothing(parent, federation) -> None:
    link, channel = await dialled(parent, federation)
    await channel.send(note("one"))
    channel._sent -= 1
    await channel.send(note("one"))
    await channel.send(note("two"))
    assert [(await parent.channels[0].receive()).frame.frame for _ in "12"] == [b"one", b"two"]
    await link.close()


async def test_a_lost_message_ends_the_connection_with_that_word(parent, federation) -> None:
    link, channel = await dialled(parent, federation)
    await channel.send(note("one"))
    channel._sent += 1
    await channel.send(note("three"))
    accepted = parent.channels[0]
    assert (await accepted.receive()).frame.frame == b"one"
    with pytest.raises(LinkError, match="LOST"):
        await accepted.receive()
    await link.close()


async def test_who_sends_more_than_can_be_held_is_cut_off_and_others_are_not(parent, federation) -> None:
    link, channel = await dialled(parent, federation)
    accepted = parent.channels[0]
    accepted._most_bytes = 3 << 20
    for number in range(5):
        await channel.send(note(str(number) * 900_000))
    await until(lambda: accepted._end is not None)
    with pytest.raises(LinkError, match="CREDIT"):
        await to_the_end(accepted)
    await link.close()


async def test_a_child_has_a_few_connections_at_most(parent, federation) -> None:
    link, _ = await dialled(parent, federation)
    for _ in range(3):
        await link.dial(parent.address, federation.name("731"))
    with pytest.raises(LinkError) as caught:
        await link.dial(parent.address, federation.name("731"))
    assert caught.value.code == "TOO_MANY"
    await link.close()


async def test_what_is_no_message_of_the_link_ends_one_connection_only(parent, federation) -> None:
    link, channel = await dialled(parent, federation)
    back = channel._to
    await channel._client.publish(back, b"\xff\xff\xff")
    with pytest.raises(LinkError, match="FORM"):
        await parent.channels[0].receive()
    await channel._client.publish(subject.up(federation.name("26374"), "other"), Parcel(number=1).SerializeToString())
    await link.close()
    link, channel = await dialled(parent, federation)
    await link.close()


async def test_without_a_server_the_parent_starts_says_so_and_comes_in_later(federation, monkeypatch) -> None:
    said: list[str] = []
    home, registry = federation.home("731"), federation.registry_file("731")
    link = served_link(federation.keystore("731"), registry, lambda *words: said.append(words[1]), home)
    monkeypatch.setattr(nats_channel, "CONNECT_LIMIT_S", 1.0)
    port = free_port()
    side = Side(link)
    link._counter = Counter(link.needs, f"127.0.0.1:{port}", side.accept)
    await link._counter.open()
    assert said == ["NO_SERVER"]
    assert link.needs.server_file.exists()
    link.server = Server(link.needs.server_file, port)
    await link.server.start()
    await until(lambda: link._counter._client is not None)
    await link.close()


async def test_a_cancellation_that_the_client_takes_for_a_time_out_does_not_keep_the_link_open(
    federation, monkeypatch
) -> None:
    asked = asyncio.Event()

    async def request(*_words, **_more):
        asked.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as error:
            raise TimeoutError from error

    monkeypatch.setattr(Client, "request", request)
    home, registry = federation.home("731"), federation.registry_file("731")
    link = served_link(federation.keystore("731"), registry, lambda *_words: None, home)
    await link.listen("127.0.0.1:0", Side(link).accept)
    await asked.wait()
    await asyncio.wait_for(link.close(), 60)
