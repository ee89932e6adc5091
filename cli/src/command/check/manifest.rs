//! Finds plugin configurations in the configuration of proxies: Envoy's bootstrap or discovery files, and manifests of
//! Istio and Envoy Gateway. Each is judged in place, with the field of the host that it needs.

use hemostat_engine::policy::Diagnostic;
use hemostat_engine::policy::source::{self, Position, SourceNode, SourceValue};

use crate::shared::policy_file::{is_configuration, scope_of};

/// The field of Envoy's `PluginConfig` without which no body can be seen before its headers leave.
const FIELD: &str = "allow_on_headers_stop_iteration";

/// Fields that all configurations of one scope must share, since each must be able to use what one of them takes.
const ALIKE: [&str; 3] = ["trust", "allow", "hold_headers"];

/// How many levels of nesting are searched.
const DEPTH: usize = 48;

/// A plugin configuration that was found.
pub(super) struct Plugin {
    /// Its place in the document, such as `static_resources.listeners[0]…`.
    pub(super) path: String,
    /// Its own text, padded so that its lines are those of the file.
    pub(super) text: String,
    /// The parsed configuration, or why it cannot be parsed.
    pub(super) tree: Result<SourceNode, Vec<Diagnostic>>,
    /// Findings about its surroundings.
    pub(super) beside: Vec<Diagnostic>,
}

/// The configurations in such a file; `None` if it is not such a file.
pub(super) fn find(text: &str, file: &str) -> Option<Vec<Plugin>> {
    let (mut found, mut is_one) = (Vec::new(), false);
    for document in documents(text) {
        let Ok(tree) = source::parse(&document, file) else { continue };
        let has = |name: &str| tree.get(name).is_some();
        let envoy = ["static_resources", "dynamic_resources", "resources", "@type"]
            .iter()
            .any(|name| has(name));
        if !(envoy || (has("kind") && has("apiVersion"))) {
            continue;
        }
        is_one = true;
        walk(&tree, "", file, text, DEPTH, &mut found);
    }
    differences(&mut found);
    is_one.then_some(found)
}

/// Adds a finding to each configuration that differs from the first one of its scope.
fn differences(found: &mut [Plugin]) {
    let own = |one: &Plugin, name: &str| {
        let value = one.tree.as_ref().ok()?.get(name)?;
        source::canonical(value).ok()
    };
    // A configuration without `trust` takes no releases, whatever its scope.
    let follows = |one: &Plugin| {
        let tree = one.tree.as_ref().ok()?;
        tree.get("trust").and_then(|_| scope_of(tree))
    };
    let scopes: Vec<_> = found.iter().map(follows).collect();
    for at in 1..found.len() {
        let Some((before, rest)) = found.split_at_mut_checked(at) else { return };
        let Some(this) = rest.first_mut() else { return };
        let scope = scopes.get(at).and_then(Option::as_ref);
        let first =
            scopes.iter().take(at).position(|known| scope.is_some() && known.as_ref() == scope);
        let Some(first) = first.and_then(|first| before.get(first)) else { continue };
        for name in ALIKE {
            if own(first, name) == own(this, name) {
                continue;
            }
            let at = this.tree.as_ref().ok().and_then(|tree| Some(tree.get(name)?.at));
            let message = format!(
                "`{name}` is not what the configuration at {} has, of the same scope: a release that one of them takes, \
                 the other may not be able to use",
                first.path
            );
            let path = format!("{}.{name}", this.path);
            let error = Diagnostic::error("not-alike", path, at.unwrap_or_default(), message);
            this.beside.push(error.help("write the same in both"));
        }
    }
}

/// The documents of a file, each padded so that its lines are those of the file.
fn documents(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    let (mut own, mut before) = (String::new(), 0);
    for (number, line) in text.lines().enumerate() {
        if line.trim_end() == "---" {
            all.push(std::mem::take(&mut own));
            before = number + 1;
            continue;
        }
        if own.is_empty() {
            own = "\n".repeat(before);
        }
        own.push_str(line);
        own.push('\n');
        before = number + 1;
    }
    all.push(own);
    all.retain(|one| !one.trim().is_empty());
    all
}

fn walk(
    node: &SourceNode,
    path: &str,
    file: &str,
    text: &str,
    depth: usize,
    found: &mut Vec<Plugin>,
) {
    let Some(depth) = depth.checked_sub(1) else { return };
    if let SourceValue::Seq(items) = &node.value {
        for (at, item) in items.iter().enumerate() {
            walk(item, &format!("{path}[{at}]"), file, text, depth, found);
        }
    }
    for entry in node.entries() {
        let own = if path.is_empty() { entry.key.clone() } else { format!("{path}.{}", entry.key) };
        match configuration(&entry.key, &entry.value, file, text) {
            Some((text, tree)) => {
                let in_envoy = entry.key == "configuration";
                let beside = tree
                    .as_ref()
                    .ok()
                    .filter(|_| in_envoy)
                    .and_then(|tree| held(tree, node, &own, entry.key_at));
                let beside = beside.into_iter().collect();
                found.push(Plugin { path: own, text, tree, beside });
            }
            None => walk(&entry.value, &own, file, text, depth, found),
        }
    }
}

