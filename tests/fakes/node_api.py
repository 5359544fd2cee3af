"""A node that speaks the HTTP contract from memory, for tests and by hand: `python -m tests.fakes.node_api`."""

import argparse
import asyncio
import base64
import copy
import json
import threading
from datetime import UTC, datetime, timedelta

from aiohttp import WSMsgType, web

from tests.fakes import figure_facts, node_facts
from tests.fakes.node_newcomers import Newcomers
from tests.fakes.node_people import People

COOKIE = "lt_abcdefgh"
PEOPLE = ("dieuhanh", "lanhdao", "quantri", "nguoidan", "quansat", "phuoctan")
PASSWORDS = {name: f"mat-khau-{number}" for number, name in enumerate(PEOPLE, 1)}
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


def problem(status, code, title, detail="", **more):
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, "code": code, **more}
    return web.json_response(body, status=status, content_type="application/problem+json")


class FakeNode:
    """State, routes and the levers a test pulls; runs in its own thread so that synchronous tests can use it."""

    def __init__(self, incidents=None, tick_s=0.5):
        self.incidents = {one["id"]: one for one in (incidents or node_facts.incidents())}
        self.situation = node_facts.situation(self.incidents.values())
        self.sessions = {}
        self.requests = []
        self.uploads = []
        self.acts = []
        self.originals = {}
        self.original = (PIXEL, "image/png")
        self.ticking = True
        self.modules = node_facts.MODULES
        self.refuse_sockets = False
        self.live_items = 100
        self.tiles = {}
        self.centres = {}
        self.alarms = None
        self.refuse_acts = False
        self._tick_s = tick_s
        self._sockets = set()
        self._seq = 0
        self._thread = None
        self.port = 0

    # -- life -------------------------------------------------------------------------------------

    def start(self, port=0):
        started = threading.Event()
        self._loop = asyncio.new_event_loop()

        async def up():
            self._runner = web.AppRunner(self.application(), shutdown_timeout=0.2)
            await self._runner.setup()
            site = web.TCPSite(self._runner, "127.0.0.1", port)
            await site.start()
            self.port = site._server.sockets[0].getsockname()[1]
            self._ticker = asyncio.create_task(self._tick())
            started.set()

        def run():
            asyncio.set_event_loop(self._loop)
            self._loop.create_task(up())
            self._loop.run_forever()

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()
        assert started.wait(10)
        return self

    def stop(self):
        if self._thread is None:
            return

        async def down():
            self._ticker.cancel()
            for socket in list(self._sockets):
                await socket.close()
            await self._runner.cleanup()

        asyncio.run_coroutine_threadsafe(down(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._thread = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    # -- levers -----------------------------------------------------------------------------------

    def session(self, username="dieuhanh"):
        token = f"token-{username}-{len(self.sessions)}"
        self.sessions[token] = username
        return token

    def change(self, incident_id, **fields):
        """Somebody else changed it: version + 1, everyone is told."""
        one = self.incidents[incident_id]
        one.update(fields, version=one["version"] + 1, updated_at=datetime.now(UTC).isoformat())
        self.push()

    def add(self, incident):
        self.incidents[incident["id"]] = incident
        self.push()

    def push(self):
        self._refresh()
        if self._thread is not None:
            asyncio.run_coroutine_threadsafe(self._push(), self._loop).result(10)

    def drop_sockets(self):
        """Every live connection ends, as when rights changed or the node restarted."""

        async def drop():
            for socket in list(self._sockets):
                await socket.close()

        asyncio.run_coroutine_threadsafe(drop(), self._loop).result(10)

    def _refresh(self):
        fresh = node_facts.situation(self.incidents.values())
        tiles = [{**one, **self.tiles.get(one["key"], {})} for one in fresh["tiles"]]
        centres = [{**one, **self.centres.get(one["code"], {})} for one in self.situation["centres"]]
        alarms = fresh["alarms"] if self.alarms is None else self.alarms
        now = datetime.now(UTC).isoformat()
        self.situation = {**self.situation, "tiles": tiles, "centres": centres, "alarms": alarms, "at": now}

    # -- routes -----------------------------------------------------------------------------------

    def application(self):
        application = web.Application(middlewares=[self._note], client_max_size=256 * 1024 * 1024)
        add = application.router.add_route
        add("GET", "/", self._entrance)
        add("GET", "/favicon.ico", self._nothing)
        add("GET", "/healthz", self._health)
        add("GET", "/login", self._login_page)
        add("POST", "/login", self._login)
        add("POST", "/logout", self._logout)
        add("GET", "/api/v1/session", self._session)
        add("GET", "/api/v1/centre", self._centre)
        add("GET", "/api/v1/incidents", self._incidents)
        add("GET", "/api/v1/incidents/{id}", self._incident)
        add("GET", "/api/v1/incidents/{id}/thumbnail", self._thumbnail)
        add("POST", "/api/v1/incidents/{id}/actions", self._act)
        add("GET", "/api/v1/incidents/{id}/originals", self._originals)
        add("POST", "/api/v1/incidents/{id}/originals/{digest}/{act}", self._originals)
        add("GET", "/api/v1/incidents/{id}/originals/{digest}/content", self._original)
        add("GET", "/api/v1/situation", self._situation)
        add("GET", "/api/v1/health", self._health)
        add("GET", "/api/v1/links", self._links)
        for path, handler in figure_facts.routes(self._need, lambda: datetime.now(UTC)):
            add("GET", path, handler)
        add("GET", "/api/v1/modules", self._modules)
        add("GET", "/api/v1/territory", self._territory)
        self.people = People()
        self.people.join(add, self._need)
        self.newcomers = Newcomers()
        self.newcomers.join(add, self._need)
        add("GET", "/ws", self._ws)
        add("POST", "/upload", self._upload)
        return application

    @web.middleware
    async def _note(self, request, handler):
        self.requests.append((request.method, request.path_qs, dict(request.headers)))
        return await handler(request)

    def _who(self, request):
        name = self.sessions.get(request.cookies.get(COOKIE, ""))
        return node_facts.PRINCIPALS.get(name)

    def _need(self, request, permission=None):
        principal = self._who(request)
        if principal is None:
            return None, problem(401, "unauthenticated", "Chưa đăng nhập")
        if permission and permission not in principal["permissions"]:
            return None, problem(403, "forbidden", "Không có quyền")
        return principal, None

    async def _entrance(self, request):
        return web.Response(text="<h1>Trang của trung tâm</h1>", content_type="text/html")

    async def _nothing(self, request):
        return web.Response(status=204)

    async def _login_page(self, request):
        where = request.query.get("next", "/dash/").replace('"', "")
        form = (
            '<form method="post" action="/login"><input name="username"><input name="password" type="password">'
            f'<input type="hidden" name="next" value="{where}"><button>Đăng nhập</button></form>'
        )
        return web.Response(text=form, content_type="text/html")

    async def _login(self, request):
        form = await request.post()
        if PASSWORDS.get(form.get("username")) != form.get("password"):
            return web.Response(status=401, text="Sai tên hoặc mật khẩu")
        answer = web.Response(status=303, headers={"Location": form.get("next") or "/dash/"})
        answer.set_cookie(COOKIE, self.session(form["username"]), httponly=True, samesite="Lax")
        return answer

    async def _logout(self, request):
        self.sessions.pop(request.cookies.get(COOKIE, ""), None)
        return web.Response(status=303, headers={"Location": "/login"})

    async def _session(self, request):
        principal, refusal = self._need(request)
        return refusal or web.json_response({**principal, "centre": node_facts.CENTRE, "form": "form-token"})

    async def _centre(self, request):
        body = {**node_facts.CENTRE, "tree_label": node_facts.TREE, "modules": ["citizen"], "version": "0.1.0"}
        return web.json_response(body)

    async def _incidents(self, request):
        principal, refusal = self._need(request, "incident.read")
        if refusal:
            return refusal
        chosen = node_facts.chosen(node_facts.within(self.incidents.values(), principal), request.query)
        limit = int(request.query.get("limit", 50))
        start = int(request.query.get("cursor") or 0)
        following = str(start + limit) if start + limit < len(chosen) else None
        items = [node_facts.view(one) for one in chosen[start : start + limit]]
        return web.json_response({"items": items, "next_cursor": following, "total": len(chosen)})

    async def _incident(self, request):
        principal, refusal = self._need(request, "incident.read")
        if refusal:
            return refusal
        one = self.incidents.get(request.match_info["id"])
        if one is None or not node_facts.within([one], principal):
            return problem(404, "not_found", "Không tìm thấy")
        return web.json_response(node_facts.detail(one, principal))

    async def _thumbnail(self, request):
        _, refusal = self._need(request, "incident.read")
        one = self.incidents.get(request.match_info["id"])
        if refusal is None and (one is None or not one["has_thumbnail"]):
            refusal = problem(404, "not_found", "Không tìm thấy")
        return refusal or web.Response(body=one.get("photo", PIXEL), content_type="image/png")

    async def _originals(self, request):
        """What `originals` holds for the incident; to fetch or cancel moves it there, and what follows a test does."""
        principal, refusal = self._need(request, "incident.read")
        if refusal:
            return refusal
        one = request.match_info["id"]
        if request.method == "POST":
            act = request.match_info["act"]
            self.acts.append((one, principal["username"], {"name": act, **await request.json()}))
            state = {"fetch": "coming", "cancel": "elsewhere"}[act]
            self.originals[one] = [{**item, "state": state} for item in self.originals[one]]
        return web.json_response({"items": self.originals.get(one, [])})

    async def _original(self, request):
        _, refusal = self._need(request, "incident.read")
        return refusal or web.Response(body=self.original[0], content_type=self.original[1])

    async def _act(self, request):
        principal, refusal = self._need(request, "incident.act")
        if refusal:
            return refusal
        if request.headers.get("Origin") not in {None, f"http://{request.host}"}:
            return problem(403, "forbidden", "Sai nguồn gốc")
        if self.refuse_acts:
            request.transport.abort()
            return web.Response()
        one = self.incidents[request.match_info["id"]]
        body = await request.json()
        if body["version"] != one["version"]:
            return problem(409, "stale", "Sự cố đã thay đổi", version=one["version"])
        if body["name"] == "refuse" and not body.get("reason"):
            return problem(422, "invalid", "Thiếu lý do", errors=[{"field": "reason", "message": "Cần nêu lý do"}])
        self.acts.append((one["id"], principal["username"], body))
        status, title = node_facts.AFTER.get(body["name"], (one["status"], one["status_title"]))
        one["status"], one["status_title"] = status, title
        if body["name"] == "escalate":
            one["custody"] = {**one["custody"], "state": "offered", "offered_to": node_facts.PARENT}
        one["version"] += 1
        one["timeline"].append(node_facts.event(datetime.now(UTC), principal["display_name"], title))
        self._refresh()
        await self._push()
        return web.json_response(node_facts.view(one))

    async def _situation(self, request):
        principal, refusal = self._need(request, "incident.read")
        self._refresh()
        return refusal or web.json_response(self._situation_of(principal))

    def _situation_of(self, principal):
        """The picture, with the figures of the account's own area where it has one."""
        mine = node_facts.within(self.incidents.values(), principal)
        if len(mine) == len(self.incidents):
            return self.situation
        own = {one["key"]: one for one in node_facts.situation(mine)["tiles"]}
        area = {"area_name": next(one["name"] for one in node_facts.AREAS if one["code"] == principal["area_code"])}
        return {**self.situation, "tiles": [own[one["key"]] | area for one in self.situation["tiles"]]}

    async def _links(self, request):
        _, refusal = self._need(request, "link.read")
        return refusal or web.json_response({"items": self.situation["links"]})

    async def _health(self, request):
        _, refusal = self._need(request, "link.read")
        return refusal or web.json_response(node_facts.health(datetime.now(UTC), self.situation["links"]))

    async def _modules(self, request):
        return web.json_response(self.modules)

    async def _territory(self, request):
        return web.json_response({"areas": node_facts.AREAS})

    async def _upload(self, request):
        size = 0
        async for piece in request.content.iter_any():
            size += len(piece)
        self.uploads.append(size)
        return web.json_response({"size": size})

    # -- live -------------------------------------------------------------------------------------

    async def _ws(self, request):
        if self.refuse_sockets:
            return problem(401, "unauthenticated", "Chưa đăng nhập")
        principal, refusal = self._need(request, "incident.read")
        if refusal:
            return refusal
        if request.headers.get("Origin") not in {None, f"http://{request.host}"}:
            return problem(403, "forbidden", "Sai nguồn gốc")
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        socket["principal"] = principal
        self._sockets.add(socket)
        try:
            await self._tell(socket)
            async for message in socket:
                if message.type is WSMsgType.ERROR:
                    break
        finally:
            self._sockets.discard(socket)
        return socket

    def _message(self, kind, data=None):
        self._seq += 1
        message = {"type": kind, "seq": self._seq, "at": datetime.now(UTC).isoformat()}
        return json.dumps(message if data is None else {**message, "data": data})

    async def _tell(self, socket):
        principal = socket["principal"]
        open_ones = node_facts.chosen(node_facts.within(self.incidents.values(), principal), {"open": "true"})
        await socket.send_str(self._message("situation", copy.deepcopy(self._situation_of(principal))))
        head = [node_facts.view(one) for one in open_ones[: self.live_items]]
        await socket.send_str(self._message("incidents", {"items": head, "total": len(open_ones)}))

    async def _push(self):
        for socket in list(self._sockets):
            await self._tell(socket)

    async def _tick(self):
        while True:
            await asyncio.sleep(self._tick_s)
            if self.ticking:
                for socket in list(self._sockets):
                    await socket.send_str(self._message("tick"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=8001)
    parser.add_argument("--lively", action="store_true")
    arguments = parser.parse_args()
    node = FakeNode(tick_s=2).start(arguments.port)
    print(node.url, PASSWORDS, flush=True)  # noqa: T201 - for a person
    step = threading.Event()
    count = 0
    while not step.wait(5 if arguments.lively else 3600):
        count += 1
        first = list(node.incidents.values())[count % len(node.incidents)]
        node.situation["centres"][1]["as_of"] = (datetime.now(UTC) - timedelta(seconds=3)).isoformat()
        node.change(first["id"])


if __name__ == "__main__":
    main()
