"""Real processes, killed. Whatever dies and whenever, every set is scored, once as far as anyone can tell."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
import redis

from tests.processes.conftest import Site, until
from tests.processes.dying_worker import POINTS

pytestmark = pytest.mark.processes

SEED = """
from tests.factories import make_set, make_sku
for _ in range(6):
    make_set(make_sku("Kettle 1.7 L"), [make_sku("Bouilloire 1,7 L"), make_sku("Wasserkocher 1,0 L")])
from alignment import wake_ups
from django.db import transaction
with transaction.atomic():
    wake_ups.wake()
"""


MANY = """
from tests.factories import make_set, make_sku
from alignment import wake_ups
from django.db import transaction
skus = [make_sku(f"Kettle {n} L, stainless steel, with a lid and a long cord") for n in range(40)]
with transaction.atomic():
    for query in range(SETS):
        make_set(make_sku(f"Bouilloire {query}"), skus)
    wake_ups.wake()
"""


def start_redis(site: Site) -> None:
    from alignment.processes import redis_binary

    path = site.folder / "redis"
    path.mkdir(mode=0o700)
    redis_server = subprocess.Popen(
        [redis_binary(), "--port", "0", "--unixsocket", str(path / "redis.sock"), "--save", "", "--appendonly", "no"],
        stdout=subprocess.DEVNULL,
    )
    site.started.append(redis_server)
    until(lambda: (path / "redis.sock").exists(), what="Redis listens")


@pytest.mark.parametrize("point", POINTS)
def test_a_worker_killed_at_any_point_loses_and_doubles_nothing(site: Site, point: str) -> None:
    start_redis(site)
    site.shell(SEED)
    dying = site.start("-m", "tests.processes.dying_worker", point)
    until(lambda: dying.poll() == -signal.SIGKILL, what="the worker dies")
    site.start("-m", "celery", "-A", "alignment", "worker", "-Q", "gpu", "-P", "solo", "--without-gossip", "--without-mingle")
    site.start(
        "-m", "celery", "-A", "alignment", "worker", "-Q", "default", "-P", "solo", "-n", "d@%h", "--without-gossip", "--without-mingle"
    )
    site.start("-m", "celery", "-A", "alignment", "beat", "--pidfile=", "-s", str(site.folder / "beat"))
    until(site.all_scored, what="every set is scored")
    site.is_sound()


def test_started_by_one_command_it_recovers_from_kills_and_a_flushed_redis_and_stops_as_one(site: Site) -> None:
    running = site.start("manage.py", "start")
    until(site.answers, what="the web server answers")
    answered = time.monotonic()
    until(lambda: site.counts().get("scored", 0) > 0, what="scoring has begun")
    kill_children(site, "-Q gpu")
    redis.Redis(unix_socket_path=str(site.folder / "redis" / "redis.sock")).flushall()
    kill_children(site, "gunicorn")
    until(site.all_scored, what="every set of the sample is scored")
    print(f"sample scored {time.monotonic() - answered:.0f} s after the server answered, with a worker killed and Redis flushed")
    until(site.answers, what="the web server answers again")
    site.is_sound()
    assert (site.folder / "accounts.txt").stat().st_mode & 0o777 == 0o600
    running.send_signal(signal.SIGINT)
    assert running.wait(30) == 0
    assert not site.answers()


ASKED = """
from alignment import exports, runs
from alignment.models import CandidateRun, ExportRun, User
admin = User.objects.get(username="admin")
runs.start(CandidateRun(author=admin, k=5))
exports.start(ExportRun(format="csv"), by=admin)
"""


def test_a_long_job_keeps_neither_dead_claims_nor_exports_nor_policies_waiting(site: Site) -> None:
    site.environment["SAMPLE"] = "no"
    site.start("manage.py", "start")
    until(site.answers, what="the web server answers")
    site.shell(MANY.replace("SETS", "60"))
    until(lambda: site.counts().get("scored", 0) > 0, what="scoring has begun")
    signal_children(site, "-Q long", signal.SIGSTOP)
    try:
        signal_children(site, "-Q gpu", signal.SIGKILL)
        assert not site.all_scored()
        site.shell(ASKED)
        until(site.all_scored, what="every set is scored, those of the killed worker too")
        until(lambda: site.rows("SELECT status FROM alignment_exportrun") == [("done",)], what="the export is written")
        assert ("waiting",) in site.rows("SELECT status FROM alignment_candidaterun")
    finally:
        signal_children(site, "-Q long", signal.SIGCONT)
    until(lambda: set(site.rows("SELECT status FROM alignment_candidaterun")) == {("done",)}, what="the candidates are built")


def kill_children(site: Site, fragment: str) -> None:
    signal_children(site, fragment, signal.SIGKILL)


def signal_children(site: Site, fragment: str, signal_number: signal.Signals) -> None:
    """Send a signal to every process of this site whose command line holds a fragment."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            environment = (entry / "environ").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if fragment in command and f"VAR_DIR={site.folder}" in environment:
            os.kill(int(entry.name), signal_number)


def test_a_worker_told_to_end_stops_after_its_chunk_and_leaves_the_rest(site: Site) -> None:
    start_redis(site)
    site.shell(MANY.replace("SETS", "400"))
    worker = site.start("-m", "celery", "-A", "alignment", "worker", "-Q", "gpu", "-P", "solo", "-B", "-s", str(site.folder / "beat"))
    until(lambda: site.counts().get("scored", 0) > 0, what="scoring has begun")
    worker.terminate()
    worker.wait(60)
    assert site.counts()["pending"] > 0
    assert "claimed" not in site.counts()
