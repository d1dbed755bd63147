"""A place to run real processes in: a database, a Redis and a folder of its own, gone when the test is."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

BASE = Path(__file__).resolve().parent.parent.parent
PATIENCE = 240


def free_port() -> int:
    """Below those that a system gives to whoever connects: it stays free until somebody listens there, seconds later."""
    while True:
        port = random.randrange(20_000, 32_000)
        with closing(socket.socket()) as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def until(true: Callable[[], bool], *, what: str) -> None:
    """Waits as long as a machine may take that does much else: how fast it is, is nobody's fault."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, f"not within {PATIENCE} s: {what}"
        time.sleep(0.1)


class Site:
    """One installation: its environment, and ways to look into its database from outside."""

    def __init__(self, folder: Path, database_url: str, **settings: str) -> None:
        self.folder, self.database_url, self.port = folder, database_url, free_port()
        self.environment = os.environ | {
            "VAR_DIR": str(folder), "DATABASE_URL": database_url, "PORT": str(self.port), "SCORING_LEASE_SECONDS": "5", "LOG_LEVEL": "INFO"
        } | settings  # fmt: skip
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        log = (self.folder / f"process-{len(self.started)}.log").open("wb")
        process = subprocess.Popen(
            [sys.executable, *command], cwd=BASE, env=self.environment, stdout=log, stderr=log, start_new_session=True
        )
        self.started.append(process)
        return process

    def manage(self, *command: str) -> str:
        done = subprocess.run([sys.executable, "manage.py", *command], cwd=BASE, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def password(self, name: str) -> str:
        """Of an account that the first start made."""
        lines = (self.folder / "accounts.txt").read_text().splitlines()
        return dict(line.split() for line in lines)[name]

    def shell(self, code: str) -> str:
        return self.manage("shell", "--no-imports", "-c", code).strip()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        if self.database_url.startswith("sqlite"):
            import sqlite3

            with closing(sqlite3.connect(self.database_url.removeprefix("sqlite:///"), timeout=30)) as connection:
                return connection.execute(query).fetchall()
        import psycopg

        with psycopg.connect(self.database_url) as connection:
            return connection.execute(query).fetchall()

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/health/", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def counts(self) -> dict[str, int]:
        return {status: int(count) for status, count in self.rows("SELECT status, count(*) FROM alignment_candidateset GROUP BY status")}

    def all_scored(self) -> bool:
        counts = self.counts()
        return bool(counts) and set(counts) == {"scored"}

    def is_sound(self) -> None:
        """No pair has two scores for the same inputs, and log and groups are whole."""
        same = "SELECT count(*) FROM alignment_score GROUP BY model_id, instruction_hash, query_hash, document_hash HAVING count(*) > 1"
        assert self.rows(same) == []
        assert self.rows("SELECT count(*) FROM alignment_candidate WHERE score_id IS NULL") == [(0,)]
        self.shell("from django.core.management import call_command; call_command('verify_log'); call_command('verify_groups')")

    def stop(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.terminate()
        for process in self.started:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def new_database(template: str = "") -> Iterator[str]:
    """The address of an empty database, or of a copy of one: a file, or on the PostgreSQL that the run was given."""
    given = os.environ.get("DATABASE_URL", "")
    if not given.startswith("postgres"):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "alignment.sqlite3"
            if template:
                shutil.copyfile(template.removeprefix("sqlite:///"), path)
            yield f"sqlite:///{path}"
        return
    import psycopg

    name, copied = f"faults_{uuid.uuid4().hex}", f' TEMPLATE "{template.rsplit("/", 1)[1]}"' if template else ""
    with psycopg.connect(given, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"{copied}')
    try:
        yield given.rsplit("/", 1)[0] + f"/{name}"
    finally:
        with psycopg.connect(given, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def new_site(template: str = "") -> Iterator[Site]:
    # A short path: a socket lies in it. And a process just stopped may be writing its log.
    with tempfile.TemporaryDirectory(prefix="sku-", ignore_cleanup_errors=True) as folder, new_database(template) as url:
        made = Site(Path(folder), url)
        try:
            yield made
        finally:
            made.stop()


@pytest.fixture(scope="session")
def migrated() -> Iterator[str]:
    """The address of a database to copy."""
    with new_site() as made:
        made.manage("migrate", "--verbosity", "0")
        yield made.database_url


@pytest.fixture
def empty_site() -> Iterator[Site]:
    """Its database holds nothing, not even tables."""
    with new_site() as made:
        yield made


@pytest.fixture
def site(migrated: str) -> Iterator[Site]:
    with new_site(migrated) as made:
        yield made
