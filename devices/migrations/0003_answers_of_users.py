"""Answers of users' channels are kept beside the device's own."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("devices", "0002_storage")]
    operations = [
        migrations.RemoveConstraint(model_name="answer", name="newest_answer_only"),
        migrations.AddField(
            model_name="answer",
            name="user_key",
            field=models.TextField(blank=True, default="", help_text="empty: the device's own; otherwise a user's"),
        ),
        migrations.AlterModelOptions(name="answer", options={"ordering": ["device", "request_type", "user_key"]}),
        migrations.AddConstraint(
            model_name="answer",
            constraint=models.UniqueConstraint(
                fields=("device", "request_type", "user_key"), name="newest_answer_only"
            ),
        ),
    ]
