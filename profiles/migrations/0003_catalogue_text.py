from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('profiles', '0002_profile_secrets'),
    ]

    operations = [
        migrations.CreateModel(
            name='CatalogueText',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=20)),
                ('slug', models.CharField(max_length=200)),
                ('key_path', models.TextField(blank=True)),
                ('title', models.TextField(blank=True)),
                ('text', models.TextField(blank=True)),
            ],
            options={
                'verbose_name': 'catalogue entry',
                'verbose_name_plural': 'catalogue',
                'ordering': ['kind', 'slug', 'key_path'],
                'default_permissions': ('view',),
                'constraints': [models.UniqueConstraint(fields=('kind', 'slug', 'key_path'), name='one_text_for_each_catalogue_key')],
            },
        ),
    ]
