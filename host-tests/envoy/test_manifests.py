"""The manifests for Kubernetes, `envoy/istio` and `envoy/gateway`: without a cluster, but with the proxy they are for.

What they carry for Envoy is put where Istio and Envoy Gateway put it, and a real Envoy judges it; what they carry for
the filter is judged by `hemostat check`.
"""

import copy
import json
import re
import subprocess

import pytest
import yaml

from rig.envoy import MODULE, SAMPLES, connection_manager, load_sample, validate
from rig.releases import hemostat

IMAGE = "registry.example.com/hemostat@sha256:" + 64 * "0"
WASM = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"
BUFFER = 33554432
# Fields that the resources' definitions have, as far as they are used here.
FIELDS = {
    "EnvoyFilter": {"workloadSelector", "configPatches"},
    "WasmPlugin": {"selector", "url", "imagePullPolicy", "pluginName", "failStrategy", "match", "pluginConfig"},
    "EnvoyExtensionPolicy": {"targetRefs", "wasm"},
    "EnvoyPatchPolicy": {"targetRef", "type", "jsonPatches"},
    "ClientTrafficPolicy": {"targetRefs", "connection"},
}
VERSIONS = {
    "EnvoyFilter": "networking.istio.io/v1alpha3",
    "WasmPlugin": "extensions.istio.io/v1alpha1",
    "EnvoyExtensionPolicy": "gateway.envoyproxy.io/v1alpha1",
    "EnvoyPatchPolicy": "gateway.envoyproxy.io/v1alpha1",
    "ClientTrafficPolicy": "gateway.envoyproxy.io/v1alpha1",
}
FOLDERS = ("istio", "gateway")
FILES = sorted(path.relative_to(SAMPLES) for folder in FOLDERS for path in (SAMPLES / folder).glob("*.yaml"))


def resources(name):
    """The resources of a manifest, by kind and name."""
    found = list(yaml.safe_load_all((SAMPLES / name).read_text()))
    return {(one["kind"], one["metadata"]["name"]): one["spec"] for one in found}


def patches(spec):
    """What an EnvoyFilter does, by the kind of thing it does it to."""
    return {patch["applyTo"]: patch["patch"] for patch in spec["configPatches"]}


def envoy_gateway_filter(wasm, patch_policy=None):
    """The filter that Envoy Gateway makes of an EnvoyExtensionPolicy's `wasm`, patched."""
    config = {
        "name": wasm["name"],
        "root_id": wasm["rootID"],
        "fail_open": wasm["failOpen"],
        "vm_config": {"vm_id": "envoyextensionpolicy/default/hemostat/wasm/0", "runtime": "envoy.wasm.runtime.v8",
                      "code": {"remote": {}}},
        "configuration": {"@type": "type.googleapis.com/google.protobuf.StringValue",
                          "value": json.dumps(wasm["config"])},
    }
    name = "envoy.filters.http.wasm/envoyextensionpolicy/default/hemostat/wasm/0"
    for patch in patch_policy["jsonPatches"] if patch_policy else []:
        operation = patch["operation"]
        assert patch["type"] == "type.googleapis.com/envoy.config.listener.v3.Listener"
        assert patch["name"] == "default/llm/http"
        assert operation["jsonPath"] == f"$..http_filters[?(@.name=='{name}')].typed_config.config"
        assert operation["op"] == "add"
        config[operation["path"].removeprefix("/")] = operation["value"]
    return {"name": name, "typed_config": {"@type": WASM, "config": config}}


def istio_wasm_plugin_filter(plugin):
    """The filter that Istio makes of a WasmPlugin."""
    config = {
        "name": "istio-ingress.hemostat",
        "root_id": plugin["pluginName"],
        "failure_policy": plugin["failStrategy"],
        "vm_config": {"runtime": "envoy.wasm.runtime.v8", "code": {"remote": {}}},
        "configuration": {"@type": "type.googleapis.com/google.protobuf.StringValue",
                          "value": json.dumps(plugin["pluginConfig"])},
    }
    return {"name": "istio-ingress.hemostat", "typed_config": {"@type": WASM, "config": config}}


def http_filter(name):
    """The filter that comes of a manifest."""
    all_of = resources(name)
    match str(name):
        case "istio/gateway.yaml":
            return copy.deepcopy(patches(all_of["EnvoyFilter", "hemostat"])["EXTENSION_CONFIG"]["value"])
        case "istio/wasmplugin.yaml":
            return istio_wasm_plugin_filter(all_of["WasmPlugin", "hemostat"])
        case _:
            (wasm,) = all_of["EnvoyExtensionPolicy", "hemostat"]["wasm"]
            return envoy_gateway_filter(wasm, all_of.get(("EnvoyPatchPolicy", "hemostat")))