/// The configuration in such a field, if it is ours: a text in Envoy's, a map in Istio's and Envoy Gateway's.
fn configuration(
    key: &str,
    value: &SourceNode,
    file: &str,
    whole: &str,
) -> Option<(String, Result<SourceNode, Vec<Diagnostic>>)> {
    match key {
        "configuration" => {
            let value = value.get("value").unwrap_or(value);
            let SourceValue::String { text, .. } = &value.value else { return None };
            // Padded so that its lines are those of the file.
            let padded = format!("{}{text}", "\n".repeat(value.at.line.saturating_sub(1) as usize));
            match source::parse(&padded, file) {
                Ok(tree) => is_configuration(&tree).then_some((padded, Ok(tree))),
                Err(wrong) => text.contains("hemostat").then_some((padded, Err(wrong))),
            }
        }
        "pluginConfig" | "config" if is_configuration(value) => {
            Some((whole.to_owned(), Ok(value.clone())))
        }
        _ => None,
    }
}

/// A finding for a configuration with `hold_headers` in a plugin without Envoy's field for it.
fn held(tree: &SourceNode, plugin: &SourceNode, path: &str, at: Position) -> Option<Diagnostic> {
    let says =
        |node: &SourceNode, name: &str| node.get(name).and_then(SourceNode::bool).unwrap_or(false);
    if !says(tree, "hold_headers") || says(plugin, FIELD) {
        return None;
    }
    let message = format!(
        "it says `hold_headers: true`, and `{FIELD}` does not stand beside it: calls would hang"
    );
    let error = Diagnostic::error("host-field", path.to_owned(), at, message);
    Some(error.help(format!("write `{FIELD}: true` beside `configuration`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_are_found_where_they_stand() {
        let envoy = "static_resources:\n  listeners:\n  - filters:\n    - config:\n        configuration:\n          \"@type\": x\n          value: |\n            {\"hold_headers\": true,\n             \"policy\": {}}\n";
        let found = find(envoy, "envoy.yaml").unwrap();
        let one = found.first().unwrap();
        assert_eq!(one.path, "static_resources.listeners[0].filters[0].config.configuration");
        assert_eq!(one.tree.as_ref().unwrap().get("policy").unwrap().at.line, 9);
        let why = one.beside.first().unwrap();
        assert!(why.is_error() && why.message.contains("hold_headers"), "{why:?}");
        let set = envoy.replace(
            "        configuration:",
            "        allow_on_headers_stop_iteration: true\n        configuration:",
        );
        assert!(find(&set, "envoy.yaml").unwrap().first().unwrap().beside.is_empty());
        let istio = "kind: Service\napiVersion: v1\n---\napiVersion: x\nkind: WasmPlugin\nspec:\n  pluginConfig:\n    hold_headers: false\n    policy: {hemostat: 1}\n";
        let found = find(istio, "wasmplugin.yaml").unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found.first().unwrap().tree.as_ref().unwrap().get("policy").unwrap().at.line, 9);
        assert!(find("hemostat: 1\n", "p.yaml").is_none());
    }

    #[test]
    fn configurations_of_one_scope_are_held_against_one_another() {
        let own = |scope: &str, more: &str| {
            format!(
                "  - configuration:\n      value: '{{\"scope\": \"{scope}\", {more} \"policy\": {{}}}}'\n"
            )
        };
        let codes = |more: &str| -> Vec<String> {
            let first = own("a", "\"trust\": {\"keys\": {\"k\": \"x\"}}, \"hold_headers\": false,");
            let text = format!("resources:\n{first}{more}");
            let found = find(&text, "envoy.yaml").unwrap();
            assert_eq!(found.len(), 2, "{text}");
            found.iter().flat_map(|one| &one.beside).map(|one| one.path.clone()).collect()
        };
        let same = own("a", "\"hold_headers\": false, \"trust\": {\"keys\": {\"k\": \"x\"}},");
        assert!(codes(&same).is_empty());
        let other = own(
            "a",
            "\"hold_headers\": false, \"trust\": {\"keys\": {\"k\": \"y\"}}, \"allow\": {},",
        );
        let at = "resources[1].configuration";
        assert_eq!(codes(&other), [format!("{at}.trust"), format!("{at}.allow")]);
        assert!(
            codes(&other.replace("\"scope\": \"a\"", "\"scope\": \"b\"")).is_empty(),
            "another scope"
        );
    }
}
