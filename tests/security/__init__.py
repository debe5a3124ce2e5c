"""The findings of an attack: each test carries one out."""
