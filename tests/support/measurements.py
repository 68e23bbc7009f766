"""Measurements of two frameworks, as bench/rebuild.py might have made them."""

LABELS = {"one": "One", "two": "Two"}


def data() -> dict:
    """What a run might have measured, in two frameworks, all goals met."""
    part = {
        "commit": "0123abc",
        "with_changes": False,
        "day": "2026-01-02",
        "versions": {"Python": "3.11.7"},
    }
    training = {"epoch": 0.08, "limit": 0.01, "moving": 0.02}
    ways = {"taught": 1.05, "bare": 1.0, "customary": 3.0, "d2l": 12.0}
    ways |= {"read": 0.05, "read_d2l": 5.0}
    seconds = {
        "setup": {"empty": 300.0, "warm": 30.0},
        "cold": {"this": 100.0, "stock": 200.0},
        "change": {
            "nothing.this": 0.3,
            "nothing.stock": 6.0,
            "nothing.cached": 5.0,
            "sentence.this": 3.0,
            "served.this": 2.0,
            "sentence.stock": 60.0,
            "sentence.cached": 9.0,
            "cell.this": 9.0,
            "cell.stock": 60.0,
            "cell.cached": 50.0,
        },
        "growth": {
            f"{task}.{kind}.{size}": 1 + size / 1000
            for task in ("nothing", "sentence")
            for kind in ("this", "stock", "sphinx")
            for size in (8, 128)
        },
        "training": {
            **{f"{n}.{w}": s for n in LABELS for w, s in ways.items()},
            **{f"numpy.{way}": value for way, value in training.items()},
        },
    }
    notes = {
        "cold": {"notebooks": 18},
        "change": {"executed": {"cell": [1, 1, 1]}, "pages": ["a", "b", "c"]},
        "growth": {"sizes": [8, 128]},
        "training": {
            "libraries": ["One 1.0", "Two 2.0"],
            "customary": {"one": {"customary": "`fit`"},
                          "two": {"customary": "a `Loader`"}},
        },
    }  # fmt: skip
    return {
        "machine": {
            "processor": "A CPU", "processors": 2, "memory": 8, "system": "OS"
        },
        "parts": {
            name: {
                **part,
                "notes": notes.get(name, {}),
                "seconds": {k: [v] * 3 for k, v in values.items()},
            }
            for name, values in seconds.items()
        },
    }  # fmt: skip
