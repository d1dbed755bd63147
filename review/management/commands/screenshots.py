"""Pictures of every page, for the documents and for people to look at: light and dark, wide and phone, in each language."""

from __future__ import annotations

import shutil
import subprocess
import sys
from argparse import SUPPRESS
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import NoReverseMatch, reverse

from alignment.models import SKU, EvaluationRun, Group, ImportRun, Pair, PolicyVersion, RerankRequest, User
from review import leases, navigation, pictures

WIDTHS = {1440: 900, 390: 844}
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--hide-scrollbars"]
# Those of the documents, in docs/images by these names.
DOCUMENTS = {"only": ["home", "case", "policy", "groups", "insights"], "languages": ["en"], "themes": ["light"], "widths": [1440]}
# Pages beneath those of the navigation, and what they are opened with: something that has something to show.
BENEATH: dict[str, Callable[[], Any]] = {
    "sku": lambda: SKU.objects.filter(membership__group__size__gt=1).values_list("uuid", flat=True).first(),
    "pair": lambda: Pair.objects.filter(standing__by="person").values_list("pk", flat=True).first(),
    "group": lambda: Group.objects.order_by("-size").values_list("uuid", flat=True).first(),
    "policy": lambda: PolicyVersion.objects.order_by("-pk").values_list("category", flat=True).first(),
    "category": lambda: PolicyVersion.objects.order_by("-pk").values_list("category", flat=True).first(),
    "import": lambda: ImportRun.objects.values_list("uuid", flat=True).first(),
    "evaluation": lambda: EvaluationRun.objects.values_list("uuid", flat=True).first(),
    "playground-result": lambda: RerankRequest.objects.filter(shared=True).values_list("uuid", flat=True).last(),
    "help": lambda: "admins",
}


class Command(BaseCommand):
    help = (
        "Take a picture of every page, of a site with the sample that is started for it and gone afterwards; with --url, of the server "
        "that runs there on this database. Needs the development requirements and a Chromium."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--url", help="Where a server answers that runs already, on this database")
        parser.add_argument("--docs", action="store_true", help="Only the pictures of the documents, by their names: FOLDER is docs/images")
        parser.add_argument("--live-in", action="store_true", help=SUPPRESS)
        parser.add_argument("--only", nargs="+", default=[], metavar="PAGE", help="These pages alone, by their urls' names")
        parser.add_argument("--languages", nargs="+", default=[code for code, _name in settings.LANGUAGES])
        parser.add_argument("--themes", nargs="+", default=["light", "dark"], choices=["light", "dark"])
        parser.add_argument("--widths", nargs="+", type=int, default=list(WIDTHS))

    def handle(self, *args: Any, **options: Any) -> None:
        options |= DOCUMENTS if options["docs"] else {}
        try:
            from playwright.sync_api import Error, sync_playwright
        except ImportError:
            raise CommandError("Playwright is missing: pip install -r requirements-dev.txt") from None
        chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        if not chromium:
            raise CommandError("No Chromium was found: install the package chromium.")
        if not options["url"]:
            with pictures.private_site() as environment:
                self._of_private_site(environment, options)
            return
        if options["live_in"]:
            pictures.live_in()
        user = User.objects.filter(is_active=True, is_superuser=True).order_by("pk").first()
        if user is None:
            raise CommandError("There is no admin: run make run first.")
        paths = {name: path for name, path in pages().items() if not options["only"] or name in options["only"]}
        options["folder"].mkdir(parents=True, exist_ok=True)
        with signed_in(user) as session, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            try:
                taken = self._take(browser, session, paths, options)
            except Error as error:
                raise CommandError(f"{options['url']} could not be opened: is the server running? ({str(error).splitlines()[0]})") from None
        self.stdout.write(f"{taken} pictures of {len(paths)} pages are in {options['folder']}.")

    def _of_private_site(self, environment: dict[str, str], options: dict[str, Any]) -> None:
        """This command again, on the site's own database."""
        again = [sys.executable, "manage.py", "screenshots", str(options["folder"].resolve()), "--live-in"]
        again += ["--url", f"http://localhost:{environment['PORT']}"]
        for name in ("only", "languages", "themes", "widths"):
            again += [f"--{name}", *map(str, options[name])] if options[name] else []
        again += ["--docs"] if options["docs"] else []
        done = subprocess.run(again, cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise CommandError(done.stderr.strip().removeprefix("CommandError: "))
        self.stdout.write(done.stdout.strip())

    def _take(self, browser: Any, session: str, paths: dict[str, str], options: dict[str, Any]) -> int:
        taken = 0
        for language in options["languages"]:
            for width in options["widths"]:
                context = browser.new_context(
                    base_url=options["url"],
                    viewport={"width": width, "height": WIDTHS.get(width, 900)},
                    reduced_motion="reduce",
                    locale="zh-CN" if language.startswith("zh") else "en-GB",
                )
                cookies = {settings.SESSION_COOKIE_NAME: session, settings.LANGUAGE_COOKIE_NAME: language}
                context.add_cookies([{"name": name, "value": value, "url": options["url"]} for name, value in cookies.items()])
                page = context.new_page()
                for theme in options["themes"]:
                    page.emulate_media(color_scheme=theme)
                    for name, path in paths.items():
                        page.goto(path, wait_until="load")
                        page.wait_for_timeout(300)
                        file = f"{name}.png" if options["docs"] else f"{name}-{language}-{theme}-{width}.png"
                        page.screenshot(path=options["folder"] / file)
                        taken += 1
                context.close()
        return taken


def pages() -> dict[str, str]:
    """Every page of the navigation, and one beneath each that has some, by its url's name."""
    names = [entry.url for area in navigation.AREAS for entry in area.entries if ":" not in entry.url]
    found = {name: path for name in ("home", *names) if (path := navigation.address(name))}
    for name, opened_with in BENEATH.items():
        try:
            if (value := opened_with()) is not None:
                found[name] = reverse(name, args=[value])
        except NoReverseMatch:
            continue
    return found


@contextmanager
def signed_in(user: User) -> Iterator[str]:
    """A session of this person's for as long as it takes; a case that was looked at is given back."""
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[-1]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    assert session.session_key
    try:
        yield session.session_key
    finally:
        session.delete()
        leases.release(user)
