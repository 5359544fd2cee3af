"""A folder with the settings file of a node at the top, and a person who types commands."""

from pathlib import Path

import typer
from typer.testing import CliRunner

from node.commands import enrol, pki

app = typer.Typer()
app.add_typer(pki.app, name="pki")
app.add_typer(enrol.app, name="enrol")


class Province:
    """A folder with the settings file of a node at the top, and a person who types."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "ioc.toml"
        self.config.write_text(
            '[node]\ntier = "ioc"\ncode = "75"\ntitle = "IOC tỉnh Đồng Nai"\nfolder = "ioc"\n'
            '[authority]\nfolder = "authority"\n[territory]\nfile = "territory.toml"\n'
        )

    def type(self, *words: str | Path, stdin: str | None = None, code: int = 0) -> str:
        result = CliRunner().invoke(app, [str(word) for word in words], input=stdin)
        assert result.exit_code == code, result.output
        return result.output

    def found(self) -> None:
        self.type("pki", "root", "--folder", self.folder / "root", "--title", "Tỉnh Đồng Nai")
        self.type("pki", "issuing", "--root", self.folder / "root", "--folder", self.folder / "authority")
        self.type("pki", "plan", "--config", self.config, "75", "--title", "IOC tỉnh Đồng Nai", "--tier", "ioc")

    def token(self, code: str = "75", *more: str) -> Path:
        out = self.folder / f"{code}.token"
        self.type("pki", "token", "--config", self.config, code, "--out", out, *more)
        return out
