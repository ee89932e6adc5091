//! The status of a proxy. Missing fields stay missing: a fleet may run filters of several versions.

use std::collections::BTreeMap;

use hemostat_engine::base::time;
use serde_json::Value;

use crate::shared::drilled;
use crate::shared::prepared;
use crate::shared::terminal::or_dash;
use crate::shared::when;

/// The status document of a proxy.
#[derive(Debug, Clone)]
pub(crate) struct Status(pub(crate) Value);

/// Whether every configuration of the scope acts by the policy in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum InForce {
    /// All of them.
    Everywhere,
    /// Some have not reported it yet; which.
    OnItsWay(String),
    /// Some cannot, or none follows; which, and why.
    Not(String),
    /// The filter's version does not report it.
    Unsaid,
}

impl Status {
    /// A text field; empty if it is missing.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// The serial in force.
    pub(crate) fn serial(&self) -> u64 {
        self.0.get("serial").and_then(Value::as_u64).unwrap_or_default()
    }

    /// A list field; empty if it is missing.
    pub(crate) fn list(&self, name: &str) -> &[Value] {
        self.0.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
    }

    /// Why the last refused release was refused, and how long ago.
    pub(crate) fn last_error(&self, now: u64) -> Option<String> {
        let error = self.0.get("last_error").filter(|error| !error.is_null())?;
        let text = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
        let ago = time::parse(text("at")).map_or_else(
            |_| String::new(),
            |at| format!(", {} ago", when::span(now.saturating_sub(at))),
        );
        Some(format!("{} ({}{ago})", text("message"), text("code")))
    }

    /// Why the polled source gives no release, while that lasts.
    pub(crate) fn poll_trouble(&self) -> Option<String> {
        let poll = self.0.get("poll").filter(|poll| !poll.is_null())?;
        let failures = poll.get("failures").and_then(Value::as_u64).filter(|count| *count > 0)?;
        let good = poll.get("last_success").and_then(Value::as_str);
        let why = poll.get("last_error").and_then(|error| error.get("message")?.as_str());
        let why = why.map_or_else(String::new, |why| format!(": {why}"));
        let good =
            good.map_or("it never answered".to_owned(), |at| format!("last good answer {at}"));
        Some(format!("the source has failed {failures} times{why}; {good}"))
    }

    /// The digests of the policies that on-call keys may activate, without the release's own policy, which is listed as
    /// a way back.
    pub(crate) fn levers(&self) -> Vec<String> {
        let mut list = self.prepared();
        // `release` lists the release's own policy last. If that one was not in force, the list was made by other
        // means.
        if list.last().is_some_and(|digest| self.version_of(digest).is_some()) {
            list.pop();
        }
        list
    }

    /// The same as names for people: the file in this folder that `activate` takes, else the version of a policy that
    /// was in force, else the digest, which is all that the proxy knows.
    pub(crate) fn named_levers(&self) -> Vec<String> {
        let levers = self.levers();
        let files = if levers.is_empty() { BTreeMap::new() } else { prepared::files() };
        let name = |digest: &String| {
            let short: String = digest.chars().take("sha256:".len() + 12).collect();
            let version = self.version_of(digest).filter(|version| !version.is_empty());
            files.get(digest).cloned().or_else(|| version.map(str::to_owned)).unwrap_or(short)
        };
        levers.iter().map(name).collect()
    }

    /// The version of a policy that was in force; empty if it has none.
    fn version_of(&self, digest: &str) -> Option<&str> {
        let mut all = self.list("held").iter().chain(self.list("history"));
        let own = all.find(|one| one.get("digest").and_then(Value::as_str) == Some(digest))?;
        Some(own.get("version").and_then(Value::as_str).unwrap_or_default())
    }

    /// The digests of what on-call keys may activate.
    pub(crate) fn prepared(&self) -> Vec<String> {
        let digest = |one: &Value| {
            let text = one.as_str().or_else(|| one.get("digest")?.as_str())?;
            Some(text.to_owned())
        };
        self.list("prepared").iter().filter_map(digest).collect()
    }

