"""An account for an area gets nothing of another: every GET route of the document is walked, and so are the pushes.

One district holds reports, photographs, audit lines, alarms and links of two communes. What belongs to the second
bears canary words, its centre's name and its numbers; a leader for the first one must meet none of them anywhere.
"""

import io
import json
import re
from dataclasses import dataclass
from datetime import timedelta

import pytest
from PIL import Image
from starlette.testclient import TestClient

from federation.alarm import LinkAlarm
from federation.peer import PeerState
from node import audit, presence
from node.presence import Presence
from node.role import Role
from tests.fakes.module_node import PASSWORD, ModuleNode
from tests.modules.citizen.centre import PHUOC_TAN, TAM_PHUOC, form

WORD, PHONE = "hoàng-yến", "0912345678"
OWN_AREA, OTHER_AREA = "26374", "26377"
# What everybody may read: who is where on the map of units is no secret, and a receipt is its holder's own key.
OPEN = {"/api/v1/territory", "/modules/citizen/", "/modules/citizen/published", "/modules/citizen/api/locate"}


def photograph(green):
    raw = io.BytesIO()
    Image.new("RGB", (64, 48), (90, green, 60)).save(raw, "JPEG")
    return ("a.jpg", raw.getvalue(), "image/jpeg")


@dataclass
class Walk:
    district: ModuleNode
    own: dict
    other: dict
    canaries: tuple[str, ...]

    def paths(self):
        """Every GET route with what it names filled in, once for each area's own."""
        for path, methods in sorted(self.district.node.app.openapi()["paths"].items()):
            if "get" in methods and path not in OPEN:
                for one in (self.own, self.other):
                    values = {
                        "incident_id": one["incident_id"],
                        "digest": one["digest"],
                        "code": "incident.open" if "/figures/" in path else "MMMM-MMMM-MMMM",
                        "name": "citizen.css",
                    }
                    yield path, re.sub(r"{(\w+)}", lambda found, values=values: values[found[1]], path)

    def asked(self, path):
        """The route as it is, and with each filter that names what the other area has."""
        yield {}
        if path == "/api/v1/incidents":
            yield from ({"q": WORD}, {"q": self.other["number"]}, {"q": self.other["code"]}, {"open": "false"})
        elif "/audit" in path and not path.endswith("acts"):
            yield from ({"subject": self.other["incident_id"]}, {"actor": f"can-bo.{WORD}"}, {"act": "incident."})
        elif "/figures" in path:
            yield from ({"area": OTHER_AREA}, {"area": OWN_AREA})
        elif path.endswith("/desk/reports"):
            yield {"code": self.other["code"]}

    def met(self, text):
        """Which canaries stand in an answer, however its words are written."""
        plain = text.encode().decode("unicode_escape", "replace") if "\\u" in text else text
        whole = [re.compile(rf"{re.escape(word)}(?![0-9])", re.IGNORECASE) for word in self.canaries]
        return [one.pattern for one in whole if one.search(text) or one.search(plain)]

    def found(self, client):
        """Where a canary was met, by route, and every route that answered with something."""
        met, answered = {}, set()
        for path, concrete in self.paths():
            for query in self.asked(path):
                answer = client.get(concrete, params=query)
                assert answer.status_code < 500, (concrete, answer.text)
                if answer.status_code == 200:
                    answered.add(path)
                if words := self.met(answer.text + str(answer.headers)):
                    met.setdefault(path, []).append((query, words))
        return met, answered


def sent(district, client, words, where, **more):
    """A report that came in, with the incident that it opened and the photograph's digest."""
    fields = form(description=f"Cây đổ chắn đường, {words}", **where, name=f"Bà {words}", **more)
    answer = client.post(
        "/modules/citizen/api/reports",
        data=fields,
        files={"photo": photograph(100 + len(words))},
        headers={"accept": "application/json"},
    )
    assert answer.status_code == 201, answer.text
    code = answer.json()["code"]
    desk = district.signed_in(f"doc.{len(words)}", Role.LEADER)
    (item,) = desk.get("/modules/citizen/api/desk/reports", params={"code": code}).json()["items"]
    (one,) = desk.get(f"/api/v1/incidents/{item['incident_id']}/originals").json()["items"]
    return {"incident_id": item["incident_id"], "code": code, "digest": one["digest"], "number": item["number"]}


