"""Every setting, typed from the environment. A wrong value stops the start with the setting's name and what would be right."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from urllib.parse import urlparse

import dj_database_url
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _

BASE_DIR = Path(__file__).resolve().parent.parent


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def whole_number(name: str, default: int, lowest: int, highest: int) -> int:
    raw = text(name, str(default))
    if not raw.isascii() or not raw.isdigit() or not lowest <= int(raw) <= highest:
        raise ImproperlyConfigured(f"{name} is {raw!r}; it must be a whole number from {lowest} to {highest}.")
    return int(raw)


def yes_or_no(name: str, default: bool) -> bool:
    raw = text(name, "yes" if default else "no").lower()
    if raw not in {"yes", "no", "true", "false", "1", "0", "on", "off"}:
        raise ImproperlyConfigured(f"{name} is {raw!r}; it must be yes or no.")
    return raw in {"yes", "true", "1", "on"}


def one_of(name: str, default: str, choices: tuple[str, ...]) -> str:
    raw = text(name, default)
    if raw not in choices:
        raise ImproperlyConfigured(f"{name} is {raw!r}; it must be one of {', '.join(choices)}.")
    return raw


def listed(name: str, default: str) -> list[str]:
    return [part.strip() for part in text(name, default).split(",") if part.strip()]


def redis_url() -> str:
    raw = text("REDIS_URL", f"redis+socket://{VAR_DIR}/redis/redis.sock")
    if urlparse(raw).scheme not in {"redis", "rediss", "redis+socket"}:
        raise ImproperlyConfigured(f"REDIS_URL is {raw!r}; it must start with redis://, rediss:// or redis+socket://.")
    return raw


def web_address(name: str) -> str:
    raw = text(name)
    if raw and (urlparse(raw).scheme not in {"http", "https"} or not urlparse(raw).hostname):
        raise ImproperlyConfigured(f"{name} is {raw!r}; it must start with http:// or https:// and name a host.")
    return raw


def database() -> dict[str, object]:
    raw = text("DATABASE_URL", f"sqlite:///{VAR_DIR}/alignment.sqlite3")
    if urlparse(raw).scheme not in {"sqlite", "postgres", "postgresql"}:
        raise ImproperlyConfigured("DATABASE_URL must start with sqlite:/// or postgresql://.")
    try:
        parsed: dict[str, object] = dict(dj_database_url.parse(raw))
    except ValueError as error:
        raise ImproperlyConfigured(f"DATABASE_URL cannot be read ({error}); write postgresql://user:password@host:5432/name.") from None
    if parsed["ENGINE"] == "django.db.backends.sqlite3":
        parsed["ENGINE"] = "alignment.sqlite"
        parsed["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA recursive_triggers=ON; PRAGMA cache_size=-65536;",
        }
    else:
        parsed["CONN_MAX_AGE"] = 600
        parsed["CONN_HEALTH_CHECKS"] = True
        # The next case is read by an index in a millisecond; a planner that fears the worst would compile its query for fifty. And what
        # counts a million pairs beside the reviewers takes one core, not all.
        options = parsed.setdefault("OPTIONS", {})
        assert isinstance(options, dict)
        # Statements that `planned` keeps are kept by the server.
        options.setdefault("server_side_binding", True)
        options["options"] = f"{options.get('options', '')} -c jit=off -c max_parallel_workers_per_gather=0".strip()
    return parsed


def secret_key() -> str:
    """The key from SECRET_KEY, else one made on first use and kept in a file only its owner can read."""
    if from_environment := text("SECRET_KEY"):
        if len(from_environment) < 32:
            raise ImproperlyConfigured("SECRET_KEY is shorter than 32 characters; use a long random text.")
        return from_environment
    path = VAR_DIR / "secret_key"
    VAR_DIR.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.S_IRUSR | stat.S_IWUSR)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(50))
    except FileExistsError:
        pass
    return path.read_text().strip()


VAR_DIR = Path(text("VAR_DIR", str(BASE_DIR / "var"))).absolute()
SECRET_KEY = secret_key()
DEBUG = yes_or_no("DEBUG", False)
PORT = whole_number("PORT", 8000, 1, 65535)
BIND = text("BIND", "127.0.0.1")
ALLOWED_HOSTS = listed("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = listed("CSRF_TRUSTED_ORIGINS", "")
HTTPS = yes_or_no("HTTPS", False)

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "knox",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "axes",
    "csp",
    "alignment",
    "review",
    "workers",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "alignment.csp.PolicyByArea",
    "review.views.errors.MethodsInWords",
    "review.views.errors.NoNul",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "alignment.urls"
WSGI_APPLICATION = "alignment.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DATABASES = {"default": database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
MEDIA_ROOT = VAR_DIR / "uploads"

# People
AUTH_USER_MODEL = "alignment.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "alignment.signed_in.SignedIn"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "sign-in"
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_TEMPLATE = "review/locked_out.html"
AXES_ENABLE_ACCESS_FAILURE_LOG = False

# The browser
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000
UPLOAD_LIMIT_MB = whole_number("UPLOAD_LIMIT_MB", 512, 1, 10_000)
IMPORTED_FILES_DAYS = whole_number("IMPORTED_FILES_DAYS", 30, 1, 3650)
LABELLED_FILES_DAYS = whole_number("LABELLED_FILES_DAYS", 30, 1, 3650)
# Counts requests of a token. In files, so that every web process of a machine counts the same and no Redis is needed to answer.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": VAR_DIR / "cache",
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    }
}

# Language and time
LANGUAGE_CODE = "en"
FORMAT_MODULE_PATH = ["review.formats"]
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
# Beside the project's own messages stand Django's, in the project's words.
LOCALE_PATHS = [BASE_DIR / "review" / "locale", BASE_DIR / "review" / "sentences"]
USE_TZ = True
TIME_ZONE = text("TIME_ZONE", "UTC")

# REST
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["alignment.api.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["alignment.api.authentication.TokenScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "alignment.api.errors.problem",
    "DEFAULT_THROTTLE_CLASSES": ["alignment.api.throttling.TokenRate"],
    "DEFAULT_THROTTLE_RATES": {"token": text("API_RATE", "600/min"), "anonymous": "60/min"},
    "UNAUTHENTICATED_USER": None,
}
REST_KNOX = {"TOKEN_MODEL": "alignment.ApiToken", "AUTH_HEADER_PREFIX": "Bearer", "AUTO_REFRESH": False, "TOKEN_TTL": None}
KNOX_TOKEN_MODEL = "alignment.ApiToken"  # noqa: S105
# Its only table is the token model that ours stands in for.
MIGRATION_MODULES = {"knox": None}
SPECTACULAR_SETTINGS = {
    "TITLE": "SKU Alignment",
    "DESCRIPTION": "Which product listings are the same product: post candidates, read confirmed groups.",
    "VERSION": "1.0.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "OAS_VERSION": "3.1.0",
    "ENUM_NAME_OVERRIDES": {"SetStatus": "alignment.api.answers.SetStatus", "RunStatus": "alignment.api.answers.RunStatus"},
    "ENUM_SUFFIX": "",
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "alignment.api.answers.with_problems"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

# Work
REDIS_URL = redis_url()
PRIVATE_REDIS = not text("REDIS_URL")
SAMPLE = yes_or_no("SAMPLE", True)
CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {"workers.score_waiting": {"queue": "gpu"}}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A wake-up that cannot be sent is given up at once: the sweeper finds the work in the database.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3600,
    "socket_connect_timeout": 2,
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0.1,
    "interval_max": 0.2,
}
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "celerybeat-schedule")

RERANKER_MODEL = text("RERANKER_MODEL", str(BASE_DIR / "workers" / "demo_model"))
RERANKER_URL = web_address("RERANKER_URL")
if RERANKER_URL and not text("RERANKER_MODEL"):
    raise ImproperlyConfigured("RERANKER_URL is set, so set RERANKER_MODEL to the name of the model that the server serves.")
RERANKER_API = one_of("RERANKER_API", "vllm", ("cohere", "jina", "vllm", "tei"))
RERANKER_API_KEY = text("RERANKER_API_KEY")
RERANKER_TIMEOUT_SECONDS = whole_number("RERANKER_TIMEOUT_SECONDS", 60, 1, 3600)
RERANKS_A_PROCESS = whole_number("RERANKS_A_PROCESS", 2, 1, 1000)
RERANKER_DEVICE = text("RERANKER_DEVICE", "auto")
RERANKER_DTYPE = one_of("RERANKER_DTYPE", "auto", ("auto", "float32", "bfloat16", "float16"))
RERANKER_MAX_LENGTH = whole_number("RERANKER_MAX_LENGTH", 8192, 64, 32768)
RERANKER_SEPARATOR = one_of("RERANKER_SEPARATOR", "single", ("single", "double"))
SCORING_TOKEN_BUDGET = whole_number("SCORING_TOKEN_BUDGET", 16384, 256, 4_194_304)
SCORING_LEASE_SECONDS = whole_number("SCORING_LEASE_SECONDS", 30, 5, 3600)
REVIEW_LEASE_SECONDS = whole_number("REVIEW_LEASE_SECONDS", 120, 5, 86400)
# Whoever sets short leases wants dead claims back soon: at the latest half a lease after theirs ended.
SWEEP_SECONDS = min(15.0, SCORING_LEASE_SECONDS / 2)
CELERY_BEAT_SCHEDULE = {
    "wake-scoring": {"task": "workers.score_waiting", "schedule": 10.0, "options": {"expires": 10}},
    "sweep": {"task": "workers.sweep", "schedule": SWEEP_SECONDS, "options": {"expires": SWEEP_SECONDS}},
    "count-queues": {"task": "review.count_queues", "schedule": 15.0, "options": {"expires": 15}},
    "count-brand-names": {"task": "workers.count_brand_names", "schedule": 60.0, "options": {"expires": 60, "queue": "long"}},
    "count-figures": {"task": "review.count_figures", "schedule": 30.0, "options": {"expires": 30}},
}
RETRIEVAL_ENCODER = text("RETRIEVAL_ENCODER", str(BASE_DIR / "workers" / "demo_model"))
CANDIDATES_PER_QUERY = whole_number("CANDIDATES_PER_QUERY", 20, 1, 500)
UNSURE_LIMIT = whole_number("UNSURE_LIMIT", 2, 1, 20)
# The smallest share of the detector's belief at which a detected language is stored.
LANGUAGE_CONFIDENCE = 0.9

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": text("LOG_LEVEL", "INFO")},
    "loggers": {"axes": {"level": "WARNING"}},
}
UNFOLD = {
    "SITE_TITLE": "SKU Alignment",
    "SITE_HEADER": "SKU Alignment",
    "SITE_SYMBOL": "inventory_2",
    "SHOW_HISTORY": False,
    "SIDEBAR": {"navigation": "alignment.admin.navigation"},
    "STYLES": [lambda request: static("review/motion.css")],
}
