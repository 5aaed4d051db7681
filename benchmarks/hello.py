"""``python -m benchmarks.hello``: a bare route, served as the gateway is.

It prints its URL once it listens, and ends at SIGTERM.
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from redialog.gateway.serving import listening, serve, shown


async def hello(_: Request) -> JSONResponse:
    """The least that a route can do."""
    return JSONResponse({"result": "hello"})


def main() -> None:
    """Serves on a free port."""
    bound = listening("127.0.0.1:0")
    app = Starlette(routes=[Route("/", hello)])
    serve(app, bound, lambda: print(shown(bound), flush=True))


if __name__ == "__main__":
    main()
