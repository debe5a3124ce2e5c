"""What people see when they enroll a device: a page that says what will happen, and the profile itself."""

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from enrollment import qr
from enrollment.models import EnrollmentProfile
from enrollment.services import hand_out_profile
from mdm_project.errors import EspalierError

PROFILE_TYPE = "application/x-apple-aspen-config"
COLLECTED = (
    "model, serial number, name, operating system and storage of the device",
    "installed profiles and certificates, and, except under User Enrollment, installed apps",
    "security state: passcode set, encryption, supervision",
    "network addresses and, where there is one, the telephone number",
)


def _profile_or_sign_in(request, slug: str):
    """Return the enabled profile, or the redirect to sign-in that its rules demand; raise PermissionDenied."""
    profile = get_object_or_404(EnrollmentProfile, slug=slug, is_enabled=True)
    if profile.requires_sign_in and not request.user.is_authenticated:
        return None, redirect_to_login(request.get_full_path(), settings.LOGIN_URL)
    if profile.requires_sign_in and not request.user.is_staff:
        # Whoever lost the console may still have a session; the profile holds a challenge.
        raise PermissionDenied
    return profile, None


@require_safe
def enrollment_page(request, slug: str):
    profile, redirect = _profile_or_sign_in(request, slug)
    if redirect:
        return redirect
    page_url = settings.PUBLIC_URL + reverse("enroll-page", args=[slug])
    context = {
        "profile": profile,
        "profile_url": reverse("enroll-profile", args=[slug]),
        "page_url": page_url,
        "qr_svg": qr.svg(page_url),
        "collected": COLLECTED,
    }
    return render(request, "enrollment/page.html", context)


@require_safe
def enrollment_profile(request, slug: str):
    profile, redirect = _profile_or_sign_in(request, slug)
    if redirect:
        return redirect
    try:
        body = hand_out_profile(profile)
    except EspalierError as error:
        return render(request, "enrollment/not_ready.html", {"profile": profile, "error": error}, status=error.status)
    response = HttpResponse(body, content_type=PROFILE_TYPE)
    response["Content-Disposition"] = f'attachment; filename="{slug}.mobileconfig"'
    response["Cache-Control"] = "no-store"
    return response
