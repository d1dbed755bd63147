import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from alignment.models import Category, Membership
from alignment.policies import Policies, fill_in

SYSTEMS = ("trigrams", "bm25", "dense", "fusion", "reranker")
EMBEDDINGS = str(Path(settings.BASE_DIR) / "workers" / "demo_model")


class Command(BaseCommand):
    help = "Measure how right each system is on sets or pairs whose truth is known, or how right the groups of a catalogue are."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="JSONL sets, CSV or JSONL pairs; with --groups a CSV of source, external_id, product")
        parser.add_argument("--systems", default=",".join(SYSTEMS), help=f"of {', '.join(SYSTEMS)}, with commas")
        parser.add_argument("--dense", default=EMBEDDINGS, help="a folder or hub name of an encoder, such as BAAI/bge-m3")
        parser.add_argument("--groups", action="store_true", help="compare the confirmed groups with the truth")
        parser.add_argument("--json", type=Path, help="keep the whole report here")

    def handle(self, *args: Any, **options: Any) -> None:
        report = self._groups(options["file"]) if options["groups"] else self._sets(options)
        if options["json"]:
            options["json"].parent.mkdir(parents=True, exist_ok=True)
            options["json"].write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            self.stdout.write(f"The whole report is in {options['json']}.")

    def _sets(self, options: dict[str, Any]) -> dict[str, Any]:
        from workers.evaluation import labelled, report, systems
        from workers.retrieval import encoder

        wanted = [name.strip() for name in options["systems"].split(",")]
        if unknown := [name for name in wanted if name not in SYSTEMS]:
            raise CommandError(f"--systems names {unknown[0]!r}; choose from {', '.join(SYSTEMS)}.")
        try:
            sets = labelled.read(options["file"])
        except labelled.LabelError as error:
            raise CommandError(str(error)) from None
        runs: dict[str, Any] = {}
        if "trigrams" in wanted:
            runs["trigrams"] = systems.trigrams(sets)
        lexical = systems.bm25(sets) if {"bm25", "fusion"} & {*wanted} else None
        semantic = None
        if {"dense", "fusion"} & {*wanted}:
            try:
                semantic = systems.dense(sets, encoder.load(options["dense"]))
            except encoder.EncoderError as error:
                raise CommandError(str(error)) from None
        runs |= {"bm25": lexical} if "bm25" in wanted else {}
        runs |= {"dense": semantic} if "dense" in wanted else {}
        if "fusion" in wanted and lexical and semantic:
            runs["fusion"] = systems.fusion(lexical, semantic)
        model: dict[str, Any] = {}
        if "reranker" in wanted:
            model = self._reranked(sets, runs)
        policy = Policies().of(None)
        found = report.build(sets, runs, accept_at=policy.accept_at, review_at=policy.review_at)
        found = {"file": options["file"].name, "model": model, "dense": options["dense"].rsplit("/", 1)[-1]} | found
        self._show(found)
        return found

    def _reranked(self, sets: Sequence[Any], runs: dict[str, Any]) -> dict[str, Any]:
        from workers import scorer
        from workers.evaluation import systems
        from workers.reranker.contract import ModelError, Unavailable

        policies, categories = Policies(), {category.path: category for category in Category.objects.all()}
        instructions = []
        for one in sets:
            category = categories.get(one.category)
            policy = policies.of(category.pk if category else None)
            instructions.append(fill_in(policy.instruction, category=category, language=one.query_language, source=""))
        try:
            engine = scorer.load()
            engine.score(instructions[0], sets[0].query, sets[0].texts)
            runs["reranker"] = systems.reranker(sets, engine, instructions)
        except (ModelError, Unavailable) as error:
            raise CommandError(str(error)) from None
        identity = engine.identity
        return {"name": identity.name, "revision": identity.revision, "dtype": identity.dtype, "demo": engine.is_demo}

    def _show(self, report: dict[str, Any]) -> None:
        self.stdout.write(f"{report['file']}: {report['sets']} sets, {report['pairs']} pairs, {report['matches']} of them the same product")
        self.stdout.write(f"{'':10} {'top-1':>24} {'recall at 3':>12} {'MRR':>6} {'area under P-R':>24} {'mean ms':>8} {'P99 ms':>8}")
        for name, system in report["systems"].items():
            ranked = (
                f"{_mean(system['top1'])} {system['recall_at_3']['mean']:12.1%} {system['mrr']['mean']:6.3f}"
                if "top1" in system
                else f"{'-':>24} {'-':>12} {'-':>6}"
            )
            area = _mean(system["average_precision"])
            self.stdout.write(f"{name:10} {ranked} {area} {system['mean_ms']:8.2f} {system['p99_ms']:8.2f}")
        for name, lead in report.get("lead", {}).items():
            self.stdout.write(f"the reranker's top-1 is ahead of {name} by {lead['mean']:+.1%} ({lead['low']:+.1%} to {lead['high']:+.1%})")
        if "reranker" not in report["systems"]:
            return
        for name, route in report["systems"]["reranker"]["routes"].items():
            right = "-" if route["right"] is None else f"{route['right']:.1%}"
            self.stdout.write(f"{name:10} {route['pairs']:7} pairs ({route['share']:.1%}), right {right}")
        for name in ("accept", "review"):
            at = report["systems"]["reranker"][f"at_{name}"]
            values = ", ".join(f"{key} {'-' if value is None else f'{value:.1%}'}" for key, value in at.items())
            self.stdout.write(f"at {report[f'{name}_at']} and more: {values}")
        if report["model"]["demo"]:
            self.stdout.write("This is the demo model: small, and not trained to follow instructions. Set RERANKER_MODEL to use another.")

    def _groups(self, file: Path) -> dict[str, Any]:
        from workers.evaluation import metrics

        truth: dict[Any, Any] = {}
        try:
            with file.open(encoding="utf-8-sig", newline="") as rows:
                for number, row in enumerate(csv.DictReader(rows), 2):
                    try:
                        truth[row["source"], row["external_id"]] = row["product"]
                    except KeyError as error:
                        raise CommandError(f"{file.name}, line {number}: the column {error} is missing.") from None
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{file} cannot be read: {error}.") from None
        if not truth:
            raise CommandError(f"{file.name} holds no row.")
        members = Membership.objects.values_list("sku__source__name", "sku__external_id", "group")
        groups = {(source, external_id): group for source, external_id, group in members.iterator()}
        # A SKU in no group is a group of its own.
        found = metrics.clusters(truth, {item: groups.get(item, item) for item in truth})
        for name, values in found.items():
            self.stdout.write(
                f"{name:10} " + "  ".join(f"{key} {'-' if value is None else f'{value:.1%}'}" for key, value in values.items())
            )
        return {"file": file.name, "skus": len(truth), "groups": found}


def _mean(value: dict[str, float | None]) -> str:
    if value["mean"] is None:
        return f"{'-':>24}"
    return f"{value['mean']:8.1%} ({value['low']:5.1%}, {value['high']:5.1%})"
