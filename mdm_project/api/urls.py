"""URLs of /api/v1/."""

from django.urls import path, re_path

from apns import api as apns
from commands import api as commands
from commands import governor_api as governor
from commands import workflow_api as workflows
from commands import workflow_batch_api as batches
from devices import api as devices
from devices import event_api, note_api, person_api, secret_api
from devices import group_api as groups
from devices import saved_search_api as searches
from enrollment import api as enrollment
from enrollment import identity_api
from mdm_project.api.errors import no_such_address
from mdm_project.api.views import SchemaView
from profiles import api as profiles
from profiles import assignment_api, declaration_api, insight_api, profile_api, standing_api
from profiles.catalogue import Kind

# Address and kind of what Apple's schema describes.
CATALOGUE = {
    "payloads": Kind.PAYLOAD,
    "commands": Kind.COMMAND,
    "checkins": Kind.CHECKIN,
    "declarations": Kind.DECLARATION,
    "status-items": Kind.STATUS_ITEM,
}


def catalogue_paths(name: str, kind: Kind) -> list:
    """Return the addresses of a kind: the list, an entry (by slug or unique type), its JSON Schema."""
    views = {"": profiles.CatalogueList, "<str:slug>/": profiles.CatalogueDetail}
    views |= {"<str:slug>/schema/": profiles.CatalogueSchema}
    return [
        path(f"catalog/{name}/{rest}", view.as_view(kind=kind), name=f"api-{view.__name__}-{name}".lower())
        for rest, view in views.items()
    ]


