"""The first stage: which listings are worth a look. No Django here, and torch only where an encoder needs it."""

from workers.retrieval.nearest import Catalogue
from workers.retrieval.retriever import Retriever

__all__ = ["Catalogue", "Retriever"]
