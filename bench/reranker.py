"""Our engine against the published code and its peers: same weights, same texts, same threads, one run.

    python -m bench.reranker [--shape full|small | --model FOLDER] [--tokenizer FOLDER] [--texts SETS.jsonl]
                             [--sets 1 4 8 5 20 100] [--words 600] [--pairs N] [--dtype bfloat16] [--threads 2] [--json OUT]

Each system runs in a process of its own, so that its peak memory is its own:
  published            examples/qwen3_reranker_transformers.py, one pair at a time, all 151,000 logits
  published, batched   the same, a set's pairs padded into one batch
  CrossEncoder         sentence-transformers, where it is installed (the sequence classification conversion, batches of 32)
  ours                 workers/reranker, packed rows; sets of few candidates share a row

Reported: pairs per second, the median and 99th percentile of a set's time, peak memory, the largest difference of a logit from the
published code in fp32 (on the first pairs), and how much of this machine's measured matrix-product peak the model's own products reach
(each prefix counted once).
Without --model the weights are random, at the 0.6B shape or at a smaller one; --tokenizer names a folder that holds Qwen3's tokenizer.json.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "alignment" / "sample" / "rerank_sets.jsonl"
INSTRUCTION = "Given a product listing, judge whether the document is a listing of exactly the same product"
SHAPES: dict[str, dict[str, int]] = {
    "full": {"hidden_size": 1024, "intermediate_size": 3072, "num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 8},
    "small": {"hidden_size": 512, "intermediate_size": 1536, "num_hidden_layers": 6, "num_attention_heads": 8, "num_key_value_heads": 4},
}
CHECKED_PAIRS = 12
PACKED_TOGETHER = 8
Set = tuple[str, list[str]]
Scores = list[list[float]]


def read_sets(path: Path, size: int, pairs: int, words: int = 0) -> list[Set]:
    """Sets of `size` candidates: each query of a file with its own candidates, filled up with the next ones'.

    With `words` every candidate goes on with the texts after it until it is as long as a page of so many words.
    """
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    texts = [candidate["text"] for row in rows for candidate in row["candidates"]]
    if words:
        stream = [word for text in texts for word in text.split()]
        stream += stream[:words]
        pages = [" ".join(stream[start : start + words]) for start in range(0, len(stream) - words, words)]
        return [
            (rows[i % len(rows)]["query"], [pages[(i * size + j) % len(pages)] for j in range(size)]) for i in range(max(1, pairs // size))
        ]
    sets: list[Set] = []
    for i in range(max(1, pairs // size)):
        row = rows[i % len(rows)]
        own = [candidate["text"] for candidate in row["candidates"]]
        start = (i * size) % len(texts)
        sets.append((row["query"], (own + texts[start:] + texts * (size // len(texts) + 1))[:size]))
    return sets


def make_checkpoint(folder: Path, shape: str, tokenizer: Path | None) -> None:
    """Random weights at a shape of Qwen3's, and the same as a sequence classifier beside them."""
    import torch
    from transformers import AutoTokenizer, PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

    if tokenizer is None:
        tokens: Any = AutoTokenizer.from_pretrained(ROOT / "workers" / "demo_model")
    else:
        tokens = PreTrainedTokenizerFast(tokenizer_file=str(tokenizer / "tokenizer.json"), pad_token="<|endoftext|>")  # noqa: S106
    torch.manual_seed(0)
    vocabulary = 151_936 if tokenizer else len(tokens)
    config = Qwen3Config(
        **SHAPES[shape],
        vocab_size=vocabulary,
        head_dim=128,
        tie_word_embeddings=True,
        max_position_embeddings=40_960,
        pad_token_id=tokens.pad_token_id,
    )
    model = Qwen3ForCausalLM(config).to(torch.bfloat16)
    model.save_pretrained(folder)
    tokens.save_pretrained(folder)


def convert(folder: Path, out: Path) -> None:
    """The published conversion to sequence classification: one label, whose row is that of "yes" less that of "no"."""
    import torch
    from transformers import AutoTokenizer, Qwen3ForCausalLM, Qwen3ForSequenceClassification

    tokens = AutoTokenizer.from_pretrained(folder)
    causal = Qwen3ForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    causal.config.num_labels = 1
    model = Qwen3ForSequenceClassification(causal.config).to(torch.bfloat16)
    model.model.load_state_dict(causal.model.state_dict())
    yes, no = (tokens.convert_tokens_to_ids(word) for word in ("yes", "no"))
    with torch.no_grad():
        model.score.weight.copy_((causal.lm_head.weight[yes].float() - causal.lm_head.weight[no].float())[None])
    model.save_pretrained(out)
    tokens.save_pretrained(out)