urlpatterns = [
    path("schema/", SchemaView.as_view(), name="api-schema"),
    path("devices/", groups.DeviceList.as_view(), name="api-devices"),
    path("devices/<int:pk>/", groups.DeviceDetail.as_view(), name="api-device"),
    path("devices/<int:pk>/inventory/", devices.DeviceInventory.as_view(), name="api-device-inventory"),
    path("devices/<int:pk>/applications/", devices.DeviceApplications.as_view(), name="api-device-applications"),
    path("devices/<int:pk>/profiles/", devices.DeviceProfiles.as_view(), name="api-device-profiles"),
    path("devices/<int:pk>/certificates/", devices.DeviceCertificates.as_view(), name="api-device-certificates"),
    path("devices/<int:pk>/commands/", commands.DeviceCommands.as_view(), name="api-device-commands"),
    path("devices/<int:pk>/timeline/", devices.DeviceTimeline.as_view(), name="api-device-timeline"),
    path("devices/<int:pk>/secrets/", secret_api.DeviceSecrets.as_view(), name="api-device-secrets"),
    path("devices/<int:pk>/secrets/<uuid:secret>/reveal/", secret_api.RevealSecret.as_view(), name="api-reveal-secret"),
    path(
        "devices/<int:pk>/attributes/<slug:name>/reveal/",
        secret_api.RevealAttribute.as_view(),
        name="api-reveal-attribute",
    ),
    path("devices/<int:pk>/notes/", note_api.DeviceNotes.as_view(), name="api-device-notes"),
    path("devices/<int:pk>/notes/<int:note>/withdraw/", note_api.WithdrawNote.as_view(), name="api-withdraw-note"),
    path("saved-searches/", searches.SavedSearchList.as_view(), name="api-saved-searches"),
    path("saved-searches/<int:pk>/", searches.SavedSearchDetail.as_view(), name="api-saved-search"),
    path("people/", person_api.PersonList.as_view(), name="api-people"),
    path("people/<int:pk>/", person_api.PersonDetail.as_view(), name="api-person"),
    path("groups/", groups.GroupList.as_view(), name="api-groups"),
    path("groups/facts/", groups.FactList.as_view(), name="api-group-facts"),
    path("groups/preview/", groups.GroupPreview.as_view(), name="api-group-preview"),
    path("groups/<int:pk>/", groups.GroupDetail.as_view(), name="api-group"),
    path("groups/<int:pk>/devices/", groups.GroupDevices.as_view(), name="api-group-devices"),
    path("groups/<int:pk>/members/", groups.GroupMembers.as_view(), name="api-group-members"),
    path("groups/<int:pk>/devices/<int:device_id>/", groups.GroupExplanation.as_view(), name="api-group-explanation"),
    path("tags/", groups.TagList.as_view(), name="api-tags"),
    path("attributes/", groups.AttributeList.as_view(), name="api-attributes"),
    path("attributes/import/", groups.AttributeImport.as_view(), name="api-attribute-import"),
    path("attributes/<int:pk>/", groups.AttributeDetail.as_view(), name="api-attribute"),
    path("commands/", commands.CommandList.as_view(), name="api-commands"),
    path("commands/<int:pk>/", commands.CommandDetail.as_view(), name="api-command"),
    path("commands/<int:pk>/results/", commands.CommandResults.as_view(), name="api-command-results"),
    path("commands/<int:pk>/retry/", commands.RetryCommand.as_view(), name="api-command-retry"),
    path("commands/<int:pk>/cancel/", commands.CancelCommand.as_view(), name="api-command-cancel"),
    path("workflows/", workflows.WorkflowList.as_view(), name="api-workflows"),
    path("workflows/kinds/", workflows.WorkflowKinds.as_view(), name="api-workflow-kinds"),
    path("workflows/bulk/", batches.WorkflowBulk.as_view(), name="api-workflow-bulk"),
    path("workflows/batches/", batches.WorkflowBatches.as_view(), name="api-workflow-batches"),
    path("workflows/batches/<int:pk>/", batches.WorkflowBatchDetail.as_view(), name="api-workflow-batch"),
    path("workflows/batches/<int:pk>/cancel/", batches.WorkflowBatchCancel.as_view(), name="api-workflow-batch-cancel"),
    path(
        "workflows/batches/<int:pk>/held/approve/",
        batches.ApproveHeldOfBatch.as_view(),
        name="api-workflow-batch-held-approve",
    ),  # fmt: skip
    path(
        "workflows/batches/<int:pk>/held/cancel/",
        batches.CancelHeldOfBatch.as_view(),
        name="api-workflow-batch-held-cancel",
    ),  # fmt: skip
    path("workflows/<int:pk>/", workflows.WorkflowDetail.as_view(), name="api-workflow"),
    path("workflows/<int:pk>/end/", workflows.WorkflowEnd.as_view(act="end"), name="api-workflow-end"),
    path("workflows/<int:pk>/cancel/", workflows.WorkflowEnd.as_view(), name="api-workflow-cancel"),
    path("events/", event_api.EventList.as_view(), name="api-events"),
    path("events/export/", event_api.EventExport.as_view(), name="api-event-export"),
    path("events/<int:pk>/", event_api.EventDetail.as_view(), name="api-event"),
    path("governor/limits/", governor.LimitList.as_view(), name="api-governor-limits"),
    path("governor/limits/<int:pk>/", governor.LimitDetail.as_view(), name="api-governor-limit"),
    path("governor/", governor.Governor.as_view(), name="api-governor"),
    path("governor/stop/", governor.StopDestructive.as_view(), name="api-governor-stop"),
    path("governor/resume/", governor.ResumeDestructive.as_view(), name="api-governor-resume"),
    path("held-actions/", governor.HeldActionList.as_view(), name="api-held-actions"),
    path("held-actions/<int:pk>/approve/", governor.ApproveHeld.as_view(), name="api-held-action-approve"),
    path("held-actions/<int:pk>/cancel/", governor.CancelHeld.as_view(), name="api-held-action-cancel"),
    path("push-certificates/", apns.PushCertificateList.as_view(), name="api-push-certificates"),
    path("push-certificates/<int:pk>/", apns.PushCertificateDetail.as_view(), name="api-push-certificate"),
    path("push-states/", apns.PushStateList.as_view(), name="api-push-states"),
    path("identities/", identity_api.IdentityList.as_view(), name="api-identities"),
    path("identities/renew/", identity_api.RenewIdentities.as_view(), name="api-renew-identities"),
    path("enrollment-profiles/", enrollment.EnrollmentProfileList.as_view(), name="api-enrollment-profiles"),
    path("enrollment-profiles/<int:pk>/", enrollment.EnrollmentProfileDetail.as_view(), name="api-enrollment-profile"),
    path("profiles/", profile_api.ProfileList.as_view(), name="api-profiles"),
    path("profiles/import/", profile_api.ImportProfile.as_view(), name="api-profile-import"),
    path("profiles/<int:pk>/", profile_api.ProfileDetail.as_view(), name="api-profile"),
    path("profiles/<int:pk>/download/", profile_api.DownloadProfile.as_view(), name="api-profile-download"),
    path("profiles/<int:pk>/rollback/", profile_api.RollBack.as_view(), name="api-profile-rollback"),
    path(
        "profiles/<int:pk>/reveal-removal-password/",
        profile_api.RevealRemovalPassword.as_view(),
        name="api-profile-removal-password",
    ),
    path("profiles/<int:pk>/versions/", profile_api.VersionList.as_view(), name="api-profile-versions"),
    path("profiles/<int:pk>/versions/<int:number>/", profile_api.VersionDetail.as_view(), name="api-profile-version"),
    path(
        "profiles/<int:pk>/versions/<int:number>/diff/",
        profile_api.VersionDiff.as_view(),
        name="api-profile-version-diff",
    ),
    path("profiles/<int:pk>/devices/", standing_api.ProfileDevices.as_view(), name="api-profile-devices"),
    path("profiles/<int:pk>/plan/", assignment_api.ProfilePlan.as_view(), name="api-profile-plan"),
    path("profiles/<int:pk>/lint/", insight_api.LintProfile.as_view(), name="api-profile-lint"),
    path("declarations/", declaration_api.DeclarationList.as_view(), name="api-declarations"),
    path("declarations/<int:pk>/", declaration_api.DeclarationDetail.as_view(), name="api-declaration"),
    path("conflicts/", insight_api.ConflictList.as_view(), name="api-conflicts"),
    path("removal-policies/", insight_api.PolicyList.as_view(), name="api-removal-policies"),
    path("removal-policies/<int:pk>/", insight_api.PolicyDetail.as_view(), name="api-removal-policy"),
    path(
        "devices/<int:pk>/effective-configuration/",
        insight_api.EffectiveConfiguration.as_view(),
        name="api-device-effective-configuration",
    ),
    path("devices/<int:pk>/removability/", insight_api.Removability.as_view(), name="api-device-removability"),
    path("assignments/", assignment_api.AssignmentList.as_view(), name="api-assignments"),
    path("assignments/<int:pk>/", assignment_api.AssignmentDetail.as_view(), name="api-assignment"),
    path("assignments/<int:pk>/devices/", standing_api.AssignmentDevices.as_view(), name="api-assignment-devices"),
    *(
        path(
            f"assignments/<int:pk>/{step}/",
            assignment_api.RolloutStep.as_view(step=step),
            name=f"api-assignment-{step}",
        )
        for step in ("advance", "halt", "resume", "roll-back")
    ),
    path("plans/", assignment_api.PlanList.as_view(), name="api-plans"),
    path("plans/<uuid:token>/apply/", assignment_api.ApplyPlan.as_view(), name="api-plan-apply"),
    path(
        "devices/<int:pk>/configuration/",
        assignment_api.DeviceConfiguration.as_view(),
        name="api-device-configuration",
    ),
    path(
        "devices/<int:pk>/configuration/retry/",
        assignment_api.RetryConfiguration.as_view(),
        name="api-device-configuration-retry",
    ),
    *(address for name, kind in CATALOGUE.items() for address in catalogue_paths(name, kind)),
    # The last: whatever else is asked for below /api/v1/ is answered in JSON too.
    re_path(r"", no_such_address),
]
