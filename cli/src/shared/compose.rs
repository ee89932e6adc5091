//! Combines a policy and its overlays into one policy. The rules of overlays are put before the policy's own, because
//! the first match wins.

use hemostat_engine::base::time;
use hemostat_engine::policy::source::{MapEntry, Position, SourceNode, SourceValue, to_json};

use crate::shared::error::{Error, Result};

/// Sections whose entries have names: the overlay's are added.
const NAMED: &[&str] = &["labels", "fallbacks", "prices"];

/// Sections of rules, which can have `when: {until: …}`.
const RULES: &[&str] = &["rollback", "switch", "guardrails", "tools", "limits", "failsafe"];

/// Sections that need not end with the overlay's rules: they name or record something, or have no effect without a
/// rule.
const HARMLESS: &[&str] =
    &["hemostat", "version", "reason", "severity", "trusted_headers", "disable", "mode"];

/// Ends every rule of an overlay at this time (Unix seconds). A rule that has an `until` keeps it.
pub(crate) fn until(overlay: &SourceNode, at: u64) -> SourceNode {
    let mut overlay = overlay.clone();
    if let SourceValue::Map(sections) = &mut overlay.value {
        for section in sections.iter_mut().filter(|own| RULES.contains(&own.key.as_str())) {
            if let SourceValue::Seq(rules) = &mut section.value.value {
                rules.iter_mut().for_each(|rule| rule_until(rule, at));
            }
        }
    }
    overlay
}

/// The same overlay with every rule in `mode: shadow`: the rules decide and count, and change nothing.
pub(crate) fn shadow(overlay: &SourceNode) -> SourceNode {
    let mut overlay = overlay.clone();
    let SourceValue::Map(sections) = &mut overlay.value else { return overlay };
    for section in sections.iter_mut().filter(|own| RULES.contains(&own.key.as_str())) {
        let SourceValue::Seq(rules) = &mut section.value.value else { continue };
        for rule in rules {
            let place = rule.at;
            let SourceValue::Map(fields) = &mut rule.value else { continue };
            fields.retain(|field| field.key != "mode");
            let value = text(place, "shadow");
            fields.push(MapEntry { key: "mode".to_owned(), key_at: place, value });
        }
    }
    overlay
}

/// The same overlay with its `mode` moved into each rule that has none, since it applies to the overlay's own rules
/// only. At the top of the combined policy it would replace the policy's mode, and `shadow` would switch off every
/// enforced rule.
fn own_mode(overlay: &SourceNode) -> SourceNode {
    let mut overlay = overlay.clone();
    let SourceValue::Map(sections) = &mut overlay.value else { return overlay };
    let Some(at) = sections.iter().position(|own| own.key == "mode") else { return overlay };
    let mode = sections.remove(at);
    for section in sections.iter_mut().filter(|own| RULES.contains(&own.key.as_str())) {
        let SourceValue::Seq(rules) = &mut section.value.value else { continue };
        for rule in rules {
            let SourceValue::Map(fields) = &mut rule.value else { continue };
            if !fields.iter().any(|field| field.key == "mode") {
                fields.push(mode.clone());
            }
        }
    }
    overlay
}

/// Fields of an overlay that take effect although its rules are in shadow.
pub(crate) fn acting(overlay: &SourceNode) -> Vec<&str> {
    let mut all = endless(overlay);
    all.extend(overlay.get("disable").map(|_| "disable"));
    all
}

fn rule_until(rule: &mut SourceNode, at: u64) {
    let place = rule.at;
    let SourceValue::Map(fields) = &mut rule.value else { return };
    let entry = |key: &str, value| MapEntry { key: key.to_owned(), key_at: place, value };
    let end = entry("until", text(place, &time::format(at)));
    match fields.iter_mut().find(|field| field.key == "when") {
        None => {
            let value = SourceNode { at: place, value: SourceValue::Map(vec![end]) };
            fields.push(entry("when", value));
        }
        Some(MapEntry { value: SourceNode { value: SourceValue::Map(when), .. }, .. }) => {
            if !when.iter().any(|own| own.key == "until") {
                when.push(end);
            }
        }
        Some(_) => {}
    }
}

/// Fields of an overlay that stay in effect after its rules have ended.
pub(crate) fn endless(overlay: &SourceNode) -> Vec<&str> {
    let keys = overlay.entries().iter().map(|entry| entry.key.as_str());
    keys.filter(|key| ![RULES, NAMED, HARMLESS].iter().any(|known| known.contains(key))).collect()
}

