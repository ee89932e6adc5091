//! Access logs of an invented day, with an account of what is true in them: the generator counts for itself what it writes.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::collections::BTreeSet;
use std::fmt::Write as _;

use hemostat_engine::base::time;

/// 2026-11-24T00:00:00Z.
pub const MIDNIGHT: u64 = 1_795_478_400;

/// What turns bad in it.
#[derive(Debug, Clone)]
pub struct Incident {
    /// Seconds after the log's beginning.
    pub begins: u64,
    pub ends: Option<u64>,
    pub feature: &'static str,
    pub version: &'static str,
    pub model: &'static str,
    pub rule: &'static str,
    /// Of that feature's calls on that version, in thousandths.
    pub per_mille: u64,
    /// The release that came so many seconds before.
    pub release_before: u64,
}

/// What is true of a log.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Truth {
    pub calls: u64,
    pub input: u64,
    pub output: u64,
    pub micro_usd: u64,
    /// Of the incident: calls of the feature on the version, those that the rule hit, and whose they were.
    pub affected_calls: u64,
    pub hit: u64,
    pub tenants: BTreeSet<String>,
    pub first_hit: Option<u64>,
    pub last_hit: Option<u64>,
    pub hit_micro_usd: u64,
}

/// A log of `calls` calls over `seconds`, and its truth.
#[derive(Debug)]
pub struct Log {
    pub text: String,
    pub truth: Truth,
}

/// Numbers that look random and are the same every time (SplitMix64).
#[derive(Debug)]
pub struct Dice(pub u64);

impl Dice {
    pub fn throw(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }
}

pub fn incident() -> Incident {
    Incident {
        begins: 3 * 3600 + 12 * 60,
        ends: None,
        feature: "checkout",
        version: "43",
        model: "gpt-5",
        rule: "harmful:block",
        per_mille: 41,
        release_before: 120,
    }
}

/// Writes a log. Beside the incident there is noise that is the same all day: redactions, a failed call now and then.
pub fn log(seed: u64, calls: u64, seconds: u64, incident: Option<&Incident>) -> Log {
    let (mut dice, mut text, mut truth) = (Dice(seed), String::new(), Truth::default());
    let features = ["checkout", "search", "support", "summary"];
    let models = ["gpt-5", "gpt-4.1-mini", "claude-sonnet-4-5"];
    for at in 0..calls {
        let ms = at * seconds * 1000 / calls;
        let second = ms / 1000;
        let feature = features[dice.throw(4) as usize];
        let tenant = format!("tenant-{}", dice.throw(80));
        let running = incident
            .filter(|one| second >= one.begins && one.ends.is_none_or(|ends| second < ends));
        let (mut version, mut model) = ("7", models[dice.throw(3) as usize]);
        if feature == "checkout" {
            (version, model) = ("42", "gpt-5");
        }
        let mut rules = String::new();
        if dice.throw(100) < 3 {
            rules.push_str("pii:redact");
        }
        let mut bad = false;
        let affected = running.filter(|one| one.feature == feature);
        if let Some(one) = affected {
            (version, model) = (one.version, one.model);
            truth.affected_calls += 1;
            if dice.throw(1000) < one.per_mille {
                if !rules.is_empty() {
                    rules.push(',');
                }
                rules.push_str(one.rule);
                truth.hit += 1;
                bad = true;
                truth.tenants.insert(tenant.clone());
                truth.first_hit.get_or_insert(MIDNIGHT + second);
                truth.last_hit = Some(MIDNIGHT + second);
            }
        }
        let status = if dice.throw(1000) < 3 { 503 } else { 200 };
        let (input, output) = (200 + dice.throw(3000), 20 + dice.throw(600));
        let micro_usd = input * 125 / 100 + output * 10;
        let serial = match incident {
            Some(one) if second + one.release_before >= one.begins => 17,
            _ => 16,
        };
        truth.calls += 1;
        truth.input += input;
        truth.output += output;
        truth.micro_usd += micro_usd;
        truth.hit_micro_usd += if bad { micro_usd } else { 0 };
        let stamp = time::format(MIDNIGHT + second);
        let stamp = format!("{}.{:03}Z", stamp.trim_end_matches('Z'), ms % 1000);
        let duration = 300 + dice.throw(4000);
        writeln!(
            text,
            r#"{{"time":"{stamp}","method":"POST","path":"/v1/chat/completions","status":{status},"duration_ms":{duration},"upstream":"openai","hemostat.policy_version":"prod-{serial}","hemostat.policy_serial":"{serial}","hemostat.decision":"d{at:x}","hemostat.rule_hits":"{rules}","hemostat.dialect":"openai-chat","hemostat.stream":"true","gen_ai.operation.name":"chat","gen_ai.request.model":"{model}","gen_ai.response.model":"{model}-2026-08-07","gen_ai.response.id":"chatcmpl-{at:x}","gen_ai.response.finish_reasons":"stop","gen_ai.usage.input_tokens":"{input}","gen_ai.usage.output_tokens":"{output}","hemostat.cost_usd":"{}.{:06}","gen_ai.response.time_to_first_chunk":"0.{:03}","hemostat.label.tenant":"{tenant}","hemostat.label.feature":"{feature}","hemostat.label.prompt":"{feature}-main","hemostat.label.prompt_version":"{version}"}}"#,
            micro_usd / 1_000_000,
            micro_usd % 1_000_000,
            dice.throw(1000),
        )
        .unwrap();
    }
    Log { text, truth }
}
