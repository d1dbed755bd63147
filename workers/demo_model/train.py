"""Rebuild the demo model from the Shopify product taxonomy, on a CPU.

    python workers/demo_model/train.py shopify_terms.tsv OUT [--minutes 40]

1. a byte-level BPE on the taxonomy's terms and the facts listings are made of;
2. static embeddings by in-batch contrast between languages: the first stage's vectors, and the start of step 3;
3. a four-layer Qwen3 on synthetic listings that carry noise, other units, dropped and added facts, with negatives that differ in one fact;
4. a scale and shift of the answer, so that on held-out synthetic listings 0.9 and 0.7 mean what a policy takes them to mean.

It never sees the sample catalogue. What made it learn: embeddings from step 2; attention that starts as similarity and subtracts what it
finds; a curriculum from single terms to whole listings; batches of equal length.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
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
from listings import LANGUAGES, Listings, Triple, fact_texts, singular

SPECIAL = ["<pad>", "<q>", "<d>", "<a>", "yes", "no"]
PAD, QUERY, DOCUMENT, ANSWER, YES, NO = range(6)
VOCABULARY, WIDTH, LAYERS, HEADS = 18_000, 192, 4, 6
LONGEST = 96
LEARNING_RATE = 8e-4
TERMS_LEARNED = 0.8
# What is kept is the weights' running average: on real listings it was right more often than the last step's.
AVERAGED = 0.9995
ACCEPTS_RIGHT, DISCARDS_RIGHT = 0.87, 0.95
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
    names = [(language, name) for _kind, names, _context in terms for language, name in enumerate(names)]
    singulars = (" ".join(singular(word, language) for word in name.split()) for language, name in names)
    tokenizer.train_from_iterator([*(name for _language, name in names), *singulars, *fact_texts() * 3], trainer)
    return tokenizer


def train_embeddings(listings: Listings, tokenizer: Tokenizer, steps: int, batch: int = 1024) -> tuple[Tensor, Tensor]:
    """Token vectors [vocabulary, width] and log weights [vocabulary]: a text is the normalised weighted sum of its tokens.

    Half of a batch are terms, alone or two together; half are whole listings of one product, so that shop words weigh little.
    """
    ids = [[tokenizer.encode(name).ids for name in names] for _kind, names, _context in listings.terms]
    singulars = [
        [tokenizer.encode(" ".join(singular(word, language) for word in name.split())).ids for language, name in enumerate(names)]
        for _kind, names, _context in listings.terms
    ]
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
            which = singulars if random.random() < 0.5 else ids
            left.append(which[i][a] + (which[extra][a] if extra is not None else []))
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


def term_vectors(listings: Listings, tokenizer: Tokenizer, embedding: Tensor, weight: Tensor) -> Tensor:
    """One vector a term [terms, width]: the mean over its languages."""
    texts = tokenizer.encode_batch([name for _kind, names, _context in listings.terms for name in names])
    flat = torch.tensor([token for text in texts for token in text.ids])
    owner = torch.tensor([i for i, text in enumerate(texts) for _ in text.ids])
    sums = torch.zeros(len(texts), WIDTH).index_add(0, owner, embedding[flat] * weight[flat, None].exp())
    return F.normalize(F.normalize(sums, dim=-1).view(-1, len(LANGUAGES), WIDTH).mean(1), dim=-1)


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

    def answers(self, rows: list[list[int]]) -> Tensor:
        """The last hidden states [rows, width]."""
        ids = torch.full((len(rows), max(map(len, rows))), PAD)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = torch.tensor(row)
        with torch.autocast("cpu", torch.bfloat16):
            hidden = self.forward(input_ids=ids, use_cache=False).last_hidden_state
        return hidden[torch.arange(len(rows)), torch.tensor([len(row) - 1 for row in rows])].float()

    def logits(self, hidden: Tensor) -> Tensor:
        head = self.model.model.embed_tokens.weight
        return hidden @ (head[YES] - head[NO])

    def loss(self, logits: Tensor) -> Tensor:
        """Whether each row is right, and which of a triple's two: the second tells apart what differs in one fact only."""
        same, other = logits[::2], logits[1::2]
        return (F.softplus(-same) + F.softplus(other)).mean() / 2 + F.softplus(other - same).mean()

    @torch.no_grad()
    def held_out(self, triples: list[Triple]) -> Tensor:
        """The last hidden states [triples, 2, width]: with the same product and with the other."""
        rows = self.rows(triples)
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        hidden = torch.zeros(len(rows), WIDTH)
        for start in range(0, len(order), 256):
            chunk = order[start : start + 256]
            hidden[chunk] = self.answers([rows[i] for i in chunk])
        return hidden.view(-1, 2, WIDTH)

    def train(self, minutes: float, out: Path, batch: int = 64) -> None:
        start, step, average, seen = time.time(), 0, 1.4, 0
        queue: list[list[list[int]]] = []
        state = random.getstate()
        random.seed(7)
        checks = [[self.listings.triple(1.0) for _ in range(250)], [self.listings.triple(0.0) for _ in range(600)]]
        random.setstate(state)
        saved = told = start
        weights = list(self.model.parameters())
        average_weights = [weight.detach().clone() for weight in weights]
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
            loss = self.loss(self.logits(self.answers(chunk)))
            self.optimizer.param_groups[0]["lr"] = LEARNING_RATE * min(1, step / 300) * (1 - done) + 1e-5
            self.optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            torch._foreach_lerp_(average_weights, [weight.detach() for weight in weights], 1 - min(AVERAGED, step / (step + 100)))
            step, seen, average = step + 1, seen + len(chunk), 0.98 * average + 0.02 * loss.item()
            if time.time() - told > 60:
                told = time.time()
                words, listings = (self.logits(self.held_out(check)).detach() for check in checks)
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
                own = [weight.detach().clone() for weight in weights]
                self.take(average_weights)
                save_model(self.model, out, 1.0, torch.zeros(WIDTH))
                self.take(own)
        self.take(average_weights)

    @torch.no_grad()
    def take(self, weights: list[Tensor]) -> None:
        for own, weight in zip(self.model.parameters(), weights, strict=True):
            own.copy_(weight)