/// Puts an overlay on a policy. `file` is the overlay's name in messages.
///
/// # Errors
/// The overlay redefines a label or a fallback that the policy's own rules may use.
pub(crate) fn overlay(policy: &SourceNode, overlay: &SourceNode, file: &str) -> Result<SourceNode> {
    let overlay = own_mode(overlay);
    let mut entries = policy.entries().to_vec();
    for over in overlay.entries() {
        match entries.iter_mut().find(|entry| entry.key == over.key) {
            None => entries.push(over.clone()),
            Some(entry) if NAMED.contains(&over.key.as_str()) => named(entry, over, file)?,
            Some(MapEntry { value: SourceNode { value: SourceValue::Seq(own), .. }, .. }) => {
                let mut rules = over.value.items().to_vec();
                rules.append(own);
                *own = rules;
            }
            Some(entry) if over.key == "version" => {
                let both = [&entry.value, &over.value].map(|node| node.text().unwrap_or_default());
                entry.value = text(entry.value.at, &version(both));
            }
            Some(entry) => entry.value = over.value.clone(),
        }
    }
    Ok(SourceNode { at: policy.at, value: SourceValue::Map(entries) })
}

/// `POLICY_OVERLAY`, cut to the maximum length of a version.
fn version([policy, overlay]: [&str; 2]) -> String {
    let both = format!("{policy}_{overlay}");
    both.chars().take(hemostat_engine::limits::ID_CHARS).collect()
}

fn text(at: Position, text: &str) -> SourceNode {
    SourceNode { at, value: SourceValue::String { text: text.to_owned(), quoted: true } }
}

fn named(entry: &mut MapEntry, over: &MapEntry, file: &str) -> Result<()> {
    let SourceValue::Map(own) = &mut entry.value.value else { return Ok(()) };
    for new in over.value.entries() {
        match own.iter_mut().find(|known| known.key == new.key) {
            None => own.push(new.clone()),
            Some(known) if to_json(&known.value) == to_json(&new.value) => {}
            // An overlay may change a price, but not a label or a text that other rules use.
            Some(known) if over.key == "prices" => known.value = new.value.clone(),
            Some(_) => {
                return Err(Error::no(format!(
                    "{file}:{}:{}: {}: `{}` is in the policy too, and says something else",
                    new.key_at.line, new.key_at.column, over.key, new.key
                )));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hemostat_engine::policy::source::parse_yaml;

    fn both(policy: &str, over: &str) -> Result<String> {
        let over = parse_yaml(over).unwrap();
        overlay(&parse_yaml(policy).unwrap(), &over, "over.yaml").map(|node| to_json(&node))
    }

    #[test]
    fn rules_of_the_overlay_come_first_and_the_rest_stays() {
        let policy =
            "{hemostat: 1, version: a, guardrails: [{id: own}], fallbacks: {x: {text: X}}}";
        let over = "{hemostat: 1, version: b, mode: shadow, guardrails: [{id: new}], fallbacks: {y: {text: Y}}}";
        assert_eq!(
            both(policy, over).unwrap(),
            r#"{"hemostat":1,"version":"a_b","guardrails":[{"id":"new","mode":"shadow"},{"id":"own"}],"fallbacks":{"x":{"text":"X"},"y":{"text":"Y"}}}"#
        );
    }

    #[test]
    fn what_other_rules_use_is_not_changed_under_them() {
        let error = both("{labels: {t: {header: a}}}", "{labels: {t: {header: b}}}").unwrap_err();
        assert_eq!(
            error.to_string(),
            "over.yaml:1:11: labels: `t` is in the policy too, and says something else"
        );
        assert!(both("{labels: {t: {header: a}}}", "{labels: {t: {header: a}}}").is_ok());
    }

    #[test]
    fn rules_of_an_overlay_stop_unless_they_say_when() {
        let over = parse_yaml(
            "{version: b, mode: shadow, disable: [{rule: x, until: 2099-01-01T00:00:00Z}], \
             tools: [{match: a}, {match: b, when: {model: m}}, {match: c, when: {until: 2099-01-01T00:00:00Z}}]}",
        )
        .unwrap();
        assert!(endless(&over).is_empty(), "its mode ends with its rules");
        let expected = r#"{"version":"b","mode":"shadow","disable":[{"rule":"x","until":"2099-01-01T00:00:00Z"}],"tools":[{"match":"a","when":{"until":"1970-01-01T00:01:00Z"}},{"match":"b","when":{"model":"m","until":"1970-01-01T00:01:00Z"}},{"match":"c","when":{"until":"2099-01-01T00:00:00Z"}}]}"#;
        assert_eq!(to_json(&until(&over, 60)), expected);
    }

    #[test]
    fn in_shadow_nothing_of_an_overlay_acts() {
        let over =
            parse_yaml("{version: b, tools: [{match: a}, {match: b, mode: enforce}]}").unwrap();
        assert_eq!(
            to_json(&shadow(&over)),
            r#"{"version":"b","tools":[{"match":"a","mode":"shadow"},{"match":"b","mode":"shadow"}]}"#
        );
        assert!(acting(&over).is_empty());
        let over = parse_yaml("{disable: [{rule: x}], other_traffic: [{do: block}]}").unwrap();
        assert_eq!(acting(&over), ["other_traffic", "disable"]);
    }

    #[test]
    fn a_version_stays_one() {
        let long = "x".repeat(60);
        let made = both(&format!("{{version: {long}}}"), "{version: sev1-stop}").unwrap();
        assert_eq!(made, format!(r#"{{"version":"{long}_sev"}}"#));
    }
}
