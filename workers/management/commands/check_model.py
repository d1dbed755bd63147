import resource
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from alignment import policies

QUERY = "Stainless steel electric kettle 1.7 L 2200 W, auto shut-off, brushed finish"
DOCUMENTS = [
    "不锈钢电热水壶 1.7升 2200W 自动断电 拉丝",
    "Bouilloire électrique inox 1,7 L 2200 W arrêt automatique",
    "Wasserkocher Edelstahl 1,0 L 1500 W mit Abschaltautomatik",
    "Hervidor de agua eléctrico de vidrio 1,7 L con luz LED",
] * 16


class Command(BaseCommand):
    help = "Load the configured model, compare it with the published scores where there are any, and say how fast it is here."

    def handle(self, *args: Any, **options: Any) -> None:
        from workers import scorer
        from workers.reranker import golden
        from workers.reranker.reranker import ModelError

        try:
            reranker = scorer.load()
        except ModelError as error:
            raise CommandError(str(error)) from None
        identity = reranker.identity
        for name, value in (
            ("model", identity.name),
            ("revision", identity.revision),
            ("prompt format", identity.prompt_format),
            ("device", reranker.device),
            ("dtype", identity.dtype),
            ("token limit", identity.max_length),
        ):
            self.stdout.write(f"{name:14} {value}")
        if reranker.is_demo:
            self.stdout.write("This is the demo model: small, and not trained to follow instructions. Set RERANKER_MODEL to use another.")
        instruction = policies.published(None).instruction
        reranker.score(instruction, QUERY, DOCUMENTS)
        started = time.perf_counter()
        reranker.score(instruction, QUERY, DOCUMENTS)
        seconds = time.perf_counter() - started
        self.stdout.write(f"{'memory':14} {_peak_bytes(reranker.device) >> 20} MiB at most so far")
        self.stdout.write(f"{'speed':14} {len(DOCUMENTS) / seconds:.0f} pairs per second ({len(DOCUMENTS)} titles, one set)")
        if not golden.applies(identity):
            self.stdout.write("There are no published scores to compare this model with.")
            return
        worst = 0.0
        for document, expected, got in golden.compare(reranker):
            worst = max(worst, abs(expected - got))
            self.stdout.write(f"  {expected:9.5f} published, {got:9.5f} here: {document[:60]}")
        tolerance = golden.TOLERANCE[identity.dtype]
        if worst > tolerance:
            raise CommandError(
                f"The largest difference is {worst:.5f}, more than {tolerance} for {identity.dtype}: this is not the published model."
            )
        self.stdout.write(self.style.SUCCESS(f"Agrees with the published scores (largest difference {worst:.5f})."))


def _peak_bytes(device: str) -> int:
    if device.startswith("cuda"):
        import torch

        return int(torch.cuda.max_memory_allocated(device))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