def furnish(district):
    """Two areas' worth of everything that the node keeps or shows."""
    people, context = district.client(), district.context
    own = sent(district, people, "của mình", TAM_PHUOC)
    other = sent(district, people, WORD, PHUOC_TAN, phone=PHONE, urgency="danger")
    registry = context.registry.current
    commune = registry.by_code(OTHER_AREA).name
    near, now = registry.by_code(OWN_AREA).name, context.clock.now()
    peers = [
        PeerState(name=commune, relation="child", connected=False, last_error=WORD),
        PeerState(name=near, relation="child", connected=True, since=now),
        PeerState(name=registry.by_code("75").name, relation="parent", connected=True, since=now),
    ]
    alarms = [
        LinkAlarm(now, "GAP", commune, commune, WORD),
        LinkAlarm(now, "PARKED", near, commune, WORD),
        LinkAlarm(now, "STORAGE", "", "", f"of {WORD}"),
    ]
    object.__setattr__(context, "peers", lambda: peers)
    object.__setattr__(context, "alarms", lambda: alarms)
    for name, version in ((near, "1"), (commune, WORD)):
        said = Presence(
            centre=name, as_of=now, received_at=now, open_incidents=3, waiting=0, version=version, period_s=15
        )
        context.database.write(lambda session, said=said: presence._keep(session, said))
    staff = district.signed_in("can-bo.hoangyen", Role.OPERATOR, OTHER_AREA)
    version = staff.get(f"/api/v1/incidents/{other['incident_id']}").json()["version"]
    done = staff.post(
        f"/api/v1/incidents/{other['incident_id']}/actions",
        json={"name": "receive", "version": version, "note": f"Gọi {WORD}"},
    )
    assert done.status_code == 200, done.text
    told = staff.post(
        f"/modules/citizen/api/desk/reports/{other['incident_id']}/identity", json={"reason": f"gọi lại cho {WORD}"}
    )
    assert told.status_code == 200, told.text

    def audited(session):
        for act in ("audit.export", "parked.replay", "incident.note", "ledger.mend"):
            audit.record(session, actor=f"can-bo.{WORD}", act=act, subject=WORD, detail={"reason": WORD}, now=now)

    context.database.write(audited)
    district.clock.advance(timedelta(days=1, minutes=5).total_seconds())
    district.close_figures()
    canaries = (WORD, PHONE, commune, "hoangyen", "COC phường Phước Tân", *other.values())
    return Walk(district, own, other, canaries)


@pytest.fixture(scope="module")
def walk(tmp_path_factory):
    with ModuleNode(tmp_path_factory.mktemp("walk"), "citizen", code="731") as district:
        yield furnish(district)


@pytest.fixture(scope="module")
def limited(walk):
    return walk.district.signed_in("lanh-dao.phuong", Role.LEADER, OWN_AREA)


def test_a_limited_leader_meets_nothing_of_the_other_area_on_any_route(walk, limited):
    met, answered = walk.found(limited)
    assert met == {}
    assert {"/api/v1/situation", "/api/v1/audit", "/api/v1/audit/table", "/api/v1/figures", "/api/v1/links"} <= answered
    assert {"/api/v1/incidents/{incident_id}", "/modules/citizen/api/desk/reports/{incident_id}/photo"} <= answered


def test_the_walk_would_see_it(walk):
    """The same walk of a leader for the whole district meets the canaries wherever there is something to meet."""
    met, _ = walk.found(walk.district.signed_in("lanh-dao.quan", Role.LEADER))
    assert {
        "/api/v1/audit",
        "/api/v1/audit/table",
        "/api/v1/health",
        "/api/v1/incidents",
        "/api/v1/incidents/{incident_id}",
        "/api/v1/incidents/{incident_id}/originals",
        "/api/v1/links",
        "/api/v1/situation",
        "/modules/citizen/api/desk/reports",
        "/modules/citizen/api/desk/reports/{incident_id}",
    } <= set(met)


def test_what_is_pushed_stays_in_the_area_and_says_so(walk, limited):
    cookie = {"cookie": "; ".join(f"{name}={value}" for name, value in limited.cookies.items())}
    with walk.district.client().websocket_connect("/ws", headers=cookie) as screen:
        pushed = [screen.receive_json(), screen.receive_json()]
    assert {one["type"] for one in pushed} == {"situation", "incidents"}
    assert walk.met(json.dumps(pushed, ensure_ascii=False)) == []
    assert {one["data"]["area"]["area_name"] for one in pushed} == {"Phường Tam Phước"}


