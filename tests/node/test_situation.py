"""The situation of a centre: silence is unknown, never zero."""

from datetime import timedelta

import pytest

from federation.alarm import LinkAlarm
from federation.peer import PeerState
from node.api.situation import situation_message
from node.role import PERMISSIONS, Principal, Role
from tests.fakes.authority import DONG_NAI
from tests.simulation.posts import Tree


@pytest.fixture
def tree(tmp_path):
    found = Tree(tmp_path, [one for one in DONG_NAI if one[0] in {"75", "731", "26374", "26377"}])
    yield found
    found.close()


def look(post, role=Role.OPERATOR):
    principal = Principal(username="a", display_name="A", role=role, area_code=None, permissions=PERMISSIONS[role])
    return situation_message(post.context, principal)


def tiles(post):
    return {tile["key"]: tile for tile in look(post)["tiles"]}


def test_a_centre_that_nobody_has_heard_is_unknown_and_not_zero(tree):
    found = look(tree.province)
    below = next(tile for tile in found["tiles"] if tile["key"] == "below")
    assert below["value"] is None
    assert below["state"] == "unknown"
    assert below["coverage"] == {"received": 0, "expected": 3}
    others = [one for one in found["centres"] if one["code"] != "75"]
    assert {one["state"] for one in others} == {"unknown"}
    assert {(one["open_incidents"], one["waiting"], one["as_of"]) for one in others} == {(None, None, None)}


def test_figures_wear_their_coverage_and_age(tree):
    tree.commune.open_litter()
    tree.commune.announce()
    tree.district.announce()
    tree.carry()
    below = tiles(tree.province)["below"]
    assert (below["value"], below["state"]) == (1, "watch")
    assert below["coverage"] == {"received": 2, "expected": 3}
    assert below["as_of"] == tree.clock.now().isoformat()
    tree.posts["26377"].announce()
    tree.carry()
    assert (tiles(tree.province)["below"]["value"], tiles(tree.province)["below"]["state"]) == (1, "ok")


def test_a_centre_that_falls_silent_takes_its_figure_with_it(tree):
    tree.commune.open_litter()
    for post in tree.posts.values():
        post.announce()
    tree.carry()
    tree.later(seconds=60)
    states = {one["code"]: one["state"] for one in look(tree.province)["centres"]}
    assert states["26374"] == "late"
    tree.later(minutes=5)
    found = look(tree.province)
    commune = next(one for one in found["centres"] if one["code"] == "26374")
    assert (commune["state"], commune["open_incidents"]) == ("silent", None)
    assert commune["as_of"] is not None
    assert tiles(tree.province)["below"]["value"] is None


def test_a_leaf_has_no_figures_about_others_and_stands_for_itself(tree):
    found = look(tree.commune)
    assert [one["code"] for one in found["centres"]] == ["26374"]
    assert not {"below", "centres"} & {tile["key"] for tile in found["tiles"]}
    assert found["centre"]["tree_label"]


def test_counts_of_the_centres_own_book(tree):
    tree.commune.open_litter()
    grave = tree.commune.open_flood()
    tree.commune.escalate(grave.id)
    tree.carry()
    own = tiles(tree.commune)
    assert (own["open"]["value"], own["grave"]["value"], own["away"]["value"]) == (2, 1, 1)
    assert own["grave"]["state"] == "alarm"
    district = tiles(tree.district)
    assert (district["open"]["value"], district["offered"]["value"]) == (1, 1)
    tree.later(hours=3)
    assert tiles(tree.commune)["overdue"]["value"] == 2


def test_an_unanswered_offer_rings_at_both_ends_only(tree):
    one = tree.commune.open_flood()
    tree.commune.escalate(one.id)
    tree.carry()
    assert look(tree.commune)["alarms"] == []
    tree.later(minutes=5, seconds=1)
    for post in (tree.commune, tree.district):
        (alarm,) = look(post)["alarms"]
        assert alarm["code"] == "OFFER_UNANSWERED"
        assert one.number in alarm["detail"]
        assert alarm["origin"] == "COC phường Tam Phước"
        assert alarm["peer"] == "OC thành phố Biên Hòa"
    assert look(tree.province)["alarms"] == []


def test_links_and_alarms_are_told_with_titles(tree):
    now = tree.clock.now()
    district, commune = tree.district.name, tree.commune.name
    tree.province.links = [
        PeerState(
            name=district,
            relation="child",
            connected=False,
            since=now,
            last_error="đứt",
            waiting={"urgent": 2},
            parked=1,
        )
    ]
    tree.province.context.alarms = lambda: [
        LinkAlarm(now - timedelta(minutes=1), "BAD_ORIGIN_SIG", district, commune, "x"),
        LinkAlarm(now, "SOMETHING_NEW", "", "", "y"),
    ]
    found = look(tree.province)
    (link,) = found["links"]
    assert (link["title"], link["connected"], link["waiting"]) == ("OC thành phố Biên Hòa", False, {"urgent": 2})
    assert [alarm["code"] for alarm in found["alarms"]] == ["SOMETHING_NEW", "BAD_ORIGIN_SIG"]
    assert found["alarms"][1]["origin"] == "COC phường Tam Phước"
    waiting = next(tile for tile in found["tiles"] if tile["key"] == "waiting")
    assert (waiting["value"], waiting["state"]) == (2, "watch")
    assert look(tree.province, Role.CITIZEN)["links"] == []


def test_without_links_what_waits_is_unknown(tree):
    assert tiles(tree.province)["waiting"]["value"] is None


def test_a_planned_centre_is_not_expected_yet(tree):
    tree.federation.plan("25993", "COC phường Trảng Dài", "coc", "731")
    tree.province.registry.offer(tree.federation.authority.registry_raw)
    assert tiles(tree.province)["below"]["coverage"]["expected"] == 3
    tree.federation.enrol("25993")
    tree.province.registry.offer(tree.federation.authority.registry_raw)
    assert tiles(tree.province)["below"]["coverage"]["expected"] == 4
