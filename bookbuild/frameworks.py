"""Read the frameworks of the book from kernels/frameworks.toml."""

from __future__ import annotations

import json
import platform
import re
import tomllib
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DECLARATION = Path("kernels", "frameworks.toml")
COLAB_RUNTIMES = ("CPU", "GPU", "TPU")
RESERVED = ("book", "test", "uv")  # the other environments


@dataclass(frozen=True)
class Framework:
    """Describe a framework, whose name is the tag of its cells and the key of its tabs.

    The fields are explained in kernels/frameworks.toml.
    """

    name: str
    label: str
    kernel: str
    lock: str
    platforms: list[str] = field(hash=False)
    colab: str
    initial: bool = False
    default: bool = True
    python: str = ""
    torch_backend: str = ""
    needs: list[str] = field(default_factory=list, hash=False)
    versions: list[str] = field(default_factory=list, hash=False)
    upgrades: list[str] = field(default_factory=list, hash=False)
    no_deps: list[str] = field(default_factory=list, hash=False)
    modules: dict[str, str] = field(default_factory=dict, hash=False)
    threads: list[str] = field(default_factory=list, hash=False)

    @property
    def available(self) -> bool:
        """Return whether the framework has wheels for this machine."""
        return platform_tag() in self.platforms

    def pins(self, root: Path = ROOT) -> dict[str, str]:
        """Return the pinned requirement of each package, as in d2l: d2l==1.0.3.

        If the lock has several versions of a package, the first one is returned. It is
        the one for the oldest Python or, in the case of PyTorch, for systems other than
        Linux, whose wheels have no name of a backend in their version.
        """
        text = (root / self.lock).read_text(encoding="utf-8")
        pins: dict[str, str] = {}
        for name, version in re.findall(r"(?m)^([\w.-]+)==([\w.+!]+)", text):
            pins.setdefault(name, f"{name}=={version}")
        return pins


def platform_tag() -> str:
    """Return this machine's platform as frameworks.toml names it, as in linux-x86_64."""
    return f"{platform.system()}-{platform.machine()}".lower()


def load(root: Path = ROOT) -> dict[str, Framework]:
    """Read the frameworks of the book in `root`, in the order of the entries.

    Raises ValueError that names the file and the entry, and says what is wrong.
    """
    path = root / DECLARATION
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path} is not valid TOML: {error}") from error
    if not entries:
        raise ValueError(f"{path} declares no framework; add at least one")
    found = {name: _framework(name, entry) for name, entry in entries.items()}
    if len(first := [name for name, framework in found.items() if framework.initial]) > 1:
        raise ValueError(
            f"{DECLARATION.as_posix()}: {' and '.join(first)} are all `initial`; keep "
            "`initial = true` for one of them"
        )
    return found


def initial(frameworks: list[Framework]) -> Framework:
    """Return the framework that readers see until they choose one."""
    return next((f for f in frameworks if f.initial), frameworks[0])


def used(root: Path = ROOT) -> dict[str, Framework]:
    """Return the frameworks that are used by default or named in a page's header.

    This runs before any package that reads YAML is installed. If a header contains
    the name for another reason, an unneeded environment is made.
    """
    paths = [*root.glob("*.md"), *(root / "chapters").rglob("*.md")]
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in paths]
    headers = [text.partition("\n---\n")[0] for text in texts]
    chosen = " ".join(header.partition("\nframeworks:")[2] for header in headers)
    return {
        name: framework
        for name, framework in load(root).items()
        if framework.default or re.search(rf"\b{name}\b", chosen)
    }


# The types of the keys, by the annotations of Framework's fields.
KINDS = {
    "str": (str, "text"),
    "list[str]": (list, "a list of strings"),
    "dict[str, str]": (dict, "a table of strings"),
    "bool": (bool, "true or false"),
}


def _framework(name: str, entry: dict) -> Framework:
    where = f"{DECLARATION.as_posix()}, [{name}]"
    if not isinstance(entry, dict):
        raise ValueError(f"{where}: write a table of `key = value`, not {entry!r}")
    if not re.fullmatch("[a-z][a-z0-9]*", name):
        raise ValueError(
            f"{where}: a name must consist of lower-case letters and digits, and "
            "start with a letter"
        )
    keys = {field.name: field for field in fields(Framework)[1:]}
    required = [
        name
        for name, field in keys.items()
        if field.default is field.default_factory is MISSING
    ]
    if missing := [name for name in required if name not in entry]:
        raise ValueError(f"{where}: missing {', '.join(missing)}; add what is missing")
    if unknown := sorted(entry.keys() - keys):
        raise ValueError(f"{where}: unknown {', '.join(unknown)}")
    for key, value in entry.items():
        kind, words = KINDS[keys[key].type]
        parts = value.values() if isinstance(value, dict) else value
        if not isinstance(value, kind) or (
            kind in (list, dict) and not all(isinstance(part, str) for part in parts)
        ):
            raise ValueError(f"{where}: {key} must be {words}, not {value!r}")
    if entry["colab"] not in COLAB_RUNTIMES:
        raise ValueError(
            f"{where}: colab must be CPU, GPU, or TPU, not {entry['colab']!r}"
        )
    if entry["kernel"] in RESERVED:
        raise ValueError(
            f"{where}: kernel = {entry['kernel']!r} is the name of another "
            "environment; choose a different one"
        )
    return Framework(name, **entry)


def main() -> None:
    """Print the used frameworks in the form of a GitHub workflow's matrix."""
    print(f"names={json.dumps(list(used()))}")


if __name__ == "__main__":
    main()
