"""The audit: decisions and acts in one list, by whom, what, about what and when."""

from __future__ import annotations

import csv
import io

import pytest
from django.urls import reverse

from alignment import catalogue, decisions, policies, search
from alignment.models import AuditEvent, Group, Pair
from review import lists
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client):
    user = factories.make_admin("ada")
    client.force_login(user)
    return user


@pytest.fixture
def lin():
    return factories.make_reviewer("lin")


def look(client, **query):
    return client.get(reverse("audit", query={"sort": "-when"} | query))


def told(page):
    return [(row.verdict if hasattr(row, "verdict") else row.action) for row, _cells in page.context["list"].rows]


def happen(admin, lin):
    pair = factories.make_pair(0.8, left=factories.make_sku("Red kettle"))
    search.index([pair.left])
    decisions.decide(pair_id=pair.pk, verdict="accept", user=lin)
    catalogue.correct_language(sku=pair.left, language="de", user=admin)
    return pair


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_decisions_and_acts_stand_in_one_list_the_newest_first(client, admin, lin, language):
    happen(admin, lin)
    page = client.get(reverse("audit"), HTTP_ACCEPT_LANGUAGE=language)
    assert told(page) == ["correct language", "accept"]
    shown = page.content.decode()
    assert "lin" in shown and "ada" in shown and "Red kettle" in shown


@pytest.mark.parametrize(("language", "said"), [("en", "Baby, version 1"), ("zh-hans", "Baby 第 1 版")])
def test_a_published_policy_is_named_in_the_readers_language(client, admin, language, said):
    factories.make_policy(factories.make_category("Baby"), author=admin)
    assert said in client.get(reverse("audit"), HTTP_ACCEPT_LANGUAGE=language).content.decode()


def test_a_published_policy_says_what_changed_and_leads_to_its_page(client, admin):
    category = factories.make_category("Kettles")
    policies.publish(category=category, instruction="Same kettle?", accept_at=0.85, review_at=0.7, author=admin)
    shown = look(client).content.decode()
    assert "Instruction · Accept at and over: 0.9 → 0.85" in shown
    assert f'href="{reverse("policy", args=[category.pk])}"' in shown


def test_a_roll_back_and_an_inheriting_again_are_called_so(client, admin):
    category = factories.make_category("Kettles")
    first = policies.publish(category=category, instruction="Same kettle?", accept_at=0.85, review_at=0.7, author=admin)
    policies.publish(category=category, instruction="Same kettle?", accept_at=0.95, review_at=0.7, author=admin)
    assert "Rolled back" not in look(client).content.decode()
    policies.roll_back(version=first, author=admin)
    assert "Rolled back a policy" in look(client).content.decode()
    policies.inherit(category=category, author=admin)
    assert "Let a category inherit its policy again" in look(client).content.decode()
    found = {words: len(told(look(client, q=words))) for words in ("Rolled back", "inherit its policy", "Published", "publish policy")}
    assert found == {"Rolled back": 1, "inherit its policy": 1, "Published": 2, "publish policy": 4}


def test_it_is_narrowed_by_who_what_and_words(client, admin, lin):
    happen(admin, lin), factories.make_pair(0.95)
    assert told(look(client, who=str(lin.pk))) == ["accept"]
    assert told(look(client, who="policy")) == ["accept"]
    assert told(look(client, what="acts")) == ["correct language"]
    assert told(look(client, what="correct language")) == ["correct language"]
    assert told(look(client, what="reject")) == []
    assert told(look(client, q="kettle red")) == ["accept"]
    assert told(look(client, q="correct")) == ["correct language"]


def test_acts_are_found_by_what_they_are_called_in_the_readers_language(client, admin, lin):
    happen(admin, lin)
    assert told(client.get(reverse("audit"), {"sort": "-when", "q": "更正语言"}, HTTP_ACCEPT_LANGUAGE="zh-hans")) == ["correct language"]


def test_it_is_narrowed_by_day(client, admin, lin):
    happen(admin, lin)
    day = AuditEvent.objects.get().created_at.date().isoformat()
    assert len(told(look(client, **{"from": day, "to": day}))) == 2
    assert told(look(client, to="2001-01-01")) == []
    assert len(told(look(client, **{"from": "no day"}))) == 2


def test_one_subjects_whole_history_is_shown(client, admin, lin):
    pair = happen(admin, lin)
    factories.make_pair(0.95)
    assert told(look(client, subject=f"sku:{pair.left.uuid}")) == ["correct language", "accept"]
    assert told(look(client, subject=f"sku:{pair.right.uuid}")) == ["accept"]
    assert told(look(client, subject=f"pair:{pair.pk}")) == ["accept"]
    group = Group.objects.get(memberships__sku=pair.left)
    assert told(look(client, subject=f"group:{group.uuid}")) == ["accept"]
    for nothing in ("sku:x", "pair:²", "planet:9", "sku:"):
        assert told(look(client, subject=nothing)) == []


def test_the_history_of_one_subject_is_not_what_the_audit_opens_with_next(client, admin, lin):
    pair = happen(admin, lin)
    look(client, subject=f"pair:{pair.pk}")
    assert client.get(reverse("audit")).status_code == 200


def test_pages_go_through_both_tables_once(client, admin, lin, monkeypatch):
    monkeypatch.setattr(lists, "ROWS_A_PAGE", 2)
    for _ in range(3):
        happen(admin, lin)
    page, met = look(client), []
    while True:
        met += told(page)
        if not page.context["list"].after:
            break
        page = client.get(reverse("audit") + page.context["list"].after)
    assert sorted(met) == ["accept"] * 3 + ["correct language"] * 3


def test_it_is_exported(client, admin, lin):
    pair = happen(admin, lin)
    answer = look(client, **{"as": "csv"})
    rows = list(csv.DictReader(io.StringIO(b"".join(answer).decode().lstrip("\ufeff"))))
    assert [(row["kind"], row["what"], row["who"]) for row in rows] == [("act", "correct language", "ada"), ("decision", "accept", "lin")]
    assert rows[1]["pair"] == str(pair.pk)


def test_who_left_is_called_so(client, admin, lin):
    happen(admin, lin)
    lin.delete()
    assert "someone who left" in look(client).content.decode()


def test_an_admin_who_may_be_asked_for_a_second_opinion_does_not_read_the_first_here(client, admin, lin):
    pair = happen(admin, lin)
    Pair.objects.filter(pk=pair.pk).update(in_review=True, stage=Pair.Stage.SECOND)
    assert told(look(client)) == ["correct language"]


def test_it_is_for_admins(client, lin):
    client.force_login(lin)
    assert client.get(reverse("audit")).status_code == 403


def test_an_empty_audit_says_what_will_stand_there(client, admin):
    assert "Nothing happened yet" in client.get(reverse("audit")).content.decode()


def test_it_costs_the_same_whatever_it_holds(client, admin, lin, django_assert_max_num_queries):
    for _ in range(4):
        happen(admin, lin)
    look(client)
    with django_assert_max_num_queries(12):
        look(client)


def test_what_is_chosen_stands_in_the_filter_and_names_are_shown_as_text(client, admin):
    factories.make_policy(factories.make_category("Baby"), author=factories.make_admin("<b>eve"))
    shown = look(client, what="acts").content.decode()
    assert '<option value="acts" selected>' in shown and shown.count(" selected>") == 1
    assert "&lt;b&gt;eve</option>" in shown and "<b>eve" not in shown
