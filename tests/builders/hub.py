"""A model hub on loopback that speaks the hub's protocol, and serves the folders that lie under ``root`` as
``owner/name``. What real repositories hold, in small, is in ``tests.builders.published``."""

import hashlib
import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass
class Hub:
    """``root`` may get more repositories while the hub runs. Those in ``gated`` want a login; of a file whose name is
    in ``cut`` half is sent. ``asked`` has all that was asked for, ``fetched`` the files that were sent."""

    root: Path
    cut: set[str] = field(default_factory=set)
    gated: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    endpoint: str = ""

    def files(self, name):
        folder = self.root / name
        return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}

    def commit(self, name):
        """40 digits that change with the contents."""
        told = [f"{file} {_digest(path)}" for file, path in self.files(name).items()]
        return hashlib.sha1(f"{name} {told}".encode()).hexdigest()

    @contextmanager
    def serving(self):
        server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        server.daemon_threads = True
        server.hub = self
        self.endpoint = f"http://127.0.0.1:{server.server_port}"
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        hub, url = self.server.hub, urlsplit(self.path)
        hub.asked.append(unquote(url.path))
        path = unquote(url.path).strip("/").split("/")
        if path[:2] == ["api", "models"]:
            self._told("/".join(path[2:4]), path[4:], parse_qs(url.query))
        else:
            self._sent("/".join(path[:2]), path[3], "/".join(path[4:]))

    def do_HEAD(self):
        self.do_GET()

    def log_message(self, *_):
        pass

    def _told(self, name, rest, query):
        """What a repository is at a revision, or what is in its tree."""
        if not self._there(name, rest[1] if len(rest) > 1 else "main"):
            return
        hub = self.server.hub
        if rest[:1] == ["tree"]:
            under = "/".join(rest[2:])
            self._json(
                [
                    {"type": "file", "path": file, "size": path.stat().st_size, "oid": _digest(path)[:40]}
                    for file, path in hub.files(name).items()
                    if file.startswith(f"{under}/" if under else "")
                ]
            )
        else:
            siblings = [{"rfilename": file} for file in hub.files(name)]
            about = {"id": name, "sha": hub.commit(name), "siblings": siblings, "private": False, "gated": False}
            self._json({**about, "downloads": 0, "likes": 0, "tags": []})

    def _sent(self, name, revision, file):
        if not self._there(name, revision):
            return
        hub, path = self.server.hub, self.server.hub.files(name).get(file)
        if path is None:
            self._refused(404, "EntryNotFound", "Entry not found", {"X-Repo-Commit": hub.commit(name)})
            return
        content, start = path.read_bytes(), 0
        if part := self.headers.get("Range"):
            start = int(part.removeprefix("bytes=").partition("-")[0])
        self.send_response(206 if start else 200)
        self.send_header("X-Repo-Commit", hub.commit(name))
        self.send_header("ETag", f'"{_digest(path)}"')
        self.send_header("Content-Length", str(len(content) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if self.command == "HEAD":
            return
        if path.name in hub.cut:
            self.wfile.write(content[start : start + (len(content) - start) // 2])
            self.close_connection = True
            return
        hub.fetched.append(f"{name}/{file}")
        self.wfile.write(content[start:])

    def _there(self, name, revision):
        """Whether there is such a repository and revision for everybody; if not, that is told."""
        if name in self.server.hub.gated:
            self._refused(403, "GatedRepo", f"Access to model {name} is restricted")
        elif not (self.server.hub.root / name).is_dir():
            self._refused(401, "RepoNotFound", "Repository not found")
        elif revision not in ("main", self.server.hub.commit(name)):
            self._refused(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        else:
            return True
        return False

    def _refused(self, status, code, message, headers=None):
        self._json({"error": message}, status, {"X-Error-Code": code, "X-Error-Message": message, **(headers or {})})

    def _json(self, value, status=200, headers=None):
        content = json.dumps(value).encode()
        self.send_response(status)
        for key, text in (headers or {}).items():
            self.send_header(key, text)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def _digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def use(monkeypatch, endpoint, cache):
    """Let this process's downloads come from ``endpoint`` into an empty ``cache``, as ``HF_ENDPOINT`` and ``HF_HOME``
    would have at its start."""
    monkeypatch.setattr("huggingface_hub.utils._cache_manager.HF_HUB_CACHE", str(cache))  # a name of its own
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", endpoint)
    monkeypatch.setattr(
        "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    )
    monkeypatch.setattr("huggingface_hub.hf_api.api.endpoint", endpoint)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    for name in ("diffusers.utils.constants", "diffusers.utils.hub_utils"):
        monkeypatch.setattr(f"{name}.HF_MODULES_CACHE", str(cache / "modules"), raising=False)
