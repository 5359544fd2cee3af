import pytest

from tests.modules.citizen.centre import CitizenCentre


@pytest.fixture
def centre(tmp_path):
    with CitizenCentre(tmp_path) as running:
        yield running


@pytest.fixture
def citizen(centre):
    with centre.browser() as browser:
        yield browser
