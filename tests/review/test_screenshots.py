"""The command that takes pictures: of pages that exist, through a session that ends with it."""

from __future__ import annotations

import re
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command

from review import figures, pictures
from review.management.commands.screenshots import DOCUMENTS
from review.models import DecisionDay, Lease, OpenDay, RouteDay
from tests import factories

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


@pytest.mark.processes
def test_without_an_address_it_takes_them_of_a_site_of_its_own_that_is_gone_afterwards(chromium, tmp_path, monkeypatch):
    made = []
    original = tempfile.TemporaryDirectory
    monkeypatch.setattr(tempfile, "TemporaryDirectory", lambda *args, **options: made.append(original(*args, **options)) or made[-1])
    monkeypatch.setenv("SAMPLE", "no")
    call_command("screenshots", tmp_path, only=["home"], languages=["zh-hans"], themes=["light"], widths=[390])
    assert [path.name for path in tmp_path.iterdir()] == ["home-zh-hans-light-390.png"]
    assert [Path(folder.name).exists() for folder in made] == [False]


def test_it_takes_the_pages_that_were_asked_for_and_leaves_nothing_behind(live_server, chromium, tmp_path):
    factories.make_admin()
    factories.make_pair(0.8)
    call_command("screenshots", tmp_path, url=live_server.url, only=["home", "case"], languages=["en"], themes=["dark"], widths=[390])
    taken = {path.name: path.read_bytes()[:4] for path in tmp_path.iterdir()}
    assert taken == {"home-en-dark-390.png": b"\x89PNG", "case-en-dark-390.png": b"\x89PNG"}
    assert not Session.objects.exists() and not Lease.objects.exists()


def test_without_a_server_it_says_so(chromium, tmp_path):
    factories.make_admin()
    with pytest.raises(CommandError, match="is the server running"):
        call_command("screenshots", tmp_path, url="http://localhost:9", only=["home"], languages=["en"], themes=["light"], widths=[390])


def test_those_of_the_documents_have_their_names(live_server, chromium, tmp_path):
    factories.make_policy(factories.make_category(), author=factories.make_admin())
    factories.make_pair(0.8)
    call_command("screenshots", tmp_path, url=live_server.url, docs=True)
    assert {path.name for path in tmp_path.iterdir()} == {f"{name}.png" for name in DOCUMENTS["only"]}


def test_the_documents_show_every_picture_there_is():
    shown = set()
    for document in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        for place in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", document.read_text()):
            shown.add((document.parent / place).resolve())
    assert shown == {*(ROOT / "docs" / "images").iterdir()}
    assert {path.stem for path in shown if path.suffix == ".png"} == {*DOCUMENTS["only"]}


def test_the_days_before_today_are_made_up_for_pictures_and_today_stays_as_counted():
    factories.make_pair(0.8)
    figures.count()
    today = OpenDay.objects.get()
    pictures.days_before([factories.make_reviewer()])
    assert OpenDay.objects.get(day=today.day).pairs == today.pairs == 1
    assert {*OpenDay.objects.values_list("day", flat=True)} == {today.day - timedelta(days=back) for back in range(8)}
    assert {*RouteDay.objects.values_list("day", flat=True)} == {*OpenDay.objects.values_list("day", flat=True)}
    assert not DecisionDay.objects.filter(day=today.day).exists() and DecisionDay.objects.exists()