def plugin(name):
    """The filter's own configuration in a manifest."""
    return json.loads(http_filter(name)["typed_config"]["config"]["configuration"]["value"])


@pytest.mark.parametrize("name", FILES, ids=str)
def test_resources_are_of_the_kinds_and_fields_that_there_are(name):
    for one in yaml.safe_load_all((SAMPLES / name).read_text()):
        kind = one["kind"]
        assert one["apiVersion"] == VERSIONS[kind]
        assert set(one) == {"apiVersion", "kind", "metadata", "spec"}
        assert set(one["spec"]) <= FIELDS[kind], f"{kind}: {set(one['spec']) - FIELDS[kind]}"


@pytest.mark.parametrize("name", FILES, ids=str)
def test_hemostat_accepts_the_configuration_without_a_warning(name):
    done = subprocess.run([hemostat(), "check", "--strict", "-"], input=json.dumps(plugin(name)), text=True,
                          capture_output=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "configuration acceptable" in done.stdout


@pytest.mark.parametrize("name", FILES, ids=str)
def test_envoy_takes_the_filter(name):
    made = http_filter(name)
    # What Istio's agent and Envoy Gateway do, each in its way: the module becomes a file.
    made["typed_config"]["config"]["vm_config"]["code"] = {"local": {"filename": str(MODULE)}}
    config = load_sample("standalone/envoy.yaml")
    filters = connection_manager(config)["http_filters"]
    (at,) = [at for at, known in enumerate(filters) if known["name"] == "hemostat"]
    filters[at] = made
    accepted, said = validate(config)
    assert accepted, said


@pytest.mark.parametrize("name", FILES, ids=str)
def test_what_the_filter_is_told_of_headers_is_what_envoy_does(name):
    config = http_filter(name)["typed_config"]["config"]
    assert plugin(name)["hold_headers"] is config.get("allow_on_headers_stop_iteration", False)


@pytest.mark.parametrize("name", FILES, ids=str)
def test_the_image_is_pinned(name):
    text = (SAMPLES / name).read_text()
    found = re.findall(r"\b(?:uri|url): (\S+)", text)
    assert found == [IMAGE if name.parts[0] == "gateway" else "oci://" + IMAGE]


def test_every_way_has_one_that_holds_headers_and_one_that_does_not():
    held = {(name.parts[0], plugin(name)["hold_headers"]) for name in FILES}
    assert held == {(folder, holds) for folder in FOLDERS for holds in (True, False)}
    assert all(plugin(name)["policy"] == plugin(FILES[0])["policy"] for name in FILES)


def test_buffers_are_those_of_the_samples():
    (listener,) = load_sample("standalone/envoy.yaml")["static_resources"]["listeners"]
    assert listener["per_connection_buffer_limit_bytes"] == BUFFER
    for name, resource in (("gateway", "hemostat"), ("wasmplugin", "hemostat-buffer")):
        patch = patches(resources(f"istio/{name}.yaml")["EnvoyFilter", resource])["LISTENER"]
        assert patch == {"operation": "MERGE", "value": {"per_connection_buffer_limit_bytes": BUFFER}}
    for name in ("hold-headers", "no-patch"):
        connection = resources(f"gateway/{name}.yaml")["ClientTrafficPolicy", "hemostat"]["connection"]
        assert connection == {"bufferLimit": f"{BUFFER >> 20}Mi"}


def test_istio_finds_the_extension_by_its_name():
    """The two patches belong together by a name; without `ADD` Istio leaves the extension out without a word."""
    by_kind = patches(resources("istio/gateway.yaml")["EnvoyFilter", "hemostat"])
    assert by_kind["EXTENSION_CONFIG"]["operation"] == "ADD"
    assert by_kind["HTTP_FILTER"]["value"]["name"] == by_kind["EXTENSION_CONFIG"]["value"]["name"]
    assert by_kind["HTTP_FILTER"]["value"]["config_discovery"]["type_urls"] == [WASM]


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_manifest_stands_in_its_page(folder):
    page = (SAMPLES / folder / "README.md").read_text()
    for name in FILES:
        assert name.parts[0] != folder or f"({name.name})" in page
