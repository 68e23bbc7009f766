"""The frameworks of the book, as kernels/frameworks.toml declares them."""

from __future__ import annotations

import json
import platform
import re
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DECLARATION = Path("kernels", "frameworks.toml")
COLAB_RUNTIMES = ("CPU", "GPU", "TPU")


@dataclass(frozen=True)
class Framework:
    """One framework: its name is the tag of its cells and its tabs' key."""

    name: str
    label: str
    kernel: str
    lock: str
    platforms: tuple[str, ...]
    colab: str
    default: bool = True  # whether pages use it that do not say which they use

    @property
    def available(self) -> bool:
        """Whether the framework has wheels for this machine."""
        return platform_tag() in self.platforms


def platform_tag() -> str:
    """This machine in the words of frameworks.toml, such as linux-x86_64."""
    system = {"darwin": "macos", "win32": "windows"}.get(
        sys.platform, sys.platform
    )
    machine = platform.machine().lower()
    machine = {"amd64": "x86_64"}.get(machine, machine)
    if system == "linux" and machine == "arm64":
        machine = "aarch64"
    return f"{system}-{machine}"


def load(root: Path = ROOT) -> dict[str, Framework]:
    """Read the declaration below `root`, in the order of its entries.

    Raises ValueError that names the file, the entry, and what is wrong with it.
    """
    path = root / DECLARATION
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path} is not valid TOML: {error}") from error
    if not entries:
        raise ValueError(f"{path} declares no framework")
    return {name: _framework(name, entry) for name, entry in entries.items()}


def _framework(name: str, entry: dict) -> Framework:
    where = f"{DECLARATION.as_posix()}, [{name}]"
    if not re.fullmatch("[a-z][a-z0-9]*", name):
        raise ValueError(f"{where}: a name is lower-case letters and digits")
    wanted = {"label", "kernel", "lock", "platforms", "colab"}
    if missing := sorted(wanted - entry.keys()):
        raise ValueError(f"{where}: missing {', '.join(missing)}")
    if unknown := sorted(entry.keys() - wanted - {"default"}):
        raise ValueError(f"{where}: unknown {', '.join(unknown)}")
    if entry["colab"] not in COLAB_RUNTIMES:
        raise ValueError(
            f"{where}: colab = {entry['colab']!r} is none of "
            + ", ".join(COLAB_RUNTIMES)
        )
    if not isinstance(entry.get("default", True), bool):
        raise ValueError(f"{where}: default is true or false")
    return Framework(name, **{**entry, "platforms": tuple(entry["platforms"])})


def main() -> None:
    """Print the names as GitHub's workflows read them, for their matrix."""
    print(f"names={json.dumps(list(load()))}")


if __name__ == "__main__":
    main()
