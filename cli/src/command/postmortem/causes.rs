//! What may have caused it: for each kind of cause what speaks for it and what against, as far as logs can tell.

use super::Known;
use crate::command::scope::count::ratio;
use crate::command::scope::words::{lasting, moment, percent, quoted};

/// A kind of cause.
pub(super) struct Cause {
    pub(super) name: &'static str,
    pub(super) speaks_for: Vec<String>,
    pub(super) against: Vec<String>,
    /// What nobody here can know.
    pub(super) ask: &'static str,
}

/// All kinds, whether anything speaks for them or not: what was ruled out is worth as much.
pub(super) fn causes(known: &Known<'_>) -> Vec<Cause> {
    let mut all = vec![
        prompt(known),
        model(known),
        retrieval(),
        data(),
        infrastructure(known),
        misuse(known),
    ];
    // The one for which most speaks stands first.
    all.sort_by_key(|own| {
        std::cmp::Reverse(own.speaks_for.len() as i64 - own.against.len() as i64)
    });
    all
}

fn prompt(known: &Known<'_>) -> Cause {
    let mut cause = Cause {
        name: "Prompt",
        speaks_for: Vec::new(),
        against: Vec::new(),
        ask: "What changed between the two versions?",
    };
    let Some(finding) = known.finding() else { return cause };
    let Some(version) = finding.label("prompt_version") else {
        cause.against.push("bad calls are not of one prompt version".to_owned());
        return cause;
    };
    cause
        .speaks_for
        .push(format!("nearly all bad calls are on prompt_version {}", quoted(version)));
    for (value, calls, bad) in finding.beside.iter().take(3) {
        let rate = ratio(*bad, *calls);
        let text = format!(
            "{} of {calls} calls under {}",
            if *bad == 0 { "none".to_owned() } else { percent(rate) },
            quoted(value)
        );
        if rate * 2.0 < finding.rate() {
            cause.speaks_for.push(text)
        } else {
            cause.against.push(text)
        }
    }
    if let Some(first) = finding.first_seen_ms {
        let after = lasting(finding.since_ms.saturating_sub(first));
        cause.speaks_for.push(format!(
            "the version's first call was {}, {after} before the first bad one",
            moment(first)
        ));
    }
    cause
}

fn model(known: &Known<'_>) -> Cause {
    let mut cause = Cause {
        name: "Model or provider",
        speaks_for: Vec::new(),
        against: Vec::new(),
        ask: "Did the provider change the model behind its name?",
    };
    for own in &known.incidents {
        let text = format!(
            "{} reported {} ({}) from {}",
            quoted(&own.provider),
            quoted(&own.name),
            own.impact,
            moment(own.begins)
        );
        cause.speaks_for.push(text);
    }
    if known.incidents.is_empty() && !known.args.provider_status.is_empty() {
        cause
            .against
            .push("the provider's status page reports no incident in this time".to_owned());
    }
    let Some(finding) = known.finding() else { return cause };
    if finding.outcome == "status:5xx" {
        cause.speaks_for.push("it is failed calls (5xx) that became more frequent".to_owned());
    }
    match (finding.label("served"), finding.label("prompt_version")) {
        (Some(served), _) => cause
            .speaks_for
            .push(format!("nearly all bad answers are of the model {}", quoted(served))),
        (None, Some(_)) if finding.beside.iter().any(|(_, _, bad)| *bad == 0) => {
            cause.against.push(
                "the same model answers other prompt versions of this feature as before".to_owned(),
            );
        }
        _ => {}
    }
    cause
}

fn retrieval() -> Cause {
    Cause {
        name: "Retrieval",
        speaks_for: Vec::new(),
        against: Vec::new(),
        ask: "Did an index, a source or its ranking change? A proxy sees the texts, not where they came from.",
    }
}

fn data() -> Cause {
    Cause {
        name: "Data",
        speaks_for: Vec::new(),
        against: Vec::new(),
        ask: "Did what users or systems send change? Compare captured inputs before and after.",
    }
}

fn infrastructure(known: &Known<'_>) -> Cause {
    let mut cause = Cause {
        name: "Infrastructure (this proxy among it)",
        speaks_for: Vec::new(),
        against: Vec::new(),
        ask: "What else was deployed?",
    };
    if let Some(finding) = known.finding() {
        match &finding.release {
            Some(release) => {
                let after = lasting(finding.since_ms.saturating_sub(release.since));
                cause.speaks_for.push(format!(
                    "{} of the policy came into force {after} before",
                    release.name()
                ));
            }
            None => cause
                .against
                .push("no release of the policy came into force within an hour before".to_owned()),
        }
        if known.finding().is_some_and(|own| own.label("prompt_version").is_some()) {
            cause
                .against
                .push("calls of other prompt versions went through the same proxies".to_owned());
        }
    }
    let troubles = known
        .events
        .iter()
        .filter(|own| {
            ["unchecked", "limit_memory", "source_silent", "release_refused"]
                .contains(&own.kind.as_str())
        })
        .count();
    if troubles > 0 {
        cause.speaks_for.push(format!("{troubles} events of the proxies' own trouble"));
    }
    cause
}

fn misuse(known: &Known<'_>) -> Cause {
    let mut cause = Cause {
        name: "Misuse",
        speaks_for: Vec::new(),
        against: Vec::new(),
        ask: "Is it one caller, or one text that goes round?",
    };
    if let Some(finding) = known.finding() {
        match (finding.label("tenant"), finding.tenants) {
            (Some(tenant), _) => {
                cause.speaks_for.push(format!("it is calls of one tenant, {}", quoted(tenant)))
            }
            (None, 1) => cause.speaks_for.push("all bad calls are of one tenant".to_owned()),
            (None, 0) => {}
            (None, many) => cause.against.push(format!("it hit {many} tenants")),
        }
        if finding.outcome.contains("jailbreak") || finding.outcome.contains("injection") {
            cause
                .speaks_for
                .push(format!("the rule that became busy is {}", quoted(&finding.outcome)));
        }
    }
    if let Some(dearer) = known.scope.as_ref().and_then(|scope| scope.dearer.as_ref()) {
        cause.speaks_for.push(format!(
            "{} {} spends more than before",
            dearer.label.0,
            quoted(&dearer.label.1)
        ));
    }
    cause
}
