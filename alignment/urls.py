from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/", include("alignment.api.urls")),
    path("", include("review.urls")),
]

handler400 = "review.views.errors.bad_request"
handler500 = "review.views.errors.broken"
