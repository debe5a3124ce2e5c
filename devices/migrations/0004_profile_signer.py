"""The certificate that signs profiles is kept beside the authorities."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("devices", "0003_answers_of_users")]
    operations = [
        migrations.AlterField(
            model_name="certificateauthority",
            name="kind",
            field=models.CharField(
                choices=[("ours", "Ours"), ("outside", "Outside"), ("signer", "Signs profiles")], max_length=10
            ),
        ),
    ]
