"""Images made by hand: layers as tar files with whatever is wanted in them, configurations, manifests."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_IMAGE = "application/vnd.oci.image.manifest.v1+json"
DOCKER_IMAGE = "application/vnd.docker.distribution.manifest.v2+json"
TYPES = {
    OCI_IMAGE: ("application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar+gzip"),
    DOCKER_IMAGE: ("application/vnd.docker.container.image.v1+json", "application/vnd.docker.image.rootfs.diff.tar.gzip"),
}
KINDS = {"file": tarfile.REGTYPE, "dir": tarfile.DIRTYPE, "link": tarfile.SYMTYPE, "hard": tarfile.LNKTYPE,
         "fifo": tarfile.FIFOTYPE, "char": tarfile.CHRTYPE, "block": tarfile.BLKTYPE}


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


@dataclass
class Entry:
    """One member of a layer. `data` is the content, or where a link leads."""

    name: str
    kind: str = "file"
    data: bytes | str = b""
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    xattrs: dict[str, str] = field(default_factory=dict)

    def add(self, tar: tarfile.TarFile) -> None:
        info = tarfile.TarInfo(self.name)
        info.type, info.mode, info.uid, info.gid, info.mtime = KINDS[self.kind], self.mode, self.uid, self.gid, 1600000000
        info.pax_headers = {f"SCHILY.xattr.{name}": value for name, value in self.xattrs.items()}
        if self.kind in ("link", "hard"):
            info.linkname = str(self.data)
        if self.kind in ("char", "block"):
            info.devmajor, info.devminor = 1, 3
        content = self.data.encode() if isinstance(self.data, str) else self.data
        info.size = len(content) if self.kind == "file" else 0
        tar.addfile(info, io.BytesIO(content) if self.kind == "file" else None)


def directory(name: str, mode: int = 0o755, **how: Any) -> Entry:
    return Entry(name, "dir", mode=mode, **how)


def tar_of(entries: list[Entry], **how: Any) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT, **how) as tar:
        for entry in entries:
            entry.add(tar)
    return out.getvalue()


@dataclass
class Layer:
    """The tar, and how it is sent: "gzip", "plain", or with `blob` as it is given."""

    tar: bytes
    packing: str = "gzip"
    blob: bytes = b""

    def __post_init__(self) -> None:
        if not self.blob:
            self.blob = gzip.compress(self.tar, 1, mtime=0) if self.packing == "gzip" else self.tar


def layer(*entries: Entry, packing: str = "gzip") -> Layer:
    return Layer(tar_of(list(entries)), packing)


@dataclass
class Image:
    layers: list[Layer]
    run: dict[str, Any] = field(default_factory=dict)
    arch: str = "amd64"
    type: str = OCI_IMAGE
    with_type: bool = True

    def config(self) -> bytes:
        return json.dumps({"os": "linux", "architecture": self.arch, "config": self.run,
                           "rootfs": {"type": "layers", "diff_ids": [digest(one.tar) for one in self.layers]}}).encode()

    def manifest(self) -> bytes:
        config_type, layer_type = TYPES[self.type]
        config = self.config()
        value = {"schemaVersion": 2,
                 "config": {"mediaType": config_type, "digest": digest(config), "size": len(config)},
                 "layers": [{"mediaType": layer_type, "digest": digest(one.blob), "size": len(one.blob)}
                            for one in self.layers]}
        if self.with_type:
            value["mediaType"] = self.type
        return json.dumps(value).encode()

    @property
    def digest(self) -> str:
        return digest(self.manifest())

    def blobs(self) -> list[bytes]:
        return [self.config(), *(one.blob for one in self.layers)]


def index(images: dict[str, Image]) -> bytes:
    """By platform: {"linux/amd64": image}."""
    entries = []
    for platform, image in images.items():
        system, arch = platform.split("/")
        entries.append({"mediaType": image.type, "digest": image.digest, "size": len(image.manifest()),
                        "platform": {"os": system, "architecture": arch}})
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()


def write_layout(path: Path, image: Image, tag: str = "1") -> Path:
    """An OCI image layout."""
    (path / "blobs/sha256").mkdir(parents=True)
    for blob in [*image.blobs(), image.manifest()]:
        (path / "blobs/sha256" / digest(blob).split(":")[1]).write_bytes(blob)
    entry = {"mediaType": image.type, "digest": image.digest, "size": len(image.manifest()),
             "annotations": {"org.opencontainers.image.ref.name": tag}}
    (path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    return path


BUSYBOX = Path("/bin/busybox")


def busybox(applets: tuple[str, ...] = ("sh", "ls", "cat", "id", "echo", "sleep", "env", "chown", "chmod", "mkdir", "rm",
                                        "stat", "touch", "ln", "mv", "hostname", "kill", "ps", "test", "readlink", "dd",
                                        "grep", "true", "wc", "head", "nc", "mount", "pwd", "printf", "df")) -> Layer:
    """A small root file system: one static program under its many names."""
    return layer(directory("bin"), Entry("bin/busybox", data=BUSYBOX.read_bytes(), mode=0o755),
                 *(Entry(f"bin/{name}", "hard", "bin/busybox", mode=0o755) for name in applets),
                 directory("etc"), directory("root", 0o700), directory("tmp", 0o1777), directory("srv/app", uid=1000, gid=1000),
                 Entry("etc/passwd", data="root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\n"),
                 Entry("etc/group", data="root:x:0:\nnode:x:1000:\nextra:x:44:node\n"),
                 directory("home/node", 0o750, uid=1000, gid=1000))
