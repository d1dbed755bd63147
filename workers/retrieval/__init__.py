"""The first stage: which listings are worth a look. No Django and no torch here."""

from workers.retrieval.retriever import Retriever

__all__ = ["Retriever"]
