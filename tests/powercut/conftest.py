import os
from pathlib import Path

import pytest

from tests.powercut import preload

Built = Path


@pytest.fixture(scope="session")
def compiler(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The library that is preloaded; without a compiler the test is skipped, where it counts it fails."""
    try:
        return preload.build(tmp_path_factory.mktemp("preload"))
    except preload.NoCompiler as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))
