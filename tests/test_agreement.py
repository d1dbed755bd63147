"""Agreement between first and second opinions."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from alignment import agreement, decisions
from alignment.models import Actor, User
from tests.factories import make_category, make_pair, make_review_policy, make_reviewer, make_sku

answers = st.sampled_from(["accept", "reject", "unsure"])
tables = st.dictionaries(st.tuples(answers, answers), st.integers(0, 50))


def table(answers: str, *rows: tuple[int, ...]) -> dict[tuple[str, str], int]:
    return {(one, other): count for one, row in zip(answers, rows, strict=True) for other, count in zip(answers, row, strict=True)}


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        # Cohen's own example (1960): three answers, 0.70 observed, 0.41 expected.
        (table("abc", (44, 7, 9), (5, 20, 5), (1, 3, 6)), 0.29 / 0.59),
        (table("ab", (20, 5), (10, 15)), 0.4),
        (table("ab", (45, 15), (25, 15)), 0.06 / 0.46),
        (table("ab", (10, 0), (0, 10)), 1.0),
        (table("ab", (0, 10), (10, 0)), -1.0),
        (table("ab", (25, 25), (25, 25)), 0.0),
    ],
)
def test_kappa_of_known_tables(counts: dict[tuple[str, str], int], expected: float) -> None:
    assert agreement.kappa(counts) == pytest.approx(expected)


@pytest.mark.parametrize("counts", [{}, {("accept", "accept"): 0}, {("accept", "accept"): 7}])
def test_where_chance_explains_everything_there_is_no_kappa(counts: dict[tuple[str, str], int]) -> None:
    assert agreement.kappa(counts) is None


@given(tables)
def test_kappa_is_at_most_one_and_does_not_care_who_was_first(counts: dict[tuple[str, str], int]) -> None:
    found = agreement.kappa(counts)
    assert found is None or -1.0 <= found <= 1.0
    assert found == agreement.kappa(Counter({(other, one): count for (one, other), count in counts.items()}))


@pytest.fixture
def people(db: None) -> tuple[User, User]:
    make_review_policy(second_share=1.0)
    return make_reviewer(), make_reviewer()


def opinions(people: tuple[User, User], *verdicts: str, category: str = "Kitchen", languages: tuple[str, str] = ("en", "zh")) -> None:
    left, right = (make_sku(category=make_category(category), language=language) for language in languages)
    pair = make_pair(0.8, left=left, right=right)
    for user, verdict in zip(people, verdicts, strict=False):
        decisions.decide(pair_id=pair.pk, verdict=verdict, user=user)


def test_it_counts_pairs_with_two_opinions_by_category_languages_and_reviewer(people: tuple[User, User]) -> None:
    opinions(people, "accept", "accept")
    opinions(people, "accept", "reject", category="Kitchen > Kettles", languages=("en", "de"))
    opinions(people, "reject")
    found = agreement.report()
    assert (found.total.pairs, found.total.same, found.total.raw) == (2, 1, 0.5)
    assert {name: one.raw for name, one in found.by_category.items()} == {"Kitchen": 1.0, "Kitchen > Kettles": 0.0}
    assert {name: one.pairs for name, one in found.by_languages.items()} == {"de|en": 1, "en|zh": 1}
    assert {one.pairs for one in found.by_reviewer.values()} == {2} and len(found.by_reviewer) == 2


def test_a_second_opinion_taken_back_is_not_counted(people: tuple[User, User]) -> None:
    opinions(people, "accept", "reject")
    decisions.undo(user=people[1])
    assert agreement.report().total.pairs == 0


def test_one_persons_figures_hold_only_what_they_took_part_in(people: tuple[User, User]) -> None:
    opinions(people, "accept", "accept")
    third = make_reviewer()
    opinions((people[0], third), "accept", "reject")
    found = agreement.report(actor=Actor.of(third).uuid)
    assert (found.total.pairs, found.total.same) == (1, 0)


def test_it_takes_one_query(people: tuple[User, User], django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for _ in range(3):
        opinions(people, "accept", "reject")
    with django_assert_num_queries(1):
        agreement.report()
