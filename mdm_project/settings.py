"""Settings, read from the environment (docs/settings.md lists them).

Development needs nothing: keys are made once and kept under DATA_DIR, the servers are the embedded ones. Production
(ESPALIER_ENV=production) embeds nothing and refuses to start while a setting is missing, naming it.
"""

import contextlib
import ipaddress
import os
import secrets
import sys
from pathlib import Path
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse_lazy

from mdm_project import embedded
from mdm_project.key_strength import problems_of_encryption_keys, problems_of_secret_key
from mdm_project.theme import UNFOLD  # noqa: F401

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

ESPALIER_ENV = env.str("ESPALIER_ENV", "development")
if ESPALIER_ENV not in ("development", "production"):
    raise ImproperlyConfigured(f"ESPALIER_ENV is {ESPALIER_ENV!r}; it must be development or production")
IS_PRODUCTION = ESPALIER_ENV == "production"
DEBUG = False
DATA_DIR = Path(env.str("DATA_DIR", str(BASE_DIR / ".data"))).resolve()

REQUIRED_IN_PRODUCTION = ("SECRET_KEY", "ENCRYPTION_KEYS", "PUBLIC_URL", "DATABASE_URL", "REDIS_URL")
if IS_PRODUCTION:
    missing = [name for name in REQUIRED_IN_PRODUCTION if not env.str(name, "")]
    if missing:
        raise ImproperlyConfigured(f"ESPALIER_ENV=production needs settings that are missing: {', '.join(missing)}")


def _kept_secret(name: str, make) -> str:
    """Return the setting, or in development the value kept in DATA_DIR (made at first use, mode 0600)."""
    value = env.str(name, "")
    if value or IS_PRODUCTION:
        return value
    path = DATA_DIR / name.lower()
    if not path.exists():
        embedded.place.prepare_data_dir(DATA_DIR)
        # Written aside and linked into place, so that two processes starting together agree on one value.
        draft = DATA_DIR / f".{name.lower()}.{os.getpid()}"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(make())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return path.read_text().strip()


SECRET_KEY = _kept_secret("SECRET_KEY", lambda: secrets.token_urlsafe(50))
ENCRYPTION_KEYS = [key.strip() for key in _kept_secret("ENCRYPTION_KEYS", lambda: secrets.token_hex(32)).split(",")]
if IS_PRODUCTION:
    weak = [*problems_of_encryption_keys(ENCRYPTION_KEYS), *problems_of_secret_key(SECRET_KEY)]
    if weak:
        raise ImproperlyConfigured(f"ESPALIER_ENV=production refuses keys that protect nothing: {'; '.join(weak)}")

HOST = env.str("HOST", "127.0.0.1")
PORT = env.int("PORT", 8000)
PUBLIC_URL = env.str("PUBLIC_URL", f"http://{HOST}:{PORT}").rstrip("/")
_public = urlsplit(PUBLIC_URL)
if _public.scheme not in ("http", "https") or not _public.hostname:
    raise ImproperlyConfigured("PUBLIC_URL must be an absolute http(s) URL")
if IS_PRODUCTION and _public.scheme != "https":
    raise ImproperlyConfigured("PUBLIC_URL must start with https:// in production: devices accept nothing else")
IS_HTTPS = _public.scheme == "https"
WEB_WORKERS = env.int("WEB_WORKERS", 2)

_default_hosts = [_public.hostname] if IS_PRODUCTION else ["*"]
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=_default_hosts)
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

IDENTITY_HEADER = env.str("IDENTITY_HEADER", "Client-Cert")
TRUSTED_PROXIES = [
    ipaddress.ip_network(cidr)
    for cidr in env.list("TRUSTED_PROXIES", default=[] if IS_PRODUCTION else ["127.0.0.0/8", "::1/128"])
]
# A pinned identity that has just expired still connects for a while, so that it can be renewed instead of lost.
IDENTITY_EXPIRY_GRACE_DAYS = env.int("IDENTITY_EXPIRY_GRACE_DAYS", 30)
# How long before its end a client certificate is renewed, and over how many days of that a fleet is spread.
IDENTITY_RENEWAL_DAYS = env.int("IDENTITY_RENEWAL_DAYS", 180)
IDENTITY_RENEWAL_SPREAD_DAYS = env.int("IDENTITY_RENEWAL_SPREAD_DAYS", 60)
if not 0 <= IDENTITY_RENEWAL_SPREAD_DAYS < IDENTITY_RENEWAL_DAYS:
    raise ImproperlyConfigured("IDENTITY_RENEWAL_SPREAD_DAYS must be less than IDENTITY_RENEWAL_DAYS")
# Largest message taken from a device; the biggest real ones (certificate and app lists) stay below 5 MB.
DEVICE_MESSAGE_MAX_BYTES = env.int("DEVICE_MESSAGE_MAX_BYTES", 16 * 1024 * 1024)

# Network users of Macs: "decline" (410), or "empty_digest" to let them in without a password.
USER_AUTHENTICATE = env.str("USER_AUTHENTICATE", "decline")

