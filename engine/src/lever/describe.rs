//! The record of every recognised call: what access log and tracer show of it, with or without rules.
//!
//! Names are those of OpenTelemetry's GenAI conventions where they exist (docs/operations.md, "The access log"). What
//! no rule needs is read as it passes ([`Glance`]), and never held for it.

use crate::answer::KnownEvents;
use crate::answer::glance::{AnswerSummary, Glance};
use crate::base::decimal::{digits, millionths};
use crate::context::Context;
use crate::context::facts::{self, Headers, Now};
use crate::dialect::spend::Usage;
use crate::dialect::{self, CallKind, DialectId};
use crate::lever::limits::Charges;
use crate::policy::program::label::LabelId;

/// What is observed of an answer, besides what rules do to it.
#[derive(Debug, Default)]
pub(crate) struct AnswerWatch {
    glance: Option<Glance>,
    /// When the first byte of its body arrived (Unix nanoseconds).
    first_ns: Option<u64>,
    /// Since when bytes of it have been waiting.
    waits_ns: Option<u64>,
    /// The longest that bytes of it have waited, in nanoseconds.
    longest_ns: u64,
    /// A limit has already reported the usage.
    told: bool,
}

impl AnswerWatch {
    /// The answer's headers have arrived: true if its body is to be read for the record alone.
    pub(crate) fn begin(&mut self, cx: &Context, headers: &Headers, status: u16) -> bool {
        let generates = |own: &dialect::Recognised| own.kind == CallKind::Generate;
        let Some(call) = cx.recognised.as_ref().filter(|own| generates(own)) else {
            return false;
        };
        let plain = facts::values(headers, "content-encoding").all(|value| value == b"identity");
        if call.dialect == DialectId::Mcp || !(200..300).contains(&status) || !plain {
            return false;
        }
        self.glance = Some(Glance::new(call.dialect));
        true
    }

    /// Bytes of the answer, as upstream sent them, and what is known of the events in them.
    pub(crate) fn chunk(&mut self, chunk: &[u8], events: KnownEvents, now: Now) {
        if let (None, false) = (self.first_ns, chunk.is_empty()) {
            self.first_ns = Some(now.ns());
        }
        if let Some(glance) = &mut self.glance {
            glance.feed(chunk, events);
        }
    }

    /// Whether bytes of the answer still wait after the rules have run.
    pub(crate) fn holds(&mut self, waits: bool, now: Now) {
        match (self.waits_ns, waits) {
            (None, true) => self.waits_ns = Some(now.ns()),
            (Some(since), false) => {
                self.longest_ns = self.longest_ns.max(now.ns().saturating_sub(since));
                self.waits_ns = None;
            }
            _ => {}
        }
    }

    /// Records how the answer ended.
    pub(crate) fn answer(
        &mut self,
        cx: &mut Context,
        charges: &Charges,
        own_model: Option<String>,
    ) {
        let served = self.served(cx);
        // The record of nearly every answer has at most so many values; more would be no small allocation.
        cx.record.expect(12);
        let model = own_model.unwrap_or(served.model);
        let usage = served.usage;
        let tells = !self.told && (usage.output.is_some() || usage.input().is_some());
        let money = if tells { charges.money(cx, Some(&model), &usage) } else { None };
        cx.record.state("gen_ai.response.model", model);
        cx.record.state("gen_ai.response.id", served.id);
        cx.record.state("gen_ai.response.finish_reasons", served.finish);
        if tells {
            self.usage(cx, Some(&usage), money);
        }
        let begun = cx.facts.now_ns;
        if let Some(first) = self.first_ns.filter(|first| *first >= begun && begun > 0) {
            cx.record.state("gen_ai.response.time_to_first_chunk", in_seconds(first - begun));
            cx.record.observe("hemostat_time_to_first_chunk_ms", (first - begun) / 1_000_000);
        }
        if self.longest_ns > 0 {
            cx.record.state("hemostat.held_seconds", in_seconds(self.longest_ns));
        }
        if cx.record.decided() {
            let hits = cx.record.hits();
            cx.record.state("hemostat.rule_hits", hits);
            let unchecked = cx.record.unchecked_reasons();
            cx.record.state("hemostat.unchecked", unchecked);
        }
        let decision = cx.record.decision().to_owned();
        cx.record.state("hemostat.decision", decision);
    }

