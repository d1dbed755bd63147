"""The playground: scored while somebody looks, shown to whoever has the link."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from alignment import rerank, scoring_workers
from alignment.models import RerankRequest
from tests.factories import make_category, make_model, make_policy, make_reviewer

pytestmark = pytest.mark.django_db(transaction=True)
FORM = {
    "query": "Kettle 1.7 L",
    "candidates": "Bouilloire\t1,7 L\n\n<b>水壶</b>\n",
    "category": "",
    "instruction": "",
    "other_instruction": "",
}


@pytest.fixture
def client(client: Client) -> Client:
    client.force_login(make_reviewer())
    return client


def answer_all(*probabilities: float) -> None:
    model = make_model(is_demo=True)
    while asked := rerank.claim(holder="w"):
        answers = [rerank.Answer(p, p, 7, 0) for p in probabilities[: len(asked.documents)]]
        rerank.answer(asked, holder="w", model=model, answers=answers)
        probabilities = probabilities[::-1]


def asked(client: Client, **fields: str) -> str:
    answer = client.post("/playground/", FORM | fields)
    assert answer.status_code == 302, answer.content
    return str(answer["Location"])


def test_a_result_is_ranked_routed_and_says_that_it_is_the_demo_models(client: Client) -> None:
    link = asked(client)
    answer_all(0.2, 0.95)
    page = client.get(link).content.decode()
    assert page.index("&lt;b&gt;水壶&lt;/b&gt;") < page.index("Bouilloire 1,7 L</span>")
    for text in ("0.95", "accept", "discard", "demo model"):
        assert text in page
    assert "Kettle" not in link


def test_two_instructions_side_by_side_say_what_moved(client: Client) -> None:
    link = asked(client, other_instruction="Something else?")
    answer_all(0.2, 0.95)
    page = client.get(link).content.decode()
    assert "↑ 1" in page and "↓ 1" in page


def test_another_person_opens_the_link_and_a_stranger_does_not(client: Client) -> None:
    link = asked(client)
    answer_all(0.2, 0.95)
    other = Client()
    assert other.get(link).status_code == 302
    other.force_login(make_reviewer())
    assert "Bouilloire" in other.get(link).content.decode()


def test_a_request_of_the_api_has_no_page(client: Client) -> None:
    asked(client)
    RerankRequest.objects.update(shared=False)
    assert client.get(f"/playground/{RerankRequest.objects.get().uuid}/").status_code == 404


def test_while_it_waits_the_page_asks_again_and_says_that_no_worker_runs(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("review.views.playground.SECONDS_TO_WAIT", 0)
    link = asked(client)
    page = client.get(link).content.decode()
    assert f'hx-get="{link}"' in page and "No worker was heard from" in page
    scoring_workers.report(name="w")
    assert "No worker was heard from" not in client.get(link).content.decode()


def test_a_category_lends_its_instruction_and_thresholds(client: Client) -> None:
    make_policy(make_category("Power"), instruction="Same volts?", accept_at=0.15, review_at=0.1)
    link = asked(client, category="Power")
    assert RerankRequest.objects.get().instruction == "Same volts?"
    answer_all(0.2, 0.95)
    assert "discard</td>" not in client.get(link).content.decode()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"candidates": "\n \n"}, "Fill this in"),
        ({"candidates": "x\n" * 201}, "at most 200"),
        ({"category": "Nowhere"}, "no such category"),
        ({"query": ""}, "Fill this in"),
    ],
)
def test_what_cannot_be_scored_is_said_beside_its_field(client: Client, fields: dict[str, Any], message: str) -> None:
    answer = client.post("/playground/", FORM | fields)
    assert answer.status_code == 422 and message in answer.content.decode()
    assert not RerankRequest.objects.exists()
