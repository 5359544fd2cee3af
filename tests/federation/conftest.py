import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from tests.fakes.authority import DONG_NAI, FakeFederation, small_federation
from tests.fakes.postgresql import NoPostgresql, Postgresql
from tests.federation.nodes import Node

# Province, two districts, one commune each.
FIVE = tuple(one for one in DONG_NAI if one[0] in {"75", "731", "735", "26374", "26173"})


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> FakeFederation:
    """Read only: keys and a registry for tests that write no node's folder."""
    return small_federation(tmp_path_factory.mktemp("world"), centres=FIVE)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Postgresql]:
    """One server for all tests of delivery; each takes databases of its own."""
    try:
        server = Postgresql()
    except NoPostgresql as reason:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no PostgreSQL here: {reason}")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where an SQLite file lies, after its first use, that others begin as copies of."""
    return tmp_path_factory.mktemp("model") / "model.db"


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
