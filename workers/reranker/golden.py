"""Published scores of Qwen/Qwen3-Reranker-0.6B: fp32 logits l_yes - l_no, from sentence-transformers' tests/cross_encoder/test_model.py."""

from __future__ import annotations

from workers.reranker.contract import Engine, ModelIdentity

INSTRUCTION = "Given a web search query, retrieve relevant passages that answer the query"
QUERY = "Which planet is known as the Red Planet?"
LOGITS = {
    "Venus is often called Earth's twin because of its similar size and proximity.": -3.109298,
    "Mars, known for its reddish appearance, is often referred to as the Red Planet.": 7.120390,
    "Jupiter, the largest planet in our solar system, has a prominent red spot.": -0.378755,
    "Saturn, famous for its rings, is sometimes mistaken for the Red Planet.": 3.541637,
}
TOLERANCE = {"float32": 1e-3, "bfloat16": 0.5, "float16": 0.1, "remote": 0.5}


def applies(identity: ModelIdentity) -> bool:
    """Whether the published scores are of this model under this prompt format."""
    return "qwen3-reranker-0.6b" in identity.name.lower() and identity.prompt_format in {"qwen3", "vllm"}


def compare(reranker: Engine) -> list[tuple[str, float, float]]:
    """(document, published logit, logit here) for each document."""
    scores = reranker.score(INSTRUCTION, QUERY, list(LOGITS))
    return [(document, expected, score.logit) for (document, expected), score in zip(LOGITS.items(), scores, strict=True)]
