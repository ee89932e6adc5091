//! `hemostat diff`: what changes between two policies, by rule, in words.

use std::io::Write;

use hemostat_engine::bundle::{PAYLOAD_TYPE, ReleasePolicy};
use hemostat_engine::policy::sections::{NAMED, RULES};
use hemostat_engine::policy::source::{self, SourceNode, SourceValue, to_json};
use hemostat_engine::policy::{explain, judge};
use serde_json::{Value as Json, json};

use crate::shared::error::{Error, Result};
use crate::shared::exit::Exit;
use crate::shared::files;
use crate::shared::fleet::FleetArgs;
use crate::shared::policy_file;
use crate::shared::release_file;
use crate::shared::terminal::{Paint, safe};
use crate::shared::when::now;

/// How many characters of a value are shown.
const SHOWN: usize = 120;

/// Arguments of `hemostat diff`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hemostat diff policy.yaml new.yaml
  hemostat diff current.json next.json      releases work as well
  hemostat diff 17 18                       what serial 18 changed: the proxies are asked for both policies
  hemostat diff 18 policy.yaml --json

Exit code 1 says that they differ.")]
pub(crate) struct Args {
    /// A policy, a release, or a serial that a proxy still holds
    old: String,
    /// Another
    new: String,
    /// Write one JSON document to standard output instead of words
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    fleet: FleetArgs,
}

pub(crate) fn run(args: &Args, out: &mut dyn Write, _err: &mut dyn Write) -> Result<Exit> {
    let (old, new) = (read(&args.old, &args.fleet)?, read(&args.new, &args.fleet)?);
    let changes = changes(&old, &new);
    let words = words(&old, &new);
    if args.json {
        let all = json!({"differ": !changes.is_empty(), "changes": changes, "words": words});
        writeln!(out, "{all:#}")?;
        return Ok(if changes.is_empty() { Exit::Fine } else { Exit::No });
    }
    let paint = Paint::for_stdout();
    for change in &changes {
        let line = safe(change);
        let line = match change.split(' ').next() {
            Some("+") => paint.good(&line),
            Some("-") => paint.error(&line),
            _ => line,
        };
        writeln!(out, "{line}")?;
    }
    if changes.is_empty() {
        writeln!(out, "no difference")?;
        return Ok(Exit::Fine);
    }
    if !words.is_empty() {
        writeln!(out, "\nin words:")?;
        for line in &words {
            writeln!(out, "  {}", safe(line))?;
        }
    }
    Ok(Exit::No)
}

/// The sentences of `hemostat check` that only one of the two has.
fn words(old: &SourceNode, new: &SourceNode) -> Vec<String> {
    let explained = |policy: &SourceNode| explain::explain(&judge(policy, Some(now())).0);
    let (before, after) = (explained(old), explained(new));
    let only = |these: &[String], those: &[String], mark: &str| -> Vec<String> {
        let lines = these.iter().filter(|line| !those.contains(line));
        lines.map(|line| format!("{mark} {}", line.trim())).collect()
    };
    [only(&before, &after, "-"), only(&after, &before, "+")].concat()
}

/// True for two nodes of the same meaning: the order of keys does not matter.
fn same(one: &SourceNode, other: &SourceNode) -> bool {
    form(one) == form(other)
}

/// The canonical form of a node.
fn form(node: &SourceNode) -> String {
    policy_file::canonical(node).unwrap_or_else(|_| to_json(node))
}

/// Fetches the policy that a serial brought, from whichever proxy still holds it.
fn of_serial(serial: u64, fleet: &FleetArgs) -> Result<SourceNode> {
    let fleet = fleet.some()?;
    let view = fleet.view();
    let silent = view.rows.iter().find_map(|(proxy, status)| {
        let why = status.as_ref().err()?;
        Some(format!("{}: {why}", safe(&proxy.name)))
    });
    let mut why = format!("no proxy remembers serial {serial}");
    if let Some(silent) = silent {
        why.push_str(&format!(" ({silent})"));
    }
    for (proxy, status) in view.reached() {
        let entry = |entry: &&Json| entry.get("serial").and_then(Json::as_u64) == Some(serial);
        let Some(entry) = status.list("history").iter().find(entry) else { continue };
        let Some(digest) = entry.get("digest").and_then(Json::as_str) else { continue };
        match fleet.held(proxy, &format!("/policy/{digest}")) {
            Ok(Some(text)) => {
                return source::parse(&text, "policy.json").map_err(|_| {
                    Error::failed(format!("{}: what it gave is not a policy", safe(&proxy.name)))
                });
            }
            Ok(None) => why = format!("what serial {serial} brought is not held any more"),
            Err(error) => why = format!("{}: {error}", safe(&proxy.name)),
        }
    }
    Err(Error::failed(why))
}

