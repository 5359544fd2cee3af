"""The federation of one end-to-end test, ended with it."""

import pytest

from tests.e2e.stage import Federation


@pytest.fixture
async def federation(tmp_path):
    federation = Federation(tmp_path)
    yield federation
    await federation.stop()
