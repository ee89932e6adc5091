//! The record of an exchange: what was decided, for counters, log, access log and callers.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::rc::Rc;

use crate::base::base32::base32;
use crate::capture::Captured;
use crate::counters::Unchecked;
use crate::effect::Effect;
use crate::event::{Event, EventKind, Fields, PendingCall};
use crate::policy::document::Show;

/// What has been decided so far. Each rule and action, and each reason, is recorded once per exchange, however often a
/// text is repeated.
#[derive(Debug, Default)]
pub struct Record {
    /// What identifies this request: the proxy's id for it, the time, and a number that no other request gets.
    request: (Option<Rc<[u8]>>, u64, u64),
    /// Made when it is first asked for: traffic that is not a call needs none.
    decision: OnceCell<String>,
    actions: Vec<(String, bool)>,
    unchecked: Vec<Unchecked>,
    /// Why events waited.
    held: Vec<&'static str>,
    effects: Vec<Effect>,
    acted: bool,
    /// Events are sent somewhere.
    raises: bool,
    /// Values for the access log, kept where the exchange is captured too.
    kept: Option<Vec<(Cow<'static, str>, Cow<'static, str>)>>,
}

impl Record {
    /// Begins a record. The decision id is derived from the arguments.
    #[must_use]
    pub fn new(request_id: Option<Rc<[u8]>>, now_ns: u64, nonce: u64) -> Self {
        Self { request: (request_id, now_ns, nonce), ..Self::default() }
    }

    /// Events are raised from now on, if the policy says where they go.
    pub fn raise_events(&mut self, wanted: bool) {
        self.raises = wanted;
    }

    /// Raises an event if events are wanted.
    pub fn raise(&mut self, kind: EventKind, fields: impl FnOnce() -> Fields) {
        if self.raises {
            self.effects.push(Effect::Event(Box::new(Event::new(kind, fields()))));
        }
    }

    /// A tool call needs approval, and has it or not. Calls that wait for approval are listed whether or not events are
    /// wanted. `grant`: what became of the caller's grant, in a word.
    pub fn approval(&mut self, call: PendingCall, grant: &str) {
        let kind =
            if grant == "granted" { EventKind::ApprovalGranted } else { EventKind::ApprovalWanted };
        self.effects.push(Effect::Event(Box::new(Event::of_call(kind, call, grant))));
    }

    /// The id that header, log, error and canned answer share.
    #[must_use]
    pub fn decision(&self) -> &str {
        self.decision.get_or_init(|| {
            let (request_id, now_ns, nonce) = &self.request;
            base32(&name_of(request_id.as_deref().unwrap_or_default(), *now_ns, *nonce))
        })
    }

    /// A rule acted, or would have (`shadow`).
    pub fn action(&mut self, rule: &str, word: &str, shadow: bool) {
        let prefix = if shadow { "shadow-" } else { "" };
        // Called for every hit.
        let is_known = |known: &str| {
            let own = known.strip_prefix(rule).and_then(|rest| rest.strip_prefix(':'));
            own.and_then(|own| own.strip_prefix(prefix)) == Some(word)
        };
        if self.actions.iter().any(|(known, _)| is_known(known)) {
            return;
        }
        let shown = [rule, ":", prefix, word].concat();
        self.count(["hemostat_rule_hits_total;rule=", rule, ";action=", prefix, word].concat());
        // Shadow and `tag` are never sent to callers (POLICY "What is shown").
        let for_callers = !shadow && word != "tag";
        self.acted |= for_callers;
        if word != "tag" {
            self.log(["rule=", rule, " action=", prefix, word].concat());
        }
        // Operators must hear of these at once. Redactions are frequent, and only counted; limits raise events of their
        // own.
        if for_callers && matches!(word, "block" | "fallback" | "deny") {
            self.raise(EventKind::Decision, || {
                vec![("hemostat.rule", rule.into()), ("hemostat.action", word.into())]
            });
        }
        self.actions.push((shown, for_callers));
    }

    /// Something went unchecked; `refused`: the request or answer was refused for that reason.
    pub fn unchecked(&mut self, why: Unchecked, refused: bool) {
        self.acted |= refused;
        if self.unchecked.contains(&why) {
            return;
        }
        self.unchecked.push(why);
        let outcome = if refused { "block" } else { "pass" };
        let word = why.word();
        self.count(["hemostat_unchecked_total;reason=", word, ";action=", outcome].concat());
        self.log(["unchecked=", word, " action=", outcome].concat());
        // Pictures and files are referenced in ordinary traffic: they are only counted.
        if why != Unchecked::Remote {
            self.raise(EventKind::Unchecked, || {
                vec![("hemostat.reason", why.word().into()), ("hemostat.action", outcome.into())]
            });
        }
    }