def right(logits: Tensor) -> float:
    """The share of rows on the right side of even, of logits [triples, 2]."""
    return ((logits > 0) == torch.tensor([True, False])).float().mean().item()


def calibrate(hidden: Tensor, logits: Tensor) -> tuple[float, Tensor]:
    """A scale of the logit, and a row whose product with `hidden` shifts it: then 0.9 and 0.7 mean what a policy takes them to.

    hidden: [triples, 2, width], logits: [triples, 2]. Where one of five is right, what scores 0.9 is `ACCEPTS_RIGHT` right and more,
    what scores under 0.7 is `DISCARDS_RIGHT` wrong and more. Tied embeddings have no bias: the shift is a regression of 1 on `hidden`.
    """
    order = logits.flatten().argsort(descending=True)
    weight = torch.tensor([1.0, 4.0]).expand_as(logits).flatten()[order]
    same = torch.tensor([1.0, 0.0]).expand_as(logits).flatten()[order]
    above = (weight * same).cumsum(0) / weight.cumsum(0)
    below = 1 - (weight * same).flip(0).cumsum(0) / weight.flip(0).cumsum(0)
    values = logits.flatten()[order]
    # Some way into the list, where shares are of more than a few pairs.
    few = len(values) // 200
    accept = values[few:][above[few:] >= ACCEPTS_RIGHT]
    discard = values.flip(0)[few:][below[few:] >= DISCARDS_RIGHT]
    if not len(accept) or not len(discard):
        raise SystemExit(f"held out, the best are {above[few:].max():.1%} right and the worst {below[few:].max():.1%} wrong: train longer")
    high, low = accept.min().item(), min(discard.max().item(), accept.min().item() - 0.5)
    scale = (math.log(0.9 / 0.1) - math.log(0.7 / 0.3)) / (high - low)
    states = hidden.reshape(-1, WIDTH).double()
    one = torch.linalg.solve(states.T @ states + 1e-3 * len(states) * torch.eye(WIDTH), states.sum(0))
    return scale, (math.log(0.9 / 0.1) - scale * high) * one.float()


def save_model(model: Qwen3ForCausalLM, out: Path, scale: float, shift: Tensor) -> None:
    """Write the checkpoint. Scale and shift go into the two answer rows of the tied embeddings, which no text is made of."""
    weights = {
        name: value.detach().clone().to(torch.bfloat16).contiguous()
        for name, value in model.state_dict().items()
        if name != "lm_head.weight"
    }
    rows = model.model.embed_tokens.weight.detach()
    half = ((rows[YES] - rows[NO]) * scale + shift) / 2
    weights["model.embed_tokens.weight"][[YES, NO]] = torch.stack([half, -half]).bfloat16()
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
    listings.find_lookalikes(term_vectors(listings, tokenizer, embedding, weight))
    trainer = Trainer(small_qwen3(embedding), tokenizer, listings)
    trainer.train(args.minutes, args.out)
    random.seed(11)
    hidden = trainer.held_out([trainer.listings.triple(0.0) for _ in range(4000)])
    logits = trainer.logits(hidden).detach()
    scale, shift = calibrate(hidden, logits)
    calibrated = logits * scale + hidden @ shift
    for threshold in (0.9, 0.7, 0.5):
        same, other = (torch.sigmoid(calibrated) >= threshold).float().mean(0).tolist()
        print(
            f"held out, of five one right: {threshold} and more is right {same / max(same + 4 * other, 1e-9):.1%}, finds {same:.1%}",
            flush=True,
        )
    save_model(trainer.model, args.out, scale, shift)


if __name__ == "__main__":
    main()
