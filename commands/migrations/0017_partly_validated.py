from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("commands", "0016_partly")]
    operations = [ValidateConstraint("queuedcommand", "finished_in_final_states")]
