"""Real git over HTTP on loopback: `git http-backend` behind a front that checks the password and can misbehave."""

from __future__ import annotations

import base64
import os
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.forge.faults import Fault
from tests.forge.httpd import Httpd, Reply, Request, tls_context

ENVIRONMENT = {
    "PATH": os.environ.get("PATH", "/usr/bin:/bin"), "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0",
    "GIT_AUTHOR_NAME": "Test", "GIT_AUTHOR_EMAIL": "test@example.com",
    "GIT_COMMITTER_NAME": "Test", "GIT_COMMITTER_EMAIL": "test@example.com", "LC_ALL": "C",
}


def git(*args: str, cwd: Path, data: bytes | None = None, **env: str) -> str:
    """Runs git without anybody's configuration; its output, stripped."""
    done = subprocess.run(["git", *args], cwd=cwd, input=data, capture_output=True, timeout=60, check=False,
                          env={**ENVIRONMENT, "HOME": str(cwd), **env})
    if done.returncode:
        raise RuntimeError(f"git {' '.join(args)}: {done.stderr.decode('utf-8', 'replace')}")
    return done.stdout.decode().strip()


class Symlink(str):
    """A value of `Repo.commit`: a symbolic link to this target."""


class Executable(str):
    """A value of `Repo.commit`: the content of a file with mode 755."""


class Gitlink(str):
    """A value of `Repo.commit`: a submodule at this commit."""


def quoted(path: str) -> bytes:
    return b'"' + path.encode().replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n") + b'"'


def change(path: str, value: Any) -> bytes:
    """One line of git fast-import (and its data)."""
    if value is None:
        return b"D " + quoted(path) + b"\n"
    if isinstance(value, Gitlink):
        return f"M 160000 {value} ".encode() + quoted(path) + b"\n"
    mode = {Symlink: b"120000", Executable: b"100755"}.get(type(value), b"100644")
    data = value if isinstance(value, bytes) else str(value).encode()
    return b"M %b inline %b\ndata %d\n%b\n" % (mode, quoted(path), len(data), data)


class Repo:
    """A bare repository of the server. Commits are made of path -> content (None deletes)."""

    def __init__(self, server: GitServer, name: str, object_format: str = "sha1") -> None:
        self.server = server
        self.name = name
        self.object_format = object_format
        self.path = server.root / f"{name}.git"
        self.path.mkdir(parents=True)
        git("init", "-q", "--bare", "--initial-branch=main", f"--object-format={object_format}", cwd=self.path)
        for key in ("allowAnySHA1InWant", "allowFilter"):
            git("config", f"uploadpack.{key}", "true", cwd=self.path)
        self.clock = 1_700_000_000

    @property
    def url(self) -> str:
        """Without credentials."""
        return f"{self.server.url}/{self.name}.git"

    def url_with(self, token: str) -> str:
        scheme, _, rest = self.url.partition("://")
        return f"{scheme}://gitlab-ci-token:{token}@{rest}"

    def commit(self, files: Mapping[str, Any] | None = None, message: str = "change", branch: str = "main",
               parent: str | None = None) -> str:
        """A commit on top of `branch` (or of `parent`); its name."""
        self.clock += 60
        base = parent or self.find(f"refs/heads/{branch}")
        text = message.encode()
        stream = [f"commit refs/heads/{branch}\n".encode(),
                  f"committer Test <test@example.com> {self.clock} +0000\n".encode(),
                  b"data %d\n%b\n" % (len(text), text)]
        if base:
            stream.append(f"from {base}\n".encode())
        stream += [change(path, value) for path, value in (files or {}).items()]
        git("fast-import", "--quiet", "--force", "--date-format=raw", cwd=self.path, data=b"".join(stream) + b"\n")
        return self.resolve(f"refs/heads/{branch}")

    def branch(self, name: str, at: str = "main") -> None:
        self.set_ref(f"refs/heads/{name}", self.resolve(at))

    def tag(self, name: str, at: str = "main", message: str | None = None) -> None:
        """Lightweight, or annotated when there is a message."""
        extra = ["-a", "-m", message] if message else []
        git("tag", "-f", *extra, name, self.resolve(at), cwd=self.path)

    def submodule(self, path: str, repo: Repo, url: str | None = None, at: str = "main", branch: str = "main") -> str:
        """Commits `repo` as a submodule at `path`; `url` may be relative ("../other.git")."""
        known = self.read(".gitmodules", branch) or ""
        entry = f'[submodule "{path}"]\n\tpath = {path}\n\turl = {url or repo.url}\n'
        files = {".gitmodules": known + entry, path: Gitlink(repo.resolve(at))}
        return self.commit(files, f"add submodule {path}", branch)

    def read(self, path: str, ref: str = "main") -> str | None:
        try:
            return git("show", f"{self.resolve(ref)}:{path}", cwd=self.path) + "\n"
        except RuntimeError:
            return None

    def find(self, ref: str) -> str | None:
        try:
            return git("rev-parse", "--verify", "-q", f"{ref}^{{commit}}", cwd=self.path)
        except RuntimeError:
            return None

    def resolve(self, ref: str) -> str:
        """The commit that a branch, a tag or a full name stands for."""
        found = self.find(ref)
        if not found:
            raise KeyError(f"{self.name}: no {ref}")
        return found

    def is_tag(self, ref: str) -> bool:
        return self.find(f"refs/tags/{ref}") is not None and self.find(f"refs/heads/{ref}") is None

    def set_ref(self, ref: str, sha: str) -> None:
        git("update-ref", ref, sha, cwd=self.path)

    def delete_ref(self, ref: str) -> None:
        git("update-ref", "-d", ref, cwd=self.path)

    def grant(self, job: Any) -> None:
        """Makes the job's token a password until the job ends, and its pipeline's ref, as GitLab does."""
        info = job.payload["git_info"]
        if self.find(info["sha"]):
            self.set_ref(f"refs/pipelines/{job.payload['job_info']['pipeline_id']}", info["sha"])
        self.server.accept(job.token)
        job.on_finish.append(lambda done: self.server.revoke(done.token))


