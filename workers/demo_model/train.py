"""Rebuild the demo model from the Shopify product taxonomy, on a CPU.

    python workers/demo_model/train.py shopify_terms.tsv OUT [--minutes 40]

1. a byte-level BPE on the taxonomy's terms and the facts listings are made of;
2. static embeddings by in-batch contrast between languages: the first stage's vectors, and the start of step 3;
3. a four-layer Qwen3 on synthetic listings that carry noise, other units, dropped and added facts, with negatives that differ in one fact;
4. a scale and shift of the answer, so that on held-out synthetic pairs 0.9 and 0.7 mean what a policy takes them to mean.

It never sees the sample catalogue. What made it learn: embeddings from step 2; attention that starts as similarity and subtracts what it
finds; a curriculum from single terms to whole listings; batches of equal length.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

sys.path.insert(0, str(Path(__file__).resolve().parent))
from listings import LANGUAGES, Listings, Triple, fact_texts

SPECIAL = ["<pad>", "<q>", "<d>", "<a>", "yes", "no"]
PAD, QUERY, DOCUMENT, ANSWER, YES, NO = range(6)
VOCABULARY, WIDTH, LAYERS, HEADS = 18_000, 192, 4, 6
LONGEST = 96
LEARNING_RATE = 8e-4
TERMS_LEARNED = 0.8
FORMAT = {
    "name": "demo-1",
    "prefix": "<q>",
    "head": "{query}",
    "joint": "<d>",
    "document": "{document}",
    "suffix": "<a>",
    "max_length": 512,
}

Term = tuple[str, tuple[str, ...], str]


def read_terms(path: Path) -> list[Term]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return [
        (row["type"], tuple(row[language].strip() for language in LANGUAGES), row["context_en"])
        for row in rows
        if all(row[language].strip() for language in LANGUAGES) and not row["en"].lower().startswith("other")
    ]


def train_tokenizer(terms: list[Term]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=True)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        min_frequency=2,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=SPECIAL,
        show_progress=False,
    )
    tokenizer.train_from_iterator([*(text for _kind, names, _context in terms for text in names), *fact_texts() * 3], trainer)
    return tokenizer


def train_embeddings(listings: Listings, tokenizer: Tokenizer, steps: int, batch: int = 1024) -> tuple[Tensor, Tensor]:
    """Token vectors [vocabulary, width] and log weights [vocabulary]: a text is the normalised weighted sum of its tokens.

    Half of a batch are terms, alone or two together; half are whole listings of one product, so that shop words weigh little.
    """
    ids = [[tokenizer.encode(name).ids for name in names] for _kind, names, _context in listings.terms]
    embedding, weight = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(VOCABULARY, 1)
    nn.init.normal_(embedding.weight, std=0.1)
    nn.init.zeros_(weight.weight)

    def encode(bags: list[list[int]]) -> Tensor:
        flat = torch.tensor([token for bag in bags for token in bag])
        owner = torch.tensor([i for i, bag in enumerate(bags) for _ in bag])
        return F.normalize(torch.zeros(len(bags), WIDTH).index_add(0, owner, embedding(flat) * weight(flat).exp()), dim=-1)

    optimizer = torch.optim.Adam([*embedding.parameters(), *weight.parameters()], lr=3e-3)
    right = 0.0
    for step in range(steps):
        left, other = [], []
        for i in random.sample(range(len(ids)), batch // 2):
            a, b = random.sample(range(5), 2)
            extra = random.randrange(len(ids)) if random.random() < 0.5 else None
            left.append(ids[i][a] + (ids[extra][a] if extra is not None else []))
            other.append((ids[extra][b] if extra is not None else []) + ids[i][b])
        texts = tokenizer.encode_batch([text for _ in range(batch // 2) for text in listings.same_product()])
        left += [text.ids[:LONGEST] for text in texts[::2]]
        other += [text.ids[:LONGEST] for text in texts[1::2]]
        scores, truth = encode(left) @ encode(other).T * 20, torch.arange(batch)
        loss = (F.cross_entropy(scores, truth) + F.cross_entropy(scores.T, truth)) / 2
        optimizer.param_groups[0]["lr"] = 3e-3 * (1 - step / steps) + 1e-5
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        right = (scores.argmax(1) == truth).float().mean().item()
    print(f"static embeddings: in-batch top-1 {right:.3f}", flush=True)
    return embedding.weight.detach(), weight.weight.detach()[:, 0]


def small_qwen3(embeddings: Tensor) -> Qwen3ForCausalLM:
    model = Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=VOCABULARY,
            hidden_size=WIDTH,
            intermediate_size=3 * WIDTH,
            num_hidden_layers=LAYERS,
            num_attention_heads=HEADS,
            num_key_value_heads=HEADS,
            head_dim=WIDTH // HEADS,
            tie_word_embeddings=True,
            max_position_embeddings=1024,
            rope_parameters={"rope_type": "default", "rope_theta": 1e6},
            pad_token_id=PAD,
            bos_token_id=None,
            eos_token_id=ANSWER,
        )
    )

    def orthogonal() -> Tensor:
        return torch.linalg.qr(torch.randn(WIDTH, WIDTH))[0]

    with torch.no_grad():
        model.model.embed_tokens.weight.copy_(embeddings / embeddings.std() * 0.5)
        # The answer starts undecided: these rows are the head, and a large random difference of them never recovers.
        model.model.embed_tokens.weight[[YES, NO]] *= 0.05
        for layer in model.model.layers[1:3]:
            similar = orthogonal() * 1.4
            layer.self_attn.q_proj.weight.copy_(similar)
            layer.self_attn.k_proj.weight.copy_(similar)
        value = orthogonal()
        model.model.layers[1].self_attn.v_proj.weight.copy_(value)
        model.model.layers[1].self_attn.o_proj.weight.copy_(-0.4 * value.T)
    return model


class Trainer:
    """The reranker in training: batches of equal length, bf16 where it pays, a held-out set of synthetic pairs."""

    def __init__(self, model: Qwen3ForCausalLM, tokenizer: Tokenizer, listings: Listings) -> None:
        self.model, self.tokenizer, self.listings = model, tokenizer, listings
        # Compiled plain attention trains half as fast again as the fused one, whose backward pass is slow on a CPU.
        model.set_attn_implementation("eager")
        self.forward = torch.compile(model.model, dynamic=True)
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.01, fused=True)

    def rows(self, triples: list[Triple]) -> list[list[int]]:
        """Two rows for each triple: the query with the same product, then with the other."""
        ids = [text.ids[:LONGEST] for text in self.tokenizer.encode_batch([text for triple in triples for text in triple])]
        return [
            [QUERY, *query, DOCUMENT, *document, ANSWER]
            for query, same, other in zip(ids[::3], ids[1::3], ids[2::3], strict=True)
            for document in (same, other)
        ]

    def logits(self, rows: list[list[int]]) -> Tensor:
        ids = torch.full((len(rows), max(map(len, rows))), PAD)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = torch.tensor(row)
        with torch.autocast("cpu", torch.bfloat16):
            hidden = self.forward(input_ids=ids, use_cache=False).last_hidden_state
        last = hidden[torch.arange(len(rows)), torch.tensor([len(row) - 1 for row in rows])].float()
        head = self.model.model.embed_tokens.weight
        return last @ (head[YES] - head[NO])

    def loss(self, logits: Tensor) -> Tensor:
        """Whether each row is right, and which of a triple's two: the second tells apart what differs in one fact only."""
        same, other = logits[::2], logits[1::2]
        return (F.softplus(-same) + F.softplus(other)).mean() / 2 + F.softplus(other - same).mean()

    @torch.no_grad()
    def held_out(self, triples: list[Triple]) -> Tensor:
        """Logits [triples, 2]: of the same product and of the other."""
        rows = self.rows(triples)
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        logits = torch.zeros(len(rows))
        for start in range(0, len(order), 256):
            chunk = order[start : start + 256]
            logits[chunk] = self.logits([rows[i] for i in chunk])
        return logits.view(-1, 2)

    def train(self, minutes: float, out: Path, batch: int = 64) -> None:
        start, step, average, seen = time.time(), 0, 1.4, 0
        queue: list[list[list[int]]] = []
        state = random.getstate()
        random.seed(7)
        checks = [[self.listings.triple(1.0) for _ in range(250)], [self.listings.triple(0.0) for _ in range(600)]]
        random.setstate(state)
        saved = told = start
        learned: float | None = None
        while (done := (time.time() - start) / (minutes * 60)) < 1:
            if not queue:
                since = 0.0 if learned is None else done - learned
                easy, noise = max(0.08, 1 - 5 * since), min(1.0, 3 * since)
                rows = self.rows([self.listings.triple(easy, noise) for _ in range(4 * batch)])
                couples = sorted(zip(rows[::2], rows[1::2], strict=True), key=lambda couple: max(map(len, couple)))
                sorted_rows = [row for couple in couples for row in couple]
                queue = [sorted_rows[i : i + batch] for i in range(0, len(sorted_rows), batch)]
                random.shuffle(queue)
            chunk = queue.pop()
            loss = self.loss(self.logits(chunk))
            self.optimizer.param_groups[0]["lr"] = LEARNING_RATE * min(1, step / 300) * (1 - done) + 1e-5
            self.optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            step, seen, average = step + 1, seen + len(chunk), 0.98 * average + 0.02 * loss.item()
            if time.time() - told > 60:
                told = time.time()
                words, listings = (self.held_out(check) for check in checks)
                apart = (listings[:, 0] > listings[:, 1]).float().mean()
                if learned is None and (right(words) >= TERMS_LEARNED or done > 0.4):
                    learned = done
                print(
                    f"{told - start:5.0f} s  {seen} pairs  loss {average:.3f}  "
                    f"held out: terms {right(words):.3f}, listings {right(listings):.3f}, told apart {apart:.3f}",
                    flush=True,
                )
            if time.time() - saved > 180:
                saved = time.time()
                save_model(self.model, out, 1.0)


