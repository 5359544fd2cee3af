"""What stands behind `/dash` in the proxy's tests: it says which headers reached it, over HTTP and WebSocket."""

from aiohttp import web
from aiohttp.test_utils import TestServer

PAGE = (
    '<!DOCTYPE html><html lang="en"><head><title>Streamlit</title><script>window.x = 1</script>'
    '<script type="module" src="./static/js/index.js"></script></head>'
    "<body><noscript><p>You need to enable JavaScript to run this app.</p></noscript></body></html>"
)


class FakeStreamlit:
    """Has the proxy's view of its child: whether it is ready, and where it listens."""

    def __init__(self):
        self.ready = True
        self.seen = []
        application = web.Application()
        application.router.add_get("/dash/_stcore/stream", self._socket)
        application.router.add_route("*", "/dash/{path:.*}", self._any)
        self._server = TestServer(application)

    async def start(self):
        await self._server.start_server()

    async def stop(self):
        await self._server.close()

    @property
    def address(self):
        return str(self._server.make_url("")).rstrip("/")

    async def _any(self, request):
        self.seen.append((request.raw_path, dict(request.headers)))
        if request.path.endswith(".js"):
            return web.Response(
                text="export {}", content_type="text/javascript", headers={"Cache-Control": "immutable"}
            )
        return web.Response(text=PAGE, content_type="text/html")

    async def _socket(self, request):
        self.seen.append((request.raw_path, dict(request.headers)))
        socket = web.WebSocketResponse(protocols=("streamlit",))
        await socket.prepare(request)
        async for message in socket:
            if message.data == "close":
                await socket.close(code=4001)
            elif isinstance(message.data, bytes):
                await socket.send_bytes(message.data)
            else:
                await socket.send_str(message.data)
        return socket
