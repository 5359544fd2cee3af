"""`python -m node drill ...`: one command per disaster."""

import typer

app = typer.Typer(help="A disaster on purpose, on centres made for it, and what came of it.", no_args_is_help=True)


@app.callback()
def drill() -> None:
    """A disaster on purpose, on centres made for it, and what came of it."""