class GitServer:
    """Serves the repositories below a temporary directory; user `gitlab-ci-token` or `x-access-token`, password any accepted token.

    `requests(method, path)` counts what came; `fail_next` as in faults.Fault (status=401, stall=n in the middle of a
    pack, truncate=n, redirect=url ...).
    """

    def __init__(self, port: int = 0, *, cert: str | None = None, key: str | None = None,
                 client_ca: str | None = None, host: str = "127.0.0.1") -> None:
        self.directory = tempfile.TemporaryDirectory(prefix="courser-git-")
        self.root = Path(self.directory.name)
        self.token = "static-token-of-the-git-server"
        self.tokens = {self.token}
        self.lock = threading.Lock()
        self.httpd = Httpd(self.answer, port, tls_context(cert, key, client_ca) if cert and key else None, host)
        self.wrong_passwords = 0
        self.public: set[str] = set()  # names of repositories that anybody may read

    def __enter__(self) -> GitServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.httpd.close()
        self.directory.cleanup()

    @property
    def url(self) -> str:
        return self.httpd.origin

    def repo(self, name: str = "group/project", files: Mapping[str, Any] | None = None,
             object_format: str = "sha1") -> Repo:
        """A new repository with one commit on main."""
        made = Repo(self, name, object_format)
        made.commit(files if files is not None else {"README.md": "# project\n"}, "first")
        return made

    def accept(self, token: str) -> None:
        with self.lock:
            self.tokens.add(token)

    def revoke(self, token: str) -> None:
        with self.lock:
            self.tokens.discard(token)

    def requests(self, method: str | None = None, path: str | None = None) -> list[Request]:
        return self.httpd.requests(method, path)

    def fetches(self) -> int:
        """How many times objects were asked for."""
        return sum(b"command=fetch" in r.body or b"want " in r.body
                   for r in self.requests("POST", "/git-upload-pack$") if r.header("content-encoding") is None) + \
            sum(r.header("content-encoding") is not None for r in self.requests("POST", "/git-upload-pack$"))

    def fail_next(self, method: str, path: str, **how: Any) -> Fault:
        return self.httpd.faults.add(method, path, **how)

    def authorized(self, request: Request) -> bool:
        if any(request.path.startswith(f"/{name}.git/") for name in self.public):
            return True
        kind, _, value = (request.header("authorization") or "").partition(" ")
        if kind.lower() != "basic":
            return False
        try:
            user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except ValueError:
            return False
        with self.lock:
            good = user in ("gitlab-ci-token", "x-access-token") and password in self.tokens
        self.wrong_passwords += not good
        return good

    def answer(self, request: Request) -> Reply:
        if not self.authorized(request):
            return Reply.text(401, "HTTP Basic: Access denied\n", {"WWW-Authenticate": 'Basic realm="GitLab"'})
        if ".." in request.path or "git-receive-pack" in request.target:
            return Reply.text(403, "forbidden\n")
        return self.backend(request)

    def backend(self, request: Request) -> Reply:
        """One CGI call. The output is passed on as it comes."""
        env = {**ENVIRONMENT, "HOME": str(self.root), "GIT_PROJECT_ROOT": str(self.root), "GIT_HTTP_EXPORT_ALL": "1",
               "REQUEST_METHOD": request.method, "PATH_INFO": request.path, "REMOTE_ADDR": "127.0.0.1",
               "QUERY_STRING": request.target.partition("?")[2], "REMOTE_USER": "gitlab-ci-token",
               "CONTENT_TYPE": request.header("content-type") or "", "CONTENT_LENGTH": str(len(request.body)),
               "HTTP_CONTENT_ENCODING": request.header("content-encoding") or "",
               "GIT_PROTOCOL": request.header("git-protocol") or ""}
        child = subprocess.Popen(["git", "http-backend"], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL, cwd=self.root)
        feeder = threading.Thread(target=self.feed, args=(child, request.body), daemon=True)
        feeder.start()
        status, headers = 200, {}
        while line := child.stdout.readline().strip():
            name, _, value = line.decode().partition(":")
            if name == "Status":
                status = int(value.split()[0])
            else:
                headers[name] = value.strip()
        return Reply(status, self.output(child, feeder), headers)

    @staticmethod
    def feed(child: subprocess.Popen, body: bytes) -> None:
        try:
            child.stdin.write(body)
            child.stdin.close()
        except BrokenPipeError:
            pass

    @staticmethod
    def output(child: subprocess.Popen, feeder: threading.Thread) -> Iterator[bytes]:
        try:
            while part := child.stdout.read1(1 << 16):
                yield part
        finally:
            child.stdout.close()
            child.kill()
            child.wait()
            feeder.join(5)
