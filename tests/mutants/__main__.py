"""`make mutants`: python tests/mutants [--since REV | --random COUNT] [--seconds 600] [FILE…]"""

import importlib
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]

if __name__ == "__main__":
    # A wheel that the tests use has a package named tests too.
    sys.modules["tests"] = ModuleType("tests")
    sys.modules["tests"].__path__ = [str(ROOT / "tests")]
    sys.path.insert(0, str(ROOT))
    importlib.import_module("tests.mutants.mutants").main(sys.argv[1:])
