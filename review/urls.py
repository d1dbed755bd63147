from django.contrib.auth import views as auth
from django.urls import URLPattern, path
from django.views.i18n import set_language

from review.views import account, candidates, cases, conflicts, evaluations, help, holds, imports, playground, policies, scoring

urlpatterns: list[URLPattern] = [
    path("", account.home, name="home"),
    path("sign-in/", auth.LoginView.as_view(template_name="review/sign_in.html", redirect_authenticated_user=True), name="sign-in"),
    path("sign-out/", auth.LogoutView.as_view(), name="sign-out"),
    path(
        "password/",
        auth.PasswordChangeView.as_view(template_name="review/change_password.html", success_url="/password/changed/"),
        name="change-password",
    ),
    path(
        "password/changed/", auth.PasswordChangeDoneView.as_view(template_name="review/password_changed.html"), name="password_change_done"
    ),
    path("language/", set_language, name="set_language"),
    path("theme/", account.theme, name="theme"),
    path("help/<slug:page>/", help.page, name="help"),
    path("help/images/<str:name>", help.image, name="help-image"),
    path("review/", cases.case, name="case"),
    path("review/decide/", cases.decide, name="decide"),
    path("review/undo/", cases.undo, name="undo"),
    path("review/leave/", cases.leave, name="leave"),
    path("review/heartbeat/", holds.heartbeat, name="heartbeat"),
    path("review/paused/", cases.paused, name="paused"),
    path("escalated/", cases.escalated, name="escalated"),
    path("policies/", policies.policy_list, name="policies"),
    path("policies/<int:category_id>/", policies.policy, name="policy"),
    path("policies/<int:category_id>/effect/", policies.policy_effect, name="policy-effect"),
    path("policies/<int:category_id>/inherit/", policies.inherit, name="policy-inherit"),
    path("policies/versions/<int:version_id>/roll-back/", policies.roll_back, name="roll-back"),
    path("playground/", playground.page, name="playground"),
    path("playground/<uuid:uuid>/", playground.result, name="playground-result"),
    path("evaluations/", evaluations.page, name="evaluations"),
    path("evaluations/<uuid:run>/", evaluations.detail, name="evaluation"),
    path("evaluations/<uuid:run>/cancel/", evaluations.cancel, name="evaluation-cancel"),
    path("evaluations/<uuid:run>/report.json", evaluations.report, name="evaluation-report"),
    path("candidates/", candidates.page, name="candidates"),
    path("candidates/<uuid:run>/cancel/", candidates.cancel, name="candidates-cancel"),
    path("scoring/", scoring.page, name="scoring"),
    path("scoring/progress/", scoring.progress, name="progress"),
    path("scoring/retry/", scoring.retry, name="retry"),
    path("conflicts/", conflicts.page, name="conflicts"),
    path("conflicts/<int:pair_id>/settle/", conflicts.settle, name="settle"),
    path("imports/", imports.page, name="imports"),
    path("imports/<uuid:run>/", imports.detail, name="import"),
    path("imports/<uuid:run>/errors.csv", imports.errors, name="import-errors"),
]
