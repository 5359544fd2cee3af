import json
import logging
import sys
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, File, Query, UploadFile
from starlette.testclient import TestClient

from node import errors, journal
from node.access import public
from node.errors import NodeError, Stale, StorageFull
from node.role import PERMISSION_TITLES, Permission

ALL = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, NodeError)]


@pytest.fixture
def client(centre):
    router = APIRouter(prefix="/try", dependencies=[Depends(public)])

    @router.get("/number")
    def number(n: Annotated[int, Query(ge=1)]):
        return n

    @router.post("/body")
    def body(data: dict[str, int]):
        return data

    @router.post("/file", max_body_size=3_000_000)
    def file(upload: Annotated[UploadFile, File()]):
        return upload.size

    @router.get("/stale")
    def stale():
        raise Stale("đã đổi", extra={"version": 7})

    @router.get("/full")
    def full():
        raise StorageFull("chưa ghi nhận")

    @router.get("/bug")
    def bug():
        password = "geheim"
        raise RuntimeError(f"secret inside: {password} at /etc/lienthong")

    centre.app.include_router(router)
    return TestClient(centre.app, raise_server_exceptions=False, follow_redirects=False)


def problem(answer, status, code):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    body = answer.json()
    assert {"type", "title", "status", "detail", "code"} <= set(body)
    assert (body["status"], body["code"]) == (status, code)
    return body


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_each_error_is_a_problem_document(kind):
    body = kind("vì thế", errors=[{"field": "x"}], extra={"more": 1}).problem()
    assert body["detail"] == "Vì thế"
    assert body["errors"] == [{"field": "x"}]
    assert body["more"] == 1
    assert 400 <= body["status"] < 600
    assert body["type"] == f"urn:lienthong:problem:{kind.code}"


def test_operating_errors(client):
    assert problem(client.get("/try/stale"), 409, "stale")["version"] == 7
    full = client.get("/try/full")
    assert problem(full, 507, "storage_full")["title"].startswith("Chưa ghi nhận")
    assert full.headers["retry-after"]


def test_input_that_cannot_be(client):
    body = problem(client.get("/try/number", params={"n": "x"}), 422, "invalid")
    assert body["errors"] == [{"field": "query.n", "message": "phải là số nguyên"}]
    assert body["detail"] == "Dữ liệu chưa hợp lệ ở: query.n"
    body = problem(client.get("/try/number"), 422, "invalid")
    assert body["errors"][0]["message"] == "thiếu mục này"
    body = problem(client.get("/try/number", params={"n": 0}), 422, "invalid")
    assert body["errors"][0]["message"] == "phải lớn hơn hoặc bằng 1"
    broken = client.post("/try/body", content=b"{", headers={"content-type": "application/json"})
    body = problem(broken, 422, "invalid")
    assert body["detail"] == "Nội dung được gửi không phải JSON hợp lệ"
    assert body["errors"] == [{"field": "body", "message": "không phải JSON hợp lệ"}]


def test_no_word_of_the_framework_reaches_a_person(client):
    big = client.post("/try/body", content=b"1" * 1_100_000, headers={"content-type": "application/json"})
    for answer in (client.get("/nothing"), client.delete("/healthz"), big):
        body = answer.json()
        assert body["detail"]
        assert not any(word in body["detail"] for word in ("Not", "Content", "Method", "Large"))


def test_a_head_is_told_what_a_get_is_told_without_the_body(client):
    for path in ("/", "/healthz", "/login", "/api/v1/centre", "/nothing", "/modules/sample/"):
        asked, head = client.get(path), client.head(path)
        assert (head.status_code, head.content) == (asked.status_code, b""), path
        assert head.headers["content-length"] == asked.headers["content-length"]
        assert head.headers.get("location") == asked.headers.get("location")
    assert client.head("/api/v1/session").status_code == 401


def test_a_missing_permission_is_named_by_what_may_not_be_done(centre):
    answer = centre.signed_in().get("/api/v1/accounts")
    assert problem(answer, 403, "forbidden")["detail"] == "Vai trò Cán bộ trực không được quản lý tài khoản"


def test_every_permission_has_words():
    assert set(PERMISSION_TITLES) == set(Permission)


def test_what_is_not_there(client):
    problem(client.get("/nothing"), 404, "not_found")
    problem(client.delete("/healthz"), 405, "method_not_allowed")


def test_a_bug_tells_nothing_of_the_inside(client, caplog):
    answer = client.get("/try/bug")
    body = problem(answer, 500, "internal")
    assert "geheim" not in answer.text
    assert "lienthong/" not in answer.text
    assert "RuntimeError" not in answer.text
    assert body["detail"]
    assert "unforeseen error" in caplog.text


def test_more_bytes_than_are_accepted(client):
    big = b'{"a": 1, "b": ' + b"1" * 1_100_000 + b"}"
    problem(client.post("/try/body", content=big, headers={"content-type": "application/json"}), 413, "too_large")

    def pieces():
        for _ in range(30):
            yield b"1" * 65_536

    headers = {"content-type": "application/json"}
    problem(client.post("/try/body", content=pieces(), headers=headers), 413, "too_large")
    assert client.post("/try/file", files={"upload": b"x" * 2_000_000}).json() == 2_000_000
    problem(client.post("/try/file", files={"upload": b"x" * 3_100_000}), 413, "too_large")


def test_the_headers_that_guard_a_browser(client):
    for path in ("/login", "/api/v1/centre", "/modules/sample/", "/nothing"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'self'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
    assert client.get("/api/v1/centre").headers["cache-control"] == "no-store"


def written(capsys, act):
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    journal.begin(sys.stderr)
    try:
        act(logging.getLogger("test"))
    finally:
        logging.getLogger().handlers[:] = handlers
        logging.getLogger().setLevel(level)
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_the_log_is_json_and_blots_secrets_out(capsys):
    def act(log):
        log.info("opened postgresql://u:geheim@h/d", extra={"peer": "x", "token": "geheim"})
        log.warning("cookie lt_abcdefgh=geheim; path=/")
        log.warning("asked /x?password=geheim&y=1")
        try:
            int("postgresql://u:geheim@h/d")
        except ValueError:
            log.exception("failed")

    lines = written(capsys, act)
    assert [line["level"] for line in lines] == ["info", "warning", "warning", "error"]
    assert lines[0]["peer"] == "x"
    assert lines[0]["message"] == "opened postgresql://u:***@h/d"
    assert "ValueError" in lines[3]["trace"]
    assert "geheim" not in json.dumps(lines)
