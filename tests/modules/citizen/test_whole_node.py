"""The module in a commune put together as it is served: settings, catalog, guard, limits, entrance."""

import http.client
import json
import threading

import httpx
import pytest
import uvicorn

from node.api.docs import routes
from node.app import Node
from node.catalog import CatalogError
from node.settings import Settings
from tests.fakes.authority import THREE_TIERS, small_federation
from tests.fakes.ports import free_port
from tests.modules.citizen import pictures
from tests.modules.citizen.centre import BASE, JSON, PAGE, TERRITORY, form

ON = '[modules]\nenabled = ["citizen"]\n'


@pytest.fixture
def commune(tmp_path):
    federation = small_federation(tmp_path, centres=THREE_TIERS)
    code, title, tier, _ = THREE_TIERS[-1]
    federation.registry_file(code)
    home = federation.home(code)

    def put_together(more=ON):
        file = home / "node.toml"
        file.write_text(
            f'[node]\ntier = "{tier}"\ncode = "{code}"\ntitle = "{title}"\nfolder = "."\n'
            f'[territory]\nfile = "{TERRITORY}"\n{more}',
            "utf-8",
        )
        made.append(Node(Settings.load(file)))
        return made[-1]

    made = []
    yield put_together
    for node in made:
        node.close()


@pytest.fixture
def served(commune):
    node = commune()
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(node.app, host="127.0.0.1", port=port, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        threading.Event().wait(0.02)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        yield client
    server.should_exit = True
    thread.join(15)


def test_a_report_with_a_large_photograph_passes_all_limits(served):
    photo = pictures.noise((2600, 2000))
    assert len(photo) > 2 * 1024 * 1024
    answer = served.post(f"{BASE}/api/reports", data=form(), files={"photo": ("a.jpg", photo)}, headers=JSON)
    assert answer.status_code == 201, answer.text
    found = served.get(f"{BASE}/api/reports/{answer.json()['code']}").json()
    assert found["timeline"][0]["centre"] == THREE_TIERS[-1][1]


def test_too_much_is_answered_in_words_and_not_by_a_cut_line(served):
    body = b"\xff\xd8\xff" + bytes(13 * 1024 * 1024)
    for headers in (JSON, PAGE):
        answer = served.post(f"{BASE}/api/reports", data=form(), files={"photo": ("a.jpg", body)}, headers=headers)
        assert answer.status_code == 413
        assert "12 MB" in answer.text


def test_a_claim_of_a_gigabyte_is_refused_at_once(served):
    line = http.client.HTTPConnection(served.base_url.host, served.base_url.port, timeout=30)
    line.putrequest("POST", f"{BASE}/api/reports")
    line.putheader("content-type", "multipart/form-data; boundary=b")
    line.putheader("content-length", str(1024**3))
    line.endheaders()
    answer = line.getresponse()
    assert answer.status == 413
    line.close()


def test_the_pages_keep_their_strict_headers_behind_the_nodes_guard(served):
    answer = served.get(f"{BASE}/")
    assert answer.status_code == 200
    assert answer.headers.get_list("content-security-policy") == [answer.headers["content-security-policy"]]
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert served.get("/", follow_redirects=True).url.path == f"{BASE}/"


def test_problems_are_problem_documents(served):
    answer = served.post(f"{BASE}/api/reports", files={"x": ("", b"")}, headers=JSON)
    assert answer.status_code == 422
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert {error["field"] for error in answer.json()["errors"]} == {"category", "description", "key"}


def test_every_route_is_public_or_names_its_permission(commune):
    listed = {(one.method, one.path): one.permission for one in routes(commune().app) if one.path.startswith(BASE)}
    assert listed[("POST", f"{BASE}/api/reports")] is not None
    desk = {path: permission for (_, path), permission in listed.items() if "/api/desk/" in path}
    assert len(desk) == 8
    assert not any("public" in str(permission).lower() for permission in desk.values())
    assert None not in listed.values()


def test_the_reference_describes_the_form(served):
    described = served.get("/openapi.json").json()["paths"][f"{BASE}/api/reports"]["post"]
    assert "photo" in json.dumps(described["requestBody"])


def test_a_wrong_setting_is_named(commune):
    with pytest.raises(CatalogError, match="identity_day"):
        commune(ON + "[modules.citizen]\nidentity_day = 3\n")


def test_switched_off_and_on_again_nothing_is_lost(commune):
    node = commune()
    with node.context.database.engine.connect() as connection:
        assert connection.exec_driver_sql("select count(*) from citizen_report").scalar() == 0
    node.close()
    commune("").close()
    again = commune()
    assert [module.name for module in again.context.modules] == ["citizen"]
