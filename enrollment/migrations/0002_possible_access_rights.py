import django.db.models.expressions
import django.db.models.lookups
from django.db import migrations, models
from django.db.models import F

PROMISED = "com.apple.mdm.token; this server has no tokens to give, so devices that ask get none"


def make_possible(apps, schema_editor):
    """Give rights that devices refused the ones they need; no device has enrolled with any of them.

    What GetToken would give was never there, so it is promised no longer.
    """
    profiles = apps.get_model("enrollment", "EnrollmentProfile").objects.all()
    profiles.filter(access_rights__gt=8191).update(access_rights=8191)
    profiles.filter(access_rights=0).update(access_rights=1)
    for right, needed in ((2, 1), (128, 64)):
        having = profiles.annotate(right=F("access_rights").bitand(right)).filter(right=right)
        having.update(access_rights=F("access_rights").bitor(needed))
    profiles.update(allows_get_token=False)


class Migration(migrations.Migration):
    dependencies = [
        ("enrollment", "0001_initial"),
    ]

    operations = [
        migrations.RunPython(make_possible, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="enrollmentprofile",
            name="allows_get_token",
            field=models.BooleanField(default=False, help_text=PROMISED),
        ),
        migrations.AddConstraint(
            model_name="enrollmentprofile",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("access_rights__range", (1, 8191)),
                    models.Q(
                        django.db.models.lookups.Exact(
                            django.db.models.expressions.CombinedExpression(F("access_rights"), "&", models.Value(3)), 2
                        ),
                        _negated=True,
                    ),
                    models.Q(
                        django.db.models.lookups.Exact(
                            django.db.models.expressions.CombinedExpression(F("access_rights"), "&", models.Value(192)),
                            128,
                        ),
                        _negated=True,
                    ),
                ),
                name="access_rights_possible",
                violation_error_message="Devices refuse an enrollment with these access rights.",
            ),
        ),
    ]
