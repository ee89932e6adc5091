"""`tools/oci.py`: an image layout that holds what it says, the same on every run."""

import gzip
import hashlib
import io
import json
import subprocess
import sys
import tarfile

import pytest

from rig.envoy import ROOT

SCRIPT = ROOT / "tools" / "oci.py"
MODULE = b"\0asm\x01\0\0\0" + bytes(range(256)) * 16
VARIANTS = ["compat", "artifact"]


def oci(*words):
    done = subprocess.run([sys.executable, SCRIPT, *map(str, words)], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(params=VARIANTS)
def variant(request):
    return request.param


@pytest.fixture
def layout(tmp_path, variant):
    (tmp_path / "plugin.wasm").write_bytes(MODULE)
    code, said, trouble = oci(tmp_path / "plugin.wasm", tmp_path / "oci", "--variant", variant, "--tag", "v1")
    assert code == 0, trouble
    assert said.endswith(f"sha256:{index(tmp_path / 'oci')['manifests'][0]['digest'].removeprefix('sha256:')}\n")
    return tmp_path / "oci"


def index(layout):
    return json.loads((layout / "index.json").read_bytes())


def blob(layout, descriptor):
    """A blob, after its digest and size are found to be true."""
    data = (layout / "blobs" / "sha256" / descriptor["digest"].removeprefix("sha256:")).read_bytes()
    assert descriptor == descriptor | {"digest": "sha256:" + hashlib.sha256(data).hexdigest(), "size": len(data)}
    return data


def manifest(layout):
    (only,) = index(layout)["manifests"]
    assert only["annotations"] == {"org.opencontainers.image.ref.name": "v1"}
    read = json.loads(blob(layout, only))
    assert read["mediaType"] == only["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    return read


def test_it_is_an_image_layout_without_a_blob_too_many(layout):
    assert json.loads((layout / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}
    read = manifest(layout)
    named = {one["digest"] for one in [*index(layout)["manifests"], read["config"], *read["layers"]]}
    assert {f"sha256:{path.name}" for path in (layout / "blobs" / "sha256").iterdir()} == named
    for descriptor in [read["config"], *read["layers"]]:
        blob(layout, descriptor)


def test_the_module_is_where_the_loaders_look(layout, variant):
    read = manifest(layout)
    if variant == "artifact":
        # Two layers, and the module in the one of this type.
        assert len(read["layers"]) == 2
        (layer,) = [one for one in read["layers"] if one["mediaType"].endswith(".wasm.content.layer.v1+wasm")]
        assert blob(layout, layer) == MODULE
        return
    # The last layer, a tar with `plugin.wasm` at its top.
    layer = read["layers"][-1]
    assert layer["mediaType"] == "application/vnd.oci.image.layer.v1.tar+gzip"
    archive = gzip.decompress(blob(layout, layer))
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        assert opened.getnames() == ["plugin.wasm"]
        assert opened.extractfile("plugin.wasm").read() == MODULE
    config = json.loads(blob(layout, read["config"]))
    assert config["rootfs"] == {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(archive).hexdigest()]}
    assert read["annotations"] == {"module.wasm.image/variant": "compat"}


def test_the_same_module_makes_the_same_bytes(layout, tmp_path, variant):
    """Another time, another name of the file, and over what was there."""
    before = {path.relative_to(layout): path.read_bytes() for path in layout.rglob("*") if path.is_file()}
    other = tmp_path / "renamed.wasm"
    other.write_bytes(MODULE)
    (layout / "stale").write_text("of an older run")
    assert oci(other, layout, "--variant", variant, "--tag", "v1")[0] == 0
    assert {path.relative_to(layout): path.read_bytes() for path in layout.rglob("*") if path.is_file()} == before


def test_what_is_no_module_is_refused_and_changes_nothing(layout, tmp_path):
    before = index(layout)
    (tmp_path / "page.html").write_text("<html>")
    code, _, said = oci(tmp_path / "page.html", layout)
    assert (code, index(layout)) == (2, before)
    assert "no WebAssembly module" in said
    assert oci(tmp_path / "absent.wasm", layout)[0] == 2
