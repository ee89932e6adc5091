#!/usr/bin/env python3
"""Makes an OCI image layout of the filter, as Istio and Envoy Gateway load it. No Docker, no network.

The image is the `compat` variant of the Wasm image specification: an ordinary image of one layer (tar, gzip) with
`plugin.wasm`, which every registry takes. `--variant artifact` makes the other one: the module as it is, and a layer of
configuration, with media types of their own. The same module gives the same bytes, so the digest can be compared.
"""

import argparse
import gzip
import hashlib
import io
import json
import pathlib
import shutil
import sys
import tarfile

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
WASM_CONFIG = "application/vnd.module.wasm.config.v1+json"
WASM_LAYER = "application/vnd.module.wasm.content.layer.v1+wasm"
ROOT_ID = "hemostat"
# Anything that is the same on every machine and day.
EPOCH = "1970-01-01T00:00:00Z"


def packed(value):
    """JSON with one way to write it."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def tar_of(name, data):
    """A tar of one file, without time, owner or names of this machine."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(data), 0o644
        archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


class Layout:
    """An image layout that is being written."""

    def __init__(self, folder):
        self.blobs = folder / "blobs" / "sha256"
        self.folder = folder
        self.blobs.mkdir(parents=True)

    def add(self, media_type, data):
        """Writes a blob; gives its descriptor."""
        name = digest(data)
        (self.blobs / name.removeprefix("sha256:")).write_bytes(data)
        return {"mediaType": media_type, "digest": name, "size": len(data)}

    def finish(self, manifest, tag):
        names = {"org.opencontainers.image.ref.name": tag}
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [manifest | {"annotations": names}]}
        (self.folder / "index.json").write_bytes(packed(index))
        (self.folder / "oci-layout").write_bytes(packed({"imageLayoutVersion": "1.0.0"}))


def compat(layout, module):
    """One layer with `plugin.wasm`, and an image configuration that names it."""
    archive = tar_of("plugin.wasm", module)
    config = {
        "created": EPOCH,
        "architecture": "wasm",
        "os": "wasip1",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [digest(archive)]},
        "history": [{"created": EPOCH, "created_by": "hemostat"}],
    }
    # Level 9 and no time: the same on every machine with the same zlib.
    layer = gzip.compress(archive, compresslevel=9, mtime=0)
    return layout.add(CONFIG, packed(config)), [layout.add(LAYER, layer)]


def artifact(layout, module):
    """The module as it is, and what it is: Istio wants exactly two layers."""
    about = packed({"type": "envoy_proxy", "abiVersions": ["v0-2-1"], "config": {"rootIds": [ROOT_ID]}})
    runtime = layout.add(WASM_CONFIG, about)
    return runtime, [runtime, layout.add(WASM_LAYER, module)]


VARIANTS = {"compat": compat, "artifact": artifact}


def write(module, folder, variant, tag):
    """Writes the layout in place of what was there; gives the manifest's digest."""
    if not module.startswith(b"\0asm"):
        raise ValueError("this is no WebAssembly module")
    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    layout = Layout(fresh)
    config, layers = VARIANTS[variant](layout, module)
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}
    if variant == "compat":
        # The specification asks for it; Istio and Envoy Gateway look at the layer alone.
        manifest["annotations"] = {"module.wasm.image/variant": "compat"}
    described = layout.add(MANIFEST, packed(manifest))
    layout.finish(described, tag)
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
    return described["digest"]


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("module", type=pathlib.Path, help="the module, such as dist/hemostat.wasm")
    parser.add_argument("layout", type=pathlib.Path, help="the folder to write, such as dist/oci")
    parser.add_argument("--variant", choices=VARIANTS, default="compat")
    parser.add_argument("--tag", default="latest", help="the name of the image in the layout")
    args = parser.parse_args(arguments)
    try:
        name = write(args.module.read_bytes(), args.layout, args.variant, args.tag)
    except (OSError, ValueError) as error:
        print(f"error: {args.module}: {error}", file=sys.stderr)
        return 2
    print(f"{args.layout}: {args.variant} image `{args.tag}`, {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
