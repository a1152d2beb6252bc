"""Images: the real puller and unpacker against a real docker-registry, with images made by hand."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from image_client import STORE_BASE, Got, Puller, Unpacker, key, store
from machine import require

from tests.forge.front import Front
from tests.forge.images import DOCKER_IMAGE, Entry, Image, Layer, busybox, digest, directory, index, layer, tar_of, write_layout
from tests.forge.registry import Registry, TokenFront, available, basic, memory

AS_ROOT = os.geteuid() == 0
OPAQUE = "user.overlay.opaque"


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    require(available(), "docker-registry")
    with Registry() as made:
        yield made


@pytest.fixture
def shop() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="images-", dir=memory()) as directory:
        Path(directory).chmod(0o755)
        yield store(Path(directory))


def insecure(*servers: object) -> str:
    return "".join(f"insecure={server.host}\n" for server in servers)


def pull(shop: Path, server: object, name: str, settings: str = "", **how: str) -> Got:
    with Puller(shop, insecure(server) + settings) as puller:
        return puller.pull(name, **how)


def unpacked(shop: Path, registry: Registry, image: Image, repo: str = "t/x") -> tuple[Got, list[Path]]:
    """Pushed, pulled and unpacked: what the unpacker said, and the layers' directories, bottom first."""
    got = pull(shop, registry, registry.push(repo, "1", image))
    assert got.fault == "ok", got
    with Unpacker(shop) as unpacker:
        said = unpacker.unpack(got.record)
    links = [shop / "diffs" / digest(one.tar).split(":")[1] for one in image.layers]
    return said, [shop / "layers" / os.readlink(link).split("-")[0] for link in links if link.is_symlink()]


def small(**how: object) -> Image:
    return Image([layer(directory("etc"), Entry("etc/motd", data="hello"))], **how)


# --- pulling ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("image", [small(), small(type=DOCKER_IMAGE), small(with_type=False),
                                   Image([layer(Entry("a"), packing="plain")])],
                         ids=["oci", "docker", "no media type", "plain tar"])
def test_every_kind_of_manifest(registry: Registry, shop: Path, image: Image) -> None:
    said, layers = unpacked(shop, registry, image)
    assert said.fault == "ok", said
    assert len(layers) == 1 and any(layers[0].iterdir())
    assert os.listdir(shop / "blobs") == []
    assert os.readlink(shop / "refs" / key("x")) == image.digest.split(":")[1]


def test_the_record_says_how_to_run_it(registry: Registry, shop: Path) -> None:
    run = {"User": "node", "WorkingDir": "/srv", "Env": ["PATH=/bin", "A=b c=\"d\""], "Entrypoint": ["/e", "x y"], "Cmd": []}
    got = pull(shop, registry, registry.push("t/run", "1", small(run=run)))
    assert (got.values("user"), got.values("workdir"), got.values("entrypoint")) == (["node"], ["/srv"], ["/e", "x y"])
    assert got.values("env") == ["PATH=/bin", 'A=b c="d"']
    assert got.values("digest") == [small(run=run).digest.split(":")[1]]


def test_an_index_gives_the_platforms_own(registry: Registry, shop: Path) -> None:
    amd, arm = small(run={"User": "amd"}), small(run={"User": "arm"}, arch="arm64")
    registry.push("t/multi", "amd", amd)
    registry.push("t/multi", "arm", arm)
    name = registry.push_index("t/multi", "1", index({"linux/amd64": amd, "linux/arm64": arm}))
    assert pull(shop, registry, name, platform="linux/amd64").values("user") == ["amd"]
    assert pull(shop, registry, name, platform="linux/arm64").values("user") == ["arm"]
    got = pull(shop, registry, name, platform="linux/s390x")
    assert got.fault == "platform" and "only for linux/amd64, linux/arm64" in got.text


def test_by_digest(registry: Registry, shop: Path) -> None:
    registry.push("t/x", "d", small())
    assert pull(shop, registry, f"{registry.host}/t/x@{small().digest}").fault == "ok"
    got = pull(shop, registry, f"{registry.host}/t/x@{digest(b'other')}")
    assert got.fault == "not_found"


