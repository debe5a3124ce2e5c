"""The people who hold pretend devices.

Owns names. Chosen so that lists, search and encoding meet more than plain ASCII.
"""

from dataclasses import dataclass

NAMES = (
    "Ada Lovelace", "Grace Hopper", "Alan Turing", "Katherine Johnson", "Edsger Dijkstra", "Barbara Liskov",
    "Donald Knuth", "Radia Perlman", "Tony Hoare", "Hedy Lamarr", "Claude Shannon", "Frances Allen",
    "Niklaus Wirth", "Margaret Hamilton", "Ken Thompson", "Adele Goldberg", "Dennis Ritchie", "Karen Jones",
    "John Backus", "Shafi Goldwasser", "Alonzo Church", "Mary Shaw", "José Núñez", "Lynn Conway",
    "Emmy Noether", "Srinivasa Ramanujan", "Sophie Wilson", "Leslie Lamport", "Anita Borg", "Robin Milner",
    "Rózsa Péter", "Kurt Gödel", "Sophie Germain", "Évariste Galois", "Maryam Mirzakhani", "Paul Erdős",
    "Chien-Shiung Wu", "Tu Youyou", "Zhang Heng", "美咲 田中", "Åsa Lindström", "Dorothy Vaughan",
    "Mary Jackson", "Evelyn Boyd", "Annie Easley", "Gladys West", "Fei-Fei Li", "Jeannette Wing",
)  # fmt: skip
PLACES = ("Lobby", "Boardroom", "Library", "Classroom", "Studio", "Canteen", "Workshop", "Gallery")


@dataclass(frozen=True)
class Person:
    """Someone with a full name and the short name of an account."""

    full_name: str
    short_name: str


def person(number: int) -> Person:
    """Return the nth person; after the list ends, names repeat with a number."""
    round_number, index = divmod(number, len(NAMES))
    full_name = NAMES[index] + (f" {round_number + 1}" if round_number else "")
    ascii_name = full_name.split()[0].encode("ascii", "ignore").decode().lower() or f"user{index}"
    return Person(full_name, f"{ascii_name}{round_number + 1 if round_number else ''}")


def device_name(owner: Person, product_class: str, number: int) -> str:
    """Name a device as Setup Assistant does after its person, with the typographic apostrophe; an Apple TV by place."""
    if product_class == "Apple TV":
        round_number, index = divmod(number, len(PLACES))
        return f"{PLACES[index]} Apple TV" + (f" {round_number + 1}" if round_number else "")
    first, *rest = owner.full_name.split()
    round_suffix = f" {rest[-1]}" if rest and rest[-1].isdigit() else ""
    return f"{first}’s {product_class}{round_suffix}"
