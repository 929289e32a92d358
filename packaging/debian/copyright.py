"""Prints Debian's copyright file for the virtual environment FOLDER: python3 copyright.py
FOLDER TEMPLATE.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

_PACKAGES = "lib/python3*/site-packages"


def licence(facts: dict[str, Any]) -> str:
    """Return the licence in a project's metadata: an SPDX expression, a classifier, or free text."""
    if "license_expression" in facts:
        return str(facts["license_expression"])
    for classifier in facts.get("classifier", []):
        if classifier.startswith("License :: OSI Approved :: "):
            return str(classifier.rpartition(" :: ")[2])
    words = str(facts.get("license", "")).strip()
    return words.splitlines()[0] if words else "see its texts"


def stanzas(folder: Path) -> Iterator[str]:
    """Yield a stanza of Debian's copyright file for each project in the environment `folder`, by name."""
    (packages,) = folder.glob(_PACKAGES)
    found = distributions(path=[str(packages)])
    for project in sorted(found, key=lambda one: one.metadata["Name"].lower()):
        if project.metadata["Name"] not in ("logsrv", "logsrv-kit"):
            yield _stanza(project)


def _stanza(project: Distribution) -> str:
    facts = project.metadata.json
    name = facts["name"]
    files = project.files or []
    tops = sorted({file.parts[0] for file in files if file.parts[0] not in ("..", "__pycache__")})
    texts = sorted(
        str(file)
        for file in files
        if "dist-info" in file.parts[0] and _is_text_of_licence(file.name)
    )
    author = str(facts.get("author") or facts.get("author_email") or f"the authors of {name}")
    named = licence(facts)
    # The licence asks for its text in every copy; ours is the same one.
    where = "none in its wheel" + ": it is that of Expat above" * named.startswith("MIT")
    short = "-".join(named.replace(",", " ").split())
    lines = [
        "Files: " + "\n ".join(f"opt/logsrv/{_PACKAGES}/{top}*" for top in tops),
        f"Copyright: {' '.join(author.split())}",
        f"License: {name}-{short}",
        f" {name} {facts['version']}: {named}. Texts, below /opt/logsrv/{_PACKAGES}:",
        *(f"  {text}" for text in texts or [where]),
    ]
    return "\n".join(lines) + "\n"


def _is_text_of_licence(name: str) -> bool:
    return name.upper().startswith(("LICEN", "COPYING", "NOTICE", "AUTHORS"))


if __name__ == "__main__":
    print(Path(sys.argv[2]).read_text(), *stanzas(Path(sys.argv[1])), sep="\n", end="")
