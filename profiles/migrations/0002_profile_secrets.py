from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ("profiles", "0001_initial"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="profile",
            options={
                "ordering": ["name", "id"],
                "permissions": [("view_profile_secrets", "Can view passwords and keys in profiles")],
            },
        ),
    ]
