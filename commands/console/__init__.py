"""Pages of the console about composing commands."""