    /// The `prepared` list that a release must carry so that on-call keys keep what they may activate, for a release of
    /// this policy signed by these keys.
    ///
    /// For a policy that is not new to the proxies they keep the list themselves, and accept a list from authors only.
    /// It is then listed only if the author of the list signs again, so that it survives a restart. A new policy needs
    /// an author's key, and clears the list unless it carries it.
    pub(crate) fn kept_by(&self, names: &[&str], digest: &str) -> Vec<String> {
        let by = self.0.pointer("/prepared_by/serial").and_then(Value::as_u64);
        let is = |one: &&Value| by.is_some() && one.get("serial").and_then(Value::as_u64) == by;
        let keys =
            self.list("history").iter().find(is).and_then(|one| one.get("key_ids")?.as_array());
        let authors: Vec<&str> = keys.into_iter().flatten().filter_map(Value::as_str).collect();
        let theirs = !authors.is_empty() && authors.iter().all(|author| names.contains(author));
        if theirs || !self.knows(digest) { self.prepared() } else { Vec::new() }
    }

    /// True for a policy that is held or prepared: activating it brings nothing new.
    pub(crate) fn knows(&self, digest: &str) -> bool {
        let held = self.list("held").iter().filter_map(|held| held.get("digest")?.as_str());
        held.chain(self.prepared().iter().map(String::as_str)).any(|known| known == digest)
    }

    /// Whether the policy in force is acted by, as the proxy reports it.
    pub(crate) fn in_force(&self) -> InForce {
        let text = |value: &Value, name: &str| {
            value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let number = |value: &Value, name: &str| value.get(name).and_then(Value::as_u64);
        let behind: Vec<String> = self
            .list("not_following")
            .iter()
            .map(|one| {
                let (name, code) = (text(one, "configuration"), text(one, "code"));
                let listener = match text(one, "listener").as_str() {
                    "" => String::new(),
                    listener => format!(" ({listener})"),
                };
                let (serial, version) = (number(one, "serial"), text(one, "version"));
                let acts = serial.map_or_else(String::new, |serial| {
                    format!(" acts by serial {serial}, version {}", or_dash(&version))
                });
                let age = number(one, "age_s");
                let age = age.map_or_else(String::new, |age| format!(", for {}", when::span(age)));
                format!(
                    "configuration `{name}`{listener}{acts}: {} ({code}{age})",
                    text(one, "why")
                )
            })
            .collect();
        if !behind.is_empty() {
            return InForce::Not(behind.join("; "));
        }
        match self.text("in_force") {
            "" => InForce::Unsaid,
            "everywhere" => InForce::Everywhere,
            "nowhere" => InForce::Not(
                "no listener with traffic follows this scope: what is in force holds for nobody"
                    .to_owned(),
            ),
            "not-everywhere" => InForce::Not("not every configuration acts by it".to_owned()),
            _ => {
                let waits = self.list("followers").iter().filter_map(|one| {
                    let behind = number(one, "behind").filter(|count| *count > 0)?;
                    let all = number(one, "threads").unwrap_or(behind);
                    Some(format!("{behind} of {all} threads of `{}`", text(one, "configuration")))
                });
                let waits: Vec<String> = waits.collect();
                let waits =
                    if waits.is_empty() { "some threads".to_owned() } else { waits.join(", ") };
                InForce::OnItsWay(format!("{waits} have not said yet that they act by it"))
            }
        }
    }

    /// True while a drill is in force.
    pub(crate) fn is_drill(&self) -> bool {
        self.0.get("drill").and_then(Value::as_bool).unwrap_or_default()
            || drilled::is_drill(self.text("version"))
    }

    /// When the last drill began, as the proxy remembers it.
    pub(crate) fn last_drill(&self) -> Option<&str> {
        let entry = self.list("history").iter().find(|entry| drilled::of_drill(entry))?;
        entry.get("at").and_then(Value::as_str)
    }
}
