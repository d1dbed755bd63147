"""What surrounds every page: who is led where, how it looks to them, and what a page says when there is none."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.template import Context, Template
from django.urls import reverse
from django.utils.translation import override

from review import manual, navigation
from tests import factories

pytestmark = pytest.mark.django_db


def led_to(client, name: str) -> list[str]:
    html = client.get(reverse(name)).content.decode()
    return re.findall(r'href="([^"]+)"', html[html.index('<nav class="areas"') : html.index("</nav>")])


def test_an_admin_is_led_to_every_area_and_a_reviewer_only_to_what_is_theirs(client):
    client.force_login(factories.make_admin())
    assert {reverse(name) for name in ("case", "catalogue", "policies", "insights", "playground")} <= set(led_to(client, "case"))
    client.force_login(factories.make_reviewer())
    theirs = led_to(client, "case")
    assert reverse("case") in theirs and reverse("playground") in theirs
    assert reverse("policies") not in theirs


def test_the_page_and_its_area_are_marked(client):
    client.force_login(factories.make_admin())
    html = client.get(reverse("scoring")).content.decode()
    pages = html[html.index('<nav class="pages-of-area"') :]
    assert re.search(rf'href="{reverse("scoring")}" aria-current="page"', pages)


def test_a_page_beneath_another_shows_the_way_back(client):
    client.force_login(factories.make_admin())
    html = client.get(reverse("policy", args=[factories.make_category().pk])).content.decode()
    crumbs = html[html.index('class="crumbs"') :]
    assert f'href="{reverse("policies")}"' in crumbs[: crumbs.index("</nav>")]


def test_no_page_is_in_two_places():
    named = [name for area in navigation.AREAS for entry in area.entries for name in (entry.url, *entry.under)]
    assert len(named) == len(set(named))


def test_a_theme_is_kept_for_the_person_and_only_for_them(client):
    user = factories.make_reviewer()
    client.force_login(user)
    answer = client.post(reverse("theme"), {"theme": "dark", "next": "/playground/"})
    assert answer.url == "/playground/"
    assert 'data-theme="dark"' in client.get(reverse("case"), follow=True).content.decode()
    client.force_login(factories.make_reviewer())
    assert "data-theme" not in client.get(reverse("case"), follow=True).content.decode()


def test_a_theme_that_there_is_not_is_refused_in_words(client):
    client.force_login(factories.make_reviewer())
    answer = client.post(reverse("theme"), {"theme": "pink"})
    assert answer.status_code == 400
    assert "not understood" in answer.content.decode()


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example/", "1", "case", ""])
def test_a_theme_never_leads_to_another_site_or_to_none(client, back):
    client.force_login(factories.make_reviewer())
    assert client.post(reverse("theme"), {"theme": "", "next": back}).url == reverse("home")


@pytest.mark.parametrize("name", list(manual.PAGES))
def test_every_document_is_a_page_that_the_security_policy_lets_through(client, name):
    client.force_login(factories.make_reviewer())
    html = client.get(reverse("help", args=[name])).content.decode()
    prose = html[html.index('class="prose"') :]
    assert "<h1" in prose and not re.search(r"\sstyle=|<script", prose)
    for picture in re.findall(r'<img src="([^"]+)"', prose):
        assert client.get(picture).status_code == 200


def test_a_document_that_there_is_not_is_not_found(client):
    client.force_login(factories.make_reviewer())
    assert client.get(reverse("help", args=["secret"])).status_code == 404
    assert client.get(reverse("help-image", args=["..%2F..%2Fmanage.py"])).status_code == 404


def test_an_act_that_is_opened_as_a_page_says_so(client):
    client.force_login(factories.make_reviewer())
    answer = client.get(reverse("decide"))
    assert answer.status_code == 405 and answer["Allow"] == "POST"
    assert "not a page" in answer.content.decode()


def test_a_form_that_is_too_large_says_so(client, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    client.force_login(factories.make_reviewer())
    answer = client.post(reverse("decide"), {"note": "n" * 200})
    assert answer.status_code == 413
    assert "too large" in answer.content.decode()


@pytest.mark.parametrize(
    ("method", "address", "fields"),
    [
        ("get", "/policies/", {"q": "a\x00"}),
        ("get", "/queues/", {"q": "a\x00"}),
        ("get", "/catalogue/", {"as": "csv", "q": ["a", "\x00"]}),
        ("get", "/admin/alignment/sku/", {"q": "a\x00"}),
        ("get", "/invitation/%00/", {}),
        ("post", "/settings/tokens/a%00/revoke/", {}),
        ("post", "/queues/work-on/", {"languages": "a\x00|b"}),
        ("post", "/scoring/retry/", {"error": "a\x00"}),
        ("post", "/review/decide/", {"note": "a\x00b"}),
    ],
)
def test_a_character_that_no_page_sends_is_refused_in_words(client, method, address, fields):
    client.force_login(factories.make_admin())
    sent = [getattr(client, method)(address, fields)]
    if method == "post":
        sent.append(client.post(address, urlencode(fields), content_type="application/x-www-form-urlencoded"))
    for answer in sent:
        assert answer.status_code == 400
        assert "not understood" in answer.content.decode()


def test_a_name_that_the_server_does_not_answer_to_is_refused_in_words(client):
    answer = client.get("/", headers={"host": "elsewhere.example"})
    assert answer.status_code == 400
    assert "not understood" in answer.content.decode()


# What stands on what: text needs 4.5:1, the edge of a control 3:1.
TEXT = [(name, ground) for name in ("ink", "quiet", "accent", "accept", "reject", "unsure") for ground in ("paper", "raised")]
TEXT += [("ink", "notice"), ("ink", "problem"), ("on-accent", "accent"), ("paper", "ink"), ("quiet", "notice"), ("reject", "problem")]
EDGES = [("edge", "paper"), ("accent", "paper")]


def variables(css: str) -> dict[str, tuple[str, str]]:
    return {name: (light, dark) for name, light, dark in re.findall(r"--([\w-]+): light-dark\((#\w+), (#\w+)\)", css)}


def luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("more", [False, True], ids=["as it is", "high contrast"])
def test_colours_can_be_read_on_what_they_stand_on(theme, more):
    css = (Path(settings.BASE_DIR) / "review/static/review/themes.css").read_text(encoding="utf-8")
    usual, strong = css.split("@media (prefers-contrast: more)")
    colours = variables(usual) | (variables(strong) if more else {})
    for wanted, pairs in ((7.0 if more else 4.5, TEXT), (3.0, EDGES)):
        for name, ground in pairs:
            assert contrast(colours[name][theme], colours[ground][theme]) >= wanted, f"{name} on {ground}"


@pytest.mark.parametrize("make", [factories.make_admin, factories.make_reviewer])
def test_nobody_is_led_to_a_page_that_is_refused_to_them(client, make):
    client.force_login(make())
    html = client.get(reverse("playground")).content.decode()
    shown = html[html.index('<details class="menu phone">') : html.index("<main")]
    hrefs = {href.partition("#")[0] for href in re.findall(r'href="(/[^"]*)"', shown)}
    assert len(hrefs) > 5
    for href in hrefs:
        assert client.get(href, follow=True).status_code == 200, href


def test_help_leads_to_headings_that_exist():
    for entry in (entry for area in navigation.AREAS for entry in area.entries if navigation.address(entry.url)):
        page, _hash, heading = entry.help.partition("#")
        assert not heading or heading in dict(manual.read(page).headings), f"{entry.url} leads to {entry.help}"


@pytest.mark.parametrize(
    "language, sentence", [("en", "At most 1."), ("zh-hans", "最大为 1。"), ("en", "Fill this in."), ("zh-hans", "请填写此项。")]
)
def test_what_a_form_refuses_says_what_to_write_instead(client, language, sentence):
    client.force_login(factories.make_admin())
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
    answer = client.post(reverse("policy", args=[factories.make_category().pk]), {"accept_at": "2", "review_at": "0.5"})
    assert answer.status_code == 422
    assert sentence in answer.content.decode()


@pytest.mark.parametrize("name, next_step", [("conflicts", "groups"), ("holds", "queues"), ("audit", "imports")])
def test_a_list_that_is_empty_says_so_once_and_what_to_do_next(client, name, next_step):
    client.force_login(factories.make_admin())
    html = client.get(reverse(name)).content.decode()
    empty = html[html.index('class="empty"') :]
    assert f'class="button primary" href="{reverse(next_step)}"' in empty
    assert "0 rows" not in html


def test_a_very_long_title_is_shortened_at_the_head_of_its_page_and_can_be_read_whole(client):
    client.force_login(factories.make_reviewer())
    long, short = factories.make_sku("Kettle " * 100), factories.make_sku("Kettle")
    html = client.get(reverse("sku", args=[long.uuid])).content.decode()
    assert len(re.search(r"<h1[^>]*>([^<]*)</h1>", html)[1]) == 200
    assert long.title in html[html.index("Read the whole title") :]
    assert "Read the whole title" not in client.get(reverse("sku", args=[short.uuid])).content.decode()


def test_sentences_and_names_are_joined_as_each_language_joins_them():
    joined = Template("{% load face %}Nothing runs.{% gap %}German{% comma %}English.")
    with override("en"):
        assert joined.render(Context()) == "Nothing runs. German, English."
    with override("zh-hans"):
        assert joined.render(Context()) == "Nothing runs.German、English."
