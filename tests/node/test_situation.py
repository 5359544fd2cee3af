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


def cover(tile):
    return {name: tile["coverage"][name] for name in ("received", "expected")}


def test_a_centre_that_nobody_has_heard_is_unknown_and_not_zero(tree):
    found = look(tree.province)
    below = next(tile for tile in found["tiles"] if tile["key"] == "below")
    assert below["value"] is None
    assert below["state"] == "unknown"
    assert cover(below) == {"received": 0, "expected": 3}
    others = [one for one in found["centres"] if one["code"] != "75"]
    assert {one["state"] for one in others} == {"unknown"}
    assert {(one["open_incidents"], one["waiting"], one["as_of"]) for one in others} == {(None, None, None)}


def test_figures_wear_their_coverage_and_age(tree):
    tree.commune.open_litter()
    tree.commune.announce()
    tree.district.announce()
    tree.carry()
    below = tiles(tree.province)["below"]
    assert (below["value"], below["state"]) == (None, "unknown")
    assert below["partial"] == {"value": 1, "missing": ["COC phường Phước Tân"]}
    assert cover(below) == {"received": 2, "expected": 3}
    assert below["as_of"] == tree.clock.now().isoformat()
    tree.posts["26377"].announce()
    tree.carry()
    whole = tiles(tree.province)["below"]
    assert (whole["value"], whole["state"], whole["partial"]) == (1, "ok", None)


def test_a_centre_that_falls_silent_takes_its_figure_with_it(tree):
    tree.commune.open_litter()
    for post in tree.posts.values():
        post.announce()
    tree.carry()
    tree.later(seconds=60)
    states = {one["code"]: one["state"] for one in look(tree.province)["centres"]}
    assert states["26374"] == "late"
    tree.line("26374").is_cut = True
    tree.later(minutes=11)
    tree.district.announce()
    tree.carry()
    found = look(tree.province)
    commune = next(one for one in found["centres"] if one["code"] == "26374")
    assert (commune["state"], commune["open_incidents"]) == ("silent", None)
    assert (commune["reason"], commune["relay"]) == ("silent", None)
    assert commune["as_of"] is not None
    assert tiles(tree.province)["below"]["value"] is None


def centre_states(post):
    return {one["code"]: (one["state"], one["reason"], one["relay"]) for one in look(post)["centres"]}


def test_behind_a_silent_relay_a_centre_is_unknown_and_not_down(tree):
    for post in tree.posts.values():
        post.announce()
    tree.carry()
    tree.line("731").is_cut = True
    tree.later(minutes=5)
    hidden = {"name": tree.district.name, "title": "OC thành phố Biên Hòa"}
    found = centre_states(tree.province)
    assert found["731"] == ("silent", "silent", None)
    assert found["26374"] == found["26377"] == ("unknown", "relay_silent", hidden)
    assert found["75"] == ("live", None, None)


def test_a_cut_line_hides_at_once_who_does_not_speak_any_more(tree):
    """The relay's last word is young, but nothing can come through it: only who spoke lately is still said to live."""
    tree.district.announce()
    tree.commune.announce()
    tree.carry()
    down = PeerState(name=tree.district.name, relation="child", connected=False)
    tree.province.links = [down]
    found = centre_states(tree.province)
    assert found["26374"] == ("live", None, None)
    assert found["26377"][:2] == ("unknown", "relay_silent")
    tree.province.links = []
    assert centre_states(tree.province)["26377"] == ("unknown", "never_heard", None)


def test_one_silent_centre_makes_no_number_smaller(tree):
    """Not one figure about the centres below falls because one of them is not heard: it becomes unknown instead."""
    tree.commune.open_litter()
    for post in tree.posts.values():
        post.announce()
    tree.carry()
    before = tiles(tree.province)
    tree.line("26374").is_cut = True
    tree.later(minutes=11)
    for code in ("731", "26377"):
        tree.posts[code].announce()
    tree.carry()
    after = tiles(tree.province)
    known = [key for key, tile in after.items() if None not in {tile["value"], before[key]["value"]}]
    assert [key for key in known if after[key]["value"] < before[key]["value"]] == ["centres"]  # how many are heard
    assert (after["below"]["value"], after["below"]["state"]) == (None, "unknown")
    assert after["below"]["partial"] == {"value": 0, "missing": ["COC phường Tam Phước"]}
    assert cover(after["below"]) == {"received": 2, "expected": 3}
    assert (after["centres"]["value"], after["centres"]["state"]) == (2, "watch")
    assert cover(after["centres"]) == {"received": 3, "expected": 3}, "of each of them it is known how it is"