def test_a_second_pull_asks_for_the_manifest_alone(registry: Registry, shop: Path) -> None:
    with Front(registry.port) as front:
        front.host = front.url.split("://")[1]
        name = registry.push("t/again", "1", small()).replace(registry.host, front.host)
        first = pull(shop, front, name)
        with Unpacker(shop) as unpacker:
            assert unpacker.unpack(first.record).fault == "ok"
        before = len(front.requests())
        second = pull(shop, front, name)
        assert second.record == first.record
        assert [r.path for r in front.requests()[before:]] == ["/v2/t/again/manifests/1"]


def test_what_is_not_there_is_said(registry: Registry, shop: Path) -> None:
    got = pull(shop, registry, f"{registry.host}/t/none:1")
    assert got.fault == "not_found" and "MANIFEST_UNKNOWN" in got.text and "t/none:1" in got.text
    got = pull(shop, registry, "no such name")
    assert got.fault == "config" and "not a part of a name" in got.text


def test_no_registry_there(registry: Registry, shop: Path) -> None:
    got = pull(shop, registry, "127.0.0.1:1/x", settings="insecure=127.0.0.1:1\n")
    assert got.fault == "unreachable" and got.text.count("127.0.0.1:1: ") == 1


def test_tls_unless_the_operator_says_otherwise(registry: Registry, shop: Path) -> None:
    registry.push("t/x", "tls", small())
    with Puller(shop) as puller:
        got = puller.pull(f"{registry.host}/t/x:tls")
    assert got.fault == "unreachable"


# --- who may ---------------------------------------------------------------------------------------------------------


def auth(host: str, user: str, password: str) -> str:
    return json.dumps({"auths": {host: {"auth": basic(user, password)}}})


def test_a_token_for_everybody(registry: Registry, shop: Path) -> None:
    with TokenFront(registry.port) as front:
        name = registry.push("t/tok", "1", small()).replace(registry.host, front.host)
        got = pull(shop, front, name)
        assert (got.fault, got.private) == ("ok", False)


def test_a_token_for_a_password(registry: Registry, shop: Path) -> None:
    with TokenFront(registry.port, ("me", "pa:ss")) as front:
        name = registry.push("t/tok", "1", small()).replace(registry.host, front.host)
        got = pull(shop, front, name, auth=auth(front.host, "me", "pa:ss"))
        assert (got.fault, got.private) == ("ok", True)
        got = pull(shop, front, name, auth=auth(front.host, "me", "wrong"))
        assert got.fault == "auth" and "credentials given for it are refused" in got.text
        assert "wrong" not in got.text
        got = pull(shop, front, name)
        assert got.fault == "auth" and "no credentials are given" in got.text
        got = pull(shop, front, name, auth=json.dumps({"credHelpers": {front.host: "ecr"}}))
        assert got.fault == "auth" and "credential helper" in got.text


def test_basic_authentication(shop: Path) -> None:
    require(available(), "docker-registry")
    with Registry(("me", "secret-word")) as registry:
        name = registry.push("t/x", "1", small())
        assert pull(shop, registry, name, auth=auth(registry.host, "me", "secret-word")).private
        assert pull(shop, registry, name).fault == "auth"


def test_the_operators_file(registry: Registry, shop: Path) -> None:
    with TokenFront(registry.port, ("op", "erator")) as front:
        name = registry.push("t/tok", "1", small()).replace(registry.host, front.host)
        path = shop / "config.json"
        path.write_text(auth(front.host, "op", "erator"))
        got = pull(shop, front, name, settings=f"auth_file={path}\n")
        assert (got.fault, got.private) == ("ok", True)


def test_credentials_do_not_follow_a_redirect(registry: Registry, shop: Path) -> None:
    with TokenFront(registry.port, ("me", "word")) as front, Front(registry.port) as elsewhere:
        elsewhere.host = elsewhere.url.split("://")[1]
        image = small()
        name = registry.push("t/red", "1", image).replace(registry.host, front.host)
        blob = digest(image.layers[0].blob)
        front.fail_next("GET", f"/blobs/{blob}", redirect=f"{elsewhere.url}/v2/t/red/blobs/{blob}")
        got = pull(shop, front, name, auth=auth(front.host, "me", "word"))
        assert got.fault == "ok"
        followed = elsewhere.requests()
        assert [r.path for r in followed] == [f"/v2/t/red/blobs/{blob}"]
        assert followed[0].header("authorization") is None


def test_a_mirror_is_asked_first(registry: Registry, shop: Path) -> None:
    image = small()
    registry.push("library/mirrored", "1", image)
    settings = f'mirror="docker.io=http://{registry.host}"\n'
    assert pull(shop, registry, "mirrored:1", settings=settings).fault == "ok"
    got = pull(shop, registry, "mirrored:1", settings='mirror="docker.io=http://plain.example"\n')
    assert got.fault == "config" and "not HTTPS" in got.text


