"""Multi-model mode: load, list and unload models through SageMaker's calls.

Only directories below one root are loaded. The model server itself would fetch any URL and unpack
any archive, so it never sees what a client sends.
"""

from __future__ import annotations

import asyncio
import json
import re
from http import HTTPStatus
from pathlib import Path
from typing import Any, Awaitable, Callable, Dict, Mapping, Set, Tuple

from htrlib.bundle import load_bundle
from htrlib.errors import BundleError
from htrlib.serving.config import ServingConfig
from htrlib.serving.cpus import available_memory
from htrlib.serving.mms.model_server import Model, ModelServerError
from htrlib.serving.mms.supervisor import Supervisor
from htrlib.serving.protocol import RefusedError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_PAGE = 100  # models per page of a list


class Models:
    """The loaded models.

    Args:
        config: configuration whose `models` is the root directory.
        supervisor: supervisor that runs the models.
    """

    def __init__(self, config: ServingConfig, supervisor: Supervisor) -> None:
        self.config = config
        self.supervisor = supervisor
        self._busy: Set[str] = set()  # being loaded or unloaded
        self._loading: Set[str] = set()

    def check_loaded(self, name: str) -> Model:
        """Check that a model is loaded.

        Raises:
            RefusedError: 404 if it is not.
        """
        if name not in self.supervisor.models or name in self._busy:
            raise RefusedError(HTTPStatus.NOT_FOUND, f"no model {name[:200]!a} is loaded")
        return self.supervisor.models[name]

    def describe(self, name: str) -> Dict[str, str]:
        """Describe a model for SageMaker. Raises what `check_loaded` raises."""
        model = self.check_loaded(name)
        return {"modelName": model.name, "modelUrl": model.bundle}

    def list(self, query: Mapping[str, str]) -> Dict[str, Any]:
        """Return a page of the list of models."""
        first, count = _count(query, "next_page_token", 0), _count(query, "limit", _PAGE)
        names = sorted(self.supervisor.models)
        last = first + min(max(count, 1), _PAGE)
        listed: Dict[str, Any] = {
            "models": [self.describe(name) for name in names[first:last] if name not in self._busy]
        }
        if last < len(names):
            listed["nextPageToken"] = str(last)
        return listed

    async def load(self, body: bytes) -> Dict[str, str]:
        """Load a model.

        Raises:
            RefusedError: 400, 404, 409 or 507.
        """
        name, url = _wanted(body)
        try:
            directory = await _in_thread(self._directory, url)
        except (OSError, ValueError) as error:  # too long, or not a path
            raise _bad(f"url is not a path: {url[:200]!a}") from error
        if name in self.supervisor.models or name in self._busy:
            raise RefusedError(HTTPStatus.CONFLICT, f"the model {name} is loaded already")
        needed = self.config.model_bytes * self.config.workers
        free = max(0, available_memory() - needed * len(self._loading))
        if needed > free:
            raise RefusedError(
                HTTPStatus.INSUFFICIENT_STORAGE,
                f"a model takes {needed:,} bytes of memory, {free:,} are free; unload one first",
            )
        self._busy.add(name)
        self._loading.add(name)
        try:
            await _in_thread(_check_bundle, directory)
            await self.supervisor.load(Model(name, str(directory)))
        except BundleError as error:
            raise RefusedError(HTTPStatus.BAD_REQUEST, f"{url}: {error}") from error
        except ModelServerError as error:
            raise RefusedError(
                HTTPStatus.INTERNAL_SERVER_ERROR, f"the model {name} could not be loaded"
            ) from error
        finally:
            self._busy.discard(name)
            self._loading.discard(name)
        return {"status": f"model {name} loaded"}

    async def unload(
        self, name: str, until_unused: Callable[[str], Awaitable[None]]
    ) -> Dict[str, str]:
        """Unload a model after its pending requests are answered.

        Raises:
            RefusedError: 404.
        """
        self.check_loaded(name)
        self._busy.add(name)
        try:
            await until_unused(name)
            await self.supervisor.unload(name)
        finally:
            self._busy.discard(name)
        return {"status": f"model {name} unloaded"}

    def _directory(self, url: str) -> Path:
        """Return the directory that a client names, if it may be loaded."""
        root = self.config.models
        if root is None:
            raise RuntimeError("one model is served")
        root = root.resolve()
        path = Path(url)
        if "://" in url or "\x00" in url or ".." in path.parts:
            raise _bad(f"url is the path of a directory below {root}; found {url[:200]!a}")
        found = (root / path).resolve()  # links must not lead out of it either
        if root not in found.parents:
            raise _bad(f"url is the path of a directory below {root}; found {url[:200]!a}")
        if not found.exists():
            raise RefusedError(HTTPStatus.NOT_FOUND, f"there is no {url[:200]!a}")
        if not found.is_dir():
            raise _bad(f"{url[:200]!a} is not a directory; archives are not unpacked here")
        return found


def _check_bundle(directory: Path) -> None:
    load_bundle(directory)


def _wanted(body: bytes) -> Tuple[str, str]:
    """Return the name and location of the requested model."""
    wanted = 'the body is JSON: {"model_name": NAME, "url": DIRECTORY}'
    try:
        value = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise _bad(wanted) from error
    if not isinstance(value, dict):
        raise _bad(wanted)
    name, url = value.get("model_name"), value.get("url")
    if not isinstance(name, str) or not isinstance(url, str):
        raise _bad(wanted)
    if not _NAME.fullmatch(name):
        raise _bad(f"a model's name is of letters, digits, '.', '_', '-'; found {name[:80]!a}")
    return name, url


def _count(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdecimal()):
        raise _bad(f"{name} is a number, found {text[:80]!a}")
    return int(text[:9])


def _bad(message: str) -> RefusedError:
    return RefusedError(HTTPStatus.BAD_REQUEST, message)


async def _in_thread(work: Callable[..., Any], *arguments: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, work, *arguments)
