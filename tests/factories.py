"""Rows that tests need, made through the code that makes them in use wherever there is one."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from alignment import rendering, scoring, scoring_workers
from alignment.models import SKU, Candidate, CandidateSet, Category, Pair, PolicyVersion, ScoringModel, Source, User
from alignment.policies import publish
from review import leases

numbers = itertools.count(1)


def make_reviewer(username: str = "", **fields: object) -> User:
    return User.objects.create_user(username or f"reviewer{next(numbers)}", password="a long password 1", **fields)


def make_admin(username: str = "") -> User:
    return User.objects.create_user(
        username or f"admin{next(numbers)}", password="a long password 1", role=User.Role.ADMIN, is_staff=True, is_superuser=True
    )


def make_source(name: str = "", language: str = "en") -> Source:
    return Source.objects.get_or_create(name=name or "Brightcart", defaults={"language": language})[0]


def make_category(path: str = "Kitchen") -> Category:
    parent = Category.objects.get(path="")
    walked: list[str] = []
    for name in path.split(Category.SEPARATOR):
        walked.append(name)
        parent = Category.objects.get_or_create(path=Category.SEPARATOR.join(walked), defaults={"name": name, "parent": parent})[0]
    return parent


def path_of_four_thousand_bytes() -> str:
    """Below a thousand characters, of which no two neighbours are alike: an index cannot pack them."""
    letters = [chr(0x20000 + 977 * place % 40_000) for place in range(975)]
    return Category.SEPARATOR.join("".join(letters[start : start + 195]) for start in range(0, 975, 195))


def make_sku(
    title: str = "", *, source: Source | None = None, category: Category | None = None, language: str = "en", **fields: object
) -> SKU:
    number = next(numbers)
    sku = SKU(
        source=source or make_source(),
        external_id=f"X-{number}",
        title=title or f"Kettle number {number}",
        language=language,
        category=category,
        content_hash=f"{number:064d}",
        **fields,
    )
    sku.text_hash = rendering.text_hash(sku)
    sku.save()
    return sku


def make_policy(category: Category | None = None, **fields: object) -> PolicyVersion:
    category = category or Category.objects.get(path="")
    values: dict[str, object] = {"instruction": "The same product?", "accept_at": 0.9, "review_at": 0.7, "author": None} | fields
    return publish(category=category, **values)


def make_review_policy(**fields: object) -> PolicyVersion:
    """A root version with other rules of review: open pairs made from here on have it."""
    root = Category.objects.get(path="")
    number = root.policy_versions.count() + 1
    values = {"instruction": "The same product?", "accept_at": 0.9, "review_at": 0.7} | fields
    return PolicyVersion.objects.create(category=root, number=number, **values)


def make_model(*, is_demo: bool = False) -> ScoringModel:
    return scoring_workers.register_model(
        name="test", revision="1", dtype="float32", prompt_format="qwen3", max_length=8192, is_demo=is_demo
    )


def make_set(query: SKU, candidates: Sequence[SKU], *, category: Category | None = None, **fields: object) -> CandidateSet:
    made = CandidateSet.objects.create(query=query, category=category, **({"origin": CandidateSet.Origin.CALLER} | fields))
    Candidate.objects.bulk_create(Candidate(set=made, query=query, sku=sku, rank=rank) for rank, sku in enumerate(candidates, 1))
    return made


def score_waiting_sets(
    probabilities: dict[tuple[int, int], float] | float, *, model: ScoringModel | None = None, holder: str = "test"
) -> None:
    """Score everything that waits through claim, prepare and store, with given probabilities for (query id, document id) or for all."""
    model = model or make_model()
    while sets := scoring.claim(holder=holder, token_budget=1_000_000):
        works = scoring.prepare(sets, model=model)
        facts = []
        for work in works:
            by_hash = {c.sku.text_hash: c.sku_id for c in work.set.candidates.select_related("sku")}
            for inputs in work.documents:
                p = probabilities if isinstance(probabilities, float) else probabilities[(work.set.query_id, by_hash[inputs.document])]
                facts.append(scoring.Fact(inputs, logit=0.0, probability=p, tokens_read=10, tokens_cut=0))
        scoring.store(works=works, facts=facts, model=model, holder=holder)


def take_ahead(user: User, *, escalated: bool = False) -> leases.Case | None:
    """The case after the one in hand, as the page comes to it step by step."""
    while True:
        case, moved = leases.step_to_ahead(user, escalated=escalated)
        if case or not moved:
            return case


def make_pair(score: float = 0.8, *, left: SKU | None = None, right: SKU | None = None, category: Category | None = None) -> Pair:
    """A pair that went the whole way: proposed, scored, routed."""
    left, right = left or make_sku(category=category), right or make_sku(category=category)
    make_set(left, [right])
    score_waiting_sets(score)
    return Pair.objects.get(left_id=min(left.pk, right.pk), right_id=max(left.pk, right.pk))