    /// An event of the answer waits for this reason; each reason counts once per exchange.
    pub fn held(&mut self, why: &'static str) {
        if !self.held.contains(&why) {
            self.held.push(why);
            self.count(["hemostat_held_total;reason=", why].concat());
        }
    }

    /// A caller is handed off to a human.
    pub fn handoff(&mut self) {
        self.count("hemostat_handoffs_total");
        self.log("handoff".to_owned());
        self.raise(EventKind::Handoff, Fields::new);
    }

    /// Increments a counter.
    pub fn count(&mut self, name: impl Into<Cow<'static, str>>) {
        self.effects.push(Effect::Count(name.into()));
    }

    /// Adds to a counter.
    pub fn count_by(&mut self, name: Cow<'static, str>, amount: u64) {
        self.effects.push(Effect::CountBy(name, amount));
    }

    /// Records a value in a histogram.
    pub fn observe(&mut self, name: &'static str, value: u64) {
        self.effects.push(Effect::Observe(name, value));
    }

    /// Writes a line that carries the decision id.
    pub fn log(&mut self, line: String) {
        let line = [&*line, " decision=", self.decision()].concat();
        self.effects.push(Effect::Log(line));
    }

    /// Stores a value for the access log; empty values are not stored.
    pub fn state(&mut self, key: &'static str, value: impl Into<Cow<'static, str>>) {
        self.state_of(Cow::Borrowed(key), value.into());
    }

    /// The same under a computed key.
    pub fn state_of(&mut self, key: Cow<'static, str>, value: Cow<'static, str>) {
        if value.is_empty() {
            return;
        }
        if let Some(kept) = &mut self.kept {
            kept.retain(|(own, _)| *own != key);
            kept.push((key.clone(), value.clone()));
        }
        self.effects.push(Effect::State(key, value));
    }

    /// Reserves space for this many effects.
    pub fn expect(&mut self, effects: usize) {
        self.effects.reserve(effects);
    }

    /// Keeps values for the access log too from now on.
    pub fn keep_states(&mut self) {
        self.kept.get_or_insert_default();
    }

    /// The values that were kept, each key once.
    #[must_use]
    pub fn take_states(&mut self) -> Vec<(Cow<'static, str>, Cow<'static, str>)> {
        self.kept.take().unwrap_or_default()
    }

    /// An exchange is ready to be sent to a backend for traces.
    pub fn capture(&mut self, captured: Captured) {
        self.effects.push(Effect::Capture(Box::new(captured)));
    }

    /// True once anything was decided.
    #[must_use]
    pub fn decided(&self) -> bool {
        !self.actions.is_empty() || !self.unchecked.is_empty()
    }

    /// True once a rule has changed or refused something: the original bytes may no longer leave.
    #[must_use]
    pub fn acted(&self) -> bool {
        self.acted
    }

    /// All actions, as operators see them.
    #[must_use]
    pub fn hits(&self) -> String {
        self.actions.iter().map(|(shown, _)| shown.as_str()).collect::<Vec<_>>().join(",")
    }

    /// What was not checked, as operators see it: the reasons, in the order in which they arose.
    #[must_use]
    pub fn unchecked_reasons(&self) -> String {
        self.unchecked.iter().map(|why| why.word()).collect::<Vec<_>>().join(",")
    }

    /// The response headers that callers see.
    #[must_use]
    pub fn headers(&self, version: Option<&str>, show: Show) -> Vec<(&'static str, String)> {
        let mut headers = Vec::new();
        if show == Show::Full {
            headers.extend(version.map(|version| ("x-hemostat-policy", version.to_owned())));
            let shown: Vec<&str> = self
                .actions
                .iter()
                .filter(|(_, for_callers)| *for_callers)
                .map(|(shown, _)| shown.as_str())
                .collect();
            if !shown.is_empty() {
                headers.push(("x-hemostat-action", shown.join(",")));
            }
        }
        let acted = self.actions.iter().any(|(_, for_callers)| *for_callers);
        if show != Show::None && (acted || !self.unchecked.is_empty()) {
            headers.push(("x-hemostat-decision", self.decision().to_owned()));
        }
        headers
    }

