import contextlib

import pytest

from tests.node.intake.stage import Stage

# Twenty a second, as by default; five seconds' worth may come at once, so that a short flood meets the quota.
QUOTA = "all_reports_per_s = 20\n"


@pytest.fixture(scope="session")
def stage(tmp_path_factory):
    with contextlib.ExitStack() as stack:
        made = Stage(stack, tmp_path_factory.mktemp("door"), citizen=QUOTA)
        made.district.start()
        made.start_node()
        made.start_intake()
        yield made
