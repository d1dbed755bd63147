"""What every test stands on: a database whose log cannot be changed, but for the flush between tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_django
from django.apps import apps
from django.conf import settings
from django.core.cache import cache
from django.core.management import CommandError
from django.db import OperationalError, connections
from django.test import TransactionTestCase
from django.utils import translation

from alignment import triggers, wake_ups
from alignment.facts import known


def pytest_configure() -> None:
    # A file, as in use: threads on one SQLite database in memory fail at each other's locks instead of waiting for them.
    if connections["default"].vendor == "sqlite":
        connections["default"].settings_dict["TEST"]["NAME"] = str(Path(settings.VAR_DIR) / "test.sqlite3")
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    # The live server finds static files by their own names; nothing is collected.
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, so that nobody waits for them at the end. What they flush is put back: see below."""
    items.sort(key=lambda item: "/processes/" not in item.nodeid)


@pytest.fixture(autouse=True, scope="session")
def flush_lifts_the_triggers() -> Iterator[None]:
    """The only place where the log's triggers are lifted: the flush after a test with real transactions."""
    original = TransactionTestCase._fixture_teardown

    def teardown(case: TransactionTestCase) -> None:
        # A page just closed may have a request on its way: of the two that then wait for each other PostgreSQL ends one, perhaps this.
        for last in (False, False, True):
            try:
                with triggers.lifted(connections["default"]):
                    original(case)
                break
            except (OperationalError, CommandError):
                if last:
                    raise
        create_root()

    TransactionTestCase._fixture_teardown = teardown
    yield
    TransactionTestCase._fixture_teardown = original


def create_root() -> None:
    """What the second migration puts in, after a flush took it away."""
    import importlib

    if not apps.get_model("alignment", "Category").objects.exists():
        importlib.import_module("alignment.migrations.0002_root_policy").create(apps, None)


@pytest.fixture(autouse=True, scope="session")
def features_are_known(django_db_setup: None, django_db_blocker: pytest_django.DjangoDbBlocker) -> None:
    """Django asks SQLite once in a process whether it knows JSON: queries that whichever test came first would be charged with."""
    with django_db_blocker.unblock():
        assert connections["default"].features.supports_json_field


@pytest.fixture(autouse=True)
def empty_cache() -> None:
    """What one test's database had open is nothing to the next."""
    cache.clear()
    known.read_again()


@pytest.fixture(autouse=True)
def no_broker(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """In-process tests send no wake-ups: the rows say what is to be done. Tests with processes of their own have a real Redis."""
    monkeypatch.setattr(wake_ups.app, "send_task", lambda *args, **kwargs: None)


@pytest.fixture(autouse=True)
def the_next_test_reads_english() -> Iterator[None]:
    """A request in another language leaves it active in its thread, which is the test's."""
    yield
    translation.deactivate()


@pytest.fixture(scope="session")
def chromium() -> Path:
    import shutil

    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert found, "no Chromium on PATH: install the package chromium"
    return Path(found)
