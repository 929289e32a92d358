"""The folder of the plugin's author: how the plugin file imports the modules beside it.

If the folder has a file queue.py, `import queue` in the files of the folder means that file. All other
code, Twisted and logsrv included, gets Python's own module of that name. `python FILE` would instead search
the folder before all others, and then a json.py in it would break all code that reads JSON.
"""

from __future__ import annotations

import builtins
import linecache
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.abc import MetaPathFinder
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, ModuleSpec, SourceFileLoader
from importlib.util import decode_source, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

# Packages that are never imported from the folder, even if it has a checkout of one: the plugin must use
# the same classes as the serving process.
OURS = ("logsrv", "twisted", "zope")
# If a module of the folder has the same name as another module, its name in `sys.modules` gets this suffix.
SUFFIX = "_plugin"


class AuthorLoader(SourceFileLoader):
    """A loader that keeps a module's source: tracebacks show the code that ran, not a newer file."""

    def __init__(self, folder: AuthorFolder, name: str, path: str) -> None:
        super().__init__(name, path)
        self._folder = folder

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = ModuleType(spec.name)
        # Import statements in the module's code look up `__import__` in these built-in names.
        vars(module)["__builtins__"] = self._folder.builtins_for(spec.name)
        return module

    def get_code(self, fullname: str) -> Any:
        # Compile the source, never use bytecode: it would be old if a file is saved twice in one second.
        path = self.get_filename(fullname)
        data = self.get_data(path)
        try:
            lines = decode_source(data).splitlines(keepends=True)
        except (SyntaxError, UnicodeDecodeError):
            # The source cannot be decoded: `source_to_code` below raises the same error.
            lines = []
        # The entry has no mtime, so that linecache does not replace it when the file changes.
        linecache.cache[path] = (len(data), None, lines, path)
        return self.source_to_code(data, path)


class AuthorFolder(MetaPathFinder):
    """The folder of the plugin file, with the author's modules, but without a virtual environment in it."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        # The name of a module in the author's imports → its name in `sys.modules`.
        self._names: dict[str, str] = {}

    def install(self) -> None:
        """Make the modules of the folder importable."""
        sys.meta_path.insert(0, self)
        # The path is for modules that are not Python source, such as compiled ones. At the end it hides no
        # other module.
        sys.path.append(self._path)

    def load(self, name: str, path: Path) -> ModuleType:
        """Run a file as the module `name`. Raises any exception of its code."""
        spec = self._file_spec(name, str(path))
        module = module_from_spec(spec)
        sys.modules[name] = module
        assert spec.loader is not None
        spec.loader.exec_module(module)
        return module

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if path is not None:
            found = (self._author_spec(folder, fullname) for folder in path)
            return next((spec for spec in found if spec is not None), None)
        name = fullname.removesuffix(SUFFIX)
        if name != fullname and self._names.get(name) == fullname:
            spec = self._author_spec(self._path, name)
            return spec and self._file_spec(fullname, spec.origin, spec.submodule_search_locations)
        if fullname in OURS or self._module_name(fullname) != fullname:
            return None
        return self._author_spec(self._path, fullname)

    def _author_spec(self, folder: str, name: str) -> ModuleSpec | None:
        """Return the spec of an author's module or package in `folder`; a package needs an __init__.py."""
        if not self._contains(folder):
            return None
        loader: Any = partial(AuthorLoader, self)
        spec = FileFinder(folder, (loader, SOURCE_SUFFIXES)).find_spec(name)
        return spec if spec is not None and spec.loader is not None else None

    def _file_spec(
        self, name: str, path: str | None, locations: list[str] | None = None
    ) -> ModuleSpec:
        assert path is not None
        spec = spec_from_file_location(
            name,
            path,
            loader=AuthorLoader(self, name, path),
            submodule_search_locations=locations,
        )
        assert spec is not None
        return spec

    def _contains(self, path: str) -> bool:
        place = Path(path)
        return place.is_relative_to(self._path) and not place.is_relative_to(sys.prefix)

    def _module_name(self, name: str) -> str:
        """Return the name in `sys.modules` of the module that `import name` means in the folder."""
        if name not in self._names:
            is_shared = (
                name not in OURS
                and self._author_spec(self._path, name) is not None
                and self._is_module_elsewhere(name)
            )
            self._names[name] = name + SUFFIX if is_shared else name
        return self._names[name]

    def _is_module_elsewhere(self, name: str) -> bool:
        if name in sys.stdlib_module_names:
            return True
        others = (finder for finder in sys.meta_path if finder is not self)
        specs = (finder.find_spec(name, None) for finder in others)
        return any(spec and spec.origin and not self._contains(spec.origin) for spec in specs)

    def builtins_for(self, module: str) -> Mapping[str, Any]:
        """Return the built-in names for a module of the folder. module: its name in `sys.modules`."""
        usual = builtins.__import__
        own = module.partition(".")[0]

        def imported(
            name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0
        ) -> ModuleType:
            if level == 0:
                top, dot, rest = name.partition(".")
                called = self._module_name(top)
                # If a module imports its own name, it means the other module of that name, to extend it.
                if called != own:
                    name = called + dot + rest
            return usual(name, globals, locals, fromlist, level)

        return {**vars(builtins), "__import__": imported}