APNS_HOST = env.str("APNS_HOST", "api.push.apple.com")
APNS_PORT = env.int("APNS_PORT", 2197)
APNS_CA_FILE = env.str("APNS_CA_FILE", "") or None
ADE_URL = env.str("ADE_URL", "https://mdmenrollment.apple.com")
APPS_AND_BOOKS_URL = env.str("APPS_AND_BOOKS_URL", "https://vpp.itunes.apple.com/mdm/v2")
SOFTWARE_LOOKUP_URL = env.str("SOFTWARE_LOOKUP_URL", "https://gdmf.apple.com/v2/pmv")
DEMO_DEVICES = env.int("DEMO_DEVICES", 25)
# Where the ticket number of a note leads, with {} for the number; which host that is must not depend on the number.
TICKET_URL = env.str("TICKET_URL", "")
_ticket_hosts = {urlsplit(TICKET_URL.replace("{}", number)).netloc for number in "01"}
_is_ticket_url = TICKET_URL.startswith("https://") and TICKET_URL.count("{}") == 1 and len(_ticket_hosts) == 1
if TICKET_URL and not (_is_ticket_url and all(_ticket_hosts)):
    raise ImproperlyConfigured(
        "TICKET_URL must be an https address with {} once, after the host: https://tickets.example/{}"
    )

# Interval between inventory refreshes, by platform; 0 switches the schedule off.
INVENTORY_INTERVAL_HOURS = {
    "default": env.int("INVENTORY_INTERVAL_HOURS", 24),
    "macos": env.int("INVENTORY_INTERVAL_HOURS_MACOS", 12),
}
# The governor of destructive commands: how long an approval is waited for, how old an approver's account must be, and
# after how long a loosened limit holds.
APPROVAL_HOURS = env.int("APPROVAL_HOURS", 24)
APPROVER_AGE_HOURS = env.int("APPROVER_AGE_HOURS", 24)
LIMIT_CHANGE_HOURS = env.int("LIMIT_CHANGE_HOURS", 24)
COMMAND_RETENTION_DAYS = env.int("COMMAND_RETENTION_DAYS", 90)
REPORT_RETENTION_DAYS = env.int("REPORT_RETENTION_DAYS", 30)
EVENT_RETENTION_DAYS = env.int("EVENT_RETENTION_DAYS", 730)
REJECTED_MESSAGE_RETENTION_DAYS = env.int("REJECTED_MESSAGE_RETENTION_DAYS", 30)

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "mdm_project.apps.ConsoleConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "mdm_project.apps.ProjectConfig",
    "devices",
    "profiles",
    "apns",
    "commands",
    "enrollment",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "mdm_project.acting.ActingMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "mdm_project.urls"
WSGI_APPLICATION = "mdm_project.wsgi.application"
APPEND_SLASH = True
AUTH_USER_MODEL = "mdm_project.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTHENTICATION_BACKENDS = ["devices.access.StaffBackend"]
LOGIN_URL = reverse_lazy("admin:login")
LOGIN_REDIRECT_URL = reverse_lazy("admin:index")
SILENCED_SYSTEM_CHECKS: list[str] = []

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

_running = None if IS_PRODUCTION else embedded.running_urls(DATA_DIR)
_embedded_database_url, _embedded_redis_url = _running or ("", "")
DATABASE_URL = env.str("DATABASE_URL", "") or _embedded_database_url
REDIS_URL = env.str("REDIS_URL", "") or _embedded_redis_url or "redis://127.0.0.1:1/0"

DATABASES = {
    "default": {
        **environ.Env.db_url_config(DATABASE_URL or "postgres:///espalier"),
        "ENGINE": "mdm_project.postgresql",  # which checks the health of connections itself
        "CONN_MAX_AGE": 0,
    }
}
DATABASE_POOL_SIZE = env.int("DATABASE_POOL_SIZE", 20)
DATABASE_TIMEOUT_S = 10
DATABASES["default"].setdefault("OPTIONS", {})
DATABASES["default"]["OPTIONS"]["application_name"] = "espalier"
if env.bool("DATABASE_POOL", True):
    DATABASES["default"]["OPTIONS"]["pool"] = {
        "min_size": 0,
        "max_size": DATABASE_POOL_SIZE,
        "timeout": DATABASE_TIMEOUT_S,
        # The pool's pauses between attempts double for as long as it has no success. Given up as early as a request
        # gives up, they start anew with the next one, and stay short however long PostgreSQL was away.
        "reconnect_timeout": DATABASE_TIMEOUT_S,
    }

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "espalier",
        # Bytes only: who can write to Redis must not be able to have objects made here.
        "OPTIONS": {
            "socket_timeout": 1,
            "socket_connect_timeout": 1,
            "serializer": "mdm_project.cache_bytes.BytesSerializer",
        },
    }
}

CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# Off: after Redis was lost with tasks under way, a worker that has reduced its prefetch may never take one again.
CELERY_WORKER_ENABLE_PREFETCH_COUNT_REDUCTION = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 2,
    "socket_connect_timeout": 1,
    "visibility_timeout": 3600,
    # Otherwise kombu tries for six seconds to reach a Redis that is down, in the request that publishes.
    "max_retries": 0,
    "interval_start": 0,
    "interval_step": 0,
    "interval_max": 0,
}
# Publishing gives up fast: the rows are in PostgreSQL and beat's sweeps find them.
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_TIME_LIMIT = 600
CELERY_TASK_SOFT_TIME_LIMIT = 540
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "celerybeat-schedule")
CELERY_BEAT_SCHEDULER = "mdm_project.beating:BeatingScheduler"
CELERY_BEAT_SCHEDULE = {
    "beat": {"task": "mdm_project.beat", "schedule": 15, "options": {"expires": 15}},
    "interpret-reports": {"task": "commands.interpret_reports", "schedule": 5, "options": {"expires": 5}},
    "drain-outbox": {"task": "devices.drain_outbox", "schedule": 5, "options": {"expires": 5}},
    "push-due": {"task": "apns.push_due", "schedule": 5, "options": {"expires": 5}},
    "sweep-wakes": {"task": "apns.sweep_wakes", "schedule": 60, "options": {"expires": 60}},
    "reconcile": {"task": "commands.reconcile", "schedule": 30, "options": {"expires": 30}},
    "advance-workflows": {"task": "commands.advance_workflows", "schedule": 15, "options": {"expires": 15}},
    "rotate-revealed": {"task": "commands.rotate_revealed", "schedule": 300, "options": {"expires": 300}},
    "release-held": {"task": "commands.release_held", "schedule": 15, "options": {"expires": 15}},
    "check-rollouts": {"task": "profiles.check_rollouts", "schedule": 60, "options": {"expires": 60}},
    "recompute-desired": {"task": "profiles.recompute", "schedule": 3600, "options": {"expires": 3600}},
    "regroup-by-state": {"task": "commands.regroup_by_state", "schedule": 60, "options": {"expires": 60}},
    "expire-commands": {"task": "commands.expire_commands", "schedule": 60, "options": {"expires": 60}},
    "schedule-inventory": {"task": "commands.schedule_inventory", "schedule": 300, "options": {"expires": 300}},
    "bypass-codes": {"task": "commands.ask_for_bypass_codes", "schedule": 300, "options": {"expires": 300}},
    "renew-identities": {"task": "enrollment.renew_identities", "schedule": 600, "options": {"expires": 600}},
    "regroup": {"task": "devices.regroup", "schedule": 900, "options": {"expires": 900}},
    "forget-old-beats": {"task": "mdm_project.forget_old_beats", "schedule": 3600, "options": {"expires": 3600}},
    "forget-old-keys": {"task": "mdm_project.forget_old_keys", "schedule": 3600, "options": {"expires": 3600}},
    "delete-done-outbox": {"task": "devices.delete_done_outbox", "schedule": 3600, "options": {"expires": 3600}},
    "delete-old-rejections": {"task": "devices.delete_old_rejections", "schedule": 3600, "options": {"expires": 3600}},
    "delete-old-events": {"task": "devices.delete_old_events", "schedule": 3600, "options": {"expires": 3600}},
    "delete-old-rows": {"task": "commands.delete_old_rows", "schedule": 3600, "options": {"expires": 3600}},
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "mdm_project.api.auth.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["mdm_project.api.permissions.DenyByDefault"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["mdm_project.api.parsers.StrictJSONParser"],
    "DEFAULT_FILTER_BACKENDS": [
        "django_filters.rest_framework.DjangoFilterBackend",
        "rest_framework.filters.SearchFilter",
        "mdm_project.api.ordering.StableOrdering",
    ],
    "DEFAULT_PAGINATION_CLASS": "mdm_project.api.pagination.Pages",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "mdm_project.api.errors.exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Espalier API",
    "DESCRIPTION": "Device management: devices, commands and what they answered.",
    "VERSION": "1.0.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    # Fields that share a name need names of their own for what they may hold.
    "ENUM_NAME_OVERRIDES": {
        "GroupKindEnum": "devices.models.Group.Kind",
        "AttributeKindEnum": "devices.models.CustomAttribute.Kind",
        "FactKindEnum": "devices.rules.operators.KINDS",
        "ItemStateEnum": "commands.standing.Word",
        "TargetStateEnum": "commands.filters.STATE_CHOICES",
    },
}

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = DATA_DIR / "static"
MEDIA_ROOT = DATA_DIR / "files"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_AGE = 12 * 3600
PASSWORD_RESET_TIMEOUT = 24 * 3600  # of a link by which somebody sets their own password
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if IS_PRODUCTION:
    SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", 365 * 24 * 3600)
    SECURE_HSTS_INCLUDE_SUBDOMAINS = env.bool("SECURE_HSTS_INCLUDE_SUBDOMAINS", True)
    SECURE_HSTS_PRELOAD = env.bool("SECURE_HSTS_PRELOAD", True)
    SECURE_SSL_REDIRECT = True
    # Device and health endpoints are never redirected: devices need not follow, balancers speak plain http.
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^scep$"]
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "stream": sys.stderr}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", "INFO")},
    "loggers": {
        "httpx": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        # A kick that is older than the work it asks for expires; that is meant to be.
        "celery.worker.request": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
        "django.request": {"level": "ERROR"},
    },
}
