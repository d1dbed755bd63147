"""The command that takes pictures: of pages that exist, through a session that ends with it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command

from review.models import Lease
from tests import factories

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
    pictures = {path.name: path.read_bytes()[:4] for path in tmp_path.iterdir()}
    assert pictures == {"home-en-dark-390.png": b"\x89PNG", "case-en-dark-390.png": b"\x89PNG"}
    assert not Session.objects.exists() and not Lease.objects.exists()


def test_without_a_server_it_says_so(chromium, tmp_path):
    factories.make_admin()
    with pytest.raises(CommandError, match="is the server running"):
        call_command("screenshots", tmp_path, url="http://localhost:9", only=["home"], languages=["en"], themes=["light"], widths=[390])
