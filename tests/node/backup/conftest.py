"""A child and its parent, each with backups of its own."""

import pytest

from tests.fakes.authority import FakeFederation, small_federation
from tests.node.backup.houses import housed


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> FakeFederation:
    return small_federation(tmp_path_factory.mktemp("world"))


@pytest.fixture
def parent(world, tmp_path):
    house = housed(world, "731", tmp_path)
    yield house
    house.centre.storage.close()


@pytest.fixture
def child(world, tmp_path):
    house = housed(world, "26374", tmp_path)
    yield house
    house.centre.storage.close()
