"""Workflows: several commands to one device with waiting between them, on rows that survive every restart.

``definitions`` says which there are, ``engine`` moves them on, ``services`` is what people and the API do to them.
A workflow never sleeps: it is looked at when a report to one of its commands was interpreted, and by beat when its
time has come.
"""
