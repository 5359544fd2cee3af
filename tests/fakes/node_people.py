"""The fake node's accounts, sessions and audit; a part of tests/fakes/node_api.py."""

from datetime import UTC, datetime, timedelta

from aiohttp import web

START = datetime(2025, 6, 1, 1, 0, tzinfo=UTC)


def account(username, display_name, role, **more):
    return {
        "username": username,
        "display_name": display_name,
        "role": role,
        "area_code": None,
        "disabled": False,
        "locked": False,
        "locked_until": None,
        "created_at": START.isoformat(),
        "must_change": False,
        "sessions": 0,
        "second_factor": False,
        "recovery_left": 0,
        **more,
    }


class People:
    """Accounts from memory; what was asked for is kept in `asked`."""

    def __init__(self):
        self.accounts = {
            one["username"]: one
            for one in (
                account("dieuhanh", "Nguyễn Thị Hạnh", "operator", area_code="731", sessions=2),
                account("lanhdao", "Trần Văn Bình", "leader", second_factor=True, recovery_left=8),
                account("quantri", "Lê Minh", "admin", second_factor=True, recovery_left=10, sessions=1),
                account("truc", "Đỗ *Lan* <b>", "operator", locked=True, locked_until="2025-06-01T02:00:00+00:00"),
            )
        }
        self.sessions = [
            self._session("a" * 32, "dieuhanh", "10.0.0.7", "Chrome · Windows", False),
            self._session("b" * 32, "quantri", "10.0.0.9", "Firefox · Linux", True),
        ]
        self.lines = [
            {
                "position": number,
                "at": (START + timedelta(minutes=number)).isoformat(),
                "actor": "quantri" if number % 2 else "dieuhanh",
                "act": "account.add" if number % 2 else "login.begin",
                "subject": f"người {number}",
                "detail": {"address": "10.0.0.7"},
            }
            for number in range(120, 0, -1)
        ]
        self.asked = []

    def join(self, add, need):
        self._need = need
        base = "/api/v1/accounts"
        add("GET", base, self._all)
        add("POST", base, self._add)
        add("GET", f"{base}/sessions", self._sessions)
        add("PUT", f"{base}/{{name}}/{{what}}", self._change)
        add("DELETE", f"{base}/{{name}}/{{what}}", self._change)
        add("DELETE", f"{base}/{{name}}/sessions/{{id}}", self._end)
        add("GET", "/api/v1/audit", self._audit)
        add("GET", "/api/v1/audit/acts", self._acts)

    @staticmethod
    def _session(jti, username, address, device, is_current):
        times = {name: START.isoformat() for name in ("since", "seen_at", "expires_at")}
        return {
            "id": jti,
            "username": username,
            "address": address,
            "device": device,
            **times,
            "is_current": is_current,
        }

    async def _all(self, request):
        return self._need(request, "account.manage")[1] or web.json_response(list(self.accounts.values()))

    async def _sessions(self, request):
        return self._need(request, "account.manage")[1] or web.json_response({"items": self.sessions})

    async def _add(self, request):
        if refusal := self._need(request, "account.manage")[1]:
            return refusal
        body = await request.json()
        self.asked.append(("POST", "", body))
        self.accounts[body["username"]] = one = account(
            body["username"], body["display_name"], body["role"], must_change=True
        )
        return web.json_response({**one, "one_time_password": "bac-den-hoi-kem"}, status=201)

    async def _change(self, request):
        if refusal := self._need(request, "account.manage")[1]:
            return refusal
        body = await request.json() if request.can_read_body else None
        name, what = request.match_info["name"], request.match_info["what"]
        self.asked.append((request.method, f"{name}/{what}", body))
        if what == "access":
            self.accounts[name]["disabled"] = body["disabled"]
        one_time = {"one_time_password": "bac-den-hoi-kem"} if what == "password" else {}
        return web.json_response({**self.accounts[name], **one_time})

    async def _end(self, request):
        if refusal := self._need(request, "account.manage")[1]:
            return refusal
        self.asked.append(("DELETE", f"{request.match_info['name']}/sessions/{request.match_info['id']}", None))
        return web.json_response({"ended": 1})

    async def _audit(self, request):
        if refusal := self._need(request, "audit.read")[1]:
            return refusal
        query, limit = request.query, int(request.query.get("limit", 100))
        found = [one for one in self.lines if query.get("actor", one["actor"]) == one["actor"]]
        found = [one for one in found if query.get("act", one["act"]) == one["act"]]
        found = [one for one in found if one["position"] < int(query.get("before", 10**9))]
        page = found[:limit]
        following = page[-1]["position"] if len(page) == limit else None
        return web.json_response({"items": page, "next_before": following})

    async def _acts(self, request):
        acts = sorted({one["act"] for one in self.lines})
        return self._need(request, "audit.read")[1] or web.json_response({"items": acts})
