"""What a person reads when something broke: in their language, with whatever is left of the installation."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client

from tests import factories

pytestmark = pytest.mark.django_db
COLLECTED = "whitenoise.storage.CompressedManifestStaticFilesStorage"


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


@pytest.fixture
def nothing_collected(settings: object, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path  # type: ignore[attr-defined]
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": COLLECTED}}  # type: ignore[attr-defined]


@pytest.mark.parametrize(("asked", "lang", "words"), [("en", "en", "Something broke on our side"), ("zh-Hans", "zh-Hans", "服务器出错了")])
def test_without_collected_files_it_is_said_plainly(client: Client, nothing_collected: None, asked: str, lang: str, words: str) -> None:
    answer = client.get("/sign-in/", headers={"Accept-Language": asked})
    page = answer.content.decode()
    assert answer.status_code == 500 and answer["Content-Type"].startswith("text/html")
    assert words in page and f'<html lang="{lang}">' in page and 'href="/"' in page
    assert "stylesheet" not in page and "script" not in page


@pytest.mark.parametrize("path", ["/", "/nowhere/", "/runs/"])
def test_every_page_says_so_to_whoever_is_signed_in(client: Client, nothing_collected: None, path: str) -> None:
    client.force_login(factories.make_admin())
    answer = client.get(path)
    assert answer.status_code == 500 and "Something broke on our side" in answer.content.decode()


def test_with_them_it_looks_as_the_other_pages_do(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.contrib.auth.forms.AuthenticationForm.__init__", None)
    answer = client.get("/sign-in/")
    page = answer.content.decode()
    assert answer.status_code == 500 and "review/themes.css" in page and "review/icon.svg" in page
