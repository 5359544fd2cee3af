import pytest

from tests.modules.citizen.centre import CitizenCentre
from tests.modules.citizen.telephone import SMALL, Served
from tests.ui.browser import Watch, browser


@pytest.fixture
def centre(tmp_path):
    with CitizenCentre(tmp_path) as running:
        yield running


@pytest.fixture
def citizen(centre):
    with centre.browser() as visitor:
        yield visitor


@pytest.fixture(scope="module")
def chromium():
    with browser() as opened:
        yield opened


@pytest.fixture
def served(tmp_path):
    with CitizenCentre(tmp_path) as centre:
        running = Served(centre)
        yield running
        running.close()


@pytest.fixture
def phone(chromium, served):
    context = chromium.new_context(viewport=SMALL, permissions=["clipboard-read", "clipboard-write"])
    watch = Watch(context, served.origin)
    yield watch
    watch.is_clean()
    context.close()
