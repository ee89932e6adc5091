//! The record of every recognised call: what access log and tracer show of it, whatever rules there are.
//!
//! Names are those of OpenTelemetry's GenAI conventions where they have one (docs/operations.md, "The access log"). What a
//! rule does not need is looked at as it passes ([`Glance`]), and never held for it.

use std::borrow::Cow;

use super::Exchange;
use crate::answer::glance::{Glance, Served};
use crate::context::facts::{self, Headers, Now};
use crate::dialect::spend::{Spending, Usage};
use crate::dialect::{self, CallKind, DialectId};
use crate::policy::program::label::LabelId;

/// What is watched of an answer, beside what rules make of it.
#[derive(Debug, Default)]
pub(super) struct Watch {
    glance: Option<Glance>,
    /// When the first byte of its body came (Unix nanoseconds).
    first_ns: Option<u64>,
    /// Since when bytes of it have waited.
    waits_ns: Option<u64>,
    /// The longest that bytes of it have waited.
    longest_ns: u64,
    /// A limit has told what it used.
    pub(super) told: bool,
}

impl Exchange {
    /// The answer's headers have come: true if its body is to be looked at for the record alone.
    pub(super) fn begin_watch(&mut self, headers: &Headers, status: u16) -> bool {
        let generates = |own: &dialect::Recognised| own.kind == CallKind::Generate;
        let Some(call) = self.cx.recognised.as_ref().filter(|own| generates(own)) else {
            return false;
        };
        let plain = facts::values(headers, "content-encoding").all(|value| value == b"identity");
        if call.dialect == DialectId::Mcp || !(200..300).contains(&status) || !plain {
            return false;
        }
        self.watch.glance = Some(Glance::new(call.dialect));
        true
    }

    /// Bytes of the answer, as upstream sent them.
    pub(super) fn watch_chunk(&mut self, chunk: &[u8], now: Now) {
        if let (None, false) = (self.watch.first_ns, chunk.is_empty()) {
            self.watch.first_ns = Some(now.ns());
        }
        if let Some(glance) = &mut self.watch.glance {
            glance.feed(chunk);
        }
    }

    /// What the rules made of them has left, or waits.
    pub(super) fn watch_holds(&mut self, now: Now) {
        let waits = self.held_bytes() > 0;
        match (self.watch.waits_ns, waits) {
            (None, true) => self.watch.waits_ns = Some(now.ns()),
            (Some(since), false) => {
                self.watch.longest_ns = self.watch.longest_ns.max(now.ns().saturating_sub(since));
                self.watch.waits_ns = None;
            }
            _ => {}
        }
    }

    /// What the request is, as its caller sent it: before any lever has changed it.
    pub(super) fn describe_request(&mut self) {
        let Some(call) = &self.cx.call else { return };
        let (stream, kind) = (call.stream, call.recognised.dialect);
        self.cx.record.state("gen_ai.request.model", &call.model);
        self.cx.record.state("gen_ai.operation.name", dialect::dialect(kind).operation());
        self.cx.record.state("hemostat.stream", if stream { "true" } else { "false" });
        let version = self.cx.program.version.as_deref().unwrap_or_default();
        self.cx.record.state("hemostat.policy_version", version);
        if let Some(serial) = self.cx.program.serial {
            self.cx.record.state("hemostat.policy_serial", &serial.to_string());
        }
        let program = std::rc::Rc::clone(&self.cx.program);
        for (id, name) in program.labels.named().filter(|(id, _)| !id.is_built_in()) {
            let value = self.cx.labels.get(id).text().unwrap_or_default();
            // Enough to tell callers apart, too little to be taken for a credential's digest.
            let shown = match program.labels.is_digest(id) {
                true => {
                    value.strip_prefix("sha256:").unwrap_or(value).get(..12).unwrap_or_default()
                }
                false => value,
            };
            self.cx.record.state(Cow::Owned(format!("hemostat.label.{name}")), shown);
        }
    }