class Published:
    """examples/qwen3_reranker_transformers.py; `batch` pads a set's pairs on the left, as it does."""

    def __init__(self, folder: Path, dtype: str, *, batch: bool) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        from workers.reranker.prompt import PREFIX, SUFFIX

        self.torch, self.batch = torch, batch
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder, padding_side="left")
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype)).eval().to(self.device)
        self.prefix, self.suffix = (self.tokenizer.encode(text, add_special_tokens=False) for text in (PREFIX, SUFFIX))
        self.yes, self.no = (self.tokenizer.convert_tokens_to_ids(word) for word in ("yes", "no"))

    def score(self, query: str, documents: Sequence[str]) -> list[float]:
        bodies = [f"<Instruct>: {INSTRUCTION}\n<Query>: {query}\n<Document>: {document}" for document in documents]
        rows = [
            self.prefix + ids[: 8192 - len(self.prefix) - len(self.suffix)] + self.suffix
            for ids in self.tokenizer(bodies, add_special_tokens=False)["input_ids"]
        ]
        with self.torch.no_grad():
            if not self.batch:
                return [self._logits([row])[0] for row in rows]
            return self._logits(rows)

    def _logits(self, rows: list[list[int]]) -> list[float]:
        inputs = self.tokenizer.pad({"input_ids": rows}, padding=True, return_tensors="pt").to(self.device)
        last = self.model(**inputs).logits[:, -1].float()
        return [float(value) for value in (last[:, self.yes] - last[:, self.no]).tolist()]


def published(folder: Path, dtype: str) -> Callable[[list[Set]], Scores]:
    system = Published(folder, dtype, batch=False)
    return lambda sets: [system.score(*one) for one in sets]


def published_batched(folder: Path, dtype: str) -> Callable[[list[Set]], Scores]:
    system = Published(folder, dtype, batch=True)
    return lambda sets: [system.score(*one) for one in sets]


def cross_encoder(folder: Path, dtype: str) -> Callable[[list[Set]], Scores]:
    import torch
    from sentence_transformers import CrossEncoder

    from workers.reranker.prompt import PREFIX, SUFFIX

    model = CrossEncoder(
        str(folder) + "-classifier", model_kwargs={"dtype": getattr(torch, dtype)}, activation_fn=torch.nn.Identity(), max_length=8192
    )

    def score(sets: list[Set]) -> Scores:
        return [
            model.predict(
                [(f"{PREFIX}<Instruct>: {INSTRUCTION}\n<Query>: {query}\n", f"<Document>: {document}{SUFFIX}") for document in documents],
                batch_size=32,
                show_progress_bar=False,
            ).tolist()
            for query, documents in sets
        ]

    return score


def ours(folder: Path, dtype: str) -> Callable[[list[Set]], Scores]:
    from workers.reranker import prompt
    from workers.reranker.reranker import Reranker

    # The official format, whatever the folder brings: all systems read the same tokens.
    prompt.FILE_NAME = "none"
    reranker = Reranker.load(str(folder), dtype=dtype)
    return lambda sets: [[s.logit for s in one] for one in reranker.score_sets([(INSTRUCTION, query, texts) for query, texts in sets])]


SYSTEMS: dict[str, Callable[[Path, str], Callable[[list[Set]], Scores]]] = {
    "published": published,
    "published, batched": published_batched,
    "CrossEncoder": cross_encoder,
    "ours": ours,
}