    fn served(&mut self, cx: &mut Context) -> AnswerSummary {
        let Some(glance) = self.glance.take() else { return AnswerSummary::default() };
        let Some(recognised) = &cx.recognised else { return AnswerSummary::default() };
        let dialect = dialect::dialect(recognised.dialect);
        let priced = !cx.program.limits.prices.is_empty();
        glance.served(priced, |doc, bytes, usage| dialect.usage(&doc.root(bytes), usage))
    }

    /// Reports usage, in the log and in counters.
    pub(crate) fn usage(&mut self, cx: &mut Context, usage: Option<&Usage>, money: Option<u64>) {
        self.told = true;
        let Some(usage) = usage else { return };
        let some = |count: u64| Some(count).filter(|count| *count > 0);
        for (key, count) in [
            ("gen_ai.usage.input_tokens", usage.input()),
            ("gen_ai.usage.cache_read.input_tokens", some(usage.cached)),
            ("gen_ai.usage.output_tokens", usage.output),
            ("gen_ai.usage.reasoning.output_tokens", some(usage.reasoning)),
        ] {
            if let Some(count) = count {
                cx.record.state(key, digits(count));
            }
        }
        if let Some(micros) = money {
            cx.record.state("hemostat.cost_usd", millionths(micros));
        }
        let asked = cx.labels.get(LabelId::MODEL).text().unwrap_or_default();
        let program = std::rc::Rc::clone(&cx.program);
        let model = program.limits.prices.name(asked);
        // Most policies have no prices: of their models the counters' names are known.
        for (kind, other, count) in [
            ("input", "hemostat_token_usage_total;model=other;token_type=input", usage.input()),
            ("output", "hemostat_token_usage_total;model=other;token_type=output", usage.output),
        ] {
            if let Some(count) = count.and_then(some) {
                let own =
                    |model| ["hemostat_token_usage_total;model=", model, ";token_type=", kind];
                let name = model.map_or(other.into(), |model| own(model).concat().into());
                cx.record.count_by(name, count);
            }
        }
        if let Some(micros) = money.and_then(some) {
            let name = ["hemostat_cost_microusd_total;model=", model.unwrap_or("other")].concat();
            cx.record.count_by(name.into(), micros);
        }
    }
}

/// Records what the caller asked, before any lever has changed it.
pub(crate) fn request(cx: &mut Context) {
    let Some(call) = &cx.call else { return };
    let (stream, kind) = (call.stream, call.recognised.dialect);
    cx.record.state("gen_ai.request.model", call.model.clone());
    cx.record.state("gen_ai.operation.name", dialect::dialect(kind).operation());
    cx.record.state("hemostat.stream", if stream { "true" } else { "false" });
    if let Some(version) = &cx.program.version {
        cx.record.state("hemostat.policy_version", version.clone());
    }
    if let Some(serial) = cx.program.serial {
        cx.record.state("hemostat.policy_serial", digits(serial));
    }
    let program = std::rc::Rc::clone(&cx.program);
    for (id, name) in program.labels.named().filter(|(id, _)| !id.is_built_in()) {
        let value = cx.labels.get(id).text().unwrap_or_default();
        // Enough to tell callers apart, too little to be mistaken for the digest of a credential.
        let shown = match program.labels.is_digest(id) {
            true => value.strip_prefix("sha256:").unwrap_or(value).get(..12).unwrap_or_default(),
            false => value,
        };
        if !shown.is_empty() {
            let key = ["hemostat.label.", name].concat();
            cx.record.state_of(key.into(), shown.to_owned().into());
        }
    }
}

fn in_seconds(ns: u64) -> String {
    millionths(ns / 1_000)
}
