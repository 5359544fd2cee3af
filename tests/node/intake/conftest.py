import contextlib

import pytest

from tests.node.intake.stage import Stage

# Five seconds' worth may come at once: few enough that a short flood meets the quota.
QUOTA = "all_reports_per_s = 15\n"


@pytest.fixture(scope="session")
def stage(tmp_path_factory):
    with contextlib.ExitStack() as stack:
        made = Stage(stack, tmp_path_factory.mktemp("door"), citizen=QUOTA)
        made.district.start()
        made.start_node()
        made.start_intake()
        yield made
