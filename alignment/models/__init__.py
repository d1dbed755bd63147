"""Every model, importable from here only."""

from alignment import lookups  # noqa: F401 - registered where every model is
from alignment.models.brands import BrandName
from alignment.models.candidates import Candidate, CandidateRun, CandidateSet, Score, ScoringModel, Worker
from alignment.models.catalogue import SKU, Category, SearchText, Source, TextVersion
from alignment.models.decisions import Actor, AuditEvent, Decision, Note, Pair
from alignment.models.evaluations import EvaluationRun
from alignment.models.exports import ExportRun
from alignment.models.groups import Conflict, Group, GroupChange, Membership
from alignment.models.imports import FileOptions, ImportRun, RowError, Upload
from alignment.models.people import ApiToken, Invitation, User
from alignment.models.policies import PolicyRollout, PolicyVersion
from alignment.models.rerank import RerankRequest
from alignment.models.runs import Run, RunEvent
from alignment.models.scoring_runs import ScoringRun
from alignment.models.tree import CategoryAlias, CategoryChange

__all__ = [
    "SKU",
    "Actor",
    "ApiToken",
    "AuditEvent",
    "BrandName",
    "Candidate",
    "CandidateRun",
    "CandidateSet",
    "Category",
    "CategoryAlias",
    "CategoryChange",
    "Conflict",
    "Decision",
    "EvaluationRun",
    "ExportRun",
    "FileOptions",
    "Group",
    "GroupChange",
    "ImportRun",
    "Invitation",
    "Membership",
    "Note",
    "Pair",
    "PolicyRollout",
    "PolicyVersion",
    "RerankRequest",
    "RowError",
    "Run",
    "RunEvent",
    "Score",
    "ScoringModel",
    "ScoringRun",
    "SearchText",
    "Source",
    "TextVersion",
    "Upload",
    "User",
    "Worker",
]
