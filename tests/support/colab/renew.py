"""Replace packages.txt with Colab's newest list of packages (`make colab-list`).

Colab publishes the list, and the version of its Python, in the repository
googlecolab/backend-info.

    python -m support.colab.renew
"""

from __future__ import annotations

import json
import re
import sys
import urllib.error
import urllib.request
from pathlib import Path

from .stand_in import LIST, ROOTS, normalized

NAME = "googlecolab/backend-info"
API = "https://api.github.com"
RAW = "https://raw.githubusercontent.com"
HEADER = """\
# The Python packages in Colab's runtime without an accelerator, as `pip freeze` lists
# them. stand_in.py makes the stand-in from this list, and `make colab-list` renews it.
#
# Source: https://github.com/{name}, pip-freeze.txt at commit
# {commit}, {date}
# Python {python}
"""


def newest(api: str = API, raw: str = RAW) -> str:
    """Return the newest list, with a header that says where it is from.

    Raises SystemExit if the list cannot be downloaded, or is not what it used to be.
    """
    try:
        query = "commits?path=pip-freeze.txt&per_page=1"
        (commit,) = json.loads(_read(f"{api}/repos/{NAME}/{query}"))
        freeze, system = (
            _read(f"{raw}/{NAME}/{commit['sha']}/{file}")
            for file in ("pip-freeze.txt", "os-info.txt")
        )
    except (urllib.error.URLError, TimeoutError) as error:
        raise SystemExit(
            f"Colab's list could not be downloaded: {error}. The old one is unchanged. "
            "Connect to the network, and run the command again."
        ) from None
    lines = [line for line in freeze.splitlines() if line and line[0] != "#"]
    python = re.search(r"^Python (3\.\d+)\.\d+", system, re.MULTILINE)
    names = {normalized(re.split("==| @ ", line)[0]) for line in lines}
    missing = sorted({normalized(name) for name in ROOTS} - names)
    if missing or not python:
        raise SystemExit(
            f"Colab's newest list has no {', '.join(missing) or 'version of Python'}. "
            "The old one is unchanged. If Colab has dropped it, change ROOTS in "
            "stand_in.py."
        )
    header = HEADER.format(
        name=NAME,
        commit=commit["sha"],
        date=commit["commit"]["committer"]["date"][:10],
        python=python[1],
    )
    return header + "\n".join(lines) + "\n"


def _read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read().decode()


def main(path: Path = LIST, **sources: str) -> None:
    """Write the newest list, and say what it is of."""
    text = newest(**sources)
    path.write_text(text)
    print(f"{path.name}: {text.splitlines()[4][2:]}, {text.splitlines()[5][2:]}")


if __name__ == "__main__":
    sys.exit(main())
