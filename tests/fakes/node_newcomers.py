"""Newcomers that wait at the fake node; what was decided is remembered."""

from aiohttp import web

FINGERPRINT = "1a2b 3c4d 5e6f 7081 92a3"


class Newcomers:
    """One centre waits, and somebody asks for its fingerprint to be compared."""

    def __init__(self):
        self.asked = True
        self.decided = []
        self.items = [
            {
                "fingerprint": FINGERPRINT,
                "address": "ipv4:10.1.7.44",
                "since": "2025-06-01T02:00:00+00:00",
                "last_at": "2025-06-01T02:01:00+00:00",
                "decision": "",
            }
        ]

    def join(self, add, need):
        async def waiting(request):
            _, refusal = need(request, "token.issue")
            return refusal or web.json_response({"asked": self.asked, "items": self.items})

        async def decide(request):
            _, refusal = need(request, "token.issue")
            if refusal:
                return refusal
            wanted = request.match_info["fingerprint"].replace(" ", "")
            found = next((one for one in self.items if one["fingerprint"].replace(" ", "") == wanted), None)
            if found is None:
                return web.json_response({"title": "Không tìm thấy", "reason_code": "UNKNOWN_REQUEST"}, status=404)
            decision = (await request.json())["decision"]
            self.decided.append((found["fingerprint"], decision))
            self.items.remove(found)
            return web.json_response({**found, "decision": decision})

        add("GET", "/api/v1/enrolments", waiting)
        add("POST", "/api/v1/enrolments/{fingerprint}", decide)
