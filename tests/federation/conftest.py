from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.fakes.authority import DONG_NAI, FakeFederation, small_federation
from tests.federation.nodes import Node

# Province, two districts, one commune each.
FIVE = tuple(one for one in DONG_NAI if one[0] in {"75", "731", "735", "26374", "26173"})


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> FakeFederation:
    """Read only: keys and a registry for tests that write no node's folder."""
    return small_federation(tmp_path_factory.mktemp("world"), centres=FIVE)


@pytest.fixture
def federation(tmp_path: Path) -> FakeFederation:
    return small_federation(tmp_path, centres=FIVE)


@pytest.fixture
async def nodes(federation: FakeFederation) -> AsyncIterator[Callable[..., Node]]:
    """Makes nodes and stops them all at the end."""
    made: list[Node] = []

    def make(code: str, **rest: object) -> Node:
        made.append(Node(federation, code, **rest))
        return made[-1]

    yield make
    for node in reversed(made):
        await node.stop()
