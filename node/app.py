"""Puts one node together; the only file that knows all the parts. It decides nothing: the parts do."""

import asyncio
import os
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from federation.copies_link import CopiesDesk
from federation.delivery import Delivery
from federation.enrolment.desk import EnrolmentDesk
from federation.enrolment.waiting import WaitingRoom
from federation.storage import TOPIC
from node import forgetting, freshness, inbound, links, presence, proof, receipts, restoration, timekeeping
from node.access import FACTOR_KEY, SessionTokens, secret_file, session_secret
from node.api import incidents, live, situation
from node.api.application import local_application, public_application
from node.api.node_health import metrics_application
from node.bulk import UPKEEP_S, bulk_lane
from node.catalog import MODULES, Catalog, check_definitions, load
from node.clock import Clock, SystemClock
from node.context import NodeContext
from node.database import Database, migrate
from node.figures import catalogue
from node.figures.feeding import figures_round
from node.folder import FolderLock, prepare_folder
from node.health import Instruments
from node.histories import owners
from node.incident.sealing import IncidentKeys
from node.intake.counter import counter_application
from node.job import Job, JobRunner, Round, on_writer
from node.metrics import registry_of
from node.pace import Pace
from node.second_factor import FactorKey
from node.settings import Settings
from node.standing import own_centre
from node.territory import Territory
from pki.authority import Authority
from pki.keystore import Keystore
from pki.registry import RegistryFile

BALLAST_BYTES = 8 * 1024 * 1024


