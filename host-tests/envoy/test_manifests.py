"""The manifests for Kubernetes, `envoy/istio` and `envoy/gateway`: without a cluster, but with the proxy they are for.

What they carry for Envoy is put where Istio and Envoy Gateway put it, and a real Envoy judges it; what they carry for
the filter is judged by `hemostat check`.
"""

import copy
import json
import re
import shutil
import subprocess

import jsonschema
import pytest
import yaml

from rig.envoy import MODULE, ROOT, SAMPLES, connection_manager, load_sample, validate
from rig.releases import hemostat

IMAGE = "registry.example.com/hemostat@sha256:" + 64 * "0"
WASM = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"
BUFFER = 33554432
FOLDERS = ("istio", "gateway")
ALL = sorted(path.relative_to(SAMPLES) for folder in FOLDERS for path in (SAMPLES / folder).glob("*.yaml")
             if path.name != "kustomization.yaml")
# Those that carry the filter; the others are the way of the traffic and the labels of counters.
FILES = [path for path in ALL if path.name not in ("traffic.yaml", "stats.yaml")]
# The oldest and the newest releases whose schemas are kept, and which kinds the oldest does not have yet.
CRDS = ROOT / "testdata" / "crds"
RELEASES = sorted(path.name for path in CRDS.iterdir() if path.is_dir())
NEWER = {"TrafficExtension"}


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
        case "istio/trafficextension.yaml":
            spec = all_of["TrafficExtension", "hemostat"]
            return istio_wasm_plugin_filter(spec["wasm"])
        case _:
            (wasm,) = all_of["EnvoyExtensionPolicy", "hemostat"]["wasm"]
            return envoy_gateway_filter(wasm, all_of.get(("EnvoyPatchPolicy", "hemostat")))


def plugin(name):
    """The filter's own configuration in a manifest."""
    return json.loads(http_filter(name)["typed_config"]["config"]["configuration"]["value"])


def schema(release, one):
    """The schema of a resource in a release; None if the release has no such kind."""
    path = CRDS / release / f"{one['kind']}.json"
    if not path.exists():
        return None
    known = json.loads(path.read_text())
    group, version = one["apiVersion"].split("/")
    return known["versions"].get(version) if group == known["group"] else None


def unknown(schema, value, place=""):
    """Fields that a schema does not know: a cluster prunes them without a word."""
    if schema.get("x-kubernetes-preserve-unknown-fields") or schema.get("type") not in ("object", "array"):
        return
    if isinstance(value, list):
        for at, item in enumerate(value):
            yield from unknown(schema["items"], item, f"{place}/{at}")
    elif isinstance(value, dict):
        for key, item in value.items():
            inner = schema.get("properties", {}).get(key) or schema.get("additionalProperties")
            if inner is None:
                yield f"{place}/{key}"
            elif isinstance(inner, dict):
                yield from unknown(inner, item, f"{place}/{key}")


def judge(resources):
    """Holds every resource against every release that knows its kind; the names of those that none knows."""
    strangers = []
    for one in resources:
        found = [(release, known) for release in RELEASES if (known := schema(release, one))]
        if not found:
            strangers.append(one["kind"])
        for release, known in found:
            body = {key: value for key, value in one.items() if key not in ("apiVersion", "kind", "metadata")}
            jsonschema.Draft202012Validator(known).validate({**body, "metadata": {}})
            extra = list(unknown({**known, "type": "object"}, body))
            assert not extra, f"{release}: {one['kind']} does not know {extra}"
    return strangers


@pytest.mark.parametrize("name", ALL, ids=str)
def test_the_schemas_of_every_release_take_the_resources(name):
    found = list(yaml.safe_load_all((SAMPLES / name).read_text()))
    assert judge(found) == []
    for one in found:
        project = "istio" if "istio.io" in one["apiVersion"] else "envoy-gateway" if "envoyproxy" in one["apiVersion"] \
            else "gateway-api"
        missing = [release for release in RELEASES if release.startswith(project + "-") and not schema(release, one)]
        assert not missing or one["kind"] in NEWER, f"{one['kind']} is not in {missing}"


def test_a_field_that_no_schema_knows_is_seen():
    (one, *_) = yaml.safe_load_all((SAMPLES / "istio/wasmplugin.yaml").read_text())
    one["spec"]["allowOnHeadersStopIteration"] = True
    with pytest.raises(AssertionError, match="allowOnHeadersStopIteration"):
        judge([one])


def tool(name, *args):
    """What helm or kubectl writes, as resources."""
    path = shutil.which(name) or ROOT / ".tools" / "kube" / name
    try:
        done = subprocess.run([path, *map(str, args)], capture_output=True, text=True, timeout=120)
    except (FileNotFoundError, OSError):
        pytest.skip(f"there is no {name}")
    assert done.returncode == 0, done.stderr
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def by_name(resources):
    return {(one["kind"], one["metadata"]["name"]): one for one in resources}


def with_configuration_as_data(resources):
    """The same, with the plugin's configuration as data where it travels as text."""
    text = json.dumps(resources)
    found = json.loads(text)
    for one in found:
        for patch in one.get("spec", {}).get("configPatches", []):
            value = patch["patch"]["value"]
            config = value.get("typed_config", {}).get("config", {}) if isinstance(value, dict) else {}
            if "configuration" in config:
                config["configuration"]["value"] = json.loads(config["configuration"]["value"])
    return by_name(found)


@pytest.mark.parametrize(("folder", "files"), [("istio", ("gateway", "traffic", "stats")),
                                               ("gateway", ("hold-headers", "traffic"))])
def test_kustomize_renders_the_samples(folder, files):
    rendered = tool("kubectl", "kustomize", SAMPLES / folder)
    wanted = [one for name in files for one in yaml.safe_load_all((SAMPLES / folder / f"{name}.yaml").read_text())]
    assert by_name(rendered) == by_name(wanted)


@pytest.mark.parametrize(("mesh", "namespace", "files"), [
    ("istio", "istio-ingress", ("istio/gateway", "istio/traffic", "istio/stats")),
    ("envoy-gateway", "default", ("gateway/hold-headers", "gateway/traffic"))])
def test_the_chart_renders_the_samples(mesh, namespace, files):
    rendered = tool("helm", "template", "hemostat", SAMPLES / "helm", "--namespace", namespace, "--set", f"mesh={mesh}")
    wanted = [one for name in files for one in yaml.safe_load_all((SAMPLES / f"{name}.yaml").read_text())]
    for one in rendered:
        if one["kind"] == "ClientTrafficPolicy":
            assert one["spec"]["connection"] == {"bufferLimit": str(BUFFER)}
            one["spec"]["connection"] = {"bufferLimit": f"{BUFFER >> 20}Mi"}
    assert with_configuration_as_data(rendered) == with_configuration_as_data(wanted)
    assert judge(rendered) == []


def test_labels_of_counters_are_those_of_the_samples():
    wanted = load_sample("standalone/envoy.yaml")["stats_config"]["stats_tags"]
    patch = patches(resources("istio/stats.yaml")["EnvoyFilter", "hemostat-stats"])["BOOTSTRAP"]
    assert patch["value"]["stats_config"]["stats_tags"] == wanted
    bootstrap = yaml.safe_load(resources("gateway/traffic.yaml")["EnvoyProxy", "llm"]["bootstrap"]["value"])
    assert bootstrap["stats_config"]["stats_tags"] == wanted


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
    for name, resource in (("gateway", "hemostat"), ("wasmplugin", "hemostat-buffer"),
                           ("trafficextension", "hemostat-buffer")):
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
    for name in ALL:
        assert name.parts[0] != folder or f"({name.name})" in page
