"""Every page there is, and a small world in which each has something to show. Whoever adds a url names it here, as a page or as none."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from typing import Any

from django.urls import reverse
from django.utils import timezone

from alignment import bulk, decisions, rerank, scoring_runs, scoring_workers
from alignment.models import SKU, Actor, Category, EvaluationRun, Group, ImportRun, Pair, RerankRequest, RowError, ScoringRun, Upload, User
from review import figures, people
from review.models import QueueCount
from review.urls import urlpatterns
from tests import factories


@dataclass
class World:
    admin: User
    reviewer: User
    sku: SKU
    pair: Pair
    group: Group
    category: Category
    upload: Upload
    import_run: ImportRun
    evaluation: EvaluationRun
    asked: RerankRequest
    export: Any
    secret: str
    act: uuid.UUID


Path = Callable[[World], str]

# Pages that need no more than their name.
PLAIN = (
    "home", "case", "paused", "keys", "escalated", "catalogue", "policies", "playground", "evaluations", "candidates", "group-exports",
    "runs", "scoring", "conflicts", "insights", "imports", "change-password", "password_change_done", "style",
    "settings", "people", "invite", "tokens", "categories", "my-work", "team", "bulk", "groups", "audit", "queues", "holds",
    "escalated-pairs",
)  # fmt: skip
PAGES: dict[str, Path] = {name: lambda world, name=name: reverse(name) for name in PLAIN} | {
    "help": lambda world: reverse("help", args=["admins"]),
    "search": lambda world: reverse("search") + "?q=推车",
    "bulk-preview": lambda world: reverse("bulk-preview") + "?verdict=reject&sort=since",
    "bulk-act": lambda world: reverse("bulk-act", args=[world.act]),
    "group": lambda world: reverse("group", args=[world.group.uuid]),
    "person": lambda world: reverse("person", args=[world.reviewer.pk]),
    "sku": lambda world: reverse("sku", args=[world.sku.uuid]),
    "pair": lambda world: reverse("pair", args=[world.pair.pk]),
    "category": lambda world: reverse("category", args=[world.category.pk]),
    "member": lambda world: reverse("member", args=[world.reviewer.pk]),
    "policy": lambda world: reverse("policy", args=[world.category.pk]),
    "roll-back": lambda world: reverse("roll-back", args=[world.category.policy_versions.earliest("pk").pk]),
    "playground-result": lambda world: reverse("playground-result", args=[world.asked.uuid]),
    "evaluation": lambda world: reverse("evaluation", args=[world.evaluation.uuid]),
    "run": lambda world: reverse("run", args=[world.export.uuid]),
    "import": lambda world: reverse("import", args=[world.import_run.uuid]),
    "import-preview": lambda world: reverse("import-preview", args=[world.upload.uuid]),
}
# Pages for whoever is not signed in.
OUTSIDE: dict[str, Path] = {
    "sign-in": lambda world: reverse("sign-in"),
    "invitation": lambda world: reverse("invitation", args=[world.secret]),
}
# Acts, fragments, files: nothing to look at.
NONE = {
    "sign-out", "set_language", "theme", "help-image", "decide", "ahead", "undo", "leave", "heartbeat", "sku-language", "sku-review",
    "pair-withdraw", "pair-forget", "policy-effect", "policy-trial", "policy-inherit", "evaluation-cancel", "evaluation-report",
    "candidates-cancel", "group-export", "run-cancel", "run-retry", "progress", "retry", "settle", "insights-data", "import-discard",
    "import-errors", "member-deactivate", "member-reactivate", "invitation-withdraw", "token-revoke", "category-add", "category-delete",
    "category-change", "my-work-undo", "my-work-data", "team-data", "bulk-decide", "bulk-undo", "group-file", "work-on", "hold-free",
    "known-pair", "neighbours",
}  # fmt: skip
NOT_FOUND = "/nothing/"


def unnamed() -> set[str]:
    """Urls that are neither a page here nor none, and names here that are no url."""
    return {str(pattern.name) for pattern in urlpatterns} ^ {*PAGES, *OUTSIDE, *NONE}


def world() -> World:
    """Long texts in five languages, a group, a conflict, something failed, something running, something counted."""
    admin, reviewer = factories.make_admin("wang"), factories.make_reviewer("lin")
    category = factories.make_category("母婴 > 推车")
    factories.make_policy(category, note="更严格", author=admin)
    factories.make_policy(category, accept_at=0.95, note="再严格些", author=admin)
    shops = [factories.make_source(name, language) for name, language in (("华联商店", "zh"), ("明亮商店", "en"), ("卡萨商店", "es"))]
    query = factories.make_sku(
        "可折叠便携式婴儿推车，适合0-3岁，7.2公斤，一键收车，可登机，附雨罩和蚊帐",
        source=shops[0],
        language="zh",
        category=category,
        attributes={"年龄": "0-36 months", "重量": "7.2 kg"},
        description="铝合金车架，五点式安全带。" * 12,
        gtin="04006381333931",
    )
    titles = (
        ("Foldable Lightweight Stroller for Newborn to 36 Months with One-Hand Fold, Rain Cover and Mosquito Net, 6.8 kg", "en"),
        ("Zusammenklappbarer Leichtgewicht-Kinderwagen für Neugeborene bis 36 Monate, Einhandfaltung", "de"),
        ("Silla de paseo plegable y ligera para recién nacidos hasta 36 meses", "es"),
        ("Poussette pliable et légère, de la naissance à 36 mois", "fr"),
    )
    others = [
        factories.make_sku(title, source=shops[1 + i % 2], language=language, category=category)
        for i, (title, language) in enumerate(titles)
    ]
    factories.make_set(query, others, category=category)
    factories.score_waiting_sets(0.8, model=factories.make_model(is_demo=True))
    open_pair, settled = Pair.objects.filter(in_review=True).order_by("pk")[:2]
    decisions.decide(pair_id=settled.pk, verdict="accept", user=reviewer, note="同一车架", seconds=4)
    _conflict(admin, category)
    failed = factories.make_set(named("失败的商品"), [named("另一商品")])
    type(failed).objects.filter(pk=failed.pk).update(status="parked", error="显存不足", attempts=3)
    waiting = factories.make_set(named("等待的商品"), [named("第三商品")])
    scoring_runs.join(scoring_runs.start(ScoringRun.Kind.RETRY, author=admin), [waiting.pk])
    scoring_workers.report(name="gpu", device="cpu", pairs_per_second=40.0, model=factories.make_model(is_demo=True))
    run = ImportRun.objects.create(source=shops[0], file_name="商品.csv", status="done", rows_read=3, error_count=1, author=admin)
    RowError.objects.create(run=run, line=3, column="标题", reason="标题为空", value="")
    figures.count(now=timezone.now() + timedelta(minutes=1))
    QueueCount.objects.create(
        category=category, languages="en|zh", stage="first", pairs=3, cases=1, oldest_at=timezone.now(), counted_at=timezone.now()
    )
    return World(
        admin=admin,
        reviewer=reviewer,
        sku=query,
        pair=settled,
        group=Group.objects.filter(size__gt=1).latest("pk"),
        category=category,
        upload=_upload(admin),
        import_run=run,
        evaluation=EvaluationRun.objects.create(name="样本.jsonl", stored_path="", status="running", sets=10, sets_done=4, author=admin),
        asked=_asked(admin),
        export=_export(admin),
        secret=_secret(admin),
        act=_act(admin),
    )


def named(title: str, **fields: Any) -> SKU:
    return factories.make_sku(title, source=factories.make_source("华联商店", "zh"), language="zh", **fields)


def _conflict(admin: User, category: Category) -> None:
    one, two, three = (named(f"冲突商品 {n}", category=category) for n in range(3))
    apart = factories.make_pair(0.8, left=one, right=two)
    decisions.decide(pair_id=apart.pk, verdict="reject", user=admin)
    for other in (one, two):
        decisions.decide(pair_id=factories.make_pair(0.8, left=other, right=three).pk, verdict="accept", user=admin)


def _upload(admin: User) -> Upload:
    from alignment.importing import uploads

    return uploads.keep(
        upload=BytesIO("货号,标题,语言\n1,电热水壶 1.7升,zh\n2,,zh\n".encode()),
        file_name="商品.csv",
        source_name="华联商店",
        complete=False,
        then_candidates=True,
        author=admin,
    )


def _asked(admin: User) -> RerankRequest:
    asked = rerank.ask(
        instruction="是否同一商品？", query="电热水壶 1.7升", documents=["玻璃水壶 1.7升", "水壶"], owner=Actor.of(admin).uuid, shared=True
    )
    while claimed := rerank.claim(holder="w"):
        answers = [rerank.Answer(0.0, 0.8 - 0.2 * place, 9, 0) for place in range(len(claimed.documents))]
        rerank.answer(claimed, holder="w", model=factories.make_model(is_demo=True), answers=answers)
    return asked


def _act(admin: User) -> uuid.UUID:
    """Two pairs rejected at once."""
    act = uuid.uuid4()
    pairs = [factories.make_pair(0.8, left=named(f"批量商品 {n}"), right=named(f"批量候选 {n}")) for n in range(2)]
    bulk.apply(pairs=pairs, verdict="reject", user=admin, act=act)
    return act


def _secret(admin: User) -> str:
    _invitation, secret = people.invite(author=admin, name="陈", role=User.Role.REVIEWER, languages=["zh"], categories=[])
    return secret


def _export(admin: User) -> Any:
    from alignment import exports
    from alignment.models import ExportRun

    return exports.start(ExportRun(format="csv"), by=admin)
