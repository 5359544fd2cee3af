"""Until its neighbours have told all, a restored centre answers for everything and decides nothing: 503, in words."""

import pytest

from node.errors import Conflict, CustodyLocked
from node.incident.value import Status
from tests.simulation.posts import Tree


@pytest.fixture
def commune(tmp_path):
    tree = Tree(tmp_path)
    tree.commune.is_locked = True
    yield tree.commune
    tree.close()


def test_what_decides_about_custody_waits_and_says_so(commune) -> None:
    one = commune.open_litter()
    commune.act(one.id, "receive")
    with pytest.raises(CustodyLocked) as caught:
        commune.escalate(one.id)
    problem = caught.value.problem()
    assert (problem["status"], problem["code"]) == (503, "CUSTODY_LOCKED")
    assert problem["detail"].startswith("Trung tâm vừa được khôi phục")
    assert "chưa được ghi nhận" in problem["detail"]
    assert commune.find(one.id).custody.offered_to is None
    with pytest.raises(CustodyLocked):
        commune.act(one.id, "resolve", note="đã dọn")


def test_what_would_not_be_possible_anyhow_is_a_conflict_as_ever(commune) -> None:
    one = commune.open_litter()
    with pytest.raises(Conflict):
        commune.act(one.id, "withdraw")


def test_care_goes_on_and_all_is_free_once_everybody_has_told(commune) -> None:
    one = commune.open_litter()
    commune.act(one.id, "receive")
    commune.act(one.id, "note", note="đang đến")
    commune.is_locked = False
    assert commune.act(one.id, "resolve", note="đã dọn").status is Status.RESOLVED