    /// Takes everything that is to be counted, logged and stored.
    pub fn take(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }
}

/// Eighty bits that tell one request from every other. A caller knows neither the time to the nanosecond nor the nonce,
/// and would gain nothing from two decisions with the same name: they are names, not proofs. A cryptographic hash would
/// cost fifty times the steps and not change that.
fn name_of(request_id: &[u8], now_ns: u64, nonce: u64) -> [u8; 10] {
    let mut lanes = (now_ns, nonce);
    let mut add = |word: u64| {
        lanes.0 = (lanes.0.rotate_left(5) ^ word).wrapping_mul(ODD.0);
        lanes.1 = (lanes.1.rotate_left(23) ^ word).wrapping_mul(ODD.1);
    };
    let (words, rest) = request_id.as_chunks();
    words.iter().for_each(|word| add(u64::from_le_bytes(*word)));
    rest.iter().for_each(|byte| add(u64::from(*byte)));
    add(now_ns);
    add(nonce);
    add(request_id.len() as u64);
    let mut name = [0; 10];
    let (head, tail) = name.split_at_mut(8);
    head.copy_from_slice(&spread(lanes.0).to_be_bytes());
    tail.copy_from_slice(&(spread(lanes.1) as u16).to_be_bytes());
    name
}

/// Odd numbers with well distributed bits: 2^64 divided by the golden ratio, and by the square root of two.
const ODD: (u64, u64) = (0x9E37_79B9_7F4A_7C15, 0xB504_F333_F9DE_6485);

/// Makes each bit depend on all others (the final steps of MurmurHash3).
fn spread(mut word: u64) -> u64 {
    for factor in [0xFF51_AFD7_ED55_8CCD, 0xC4CE_B9FE_1A85_EC53] {
        word = (word ^ (word >> 33)).wrapping_mul(factor);
    }
    word ^ (word >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_differ_by_what_tells_requests_apart() {
        let id = |request: &[u8], now, nonce| {
            Record::new(Some(request.into()), now, nonce).decision().to_owned()
        };
        let one = id(b"a", 1, 1);
        assert_eq!(one.len(), 16);
        assert_eq!(one, id(b"a", 1, 1));
        for other in [id(b"b", 1, 1), id(b"a", 2, 1), id(b"a", 1, 2)] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn no_two_of_many_requests_have_one_name() {
        let id = "b0b7a1c2-7c1d-4c3e-8f0e-0123456789ab";
        let mut names = std::collections::HashSet::new();
        for (now, nonce) in (0..300).flat_map(|now| (0..300).map(move |nonce| (now, nonce))) {
            assert!(names.insert(name_of(b"", now, nonce)), "{now} {nonce}");
            assert!(names.insert(name_of(id.as_bytes(), now << 20, nonce << 40)), "{now} {nonce}");
        }
        let starts = names.iter().map(|name| name[..2].to_owned());
        let starts: std::collections::HashSet<_> = starts.collect();
        assert!(
            starts.len() > 60_000,
            "the first bits of 180,000 names have {} values",
            starts.len()
        );
    }

    #[test]
    fn callers_never_see_shadow_or_tag() {
        let mut record = Record::new(None, 0, 0);
        record.action("a", "redact", true);
        record.action("b", "tag", false);
        assert_eq!(record.hits(), "a:shadow-redact,b:tag");
        let names = |record: &Record, show| -> Vec<&str> {
            record.headers(Some("v1"), show).into_iter().map(|(name, _)| name).collect()
        };
        assert_eq!(names(&record, Show::Full), ["x-hemostat-policy"]);
        record.action("c", "block", false);
        assert_eq!(
            names(&record, Show::Full),
            ["x-hemostat-policy", "x-hemostat-action", "x-hemostat-decision"]
        );
        assert_eq!(names(&record, Show::Decision), ["x-hemostat-decision"]);
        assert_eq!(names(&record, Show::None), Vec::<&str>::new());
    }

    #[test]
    fn a_rule_counts_once_per_exchange() {
        let mut record = Record::new(None, 0, 0);
        record.action("a", "redact", false);
        record.action("a", "redact", false);
        let counts = record.take().into_iter().filter(|e| matches!(e, Effect::Count(_))).count();
        assert_eq!(counts, 1);
    }
}