fn read(file: &str, fleet: &FleetArgs) -> Result<SourceNode> {
    if let (Ok(serial), false) = (file.parse(), std::path::Path::new(file).exists()) {
        return of_serial(serial, fleet);
    }
    let text = files::read(file)?;
    if !text.contains(PAYLOAD_TYPE) {
        return policy_file::parse(&text, file);
    }
    match release_file::open(&text, file)?.brings {
        ReleasePolicy::Whole(policy) => Ok(policy),
        ReleasePolicy::Digest(digest) => {
            Err(Error::failed(format!("{}: it carries only the digest {digest}", safe(file))))
        }
    }
}

/// All changes, in the order of the new policy's sections.
fn changes(old: &SourceNode, new: &SourceNode) -> Vec<String> {
    let mut all = Vec::new();
    let mut sections: Vec<&str> = new.entries().iter().map(|entry| entry.key.as_str()).collect();
    sections.extend(
        old.entries().iter().map(|entry| entry.key.as_str()).filter(|key| new.get(key).is_none()),
    );
    for section in sections {
        let (before, after) = (old.get(section), new.get(section));
        if RULES.contains(&section) {
            things(section, &rules(before), &rules(after), &mut all);
            order(section, &rules(before), &rules(after), &mut all);
        } else if NAMED.contains(&section) {
            things(section, &named(before), &named(after), &mut all);
        } else {
            field(section, before, after, &mut all);
        }
    }
    all
}

/// The rules of a section by name; a rule without an id is named by its first field.
fn rules(section: Option<&SourceNode>) -> Vec<(String, &SourceNode)> {
    let items = section.map(SourceNode::items).unwrap_or_default();
    let name = |node: &SourceNode| {
        let id = node.get("id").or_else(|| node.get("rule")).and_then(SourceNode::text);
        let first = node.get("match").or_else(|| node.get("when"));
        let first = first.map(|node| node.text().map_or_else(|| form(node), str::to_owned));
        id.map(str::to_owned).or(first).unwrap_or_else(|| "?".to_owned())
    };
    items.iter().map(|node| (name(node), node)).collect()
}

fn named(section: Option<&SourceNode>) -> Vec<(String, &SourceNode)> {
    let entries = section.map(SourceNode::entries).unwrap_or_default();
    entries.iter().map(|entry| (entry.key.clone(), &entry.value)).collect()
}

fn things(
    section: &str,
    old: &[(String, &SourceNode)],
    new: &[(String, &SourceNode)],
    all: &mut Vec<String>,
) {
    for (name, node) in new {
        let Some((_, before)) = old.iter().find(|(known, _)| known == name) else {
            all.push(format!("+ {section}: `{name}` is new: {}", shown(node)));
            continue;
        };
        if same(before, node) {
            continue;
        }
        let place = format!("{section}: `{name}`");
        if before.entries().is_empty() || node.entries().is_empty() {
            field(&place, Some(before), Some(node), all);
            continue;
        }
        let mut keys: Vec<&str> = node.entries().iter().map(|entry| entry.key.as_str()).collect();
        keys.extend(
            before
                .entries()
                .iter()
                .map(|entry| entry.key.as_str())
                .filter(|key| node.get(key).is_none()),
        );
        for key in keys {
            field(&format!("{place}: {key}"), before.get(key), node.get(key), all);
        }
    }
    for (name, node) in old.iter().filter(|(name, _)| !new.iter().any(|(known, _)| known == name)) {
        all.push(format!("- {section}: `{name}` is gone: {}", shown(node)));
    }
}

