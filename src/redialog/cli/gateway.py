"""``redialog gateway``: any Redis behind the Upstash REST protocol."""

from __future__ import annotations

import click

from redialog.cli.console import Console

LISTEN = "127.0.0.1:8079"
TOKEN, READ_ONLY_TOKEN = "REDIALOG_GATEWAY_TOKEN", "REDIALOG_GATEWAY_READ_ONLY_TOKEN"


@click.command()
@click.option(
    "--url",
    metavar="URL",
    help="The Redis behind it: redis://, rediss://, unix://, redis+sentinel://, redis+cluster:// "
    "or embedded:. Not given: $REDIALOG_URL, else $REDIS_URL, else embedded:.",
)
@click.option(
    "--listen",
    metavar="HOST:PORT",
    default=LISTEN,
    help="Where to listen; port 0 takes one that is free.  [127.0.0.1:8079]",
)
@click.option(
    "--token",
    metavar="TOKEN",
    envvar=TOKEN,
    help=f"What a client must bring. Not given: ${TOKEN}, which other users of the machine do not "
    "see in the list of processes. There is no way to do without one.",
)
@click.option(
    "--read-only-token",
    metavar="TOKEN",
    envvar=READ_ONLY_TOKEN,
    help=f"What a client must bring that may only read. Not given: ${READ_ONLY_TOKEN}, else none.",
)
@click.option(
    "--allow-commands",
    metavar="NAMES",
    multiple=True,
    help="Commands that are refused otherwise, such as flushdb,keys or client|list. Can be "
    "repeated.",
)
@click.option(
    "--max-body",
    type=click.IntRange(min=1),
    metavar="BYTES",
    default=None,
    help="The largest request.  [10000000]",
)
@click.pass_obj
def gateway(
    console: Console,
    /,
    *,
    url: str | None,
    listen: str,
    token: str | None,
    read_only_token: str | None,
    allow_commands: tuple[str, ...],
    max_body: int | None,
) -> None:
    """Serve a Redis by the Upstash REST protocol.

    For development, tests and edge functions: @upstash/redis, upstash-redis and redialog work
    with it as with Upstash. It runs until Ctrl-C or SIGTERM; standard error tells where it
    listens.

    Refused unless allowed are commands that administer the server, empty it, or block: CONFIG,
    SHUTDOWN, FLUSHALL, FLUSHDB, KEYS, DEBUG, CLIENT, BLPOP and the like.
    """
    if not token:
        raise click.UsageError(f"a token is needed: --token, or better ${TOKEN}")
    from redialog import gateway as serving_gateway

    serving_gateway.needed()
    from redialog.gateway import serving

    app = serving_gateway.asgi_app(
        url,
        token=token,
        read_only_token=read_only_token or None,
        allow_commands=[name for names in allow_commands for name in names.split(",") if name],
        max_body=serving_gateway.MAX_BODY if max_body is None else max_body,
    )
    bound = serving.listening(listen)

    def ready() -> None:
        console.note(f"the gateway to {app.state.store.address} listens on {serving.shown(bound)}")
        if not serving.is_loopback(bound):
            console.note("it does not encrypt: put something before it that does")

    serving.serve(app, bound, ready)