class Node:
    """One running centre: `app` for people and programs, `local_app` for commands on this machine."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        random: Callable[[int], bytes] = os.urandom,
        modules_folder: Path = MODULES,
        modules_package: str = "modules",
        definitions_folder: Path = catalogue.FOLDER,
    ) -> None:
        """Open everything that can be opened without a network; raise what a person can read."""
        clock = clock or SystemClock()
        with ExitStack() as stack:
            catalog = load(settings.modules, settings.node.tier, modules_folder, modules_package)
            prepare_folder(settings.node.folder)
            stack.enter_context(FolderLock(settings.node.folder))
            self.keystore = Keystore.load(settings.keys)
            database = Database(settings.database_url, clock, ballast_bytes=BALLAST_BYTES)
            stack.callback(database.close)
            migrate(database.engine, owners(catalog))
            definitions = catalogue.load(definitions_folder, own=settings.figures.folder)
            check_definitions(catalog, (code for code, _ in definitions.definitions))
            registry = RegistryFile(self.keystore.registry_path, self.keystore.root_pem, clock.now)
            self.context = NodeContext(
                settings=settings,
                centre=own_centre(settings, self.keystore, registry.current),
                territory=Territory.load(settings.territory.file),
                database=database,
                clock=clock,
                random=random,
                kinds={kind.code: kind for module in catalog.modules for kind in module.incident_kinds},
                registry=registry,
                tokens=SessionTokens(session_secret(settings.keys, random), self.keystore.name, clock),
                factor_key=FactorKey(secret_file(settings.keys, FACTOR_KEY, random)),
                pace=Pace(clock),
                definitions=definitions,
                modules=catalog.modules,
                module_settings=catalog.settings,
                manifests=catalog.manifests,
                peers=lambda: self.delivery.peers(),  # noqa: PLW0108 - delivery is made after its handlers' context
                alarms=lambda: self.delivery.alarms(),  # noqa: PLW0108 - as above
                custody_locked=lambda: not self.delivery.settled(),
            )
            self._join_parts(catalog)
            self._stack = stack.pop_all()

    def _join_parts(self, catalog: Catalog) -> None:
        context, settings, registry = self.context, self.context.settings, self.context.registry
        pictures: dict[str, live.Picture] = {
            "situation": lambda principal: situation.situation_message(context, principal, self.delivery),
            "incidents": lambda principal: incidents.open_items(context, principal),
        }
        self.live = live.Live(pictures, context.clock)
        self.delivery = Delivery(
            storage=context.database,
            keystore=self.keystore,
            registry=registry,
            handlers=inbound.handlers(context),
            own_handlers=inbound.own_handlers(context),
            companion=IncidentKeys(),
            on_settled=partial(inbound.decide_what_waited, context),
            clock=context.clock,
            random=context.random,
            on_change=lambda _peer: self.live.touch(),
        )
        self.desk = EnrolmentDesk(
            keystore=self.keystore,
            registry=registry,
            clock=context.clock,
            authority=Authority.load(settings.authority.folder) if settings.authority else None,
            parent_address=settings.parent.address if settings.parent else None,
            waiting_room=WaitingRoom() if settings.link.approve_enrolments else None,
        )
        self.wants = proof.Wants(context)
        self.copies = CopiesDesk(
            keystore=self.keystore,
            registry=registry,
            storage=context.database,
            clock=context.clock,
            on_given=self.wants.given,
        )
        context.database.on_commit(lambda topics: self.delivery.wake() if TOPIC in topics else None)
        context.database.on_commit(self.live.touch)
        self.bulk = bulk_lane(context, self.keystore, self.copies.admit)
        context.database.on_commit(self.bulk.changed)
        rounds = [on_writer(job, context) for module in catalog.modules for job in module.jobs]
        stating = Job(name="presence", period_s=presence.CHECK_S, step=presence.step)
        keeper = timekeeping.Timekeeper(self.keystore.name, context.clock)
        watching = Job(
            name="clock",
            period_s=timekeeping.WATCH_PERIOD_S,
            step=lambda session, _context: timekeeping.watch_jumps(session, keeper),
        )
        rounds += [on_writer(job, context) for job in receipts.jobs(context)]
        proving = proof.Rounds(context.database, lambda: registry.current, context.clock)
        rounds += [
            on_writer(stating, context),
            on_writer(watching, context),
            on_writer(forgetting.forgetting(self.keystore), context),
            on_writer(restoration.reporting(self.keystore), context),
            figures_round(context),
            Round("proof", proof.PERIOD_S, proving.take),
            *freshness.rounds(context, self.desk),
            Round("bulk", UPKEEP_S, self.bulk.upkeep),
            Round("copies", proof.BRING_PERIOD_S, lambda: proof.bring_copies(context, self.keystore)),
        ]
        self.jobs = JobRunner(rounds, context.clock)
        self._join_applications(catalog)

    def _join_applications(self, catalog: Catalog) -> None:
        context = self.context
        instruments = Instruments(context, self.keystore, self.jobs.states, ballast_bytes=BALLAST_BYTES)
        self.app = public_application(context)
        self.local_app = local_application(catalog.modules)
        self.counter_app = counter_application(context)
        self.metrics_app = metrics_application()
        for app in (self.app, self.local_app, self.metrics_app, self.counter_app):
            app.state.instruments = instruments
            app.state.metrics = registry_of(context.centre, instruments)
            app.state.node, app.state.delivery, app.state.live = context, self.delivery, self.live
            app.state.enrolment, app.state.jobs = self.desk, self.jobs
            app.state.copies, app.state.wants, app.state.bulk = self.copies, self.wants, self.bulk

    async def start(self) -> None:
        """Dial the parent, listen for children, begin the jobs."""
        settings = self.context.settings
        services = [self.desk.add_registration, self.copies.add_service, self.bulk.window.add_service]
        link = links.choose_link(self.context, self.keystore, self.delivery.note_refused, services)
        await self.delivery.start(
            parent=links.parent_address(settings),
            listen=links.listen_address(settings),
            extra_services=services,
            link=link,
            bypass=settings.bypass.address if settings.bypass else None,
            bypass_link=link.grpc if link else None,
        )
        if settings.link.enrol_listen:
            await self.desk.open(settings.link.enrol_listen)
        await self.bulk.start()
        self.jobs.start()

    def close(self) -> None:
        """Let go of a node that was not started."""
        self._stack.close()

    async def stop(self) -> None:
        """End in the opposite order; what was recorded is on the disk by then."""
        await self.jobs.stop()
        await self.bulk.stop()
        await self.desk.close()
        await self.delivery.stop()
        await asyncio.to_thread(self._stack.close)