# --- from the disk -----------------------------------------------------------------------------------------------------


def test_an_image_from_a_directory(shop: Path) -> None:
    image = noise_image(5000)
    place = write_layout(shop / "disk" / "one", image)
    settings = f"path={shop}/disk\n"

    def take(name: str) -> Got:
        with Puller(shop, settings) as puller:
            return puller.pull(name)

    got = take(f"oci:{place}")
    assert got.fault == "ok" and got.values("digest") == [image.digest.split(":")[1]]
    with Unpacker(shop) as unpacker:
        assert unpacker.unpack(got.record).fault == "ok"
    assert take(f"oci:{place}:1").fault == "ok"
    assert take(f"oci:{place}:2").fault == "not_found"
    (shop / "disk" / "out").symlink_to("/etc")
    for name, words in ((f"oci:{shop}/disk/../refs", "leads out"), (f"oci:{shop}/diskette", "images.paths"),
                        ("oci:/etc", "images.paths"), (f"oci:{shop}/disk/out", "symbolic link"), ("oci:", "images.paths")):
        refused = take(name)
        assert refused.fault == "config" and words in refused.text, (name, refused)


def test_a_blob_of_a_directory_that_is_not_what_it_is_called(shop: Path) -> None:
    image = noise_image(5000)
    place = write_layout(shop / "disk", image)
    blob = place / "blobs/sha256" / digest(image.layers[0].blob).split(":")[1]
    blob.write_bytes(b"X" + image.layers[0].blob[1:])
    with Puller(shop, f"path={shop}/disk\n") as puller:
        assert puller.pull(f"oci:{place}").fault == "damaged"


# --- a bad day ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def front(registry: Registry) -> Iterator[Front]:
    with Front(registry.port) as made:
        made.host = made.url.split("://")[1]
        yield made


def noise_image(size: int = 300000) -> Image:
    return Image([layer(Entry("noise", data=os.urandom(size)), packing="plain")])


def test_a_broken_transfer_is_gone_on_from(registry: Registry, front: Front, shop: Path) -> None:
    image = noise_image()
    name = registry.push("t/cut", "1", image).replace(registry.host, front.host)
    front.fail_next("GET", "/blobs/" + digest(image.layers[0].blob), truncate=100000, processed=True)
    assert pull(shop, front, name).fault == "ok"
    asked = front.requests("GET", "/blobs/" + digest(image.layers[0].blob))
    assert len(asked) == 2 and asked[1].header("range") == "bytes=100000-"


def test_what_a_killed_puller_left_is_gone_on_from(registry: Registry, front: Front, shop: Path) -> None:
    image = noise_image()
    blob = digest(image.layers[0].blob)
    name = registry.push("t/kill", "1", image).replace(registry.host, front.host)
    part = shop / "blobs" / (blob.split(":")[1] + ".part")
    part.write_bytes(image.layers[0].blob[:50000])
    if AS_ROOT:
        os.chown(part, part.parent.stat().st_uid, part.parent.stat().st_gid)
    assert pull(shop, front, name).fault == "ok"
    assert front.requests("GET", "/blobs/" + blob)[0].header("range") == "bytes=50000-"


@pytest.mark.parametrize("spoil", [lambda b: b"X" + b[1:], lambda b: b + b"more", lambda b: b[:-10]],
                         ids=["changed", "longer", "shorter"])
def test_a_blob_that_is_not_what_was_promised(registry: Registry, front: Front, shop: Path, spoil) -> None:
    image = noise_image(3000)
    blob = image.layers[0].blob
    name = registry.push("t/bad", "1", image).replace(registry.host, front.host)
    front.fail_next("GET", "/blobs/" + digest(blob), body=spoil(blob), times=9)
    got = pull(shop, front, name)
    assert got.fault in ("damaged", "unreachable") and "layer 1" in got.text
    assert [p.name for p in (shop / "blobs").iterdir() if not p.name.endswith(".part")] == []


def test_a_manifest_that_is_not_what_was_promised(registry: Registry, front: Front, shop: Path) -> None:
    registry.push("t/x", "m", small())
    name = f"{front.host}/t/x@{small().digest}"
    front.fail_next("GET", "/manifests/", body=small(run={"User": "evil"}).manifest())
    got = pull(shop, front, name)
    assert got.fault == "damaged" and "was promised" in got.text