def test_the_map_counts_at_this_centre_what_it_answers_for_and_the_tile_its_whole_book(tree):
    one = tree.commune.open_flood()
    tree.carry()
    found = look(tree.district)
    me = next(one for one in found["centres"] if one["code"] == "731")
    book = tiles(tree.district)["open"]
    assert (me["open_incidents"], book["value"]) == (0, 1)  # the commune answers for it, the district knows of it
    assert book["title"] == "Sự cố trong sổ của trung tâm, đang mở"
    assert "kể cả sự cố do nơi khác chịu trách nhiệm" in book["source"]
    tree.commune.escalate(one.id)
    tree.carry()
    tree.district.act(one.id, "accept")
    found = look(tree.district)
    assert next(one for one in found["centres"] if one["code"] == "731")["open_incidents"] == 1


def test_a_leaf_has_no_figures_about_others_and_stands_for_itself(tree):
    found = look(tree.commune)
    assert [one["code"] for one in found["centres"]] == ["26374"]
    assert not {"below", "centres", "offered"} & {tile["key"] for tile in found["tiles"]}
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
        assert alarm["incident"] == {"id": str(one.id), "number": one.number, "title": one.title}
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


def linked(name, relation, connected, since=None):
    return PeerState(name=name, relation=relation, connected=connected, since=since)


def test_a_refusal_names_who_refused_whom_and_no_registry_name(tree):
    now = tree.clock.now()
    province, district = tree.province.name, tree.district.name
    tree.district.context.alarms = lambda: [
        LinkAlarm(now, "PEER_REFUSED", province, "", f"WRONG_KEY: {district} brings another key than the registry's"),
        LinkAlarm(now, "PEER_REFUSED", province, "", f"FOREIGN_PEER: who answers for {province} has no certificate"),
        LinkAlarm(now, "PEER_REFUSED", tree.commune.name, "", "NOT_MY_CHILD: no child"),
        LinkAlarm(now, "TLS_REFUSED", "", "", "Handshake failed"),
    ]
    found = look(tree.district)["alarms"]
    assert [one["title"] for one in found] == [
        "IOC tỉnh Đồng Nai từ chối kết nối của OC thành phố Biên Hòa",
        "OC thành phố Biên Hòa từ chối nơi trả lời ở địa chỉ của IOC tỉnh Đồng Nai: không chứng minh được danh tính",
        "OC thành phố Biên Hòa từ chối kết nối của COC phường Tam Phước",
        "OC thành phố Biên Hòa từ chối một kết nối chưa rõ của ai",
    ]
    assert [one["case"] for one in found] == ["parent", "address", "child", "unknown"]
    assert not any(".lienthong.internal" in one["detail"] for one in found)


def test_a_refusal_is_past_once_the_neighbour_is_connected_again_and_an_event_is_not(tree):
    before, province = tree.clock.now(), tree.province.name
    tree.later(minutes=1)
    refused = LinkAlarm(before, "PEER_REFUSED", province, "", "TLS_REFUSED: closed")
    forged = LinkAlarm(before, "BAD_ORIGIN_SIG", province, "", "x")
    tree.district.context.alarms = lambda: [refused, forged]

    def codes():
        return {one["code"] for one in look(tree.district)["alarms"]}

    tree.district.links = [linked(province, "parent", connected=False, since=tree.clock.now())]
    assert codes() == {"PEER_REFUSED", "BAD_ORIGIN_SIG"}
    tree.district.links = [linked(province, "parent", connected=True, since=tree.clock.now())]
    assert codes() == {"BAD_ORIGIN_SIG"}
    later = LinkAlarm(tree.clock.now() + timedelta(seconds=1), "PEER_REFUSED", province, "", "WRONG_KEY: key")
    tree.district.context.alarms = lambda: [refused, forged, later]
    assert codes() == {"PEER_REFUSED", "BAD_ORIGIN_SIG"}


@pytest.mark.parametrize(
    ("reader", "peer", "code", "title"),
    [
        ("731", "26374", "PARENT_AHEAD", "OC thành phố Biên Hòa có dữ liệu mà COC phường Tam Phước không còn"),
        ("26374", "731", "PARENT_AHEAD", "OC thành phố Biên Hòa có dữ liệu mà COC phường Tam Phước không còn"),
        ("26374", "731", "CHILD_AHEAD", "COC phường Tam Phước có dữ liệu mà OC thành phố Biên Hòa không còn"),
        ("731", "26374", "CHILD_AHEAD", "COC phường Tam Phước có dữ liệu mà OC thành phố Biên Hòa không còn"),
    ],
)
def test_who_holds_more_than_whom_is_the_same_at_both_ends(tree, reader, peer, code, title):
    post = tree.posts[reader]
    post.context.alarms = lambda: [LinkAlarm(tree.clock.now(), code, tree.posts[peer].name, "", "frames")]
    assert [one["title"] for one in look(post)["alarms"]] == [title]
