"""The queues: what waits in each category and pair of languages, who is at it, and working on one of them."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from alignment.models import Category
from review import leases, queue_counts, scopes
from review.permissions import person, reviewer_required

ROWS_A_PAGE = 50


@reviewer_required
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """An admin sees every queue, a reviewer those that they may be given."""
    user, search = person(request), request.GET.get("q", "").strip()[:200]
    scope = scopes.Scope() if user.is_admin else scopes.of(user, narrowed=False)
    found = queue_counts.queues(scope, search=search)
    shown = Paginator(found, ROWS_A_PAGE).get_page(request.GET.get("page"))
    queue_counts.add_people(list(shown))
    context = {
        "page": shown,
        "search": search,
        "pairs": sum(queue.pairs for queue in found),
        "overdue": sum(queue.overdue for queue in found),
        "counted_at": queue_counts.counted_at(),
        "work_on": scopes.work_on(user),
        "limited": not scopes.of(user, narrowed=False).everything,
    }
    return render(request, "review/queues.html", context)


@reviewer_required
@require_POST
def work_on(request: HttpRequest) -> HttpResponse:
    """Narrow one's work: {category, languages}. Neither: everything again. What is in hand goes back, so that it holds at once."""
    user, chosen, languages = person(request), request.POST.get("category", ""), request.POST.get("languages", "")
    category = Category.objects.filter(pk=int(chosen)).first() if chosen.isascii() and chosen.isdigit() and len(chosen) < 19 else None
    if (chosen and category is None) or (languages and (len(languages) > 40 or languages.count("|") != 1)):
        messages.error(request, _("This queue does not exist any more. Choose another."))
        return redirect("queues")
    scopes.narrow(user=user, category=category, languages=languages)
    leases.release(user)
    if category or languages:
        messages.success(request, _("You work on %(queue)s now.") % {"queue": scopes.WorkOn(category, languages)})
    else:
        messages.success(request, _("You work on everything that is yours again."))
    return redirect("case")
