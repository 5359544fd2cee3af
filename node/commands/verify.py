"""`python -m node verify`: is everything stored here what was signed, and if not, which record is not."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from sqlalchemy.orm import Session

from federation.copies_link import Asking, ask_frames, ask_heads
from federation.examination.copies import NoCopies, Shelf, read_file
from federation.examination.finding import Finding
from federation.examination.mend import Mended, spans
from federation.examination.walk import Walk
from node import local
from node.catalog import load
from node.clock import SystemClock
from node.commands.plain import Config, fail, sentences
from node.database import Database, migrate
from node.engines import reader_engine
from node.folder import FolderLock
from node.histories import owners
from node.local import NotRunning
from node.proof import Proof, mend_here, prove, write_copies
from node.settings import Settings
from pki.errors import PkiError
from pki.keystore import Keystore
from pki.registry import RegistryFile

PARENT = "parent"
_ROUNDS = 3
Against = Annotated[
    str,
    typer.Option(
        metavar="parent|FILE",
        help="Hold the chain against the parent's head, asked over the link; or against a bundle of frames or a file "
        "of heads that a neighbour exported.",
    ),
]


def verify(
    config: Config,
    against: Against = "",
    *,
    repair: Annotated[
        bool, typer.Option("--repair", help="Put back what a neighbour's signed copy or the frames themselves prove.")
    ] = False,
) -> None:
    """Prove every stored frame, row and receipt; name each damaged record; one line of JSON last, exit 1 on damage."""
    with sentences():
        case = _Case(Settings.load(config), against)
        try:
            verdict = case.judge(repair=repair)
        except NoCopies as error:
            fail(str(error))
    typer.echo(json.dumps(verdict, ensure_ascii=False))
    raise typer.Exit(0 if verdict["ok"] else 1)


def prove_at_rest(config: Path) -> Proof:
    """What `verify` finds at the node of that settings file, for those who ask in passing."""
    return _Case(Settings.load(config), "").prove()


class _Case:
    """One node's store, and what others hold of it."""

    def __init__(self, settings: Settings, against: str) -> None:
        self._settings = settings
        self._clock = SystemClock()
        self._console = Console(stderr=True)
        self._keystore = Keystore.load(settings.keys)
        self._registry = RegistryFile(self._keystore.registry_path, self._keystore.root_pem, self._clock.now)
        self._against = against

    def judge(self, *, repair: bool) -> dict[str, Any]:
        """Prove, mend if that is asked for, and prove again."""
        shelf = self._shelf(is_asked=self._against == PARENT or (repair and not self._against))
        proof = self.prove(shelf)
        self._tell(proof.findings)
        first, mended = proof, list[Mended]()
        if repair:
            for _ in range(_ROUNDS):
                if not proof.findings:
                    break
                outcome = self._mend(proof.findings, shelf or Shelf(self._registry.current.public_key))
                mended = [*(one for one in mended if one.done), *outcome]
                proof = self.prove(shelf)
                if not any(one.done for one in outcome):
                    break
            self._tell_mended(mended)
        return {
            "ok": not proof.findings,
            "frames": proof.frames,
            "records": proof.records,
            "against": self._against or None,
            "damages": [one.as_json() for one in first.findings],
            "repaired": sum(one.done for one in mended),
            "remaining": [one.as_json() for one in proof.findings] if repair else None,
            "unmendable": [{"where": one.finding.sentence, "why": one.how} for one in mended if not one.done],
        }

    def _shelf(self, *, is_asked: bool) -> Shelf | None:
        """What others hold; without a parent to ask, a repair does with what is here."""
        key_for = self._registry.current.public_key
        if self._against and self._against != PARENT:
            return read_file(Path(self._against).read_bytes(), key_for)
        if not is_asked:
            return None
        shelf = Shelf(key_for)
        asking = self._asking()
        if asking is None:
            if self._against == PARENT:
                raise NoCopies("the settings name no [parent] to ask")
            return None
        try:
            ask_heads(asking, shelf)
        except PkiError as error:
            if self._against == PARENT:
                raise
            self._console.print(f"the parent was not asked: {error}", style="yellow", soft_wrap=True, markup=False)
        return shelf

    def _asking(self) -> Asking | None:
        parent = self._settings.parent
        if parent is None:
            return None
        return Asking(keystore=self._keystore, registry=self._registry, address=parent.address)

    def prove(self, shelf: Shelf | None = None) -> Proof:
        """Walk through the store, and hold it against the shelf."""
        with self._reading() as read, Progress(console=self._console, transient=True) as progress:
            task = progress.add_task("frames", total=None)

            def advance(walk: Walk) -> None:
                progress.update(task, completed=walk.frames, total=walk.total)

            return prove(read, lambda: self._registry.current, self._keystore.name, shelf, advance)

    @contextmanager
    def _reading(self) -> Iterator[Callable[[Callable[[Session], Any]], Any]]:
        engine = reader_engine(self._settings.database_url)

        def read(step: Callable[[Session], Any]) -> Any:  # noqa: ANN401 - what the step gives
            with Session(engine) as session:
                return step(session)

        try:
            yield read
        finally:
            engine.dispose()

    def _mend(self, findings: Sequence[Finding], shelf: Shelf) -> list[Mended]:
        asking = self._asking()
        if self._against in {"", PARENT} and asking is not None:
            with self._reading() as read:
                wanted = read(lambda session: spans(session, findings, shelf.key_for))
            try:
                ask_frames(asking, shelf, wanted)
            except PkiError as error:
                self._console.print(f"no frames from the parent: {error}", style="yellow", soft_wrap=True, markup=False)
        try:
            return self._mend_in_node(findings, shelf)
        except NotRunning:
            return self._mend_at_rest(findings, shelf)

    def _mend_in_node(self, findings: Sequence[Finding], shelf: Shelf) -> list[Mended]:
        """Let the running node's writer do it, with the copies laid into its folder."""
        if not local.is_running(self._settings.socket):
            raise NotRunning(str(self._settings.socket))
        file = write_copies(self._settings.node.folder, shelf)
        try:
            body = {"damages": [one.as_json() for one in findings]}
            answer = local.call(self._settings.socket, "POST", "/local/v1/ledger/mend", body)
        finally:
            file.unlink(missing_ok=True)
        return [
            Mended(one, done=said["done"], how=said["how"])
            for said in answer
            for one in [next(found for found in findings if found.as_json() == said["damage"])]
        ]

    def _mend_at_rest(self, findings: Sequence[Finding], shelf: Shelf) -> list[Mended]:
        settings = self._settings
        with FolderLock(settings.node.folder):
            database = Database(settings.database_url, self._clock)
            try:
                migrate(database.engine, owners(load(settings.modules, settings.node.tier)))
                return mend_here(database, findings, shelf, self._clock, self._keystore.name)
            finally:
                database.close()

    def _tell(self, findings: Sequence[Finding]) -> None:
        for one in findings:
            self._console.print(f"{one.fault}: {one.sentence}", style="red", soft_wrap=True, markup=False)

    def _tell_mended(self, mended: Sequence[Mended]) -> None:
        for one in mended:
            style, word = ("green", "mended") if one.done else ("yellow", "not mended")
            self._console.print(f"{word}: {one.finding.sentence}: {one.how}", style=style, soft_wrap=True, markup=False)
