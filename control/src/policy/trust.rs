//! `trust` of a plugin configuration: which signatures are accepted, and for what (POLICY "The blob").

use super::diagnostic::Diagnostic;
use super::path::Path;
use super::source::{SourceNode, SourceValue, whole};
use crate::dsse::{KeyPermissions, PublicKey, TrustedKey};
use crate::limits;

/// Which signatures are accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// The keys, in the order written.
    pub keys: Vec<TrustedKey>,
    /// How many distinct public keys must have signed a release.
    pub threshold: usize,
    /// Releases with a serial below this are refused.
    pub min_serial: Option<u64>,
}

/// No signature is accepted.
impl Default for Trust {
    fn default() -> Self {
        Self { keys: Vec::new(), threshold: 1, min_serial: None }
    }
}

/// The fields of a key that is a map, and those of `trust`.
const KEY_FIELDS: [&str; 2] = ["key", "may"];
const FIELDS: [&str; 3] = ["keys", "threshold", "min_serial"];

/// Serials are integers that every JSON reader represents exactly.
const SERIAL_END: u64 = 1 << 53;

impl Trust {
    /// Reads `trust`, which is at `path`, and reports what is wrong with it.
    #[must_use]
    pub fn read(trust: &SourceNode, path: &Path<'_>) -> (Self, Vec<Diagnostic>) {
        let mut reader = TrustReader { root: trust, path, found: Vec::new() };
        let read = reader.trust();
        (read, reader.found)
    }

    /// True if some key may sign grants.
    #[must_use]
    pub fn can_approve(&self) -> bool {
        self.keys.iter().any(|key| key.may.approve)
    }
}

struct TrustReader<'a> {
    root: &'a SourceNode,
    path: &'a Path<'a>,
    found: Vec<Diagnostic>,
}

