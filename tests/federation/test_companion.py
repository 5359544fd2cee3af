"""What goes beside a frame arrives with it, is under no signature, and no larger than it may be."""

import pytest

from federation.companion import LARGEST, NOTHING
from federation.receiver import Opened
from federation.v1 import link_pb2
from tests.simulation.posts import Tree


class Heard:
    """A companion that remembers what came."""

    def __init__(self):
        self.given = []

    def beside(self, connection, stream, raw):
        _ = connection, stream
        return b"key of " + raw[-8:]

    def arrived(self, connection, peer, given):
        _ = connection
        self.given.append((peer, given))


@pytest.fixture
def tree(tmp_path):
    found = Tree(tmp_path)
    yield found
    found.close()


def a_frame(tree):
    tree.commune.open_flood()
    tree.commune.seal()
    return next(sent for sent in tree.commune.frames() if sent[0].lane == "urgent")


def test_it_arrives_once_for_each_time_that_the_frame_is_taken_and_never_without_it(tree):
    heard = tree.district.receiver.companion = Heard()
    key, _, raw = a_frame(tree)
    altered = raw[:-1] + bytes([raw[-1] ^ 1])
    tree.district.take(tree.commune.name, key, altered, b"x")
    assert heard.given == [], "a frame that is refused brings nothing"
    tree.district.take(tree.commune.name, key, raw, b"x")
    tree.district.take(tree.commune.name, key, raw, b"")
    assert heard.given == [(tree.commune.name, b"x")]


def test_what_is_too_long_is_cut_and_a_node_without_a_companion_keeps_nothing(tree):
    key, _, raw = a_frame(tree)
    delivery = link_pb2.FrameDelivery(
        frame=raw, origin=key.origin, lane=key.lane, audience=key.audience, beside=bytes(LARGEST + 9)
    )
    opened = tree.district.receiver.open(delivery, tree.commune.name)
    assert isinstance(opened, Opened)
    assert len(opened.beside) == LARGEST
    assert NOTHING.beside(None, key, raw) == b""
    assert NOTHING.arrived(None, "", b"x") is None
