from django.urls import path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny

from alignment.api import candidate_sets, errors, rerank, views

public = {"authentication_classes": [], "permission_classes": [AllowAny]}

urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(**public), name="schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="schema", **public), name="api-docs"),
    path("v1/health/", views.Health.as_view()),
    path("v1/groups/", views.Groups.as_view(), name="api-groups"),
    path("v1/groups/of/", views.GroupOfSku.as_view(), name="api-group-of"),
    path("v1/groups/<uuid:uuid>/", views.OneGroup.as_view(), name="api-group"),
    path("v1/changes/", views.Changes.as_view(), name="api-changes"),
    path("v1/skus/", views.Skus.as_view(), name="api-skus"),
    path("v1/skus/<uuid:uuid>/", views.OneSku.as_view(), name="api-sku"),
    path("v1/candidate-sets/", candidate_sets.CandidateSets.as_view(), name="api-candidate-sets"),
    path("v1/candidate-sets/<uuid:uuid>/", candidate_sets.OneCandidateSet.as_view(), name="api-candidate-set"),
    path("v1/decisions/", views.Decisions.as_view(), name="api-decisions"),
    path("v1/policies/", views.PolicyList.as_view(), name="api-policies"),
    path("v1/rerank", rerank.Rerank.as_view(), name="api-rerank"),
    path("v2/rerank", rerank.CohereRerank.as_view(), name="api-rerank-cohere"),
    path("v1/imports/", views.Imports.as_view(), name="api-imports"),
    path("v1/imports/<uuid:uuid>/", views.OneImport.as_view(), name="api-import"),
    re_path("^", errors.not_found),
]