impl TrustReader<'_> {
    fn error(
        &mut self,
        code: &'static str,
        path: &Path<'_>,
        node: &SourceNode,
        message: String,
        help: &str,
    ) {
        let found = Diagnostic::error(code, path.to_string(), node.at, message);
        self.found.push(found.help(help));
    }

    fn trust(&mut self) -> Trust {
        let mut trust = Trust::default();
        let (root, path) = (self.root, *self.path);
        let SourceValue::Map(entries) = &root.value else {
            let message = format!("a map is expected, not {}", root.kind());
            self.error("wrong-type", &path, root, message, "write `trust: {keys: {NAME: KEY}}`");
            return trust;
        };
        for entry in entries {
            let (node, path) = (&entry.value, path.key(&entry.key));
            match entry.key.as_str() {
                "keys" => trust.keys = self.keys(node, &path),
                "threshold" => {
                    let most = limits::TRUSTED_KEYS as u64;
                    if let Some(number) = self.number(node, &path, 1, most) {
                        trust.threshold = usize::try_from(number).unwrap_or(usize::MAX);
                    }
                }
                "min_serial" => trust.min_serial = self.number(node, &path, 0, SERIAL_END - 1),
                unknown => {
                    let message = format!("`trust` has no field `{unknown}`");
                    let help = format!("it takes `{}`", FIELDS.join("`, `"));
                    self.error("unknown-field", &path, node, message, &help);
                }
            }
        }
        self.threshold(&trust);
        trust
    }

    /// A threshold that cannot be reached would lock everyone out.
    fn threshold(&mut self, trust: &Trust) {
        let mut releasing: Vec<PublicKey> = Vec::new();
        for key in trust.keys.iter().filter(|key| key.may.release) {
            if !releasing.contains(&key.key) {
                releasing.push(key.key);
            }
        }
        let (root, path) = (self.root, *self.path);
        if trust.threshold > 1 && releasing.len() < trust.threshold {
            let message = format!(
                "{} signatures are wanted, and {} keys may sign releases",
                trust.threshold,
                releasing.len()
            );
            let path = path.key("threshold");
            self.error("conflict", &path, root, message, "lower it, or add keys");
        }
    }

    fn number(&mut self, node: &SourceNode, path: &Path<'_>, least: u64, most: u64) -> Option<u64> {
        let number = node.number().and_then(whole).filter(|n| (least..=most).contains(n));
        if number.is_none() {
            let message = format!("a whole number from {least} to {most} is expected");
            self.error("out-of-range", path, node, message, "write it without quotes");
        }
        number
    }

    fn keys(&mut self, node: &SourceNode, path: &Path<'_>) -> Vec<TrustedKey> {
        let SourceValue::Map(entries) = &node.value else {
            let message = format!("a map of names to keys is expected, not {}", node.kind());
            self.error("wrong-type", path, node, message, "write `keys: {ops-2026: KEY}`");
            return Vec::new();
        };
        if entries.len() > limits::TRUSTED_KEYS {
            let message = format!("{} keys, and {} are taken", entries.len(), limits::TRUSTED_KEYS);
            self.error("too-many", path, node, message, "remove keys that nobody uses");
        }
        let keys = entries.iter().take(limits::TRUSTED_KEYS).filter_map(|entry| {
            let path = path.key(&entry.key);
            self.key(&entry.key, &entry.value, &path)
        });
        keys.collect()
    }

    fn key(&mut self, id: &str, node: &SourceNode, path: &Path<'_>) -> Option<TrustedKey> {
        if !super::shape::is_id(id) {
            let message = format!("`{id}` is not an id");
            self.error("bad-id", path, node, message, "letters, digits, `.`, `_` and `-`, 1 to 64");
        }
        for entry in node.entries() {
            if !KEY_FIELDS.contains(&entry.key.as_str()) {
                let message = format!("a key has no field `{}`", entry.key);
                let path = path.key(&entry.key);
                self.error("unknown-field", &path, &entry.value, message, "it takes `key`, `may`");
            }
        }
        let may = match node.get("may") {
            Some(may) => self.may(may, &path.key("may")),
            None => KeyPermissions::ALL,
        };
        let written = node.text().or_else(|| node.get("key").and_then(SourceNode::text));
        let key = written.and_then(PublicKey::from_base64);
        if key.is_none() {
            // The text is not shown: somebody may have pasted the secret half.
            let message = "the base64 of a 32-byte Ed25519 public key is expected".to_owned();
            self.error("bad-key", path, node, message, "`hemostat keygen` prints it");
        }
        Some(TrustedKey { id: id.to_owned(), key: key?, may })
    }

    fn may(&mut self, node: &SourceNode, path: &Path<'_>) -> KeyPermissions {
        let mut may = KeyPermissions::default();
        for item in node.items() {
            match item.text() {
                Some("release") => may.release = true,
                Some("rollback") => may.rollback = true,
                Some("approve") => may.approve = true,
                other => {
                    let message = format!("`{}` is nothing that a key may", other.unwrap_or("?"));
                    let help = "`release`, `rollback` or `approve`";
                    self.error("unknown-word", path, item, message, help);
                }
            }
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::super::source::parse_json;
    use super::*;

    /// The public key of RFC 8032 §7.1, test 2.
    const KEY: &str = "PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=";

    fn read(json: &str) -> (Trust, Vec<String>) {
        let json = json.replace("KEY", KEY);
        let node = parse_json(json.as_bytes()).unwrap();
        let (trust, found) = Trust::read(&node, &Path::ROOT.key("trust"));
        (trust, found.into_iter().map(|found| format!("{} {}", found.code, found.path)).collect())
    }

    #[test]
    fn keys_may_all_or_what_is_said() {
        let (trust, found) = read(
            r#"{"keys": {"ops-2026": "KEY", "oncall": {"key": "KEY", "may": ["rollback", "approve"]},
                "auditor": {"key": "KEY", "may": []}}, "threshold": 1, "min_serial": 7}"#,
        );
        assert_eq!(found, [""; 0]);
        let may: Vec<KeyPermissions> = trust.keys.iter().map(|key| key.may).collect();
        let oncall = KeyPermissions { release: false, ..KeyPermissions::ALL };
        assert_eq!(may, [KeyPermissions::ALL, oncall, KeyPermissions::default()]);
        assert_eq!((trust.threshold, trust.min_serial), (1, Some(7)));
        assert!(trust.can_approve());
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (json, expected) in [
            (r#"[]"#, "wrong-type trust"),
            (r#"{"key": 1}"#, "unknown-field trust.key"),
            (r#"{"keys": "KEY"}"#, "wrong-type trust.keys"),
            (r#"{"keys": {"a": "AAAA"}}"#, "bad-key trust.keys.a"),
            (r#"{"keys": {"a": {"may": ["approve"]}}}"#, "bad-key trust.keys.a"),
            (
                r#"{"keys": {"a": {"key": "KEY", "may": ["sign"]}}}"#,
                "unknown-word trust.keys.a.may",
            ),
            (r#"{"keys": {"a": {"key": "KEY", "can": []}}}"#, "unknown-field trust.keys.a.can"),
            (r#"{"keys": {"a b": "KEY"}}"#, "bad-id trust.keys[\"a b\"]"),
            (r#"{"keys": {"a": "KEY"}, "threshold": 0}"#, "out-of-range trust.threshold"),
            (r#"{"keys": {"a": "KEY", "b": "KEY"}, "threshold": 2}"#, "conflict trust.threshold"),
            (
                r#"{"keys": {"a": "KEY"}, "min_serial": 9007199254740992}"#,
                "out-of-range trust.min_serial",
            ),
        ] {
            let (_, found) = read(json);
            assert_eq!(found, [expected], "{json}");
        }
    }
}
