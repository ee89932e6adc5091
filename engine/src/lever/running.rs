//! Running streams when another policy comes into force.
//!
//! A stream sees exactly one policy (invariant 3), with one exception: a `failsafe` rule with `running: cut` ends the
//! streams that it would have stopped. What a caller asked ([`RunningStream`]) outlives the request, so that the rule
//! can be evaluated later. The body is gone by then, so a label that the old policy did not read from it stays unknown.

use std::rc::Rc;

use crate::answer::CutReason;
use crate::context::Context;
use crate::context::facts::RequestFacts;
use crate::context::labels::{self, RequestLineLabels};
use crate::context::record::Record;
use crate::counters::Unchecked;
use crate::dialect::EndingHow;
use crate::policy::Program;
use crate::policy::document::{Fallback, Mode, OnCut, OnUnreadable};
use crate::policy::program::Failsafe;
use crate::policy::program::label::{BUILT_IN, LabelId};
use crate::policy::program::selector::{Holds, Labels};

/// What the caller of a stream asked, as rules see it.
#[derive(Debug, Clone)]
pub struct RunningStream {
    program: Rc<Program>,
    facts: Rc<RequestFacts>,
    labels: Labels,
}

/// A rule that ends a stream.
#[derive(Debug, Clone)]
pub struct StreamStop {
    rule: Rc<str>,
    pub(crate) fallback: Option<Rc<Fallback>>,
    shadow: bool,
    /// A label that the rule needs is unknown for this stream.
    unreadable: bool,
    /// `on_cut: cancel` of the rule's policy.
    pub(crate) cancel: bool,
}

impl StreamStop {
    /// True if the rule only counts.
    #[must_use]
    pub fn is_shadow(&self) -> bool {
        self.shadow
    }

    /// Records what the rule does to this stream.
    pub(crate) fn tell(&self, record: &mut Record) {
        let word = if self.fallback.is_some() { "fallback" } else { "block" };
        record.action(&self.rule, word, self.shadow);
        if self.unreadable {
            record.unchecked(Unchecked::Label, !self.shadow);
        }
    }

    /// How an answer ends whose frames are held.
    pub(crate) fn cut(&self) -> CutReason {
        self.fallback
            .as_ref()
            .map_or(CutReason::Blocked, |fallback| CutReason::Fallback(Rc::clone(fallback)))
    }

    /// How an answer ends that merely passed through.
    pub(crate) fn how(&self) -> EndingHow {
        match &self.fallback {
            None => EndingHow::Blocked,
            Some(fallback) => EndingHow::Canned {
                text: fallback.text.clone(),
                json: fallback.json.clone(),
                refusal: fallback.ends_as_refusal,
            },
        }
    }
}

/// The rules of a policy that end running streams.
pub fn cutting(program: &Program) -> impl Iterator<Item = &Failsafe> {
    program.failsafe.iter().filter(|rule| rule.cuts_running && rule.upstream.is_none())
}

impl RunningStream {
    /// What the caller of this answer asked; `None` if that is not read yet.
    pub(crate) fn of(cx: &Context) -> Option<Self> {
        let (facts, labels) = cx.asked.as_ref()?;
        let (facts, labels) = (Rc::clone(facts), labels.clone());
        Some(Self { program: Rc::clone(&cx.program), facts, labels })
    }

    /// The rule of a policy that ends this stream: the first enforced one that would have stopped it, else the first
    /// that only counts. `now`: Unix seconds.
    #[must_use]
    pub fn stopped_by(&self, program: &Program, now: u64) -> Option<StreamStop> {
        cutting(program).next()?;
        let labels = self.labels_under(program);
        let mut shadow = None;
        for rule in cutting(program) {
            let mode = rule.rule.mode_at(now);
            let unreadable = match rule.rule.selector.holds(&labels) {
                _ if mode == Mode::Disabled => continue,
                Holds::No => continue,
                Holds::Yes => false,
                Holds::Unknown | Holds::Unreadable => true,
            };
            if unreadable && program.on_unreadable == Some(OnUnreadable::Pass) {
                continue;
            }
            let stop = StreamStop {
                rule: Rc::clone(&rule.rule.id),
                fallback: rule.fallback.clone(),
                shadow: mode == Mode::Shadow,
                unreadable,
                cancel: program.on_cut == OnCut::Cancel,
            };
            if mode == Mode::Enforce {
                return Some(stop);
            }
            shadow.get_or_insert(stop);
        }
        shadow
    }

    /// The labels as this policy reads them, as far as that is still possible.
    fn labels_under(&self, program: &Program) -> Labels {
        let property = |path: &Vec<String>| {
            let at = self.program.properties().iter().position(|own| own == path)?;
            self.facts.properties.get(at)?.clone()
        };
        let facts = RequestFacts {
            properties: program.properties().iter().map(property).collect(),
            ..self.facts.as_ref().clone()
        };
        let line = RequestLineLabels { method: "", authority: "", path: "" };
        let mut labels = labels::from_headers(&program.labels, &facts, line);
        for id in (0..BUILT_IN.len()).map(LabelId) {
            labels.set(id, self.labels.get(id).clone());
            self.labels.all(id).skip(1).for_each(|label| labels.add(id, label.clone()));
        }
        for (id, name) in program.labels.named().filter(|(id, _)| !id.is_built_in()) {
            let own = self.program.labels.id(name);
            let same =
                |own: &LabelId| self.program.labels.written(*own) == program.labels.written(id);
            if let Some(own) = own.filter(same) {
                labels.set(id, self.labels.get(own).clone());
            }
        }
        labels
    }
}