/// Finds rules that both have in a different order: the first match wins.
fn order(
    section: &str,
    old: &[(String, &SourceNode)],
    new: &[(String, &SourceNode)],
    all: &mut Vec<String>,
) {
    let common =
        |these: &[(String, &SourceNode)], those: &[(String, &SourceNode)]| -> Vec<String> {
            these
                .iter()
                .map(|(name, _)| name.clone())
                .filter(|name| those.iter().any(|(known, _)| known == name))
                .collect()
        };
    let (before, after) = (common(old, new), common(new, old));
    if before != after {
        all.push(format!("~ {section}: the order is now {}", after.join(", ")));
    }
}

fn field(place: &str, old: Option<&SourceNode>, new: Option<&SourceNode>, all: &mut Vec<String>) {
    match (old, new) {
        (Some(old), Some(new)) if same(old, new) => {}
        (
            Some(SourceNode { value: SourceValue::Seq(old), .. }),
            Some(SourceNode { value: SourceValue::Seq(new), .. }),
        ) => {
            items(place, old, new, all);
        }
        (Some(old), Some(new)) => all.push(format!("~ {place}: {} → {}", shown(old), shown(new))),
        (None, Some(new)) => all.push(format!("+ {place}: {}", shown(new))),
        (Some(old), None) => all.push(format!("- {place}: {}", shown(old))),
        (None, None) => {}
    }
}

/// Compares two lists of values: what was added, and what was removed.
fn items(place: &str, old: &[SourceNode], new: &[SourceNode], all: &mut Vec<String>) {
    let texts = |nodes: &[SourceNode]| nodes.iter().map(form).collect::<Vec<_>>();
    let (before, after) = (texts(old), texts(new));
    let added = new.iter().filter(|node| !before.contains(&form(node)));
    let gone = old.iter().filter(|node| !after.contains(&form(node)));
    let mark = all.len();
    all.extend(added.map(|node| format!("+ {place}: {}", shown(node))));
    all.extend(gone.map(|node| format!("- {place}: {}", shown(node))));
    if all.len() == mark {
        all.push(format!("~ {place}: the order is now {}", after.join(", ")));
    }
}

fn shown(node: &SourceNode) -> String {
    let text = node.text().map_or_else(|| to_json(node), str::to_owned);
    if text.chars().count() <= SHOWN {
        return text;
    }
    let cut: String = text.chars().take(SHOWN).collect();
    format!("{cut}…")
}

#[cfg(test)]
mod tests {
    use super::changes;
    use hemostat_engine::policy::source::parse_yaml;

    fn diff(old: &str, new: &str) -> Vec<String> {
        changes(&parse_yaml(old).unwrap(), &parse_yaml(new).unwrap())
    }

    #[test]
    fn changes_are_told_by_rule() {
        let old = "{version: a, guardrails: [{id: s, find: [x, y], do: block}, {id: gone, find: z}], fallbacks: {f: {text: A}}}";
        let new = "{version: b, guardrails: [{id: new, find: n}, {id: s, find: [x, w], do: tag}], fallbacks: {f: {text: B}}, mode: shadow}";
        assert_eq!(
            diff(old, new),
            [
                "~ version: a → b",
                r#"+ guardrails: `new` is new: {"id":"new","find":"n"}"#,
                "+ guardrails: `s`: find: w",
                "- guardrails: `s`: find: y",
                "~ guardrails: `s`: do: block → tag",
                r#"- guardrails: `gone` is gone: {"id":"gone","find":"z"}"#,
                "~ fallbacks: `f`: text: A → B",
                "+ mode: shadow",
            ]
        );
    }

    #[test]
    fn the_order_of_keys_is_no_difference() {
        let (old, new) = (
            "{labels: {k: {header: a, digest: true}}}",
            "{labels: {k: {digest: true, header: a}}}",
        );
        assert!(diff(old, new).is_empty());
        assert!(
            diff(
                "{other_traffic: [{when: {host: a, path: b}, do: block}]}",
                "{other_traffic: [{do: block, when: {path: b, host: a}}]}"
            )
            .is_empty()
        );
    }

    #[test]
    fn order_matters_where_the_first_match_wins() {
        assert_eq!(
            diff(
                "{tools: [{match: a, do: deny}, {match: b, do: approve}]}",
                "{tools: [{match: b, do: approve}, {match: a, do: deny}]}"
            ),
            ["~ tools: the order is now b, a"]
        );
        assert!(diff("{tools: [{match: a}]}", "{tools: [{match: a}]}").is_empty());
    }
}
