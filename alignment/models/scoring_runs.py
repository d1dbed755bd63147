"""Scoring as a run: the sets that were asked to be scored together, and how many of them are."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from alignment.models.people import ApiToken
from alignment.models.runs import Run


class ScoringRun(Run):
    """Sets that wait for one reason. A set belongs to one run at a time and leaves it when it is scored or has failed.

    Those of a cancelled run are set aside, still the run's, until somebody has it go on.
    """

    class Kind(models.TextChoices):
        CANDIDATES = "candidates", _("New candidates")
        POSTED = "posted", _("Posted candidates")
        RESCORE = "rescore", _("Everything anew")
        RETRY = "retry", _("Failed sets again")

    kind = models.CharField(max_length=10, choices=Kind.choices)
    candidates = models.ForeignKey("alignment.CandidateRun", on_delete=models.CASCADE, null=True, blank=True, related_name="scoring_runs")
    token = models.ForeignKey(ApiToken, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    sets = models.PositiveIntegerField(default=0)
    sets_done = models.PositiveIntegerField(default=0)
    sets_failed = models.PositiveIntegerField(default=0)

    class Meta(Run.Meta):
        verbose_name = _("scoring run")
        verbose_name_plural = _("scoring runs")

    @property
    def sets_left(self) -> int:
        return max(0, self.sets - self.sets_done - self.sets_failed)

    def __str__(self) -> str:
        return str(self.get_kind_display())
