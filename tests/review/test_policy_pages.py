"""What an admin sees of a version before it is published: counted, tried on real pairs, and undone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alignment import decisions, implied, policies, rerank, rollout, scoring_workers
from alignment.models import Actor, Category, Decision, Pair, RerankRequest, User
from alignment.policies import published, values_of
from review import effects, revisions
from tests.factories import (
    make_admin,
    make_category,
    make_model,
    make_pair,
    make_policy,
    make_reviewer,
    make_set,
    make_sku,
    score_waiting_sets,
)
from workers.reranker.contract import ModelIdentity, Reading, Score
from workers.scorer import Scorer

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client: Client) -> User:
    user = make_admin()
    client.force_login(user)
    return user


def root() -> Category:
    return Category.objects.get(path="")


def form(**fields: Any) -> dict[str, Any]:
    version = published(root())
    shown = {"order": "oldest", "priority": "0", "reasons": "off", "second_share": "0", "check_share": "0"}
    return shown | {"instruction": version.instruction, "accept_at": "0.9", "review_at": "0.7"} | fields


def effect(client: Client, category: Category | None = None, **fields: Any) -> Any:
    return client.post(reverse("policy-effect", args=[(category or root()).pk]), form(**fields))


def trial(client: Client, **fields: Any) -> Any:
    return client.post(reverse("policy-trial", args=[root().pk]), form(**fields))


def roll_out() -> None:
    while rollout.advance():
        pass


def test_it_counts_what_would_move_the_queue_and_the_accepts(client: Client, admin: User) -> None:
    for score in (0.95, 0.92, 0.8, 0.75, 0.2):
        make_pair(score)
    found = effect(client, accept_at="0.94", review_at="0.78").context["effect"]
    assert {(str(move.was), str(move.becomes), move.pairs) for move in found.moves} == {("accept", "review", 1), ("review", "discard", 1)}
    assert (found.pairs, found.queue, found.queue_after, found.accepted, found.withdrawn, found.exact) == (5, 2, 2, 0, 1, True)
    assert effect(client, accept_at="0.8").context["effect"].accepted == 1


def test_a_wrong_threshold_is_told_instead_of_counted(client: Client, admin: User) -> None:
    for fields in ({"review_at": "0.95"}, {"accept_at": "x"}, {"instruction": "{price}?"}):
        page = effect(client, **fields)
        assert page.context["invalid"] and "effect" not in page.context


def test_what_is_wrong_with_a_policy_is_told_with_the_name_of_its_field(client: Client, admin: User) -> None:
    html = effect(client, accept_at="2", instruction="").content.decode()
    assert "<b>Instruction</b> Fill this in." in html
    assert "<b>Accept at and over</b> At most 1." in html


scores = st.floats(0, 1, allow_nan=False)
thresholds = st.tuples(scores, scores).map(sorted)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    both=st.lists(
        st.tuples(scores, st.none() | scores, st.sampled_from(["", "", "accept", "reject"]), st.sampled_from(["", "", "one", "other"])),
        max_size=6,
    ),
    typed=thresholds,
)
def test_what_is_counted_is_what_publishing_does_and_rolling_back_undoes(
    db: None, both: list[tuple[float, float | None, str, str]], typed: list[float]
) -> None:
    kitchen, garden = (make_category(f"{name} {Category.objects.count()}") for name in ("Kitchen", "Garden"))
    reviewer = make_reviewer()
    before = make_policy(kitchen, instruction=f"Same, {kitchen}?")
    make_policy(garden, instruction=f"Same, {garden}?", accept_at=0.8, review_at=0.4)
    pairs = []
    for forward, reverse_score, verdict, elsewhere in both:
        one, other = (make_sku(category=garden if elsewhere == name else kitchen) for name in ("one", "other"))
        make_set(one, [other])
        make_set(other, [one]) if reverse_score is not None else None
        score_waiting_sets({(one.pk, other.pk): forward, (other.pk, one.pk): reverse_score or 0.0})
        pair = Pair.objects.get(left=one, right=other)
        if verdict:
            decisions.decide(pair_id=pair.pk, verdict=verdict, user=reviewer)
        if elsewhere != "one" or reverse_score is not None:
            pairs.append(pair.pk)
    values = values_of(before) | {"review_at": typed[0], "accept_at": typed[1]}
    told = effects.of(kitchen, values, policies.Policies())

    def state() -> dict[int, tuple[Any, ...]]:
        rows = Pair.objects.filter(pk__in=pairs).values_list("pk", "route", "in_review", "standing__by", "standing__verdict")
        return {row[0]: row[1:] for row in rows}

    was = state()
    if not policies.changed(values_of(before), values):
        return
    policies.publish(category=kitchen, author=None, **values)
    roll_out()
    now = state()
    moves = Counter((was[pk][0], now[pk][0]) for pk in pairs if was[pk][0] != now[pk][0] and was[pk][2] != "person")
    named = {(effects.ROUTES[one], effects.ROUTES[other]): count for (one, other), count in moves.items()}
    assert {(move.was, move.becomes): move.pairs for move in told.moves} == named
    assert told.queue == sum(row[1] for row in was.values()) and told.queue_after == sum(row[1] for row in now.values())
    assert told.withdrawn == sum(was[pk][2] == "policy" and now[pk][2] != "policy" for pk in pairs)
    assert told.accepted == sum(was[pk][2] is None and now[pk][2] == "policy" for pk in pairs)
    policies.roll_back(version=before, author=None)
    roll_out()
    assert state() == was


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    said=st.dictionaries(
        st.sampled_from(list(combinations(range(5), 2))),
        st.tuples(st.sampled_from([0.95, 0.92, 0.86, 0.8, 0.75, 0.3]), st.sampled_from(["", "", "", "accept", "reject", "unsure"])),
        min_size=2,
    ),
    typed=st.sampled_from([(0.9, 0.7), (0.94, 0.7), (0.85, 0.7), (0.78, 0.7), (0.99, 0.2), (0.5, 0.2), (0.85, 0.85)]),
)
def test_what_groups_will_then_answer_by_themselves_is_in_the_queue_that_is_told(
    db: None, said: dict[tuple[int, int], tuple[float, str]], typed: tuple[float, float]
) -> None:
    kitchen, reviewer = make_category(f"Kitchen {Category.objects.count()}"), make_reviewer()
    before = make_policy(kitchen, instruction=f"Same, {kitchen}?")
    skus = [make_sku(category=kitchen) for _ in range(5)]
    for (one, other), (score, verdict) in said.items():
        pair = make_pair(score, left=skus[one], right=skus[other])
        if verdict:
            decisions.decide(pair_id=pair.pk, verdict=verdict, user=reviewer)
    values = values_of(before) | {"accept_at": typed[0], "review_at": typed[1]}
    told = effects.of(kitchen, values, policies.Policies())
    waiting = Pair.objects.filter(in_review=True, category=kitchen)
    assert told.weighed and told.queue == waiting.count()
    if policies.changed(values_of(before), values):
        policies.publish(category=kitchen, author=None, **values)
        roll_out()
    assert told.queue_after == waiting.count()
    assert implied.verify() == []


def test_what_groups_answer_is_not_weighed_where_very_many_accepts_move(client: Client, admin: User, monkeypatch: Any) -> None:
    for _pair in range(3):
        make_pair(0.8)
    note = "Groups that this joins or takes apart settle or reopen other pairs, which are not counted here."
    assert note not in effect(client, accept_at="0.75").content.decode()
    monkeypatch.setattr(effects, "MOST_WEIGHED", 2)
    assert note in effect(client, accept_at="0.75").content.decode()


def test_what_people_decided_is_shown_by_where_it_would_go(client: Client, admin: User) -> None:
    for score, verdict in ((0.88, "accept"), (0.86, "accept"), (0.85, "reject"), (0.72, "reject")):
        decisions.decide(pair_id=make_pair(score).pk, verdict=verdict, user=admin)
    bands = {band.route: (band.decided, band.same) for band in effect(client, accept_at="0.84").context["effect"].bands}
    assert bands == {"accept": (3, 2), "review": (1, 0), "discard": (0, 0)}
    low, high = effects.Band("accept", effects.ROUTES["accept"], 3, 2).interval
    assert low < 2 / 3 < high


def test_only_what_inherits_is_counted(client: Client, admin: User) -> None:
    kitchen, garden = make_category("Kitchen"), make_category("Garden")
    make_policy(garden, accept_at=0.91)
    for category in (kitchen, garden):
        make_pair(0.8, category=category)
    assert effect(client, accept_at="0.75").context["effect"].accepted == 1
    assert effect(client, garden, accept_at="0.75").context["effect"].accepted == 1


def test_a_new_instruction_says_how_much_is_scored_anew_and_how_long(client: Client, admin: User) -> None:
    make_pair(0.8), make_pair(0.8)
    scoring_workers.report(name="w", model=make_model(), pairs=1, pairs_per_second=0.5)
    page = effect(client, instruction="Another question?")
    again = page.context["effect"].rescoring
    assert (again.sets, again.pairs, again.seconds, again.kept) == (2, 2, 4.0, False)
    assert "about 4 seconds" in page.content.decode()


def test_more_pairs_than_are_counted_are_estimated_and_said_so(client: Client, admin: User, monkeypatch: pytest.MonkeyPatch) -> None:
    query = make_sku()
    make_set(query, [make_sku() for _ in range(60)])
    score_waiting_sets(0.8)
    monkeypatch.setattr(effects, "MOST_EXACT", 30)
    page = effect(client, accept_at="0.75")
    assert not page.context["effect"].exact and "estimated" in page.content.decode()
    assert page.context["effect"].accepted == pytest.approx(60, abs=12)


def answer_all(**answers: float) -> None:
    model = make_model()
    while asked := rerank.claim(holder="w"):
        reading = rerank.Reading(f"<q>{asked.query}<a>", frame=3, instruction=4, query=5, document=6, cut=0, limit=512)
        found = [rerank.Answer(0.0, 0.97, 6, 0) for _document in asked.documents]
        rerank.answer(asked, holder="w", model=model, answers=found, readings=[reading] if asked.explain else None)


def test_five_real_pairs_are_scored_under_what_is_typed(client: Client, admin: User) -> None:
    for score in (0.99, 0.95, 0.89, 0.8, 0.75, 0.71, 0.3, 0.1):
        make_pair(score)
    first = trial(client, instruction="Same in {language}?")
    names = [row["one"].name for row in first.context["rows"]]
    assert [round(row["one"].old, 2) for row in first.context["rows"]] == [0.99, 0.89, 0.75, 0.71, 0.3]
    assert RerankRequest.objects.filter(instruction="Same in en?", shared=False).count() == 5
    assert "load delay" in first.content.decode()
    answer_all()
    page = trial(client, instruction="Same in {language}?", accept_at="0.98", asked=names).content.decode()
    assert "0.97" in page and "load delay" not in page and page.count("→ review") == 2
    assert "18 of 512 tokens: frame 3, instruction 4, query 5, document 6" in page and "&lt;q&gt;Kettle" in page
    assert RerankRequest.objects.count() == 5


class Engine:
    """A model of half a second, without the model."""

    identity = ModelIdentity(name="small", revision="1", dtype="float32", prompt_format="qwen3", max_length=512)
    device, is_demo = "cpu", False

    def score(self, instruction: str, query: str, documents: Sequence[str], *, document_limit: int | None = None) -> list[Score]:
        return [Score(0.0, 0.5, 6, 0) for _document in documents]

    def score_sets(self, sets: Sequence[tuple[str, str, Sequence[str]]]) -> list[list[Score]]:
        return [self.score(*one) for one in sets]

    def read(self, instruction: str, query: str, document: str) -> Reading:
        return Reading(f"{instruction}|{query}|{document}", 3, 4, 5, 6, 0, 512)


def test_a_worker_tells_what_the_model_reads_where_it_is_asked_to(client: Client, admin: User) -> None:
    pair = make_pair(0.8)
    trial(client, instruction="One?")
    plain = rerank.ask(instruction="x", query="y", documents=["z"], owner=admin.actor.uuid)
    assert Scorer(Engine()).answer_requests()
    asked = RerankRequest.objects.get(instruction="One?")
    assert [reading.prompt for reading in rerank.readings_of(asked)] == [f"One?|{pair.query.title}|{pair.right.title}"]
    plain.refresh_from_db()
    assert rerank.answers_of(plain) and not rerank.readings_of(plain)


def test_a_worker_that_answers_one_request_after_the_other_is_alive(admin: User) -> None:
    rerank.ask(instruction="x", query="y", documents=["z"], owner=Actor.of(admin).uuid)
    scorer = Scorer(Engine())
    assert scorer.answer_requests()
    assert [worker.name for worker in scoring_workers.alive()] == [scorer.holder]


def test_another_instruction_asks_anew_about_the_same_pairs(client: Client, admin: User) -> None:
    make_pair(0.8)
    names = [row["one"].name for row in trial(client, instruction="One?").context["rows"]]
    again = [row["one"].name for row in trial(client, instruction="Two?", asked=names).context["rows"]]
    assert names[0].split(":")[0] == again[0].split(":")[0] and names != again


def test_nothing_is_asked_before_the_instruction_changes_or_somebody_presses(client: Client, admin: User) -> None:
    make_pair(0.8)
    trial(client, accept_at="0.95")
    assert not RerankRequest.objects.exists()
    trial(client, ask="1")
    assert RerankRequest.objects.count() == 1


def test_names_that_the_page_did_not_make_ask_for_nothing_of_others(client: Client, admin: User) -> None:
    pair = make_pair(0.8)
    other = rerank.ask(instruction="x", query="secret", documents=["y"], owner=make_reviewer("r").pk and admin_uuid("r"))
    page = trial(client, instruction="One?", asked=[f"{pair.pk}:{other.uuid}", "x:y", "7", f"{pair.pk}:no"])
    assert page.status_code == 200 and "secret" not in page.content.decode()


def admin_uuid(username: str) -> Any:
    from alignment.models import Actor

    return Actor.of(User.objects.get(username=username)).uuid


def test_a_full_queue_is_said_in_words(client: Client, admin: User, monkeypatch: pytest.MonkeyPatch) -> None:
    make_pair(0.8)
    monkeypatch.setattr(rerank, "MOST_WAITING", 0)
    assert "Too many requests wait" in trial(client, instruction="One?").content.decode()


def test_without_scripts_the_preview_is_a_page_and_publishes_nothing(client: Client, admin: User) -> None:
    make_pair(0.8)
    number = published(root()).number
    page = client.post(reverse("policy", args=[root().pk]), form(accept_at="0.75", preview="1"))
    assert page.context["effect"].accepted == 1 and page.context["rows"]
    assert published(root()).number == number


def test_the_history_says_what_changed_word_by_word_by_whom_and_why(client: Client, admin: User) -> None:
    make_policy(instruction="The same kettle?", author=admin)
    make_policy(instruction="The same red kettle?", author=admin, note="Colours matter", accept_at=0.95)
    page = client.get(reverse("policy", args=[root().pk])).content.decode()
    assert "The same <ins>red </ins>kettle?" in page and "<del>0.9</del> → <ins>0.95</ins>" in page
    assert "Colours matter" in page and admin.username in page


@given(st.text(max_size=80), st.text(max_size=80))
def test_a_difference_holds_both_texts(old: str, new: str) -> None:
    parts = list(revisions.words(old, new))
    assert "".join(part.text for part in parts if part.kind != "new") == old
    assert "".join(part.text for part in parts if part.kind != "gone") == new


def test_rolling_back_shows_first_what_it_will_do(client: Client, admin: User) -> None:
    old = make_policy(instruction="The same?", accept_at=0.85)
    pair = make_pair(0.87)
    make_policy(instruction="The same?", accept_at=0.95)
    roll_out()
    page = client.get(reverse("roll-back", args=[old.pk]))
    assert page.context["effect"].accepted == 1 and "<del>0.95</del> → <ins>0.85</ins>" in page.content.decode()
    assert published(root()).accept_at == 0.95
    client.post(reverse("roll-back", args=[old.pk]), {"note": "too strict"})
    roll_out()
    pair.refresh_from_db()
    assert published(root()).note == "too strict" and pair.standing.verdict == Decision.Verdict.ACCEPT


def test_a_form_that_was_open_undoes_no_version_of_another_unseen(client: Client, admin: User) -> None:
    other, address = make_admin(), reverse("policy", args=[root().pk])
    typed = form(seen=client.get(address).context["form"]["seen"].value(), accept_at="0.95", guards=["volume", "count"], note="Strict")
    policies.publish(category=root(), author=other, **values_of(published(root())) | {"review_at": 0.5})
    page = client.post(address, typed)
    said, kept = page.content.decode(), page.context["form"]
    assert page.status_code == 422 and published(root()).review_at == 0.5
    assert f"version {published(root()).number} of All categories came into force" in said and f"{other.username} ·" in said
    assert "<del>0.5</del> → <ins>0.7</ins>" in said
    assert (kept["accept_at"].value(), kept["guards"].value(), kept["note"].value()) == ("0.95", ["volume", "count"], "Strict")
    assert client.post(address, typed | {"seen": kept["seen"].value()}).status_code == 302
    assert (published(root()).accept_at, published(root()).review_at) == (0.95, 0.7)


@pytest.mark.parametrize("name", ["roll-back", "policy-inherit"])
def test_the_way_back_that_was_shown_before_another_version_is_shown_again(client: Client, admin: User, name: str) -> None:
    kitchen = make_category("Kitchen")
    old = make_policy(kitchen, accept_at=0.85)
    seen = make_policy(kitchen, accept_at=0.95)
    address = reverse(name, args=[old.pk if name == "roll-back" else kitchen.pk])
    typed = {"note": "too strict", "seen": client.get(address).context["form"]["seen"].value()}
    now = make_policy(kitchen, accept_at=0.96, author=make_admin())
    page = client.post(address, typed)
    assert typed["seen"] == seen.pk and published(kitchen) == now
    assert page.status_code == 422 and "<del>0.96</del> →" in page.content.decode()
    assert "version 3 of Kitchen came into force" in page.content.decode() and page.context["form"]["note"].value() == "too strict"
    client.post(address, typed | {"seen": now.pk})
    assert published(kitchen).accept_at == (0.85 if name == "roll-back" else 0.9)


@pytest.mark.parametrize("name", ["policy-effect", "policy-trial", "policy-inherit", "policy"])
def test_a_reviewer_sees_nothing_of_it(client: Client, name: str) -> None:
    client.force_login(make_reviewer())
    assert client.post(reverse(name, args=[root().pk]), form()).status_code == 403


def test_the_pages_ask_the_database_the_same_number_of_times_however_much_there_is(client: Client, admin: User) -> None:
    def asked(name: str, pk: int, **fields: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            address = reverse(name, args=[pk])
            assert (client.post(address, typed | fields) if fields else client.get(address)).status_code == 200
        return len(queries)

    def counts() -> list[int]:
        pages = [("policy", category.pk), ("roll-back", published(category).pk)]
        return [*(asked(*page) for page in pages), asked("policy-effect", category.pk, instruction="Another?", accept_at="0.99")]

    typed, category = form(), root()
    make_pair(0.8)
    make_policy(accept_at=0.91, author=admin)
    before = counts()
    for number in range(5):
        make_pair(0.8, category=make_category(f"Kitchen > {number}"))
        make_policy(accept_at=0.92 + number / 100, author=make_admin())
    assert counts() == before
    assert max(before) <= 12, before


def test_a_policy_tells_of_its_own_rollout_and_not_of_another_categorys(client: Client, admin: User) -> None:
    kettles, prams = make_category("Kettles"), make_category("Prams")
    policies.publish(category=kettles, author=admin, **values_of(published(kettles)) | {"accept_at": 0.97})
    said = "waits for a worker to apply it"
    assert said in client.get(reverse("policy", args=[kettles.pk])).content.decode()
    assert said not in client.get(reverse("policy", args=[prams.pk])).content.decode()
    assert said in client.get(reverse("policies")).content.decode()
