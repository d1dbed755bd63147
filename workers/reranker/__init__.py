"""The scoring engine: Qwen3-Reranker's contract, for candidate sets. No Django here."""