def test_every_figure_of_a_limited_account_names_its_area(walk, limited):
    found = limited.get("/api/v1/situation").json()
    assert found["area"] == {"area_code": OWN_AREA, "area_name": "Phường Tam Phước", "limited": True}
    tiles = {tile["key"]: tile for tile in found["tiles"]}
    assert {tile["area_name"] for tile in tiles.values()} == {"Phường Tam Phước"}
    assert tiles["open"]["title"].endswith("(Phường Tam Phước)")
    assert "địa bàn Phường Tam Phước" in tiles["open"]["source"]
    assert tiles["open"]["value"] == 1
    assert tiles["below"]["coverage"]["expected"] == 1
    me = next(one for one in found["centres"] if one["code"] == "731")
    assert me["open_incidents"] == 1


def test_a_whole_account_is_told_that_it_is_not_limited(walk):
    leader = walk.district.signed_in("lanh-dao.khac", Role.LEADER, "731")
    for path in ("/api/v1/situation", "/api/v1/incidents", "/api/v1/audit", "/api/v1/links", "/api/v1/health"):
        area = leader.get(path).json()["area"]
        assert (area["area_code"], area["limited"]) == ("731", False), path
    assert "area_name" not in leader.get("/api/v1/situation").json()["tiles"][0]


def test_an_export_of_personal_data_stays_in_the_area(walk, limited):
    for wish in ({"phone": PHONE}, {"code": walk.other["code"]}):
        for path in ("export", "erasure"):
            answer = limited.post(f"/modules/citizen/api/desk/subject/{path}", json={**wish, "reason": "theo yêu cầu"})
            assert walk.met(answer.text) == []
            assert answer.status_code in {200, 404}
            assert answer.status_code == 404 or answer.headers["content-type"] == "application/json"
    left = walk.district.signed_in("lanh-dao.sau", Role.LEADER)
    assert left.get(f"/modules/citizen/api/desk/reports/{walk.other['incident_id']}").json()["has_identity"] is True


def test_acts_on_incidents_of_the_area_are_read_by_its_leader(walk, limited):
    version = limited.get(f"/api/v1/incidents/{walk.own['incident_id']}").json()["version"]
    limited.post(
        f"/api/v1/incidents/{walk.own['incident_id']}/actions", json={"name": "receive", "version": version}
    ).raise_for_status()
    lines = limited.get("/api/v1/audit").json()["items"]
    assert (walk.own["incident_id"], "incident.receive") in {(one["subject"], one["act"]) for one in lines}
    assert ("lanh-dao.phuong", "login.begin") in {(one["subject"], one["act"]) for one in lines}
    assert {"audit.export", "access.refused"} & set(limited.get("/api/v1/audit/acts").json()["items"]) == set()


def test_a_step_that_names_an_incident_of_the_other_area_is_told_that_there_is_none(walk, limited):
    path = f"/api/v1/incidents/{walk.own['incident_id']}"
    told = []
    for number in (walk.other["number"], "731-999999"):
        body = {"name": "duplicate", "version": limited.get(path).json()["version"], "of": number, "note": "trùng"}
        answer = limited.post(f"{path}/actions", json=body)
        assert answer.status_code == 422
        told.append(answer.text.replace(number, "?"))
    assert told[0] == told[1]


@pytest.mark.parametrize(
    ("area", "status"), [("26374", 201), ("731", 201), ("26173", 422), ("75", 422), ("99999", 422)]
)
def test_accounts_are_for_the_centres_own_area_only(walk, area, status):
    admin = walk.district.signed_in(f"quan-tri.{area}", Role.ADMIN)
    body = {"username": f"moi.{area}", "role": "operator", "area_code": area}
    answer = admin.post("/api/v1/accounts", json=body)
    assert answer.status_code == status, answer.text
    admin.post("/api/v1/accounts", json={**body, "username": f"moi2.{area}", "area_code": None}).raise_for_status()
    scoped = admin.put(f"/api/v1/accounts/moi2.{area}/scope", json={"role": "operator", "area_code": area})
    assert scoped.status_code == (200 if status == 201 else 422)
    local = TestClient(walk.district.node.local_app)
    here = local.post("/local/v1/accounts", json={**body, "username": f"moi3.{area}", "password": PASSWORD})
    assert here.status_code == status