    /// What became of it.
    pub(super) fn describe_answer(&mut self, own_model: Option<String>) {
        let served = self.served();
        let model = own_model.unwrap_or_else(|| served.model.clone());
        self.cx.record.state("gen_ai.response.model", &model);
        self.cx.record.state("gen_ai.response.id", &served.id);
        self.cx.record.state("gen_ai.response.finish_reasons", &served.finish);
        if !self.watch.told && (served.usage.output.is_some() || served.usage.input().is_some()) {
            let money = self.price_of(&model, &served.usage);
            self.describe_usage(Some(&served.usage), money);
        }
        let begun = self.cx.facts.now_ns;
        if let Some(first) = self.watch.first_ns.filter(|first| *first >= begun && begun > 0) {
            self.cx.record.state("gen_ai.response.time_to_first_chunk", &in_seconds(first - begun));
            self.cx.record.observe("hemostat_time_to_first_chunk_ms", (first - begun) / 1_000_000);
        }
        if self.watch.longest_ns > 0 {
            self.cx.record.state("hemostat.held_seconds", &in_seconds(self.watch.longest_ns));
        }
        let hits = self.cx.record.hits();
        self.cx.record.state("hemostat.rule_hits", &hits);
        let unchecked = self.cx.record.unchecked_reasons();
        self.cx.record.state("hemostat.unchecked", &unchecked);
        let decision = self.cx.record.decision().to_owned();
        self.cx.record.state("hemostat.decision", &decision);
    }

    fn served(&mut self) -> Served {
        let Some(glance) = self.watch.glance.take() else { return Served::default() };
        let Some(recognised) = &self.cx.recognised else { return Served::default() };
        let dialect = dialect::dialect(recognised.dialect);
        glance.served(|doc, bytes, usage| dialect.usage(&doc.root(bytes), usage))
    }

    /// What a usage cost at the price of the model that answered, else of the one that was asked; `None`: no price.
    fn price_of(&self, served: &str, usage: &Usage) -> Option<u64> {
        let asked = self.cx.labels.get(LabelId::MODEL).text().unwrap_or_default();
        let prices = &self.cx.program.limits.prices;
        let model = [served, asked].into_iter().find(|model| prices.find(model).is_some())?;
        let spending = Spending { tier: usage.tier.clone(), ..Spending::default() };
        let (cost, _) = prices.cost(model, &spending, true).ok()?;
        Some(prices.real(&cost, &spending, usage))
    }

    /// What an operator finds about usage, in the log and in counters.
    pub(super) fn describe_usage(&mut self, usage: Option<&Usage>, money: Option<u64>) {
        self.watch.told = true;
        let Some(usage) = usage else { return };
        let some = |count: u64| Some(count).filter(|count| *count > 0);
        for (key, count) in [
            ("gen_ai.usage.input_tokens", usage.input()),
            ("gen_ai.usage.cache_read.input_tokens", some(usage.cached)),
            ("gen_ai.usage.output_tokens", usage.output),
            ("gen_ai.usage.reasoning.output_tokens", some(usage.reasoning)),
        ] {
            if let Some(count) = count {
                self.cx.record.state(key, &count.to_string());
            }
        }
        if let Some(micros) = money {
            let dollars = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
            self.cx.record.state("hemostat.cost_usd", &dollars);
        }
        let asked = self.cx.labels.get(LabelId::MODEL).text().unwrap_or_default();
        let model = self.cx.program.limits.prices.name(asked).unwrap_or("other").to_owned();
        for (kind, count) in [("input", usage.input()), ("output", usage.output)] {
            if let Some(count) = count.and_then(some) {
                let name = format!("hemostat_token_usage_total;model={model};token_type={kind}");
                self.cx.record.count_by(name, count);
            }
        }
        if let Some(micros) = money.and_then(some) {
            self.cx.record.count_by(format!("hemostat_cost_microusd_total;model={model}"), micros);
        }
    }
}

fn in_seconds(ns: u64) -> String {
    let micros = ns / 1_000;
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}