def right(logits: Tensor) -> float:
    """The share of rows on the right side of even, of logits [triples, 2]."""
    return ((logits > 0) == torch.tensor([True, False])).float().mean().item()


def calibrate(logits: Tensor, truth: Tensor) -> tuple[float, float]:
    """Platt scaling: the scale and shift of the logit that fit held-out pairs best."""
    scale, shift = torch.ones(1, requires_grad=True), torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.LBFGS([scale, shift], max_iter=100)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(logits * scale + shift, truth)
        loss.backward()
        return loss

    optimizer.step(closure)
    return scale.item(), shift.item()


def save_model(model: Qwen3ForCausalLM, out: Path, scale: float) -> None:
    """Write the checkpoint. The scale goes into the two answer rows of the tied embeddings."""
    weights = {
        name: value.detach().clone().to(torch.bfloat16).contiguous()
        for name, value in model.state_dict().items()
        if name != "lm_head.weight"
    }
    rows = model.model.embed_tokens.weight.detach()
    middle = (rows[YES] + rows[NO]) / 2
    half = (rows[YES] - rows[NO]) / 2 * scale
    weights["model.embed_tokens.weight"][YES], weights["model.embed_tokens.weight"][NO] = (
        (middle + half).bfloat16(),
        (middle - half).bfloat16(),
    )
    save_file(weights, str(out / "model.safetensors.part"), metadata={"format": "pt"})
    (out / "model.safetensors.part").replace(out / "model.safetensors")
    config = model.config.to_dict() | {"architectures": ["Qwen3ForCausalLM"], "dtype": "float32"}
    (out / "config.json").write_text(json.dumps(config, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("terms", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--embedding-steps", type=int, default=1200)
    args = parser.parse_args()
    random.seed(1)
    torch.manual_seed(1)
    args.out.mkdir(parents=True, exist_ok=True)
    terms = read_terms(args.terms)
    tokenizer = train_tokenizer(terms)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", additional_special_tokens=SPECIAL[1:4]).save_pretrained(args.out)  # noqa: S106
    (args.out / "prompt_format.json").write_text(json.dumps(FORMAT, indent=1) + "\n")
    listings = Listings(terms)
    # From here on "no" in a listing's "piano" is text, as it is to the engine, never the answer token.
    tokenizer.encode_special_tokens = True
    embedding, weight = train_embeddings(listings, tokenizer, args.embedding_steps)
    save_file({"embedding": embedding.half(), "weight": weight.half()}, str(args.out / "static_embeddings.safetensors"))
    trainer = Trainer(small_qwen3(embedding), tokenizer, listings)
    trainer.train(args.minutes, args.out)
    random.seed(11)
    logits = trainer.held_out([trainer.listings.triple(0.0) for _ in range(3000)]).flatten()
    truth = torch.tensor([1.0, 0.0]).repeat(3000)
    scale, shift = calibrate(logits, truth)
    for accept in (0.9, 0.7, 0.5):
        chosen = torch.sigmoid(logits * scale) >= accept
        print(f"held out: {chosen.float().mean():.1%} score {accept} and more, {truth[chosen].mean():.1%} of them right", flush=True)
    print(f"calibration: scale {scale:.3f}; a shift of {shift:.3f} cannot be put into tied embeddings and is left out")
    save_model(trainer.model, args.out, scale)


if __name__ == "__main__":
    main()
