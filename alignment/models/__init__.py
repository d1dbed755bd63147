"""Every model, importable from here only."""

from alignment.models.candidates import Candidate, CandidateRun, CandidateSet, Score, ScoringModel, Worker
from alignment.models.catalogue import SKU, Category, ImportRun, RowError, Source, TextVersion
from alignment.models.decisions import Actor, AuditEvent, Decision, Note, Pair
from alignment.models.evaluations import EvaluationRun
from alignment.models.groups import Conflict, Group, GroupChange, Membership
from alignment.models.people import ApiToken, Invitation, User
from alignment.models.policies import PolicyRollout, PolicyVersion
from alignment.models.rerank import RerankRequest
from alignment.models.runs import Run

__all__ = [
    "SKU",
    "Actor",
    "ApiToken",
    "AuditEvent",
    "Candidate",
    "CandidateRun",
    "CandidateSet",
    "Category",
    "Conflict",
    "Decision",
    "EvaluationRun",
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
    "Score",
    "ScoringModel",
    "Source",
    "TextVersion",
    "User",
    "Worker",
]