def groups(name: str, sets: list[Set]) -> Iterator[list[Set]]:
    """What a system is given at a time: one set, and to ours as many small ones as share a row."""
    together = max(1, min(PACKED_TOGETHER, 100 // len(sets[0][1]))) if name == "ours" else 1
    for start in range(0, len(sets), together):
        yield sets[start : start + together]


def measure(name: str, folder: Path, dtype: str, threads: int, cases: dict[str, list[Set]], out: Any) -> None:
    """In a process of its own: run one system on every case and put what was measured into a queue."""
    import torch

    torch.set_num_threads(threads)
    try:
        score = SYSTEMS[name](folder, dtype)
    except ImportError as error:
        out.put({"error": f"not installed ({error.name})"})
        return
    results: dict[str, Any] = {}
    for case, sets in cases.items():
        score(sets[:1])
        times: list[float] = []
        first: list[float] = []
        for group in groups(name, sets):
            started = time.perf_counter()
            logits = score(group)
            times += [(time.perf_counter() - started) / len(group)] * len(group)
            first += [logit for one in logits for logit in one] if len(first) < CHECKED_PAIRS else []
        pairs = sum(len(documents) for _query, documents in sets)
        results[case] = {
            "pairs_per_second": pairs / sum(times),
            "p50_ms": statistics.median(times) * 1000,
            "p99_ms": sorted(times)[math.ceil(0.99 * len(times)) - 1] * 1000,
            "first_logits": first[:CHECKED_PAIRS],
        }
    peak = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    out.put({"cases": results, "peak_memory_mb": peak / 2**20})


def in_process(*arguments: Any) -> dict[str, Any]:
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=measure, args=(*arguments, queue))
    process.start()
    result: dict[str, Any] = queue.get()
    process.join()
    return result


def reference(folder: Path, cases: dict[str, list[Set]]) -> dict[str, list[float]]:
    system = Published(folder, "float32", batch=False)
    found: dict[str, list[float]] = {}
    for case, sets in cases.items():
        texts = [(query, document) for query, documents in sets for document in documents][:CHECKED_PAIRS]
        found[case] = [system.score(query, [document])[0] for query, document in texts]
    return found


def matrix_peak(dtype: str, threads: int) -> float:
    """The best of this machine's matrix products at the model's sizes, FLOP/s."""
    import torch

    torch.set_num_threads(threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    best = 0.0
    for rows, inner, outer in ((4096, 1024, 6144), (4096, 3072, 1024), (4096, 4096, 4096)):
        left, right = (torch.randn(*shape, dtype=getattr(torch, dtype), device=device) for shape in ((rows, inner), (outer, inner)))
        for _ in range(6):
            started = time.perf_counter()
            torch.nn.functional.linear(left, right)
            if device == "cuda":
                torch.cuda.synchronize()
            best = max(best, 2 * rows * inner * outer / (time.perf_counter() - started))
    return best


def useful_flops(folder: Path, sets: list[Set]) -> float:
    """What the model's matrix products over these sets need, each prefix once; attention, under 2 % at these lengths, is left out."""
    from transformers import AutoConfig, AutoTokenizer

    from workers.reranker.prompt import Encoder, qwen3

    config = AutoConfig.from_pretrained(folder)
    attention = config.hidden_size * config.head_dim * (2 * config.num_attention_heads + 2 * config.num_key_value_heads)
    weights = config.num_hidden_layers * (attention + 3 * config.hidden_size * config.intermediate_size)
    encoded = Encoder(AutoTokenizer.from_pretrained(folder), qwen3(), 8192).encode_sets([(INSTRUCTION, q, d) for q, d in sets])
    return 2.0 * weights * sum(len(one.shared) + sum(map(len, one.documents)) for one in encoded)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="a folder with a causal checkpoint")
    parser.add_argument("--shape", choices=SHAPES, default="small")
    parser.add_argument("--tokenizer", type=Path)
    parser.add_argument("--texts", type=Path, default=SAMPLE)
    parser.add_argument("--sets", type=int, nargs="+", default=[5, 20, 100])
    parser.add_argument("--words", type=int, default=0, help="candidates of so many words, as a page's; 0 for titles as they are")
    parser.add_argument("--pairs", type=int, default=200, help="pairs of each case")
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.model or Path(temporary) / "random"
        if not args.model:
            make_checkpoint(folder, args.shape, args.tokenizer)
        if "CrossEncoder" in args.systems:
            convert(folder, Path(str(folder) + "-classifier"))
        cases = {f"sets of {size}": read_sets(args.texts, size, args.pairs, args.words) for size in args.sets}
        report: dict[str, Any] = {
            "shape": str(args.model or args.shape),
            "texts": args.texts.name,
            "words": args.words or "titles",
            "dtype": args.dtype,
            "threads": args.threads,
            "peak_tflops": matrix_peak(args.dtype, args.threads) / 1e12,
            "systems": {name: in_process(name, folder, args.dtype, args.threads, cases) for name in args.systems},
        }
        exact = reference(folder, cases)
        for case, sets in cases.items():
            flops = useful_flops(folder, sets) / sum(len(documents) for _query, documents in sets)
            print(f"\n{case}  ({args.dtype}, {args.threads} threads, peak {report['peak_tflops']:.2f} TFLOP/s)")
            for name, system in report["systems"].items():
                if "error" in system:
                    print(f"  {name:20} {system['error']}")
                    continue
                row = system["cases"][case]
                pairs = list(zip(row.pop("first_logits"), exact[case], strict=True))
                row["largest_difference"] = max(abs(a - b) for a, b in pairs)
                row["share_of_peak"] = row["pairs_per_second"] * flops / (report["peak_tflops"] * 1e12)
                print(
                    f"  {name:20} {row['pairs_per_second']:8.1f} pairs/s  P50 {row['p50_ms']:8.1f} ms  P99 {row['p99_ms']:8.1f} ms a set  "
                    f"{system['peak_memory_mb']:6.0f} MB  |logit - fp32| {row['largest_difference']:.1e}  "
                    f"{row['share_of_peak']:5.1%} of the peak",
                    flush=True,
                )
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