def test_a_busy_registry_is_waited_for(registry: Registry, front: Front, shop: Path) -> None:
    name = registry.push("t/busy", "1", small()).replace(registry.host, front.host)
    front.fail_next("GET", "/manifests/", status=429, headers={"Retry-After": "1"})
    front.fail_next("GET", "/manifests/", status=503)
    assert pull(shop, front, name).fault == "ok"
    assert len(front.requests("GET", "/manifests/")) == 3


def test_layers_have_a_limit_of_size(registry: Registry, shop: Path) -> None:
    got = pull(shop, registry, registry.push("t/big", "1", noise_image()), settings="max_bytes=1000\n")
    assert got.fault == "refused" and "limit" in got.text


def test_two_pull_the_same_at_once(registry: Registry, front: Front, shop: Path) -> None:
    image = noise_image()
    blob = digest(image.layers[0].blob)
    name = registry.push("t/twice", "1", image).replace(registry.host, front.host)
    front.fail_next("GET", "/blobs/" + blob, delay=0.5)
    outcomes: list[Got] = []
    threads = [threading.Thread(target=lambda: outcomes.append(pull(shop, front, name))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [got.fault for got in outcomes] == ["ok"] * 3
    assert len(front.requests("GET", "/blobs/" + blob)) == 1


# --- unpacking ---------------------------------------------------------------------------------------------------------


def test_owners_rights_and_kinds(registry: Registry, shop: Path) -> None:
    entries = [directory("d", 0o711, uid=3, gid=4), Entry("d/f", data="x", mode=0o4755, uid=1000, gid=1001),
               Entry("d/hard", "hard", "d/f"), Entry("d/link", "link", "/etc/passwd", uid=5), Entry("pipe", "fifo"),
               Entry("null", "char"), Entry("disk", "block"),
               Entry("tagged", xattrs={"user.note": "yes", OPAQUE: "y", "trusted.x": "y"})]
    said, (top,) = unpacked(shop, registry, Image([layer(*entries)]))
    assert said.fault == "ok" and "2 device nodes left out" in said.progress[0]
    f = (top / "d/f").lstat()
    assert (top / "d/hard").lstat().st_ino == f.st_ino and f.st_mtime == 1600000000
    assert os.readlink(top / "d/link") == "/etc/passwd" and stat.S_ISFIFO((top / "pipe").lstat().st_mode)
    assert not (top / "null").exists() and not (top / "disk").exists()
    assert os.getxattr(top / "tagged", "user.note") == b"yes"
    assert set(os.listxattr(top / "tagged")) <= {"user.note"}
    if AS_ROOT:
        assert (f.st_uid, f.st_gid, f.st_mode & 0o7777) == (STORE_BASE + 1000, STORE_BASE + 1001, 0o4755)
        assert (top / "d").stat().st_uid == STORE_BASE + 3 and (top / "d/link").lstat().st_uid == STORE_BASE + 5


def is_whiteout(path: Path) -> bool:
    found = path.lstat()
    return stat.S_ISCHR(found.st_mode) and found.st_rdev == 0


def test_whiteouts(registry: Registry, shop: Path) -> None:
    entries = [Entry("a/.wh.gone"), Entry("a/.wh.both"), Entry("a/both", data="new"), Entry("b/early", data="new"),
               Entry("b/.wh.early"), directory("op"), Entry("op/.wh..wh..opq"), Entry("op/in"),
               directory("dir"), Entry(".wh.dir"), Entry(".wh.dir2"), directory("dir2"), Entry(".wh..wh.plnk"),
               Entry("only/.wh..wh..opq")]
    said, (top,) = unpacked(shop, registry, Image([layer(*entries)]))
    assert said.fault == "ok", said
    assert is_whiteout(top / "a/gone")
    assert (top / "a/both").read_text() == "new" and (top / "b/early").read_text() == "new"
    for name in ("op", "dir", "dir2", "only"):
        assert os.getxattr(top / name, OPAQUE) == b"y", name
    assert not [p for p in top.rglob("*") if p.name.startswith(".wh.")]


def test_a_later_entry_replaces_an_earlier(registry: Registry, shop: Path) -> None:
    entries = [Entry("x", data="file"), directory("x"), Entry("x/in", data="1"), directory("y"), Entry("y/in"),
               Entry("y", data="now a file"), Entry("z", "link", "/tmp"), Entry("z", data="no link")]
    said, (top,) = unpacked(shop, registry, Image([layer(*entries)]))
    assert said.fault == "ok"
    assert (top / "x/in").read_text() == "1" and (top / "y").read_text() == "now a file"
    assert (top / "z").read_text() == "no link" and not (top / "z").is_symlink()


def test_a_parent_that_is_a_link_below(registry: Registry, shop: Path) -> None:
    base = layer(directory("usr"), directory("usr/lib", 0o751, uid=7), Entry("lib", "link", "usr/lib"),
                 Entry("etc", "link", "/usr/etc"), directory("usr/etc"), Entry("gone", "link", "usr"))
    middle = layer(Entry(".wh.gone"))
    top = layer(Entry("lib/x", data="1"), Entry("etc/y/z", data="2"), Entry("gone/w", data="3"))
    said, layers = unpacked(shop, registry, Image([base, middle, top]))
    assert said.fault == "ok", said
    assert (layers[2] / "usr/lib/x").read_text() == "1" and not (layers[2] / "lib").exists()
    assert (layers[2] / "usr/etc/y/z").read_text() == "2"
    assert (layers[2] / "gone/w").read_text() == "3", "what a whiteout took away is no link any more"
    made = (layers[2] / "usr/lib").stat()
    assert made.st_mode & 0o777 == 0o751
    if AS_ROOT:
        assert made.st_uid == STORE_BASE + 7


def evil_layers(outside: Path) -> list[tuple[str, list[Entry]]]:
    return [
        ("dots", [Entry("../../../../../../../../../" + str(outside / "f"), data="x")]),
        ("dots within", [Entry("a/../../f")]),
        ("hard link out", [Entry("a/b", "hard", "../../../etc/passwd")]),
        ("hard link to nothing", [Entry("a/b", "hard", "/etc/passwd")]),
        ("root is a link", [Entry("./", "link", "/tmp")]),
        ("nameless whiteout", [Entry("a/.wh.")]),
        ("whiteout of dots", [Entry("a/.wh...")]),
        ("loop", [Entry("l1", "link", "l2"), Entry("l2", "link", "l1"), Entry("l1/x")]),
        ("ids", [Entry("a", uid=70000)]),
    ]


@pytest.mark.parametrize("which", range(9))
def test_layers_that_are_refused(registry: Registry, shop: Path, tmp_path: Path, which: int) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    outside.chmod(0o777)
    name, entries = evil_layers(outside)[which]
    if name == "ids" and not AS_ROOT:
        pytest.skip("one id: owners are not kept")
    said, _ = unpacked(shop, registry, Image([layer(*entries)]))
    assert said.fault == "refused", (name, said)
    assert os.listdir(outside) == [] and os.listdir(shop / "layers") == [] and os.listdir(shop / "refs") == []


def test_links_lead_nowhere_else(registry: Registry, shop: Path, tmp_path: Path) -> None:
    """What escaped an earlier unpacker: a whiteout, a file, an opaque mark and a hard link through a link."""
    outside = tmp_path / "outside"
    outside.mkdir()
    outside.chmod(0o777)
    to = str(outside)
    entries = [Entry("lnk", "link", to), Entry("lnk/.wh.escaped"), Entry("lnk/file", data="x"), Entry("lnk/.wh..wh..opq"),
               Entry("up", "link", "../../../../../.." + to), Entry("up/file2", data="x"), Entry("src", data="x"),
               Entry("lnk/hard", "hard", "src"), Entry("self", "link", "/proc/self/root"), Entry("self/tmp/x", data="x")]
    said, (top,) = unpacked(shop, registry, Image([layer(*entries)]))
    assert said.fault == "ok", said
    assert os.listdir(outside) == [] and OPAQUE not in os.listxattr(outside)
    inner = top / to.lstrip("/")
    assert is_whiteout(inner / "escaped") and (inner / "file").read_text() == "x" and (inner / "file2").exists()
    assert (inner / "hard").stat().st_nlink == 2 and (top / "proc/self/root/tmp/x").read_text() == "x"


def test_a_layer_that_is_not_what_its_configuration_says(registry: Registry, shop: Path) -> None:
    image = small()
    image.layers[0].tar = tar_of([Entry("other")])
    said, layers = unpacked(shop, registry, image)
    assert said.fault == "damaged" and "was promised" in said.text and layers == []
    assert os.listdir(shop / "layers") == [] and os.listdir(shop / "blobs") == []


@pytest.mark.parametrize("blob", [b"no tar at all" * 100, b"\x1f\x8b\x08\x00broken", b"\x28\xb5\x2f\xfd\x00"],
                         ids=["text", "gzip", "zstd"])
def test_what_is_no_layer(registry: Registry, shop: Path, blob: bytes) -> None:
    said, layers = unpacked(shop, registry, Image([Layer(tar_of([Entry("a")]), blob=blob)]))
    assert said.fault == "damaged" and layers == []


def test_zstd_layers(registry: Registry, shop: Path) -> None:
    tar = tar_of([Entry("z", data="zz" * 5000)])
    packed = subprocess.run(["zstd", "-q", "-c"], input=tar, capture_output=True, check=True).stdout
    said, (top,) = unpacked(shop, registry, Image([Layer(tar, blob=packed)]))
    assert said.fault == "ok" and (top / "z").read_text() == "zz" * 5000


def test_many_layers_and_many_files(registry: Registry, shop: Path) -> None:
    many = [layer(Entry(f"f{i}", data=str(i)), packing="plain") for i in range(126)]
    big = layer(*(Entry(f"d{i % 100}/f{i}", data="x") for i in range(10000)))
    said, layers = unpacked(shop, registry, Image([*many, big]), "t/many")
    assert said.fault == "ok" and len(layers) == 127
    assert sum(1 for p in layers[-1].rglob("f*")) == 10000
    got = pull(shop, registry, registry.push("t/more", "1", Image([*many, big, layer(Entry("x"))])))
    assert got.fault == "refused" and "at most 127" in got.text


def test_layers_are_there_once(registry: Registry, shop: Path) -> None:
    base = busybox()
    unpacked(shop, registry, Image([base, layer(Entry("one"))]))
    said, _ = unpacked(shop, registry, Image([base, layer(Entry("two"))]))
    assert [line.split(":")[0] for line in said.progress] == ["Unpacked layer 2/2"]
    assert len(os.listdir(shop / "layers")) == 3


# --- letting go --------------------------------------------------------------------------------------------------------


def published(shop: Path, registry: Registry, name: str) -> str:
    image = Image([layer(Entry(name, data=os.urandom(100000)))])
    got = pull(shop, registry, registry.push("t/trim", name, image))
    with Unpacker(shop) as unpacker:
        assert unpacker.unpack(got.record, name).fault == "ok"
    return image.digest.split(":")[1]


def test_the_least_recently_used_goes_and_what_is_in_use_stays(registry: Registry, shop: Path) -> None:
    import fcntl

    a, b, c = (published(shop, registry, name) for name in "abc")
    for age, image in enumerate((b, a, c)):  # b is the oldest
        os.utime(shop / "images" / image, (1000 + age, 1000 + age))
    with Unpacker(shop) as unpacker, open(shop / "images" / a, "rb") as used:
        assert unpacker.trim(250000)[0] == 1
        assert sorted(os.listdir(shop / "images")) == sorted([a, c]) and not os.path.lexists(shop / "refs" / key("b"))
        assert len(os.listdir(shop / "layers")) == 2
        fcntl.flock(used, fcntl.LOCK_SH)
        assert unpacker.trim(0)[0] == 1
        assert os.listdir(shop / "images") == [a] and len(os.listdir(shop / "layers")) == 1
    with Unpacker(shop) as unpacker:
        assert unpacker.trim(0)[0] == 1
    assert os.listdir(shop / "layers") == os.listdir(shop / "diffs") == os.listdir(shop / "refs") == []


def test_what_a_crash_left_goes(registry: Registry, shop: Path) -> None:
    published(shop, registry, "a")
    left = shop / "layers/77/deep"
    left.mkdir(parents=True)
    for path in (left, left.parent) if AS_ROOT else ():
        os.chown(path, STORE_BASE, STORE_BASE)
    old, new = shop / "blobs" / ("a" * 64 + ".part"), shop / "blobs" / ("b" * 64 + ".part")
    for blob in (old, new):
        blob.write_bytes(b"half")
    os.utime(old, (1000, 1000))
    with Unpacker(shop) as unpacker:
        unpacker.trim(1 << 30)
    assert len(os.listdir(shop / "layers")) == 1
    assert not old.exists() and new.exists()
