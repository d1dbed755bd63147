"""What people type to change a policy."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from alignment.models import PolicyVersion
from alignment.policies import LONGEST_INSTRUCTION, MOST_DUE_HOURS
from review.fields import PercentField, ThresholdField


class SeenForm(forms.Form):
    """Drawn with the id of the version in force, so that whoever sends it undoes no later one unseen."""

    seen = forms.IntegerField(required=False, widget=forms.HiddenInput)


class PolicyForm(SeenForm):
    """Shape only; what a policy may say is checked where it is published."""

    instruction = forms.CharField(
        label=_("Instruction"),
        max_length=LONGEST_INSTRUCTION,
        help_text=_("Written in English: what must be equal for two listings to be the same product, and what does not matter."),
        widget=forms.Textarea(attrs={"rows": 5}),
    )
    accept_at = ThresholdField(label=_("Accept at and over"), help_text=_("Such pairs are joined without a person."))
    review_at = ThresholdField(label=_("Review at and over"), help_text=_("From here to there people decide; what is lower is discarded."))
    guards = forms.MultipleChoiceField(
        label=_("Guards"),
        choices=PolicyVersion.Guard.choices,
        required=False,
        help_text=_("Where two listings say different things of one of these, the pair goes to a person however high its score."),
        widget=forms.CheckboxSelectMultiple,
    )
    order = forms.ChoiceField(label=_("Order"), choices=PolicyVersion.Order.choices, help_text=_("Which of its pairs are asked first."))
    priority = forms.TypedChoiceField(
        label=_("Priority"),
        choices=PolicyVersion.Priority.choices,
        coerce=int,
        help_text=_("Higher priorities come before all others, whatever their order."),
    )
    due_hours = forms.IntegerField(
        label=_("Due within, in hours"),
        min_value=1,
        max_value=MOST_DUE_HOURS,
        required=False,
        help_text=_("Pairs that wait longer are overdue and come first. Empty: no limit."),
    )
    reasons = forms.ChoiceField(
        label=_("Reason of a reject"), choices=PolicyVersion.Reasons.choices, help_text=_("What differs, in one press after “different”.")
    )
    blind = forms.BooleanField(
        label=_("Hide scores until the verdict"), required=False, help_text=_("So that the model's opinion does not become the person's.")
    )
    second_share = PercentField(
        label=_("Second opinion, % of cases"),
        required=False,
        help_text=_("These cases are shown to another person too, who does not see the first verdict."),
    )
    second_unsure = forms.BooleanField(
        label=_("A second opinion after every “unsure”"), required=False, help_text=_("Beside the share above.")
    )
    check_share = PercentField(
        label=_("Hidden checks, % of cases"),
        required=False,
        help_text=_("These cases carry a pair whose answer is known, to measure how right people are. Their answers are no decisions."),
    )
    note = forms.CharField(
        label=_("Why"), max_length=500, required=False, help_text=_("For whoever reads the history. Shown beside the version.")
    )


class RollBackForm(SeenForm):
    note = forms.CharField(label=_("Why"), max_length=500, required=False)
