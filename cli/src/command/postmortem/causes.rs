//! Possible causes: the evidence for and against each kind, as far as logs can tell.

use super::known::Known;
use crate::command::scope::count::ratio;
use crate::command::scope::words::{count, counted, lasting, moment, percent, quoted};

/// A kind of cause.
pub(super) struct Cause {
    pub(super) name: &'static str,
    pub(super) speaks_for: Vec<String>,
    pub(super) against: Vec<String>,
    /// How many of the arguments for it would hardly hold for another cause.
    telling: usize,
    /// The question that logs cannot answer.
    pub(super) ask: &'static str,
}

/// All kinds of cause, including those without evidence: what was ruled out is worth as much.
pub(super) fn causes(known: &Known<'_>) -> Vec<Cause> {
    let mut all = vec![
        prompt(known),
        model(known),
        retrieval(),
        data(),
        infrastructure(known),
        misuse(known),
    ];
    // The best supported cause comes first.
    all.sort_by_key(|own| std::cmp::Reverse(own.weight()));
    all
}

impl Cause {
    fn named(name: &'static str, ask: &'static str) -> Self {
        Self { name, speaks_for: Vec::new(), against: Vec::new(), telling: 0, ask }
    }

    /// Adds an argument that would hardly hold for another cause.
    fn tells(&mut self, text: String) {
        self.telling += 1;
        self.speaks_for.push(text);
    }

    /// The number of arguments for it, telling ones counted twice, less those against it.
    fn weight(&self) -> i64 {
        (self.telling + self.speaks_for.len()) as i64 - 2 * self.against.len() as i64
    }
}

fn prompt(known: &Known<'_>) -> Cause {
    let mut cause = Cause::named("Prompt", "What changed between the two versions?");
    let Some(finding) = known.finding() else { return cause };
    if finding.is_a_limit() {
        cause
            .against
            .push("it is a limit that was met: how many calls, not what they say".to_owned());
    }
    let Some(version) = finding.label("prompt_version") else {
        let words = "no prompt version is more among bad calls than among others";
        cause.against.push(words.to_owned());
        return cause;
    };
    // A version that worked until then, with no other in use, is simply what everybody runs.
    if finding.first_seen_ms.is_none() && finding.calls_before > finding.hit_before {
        cause.against.push(format!(
            "prompt_version {} answered {} before it began, {} of them bad",
            quoted(version),
            counted(finding.calls_before, "call"),
            count(finding.hit_before)
        ));
    } else {
        cause.tells(format!("nearly all bad calls are on prompt_version {}", quoted(version)));
    }
    for (value, calls, bad) in finding.beside.iter().take(3) {
        let rate = ratio(*bad, *calls);
        let text = format!(
            "{} of {} under {}",
            if *bad == 0 { "none".to_owned() } else { percent(rate) },
            counted(*calls, "call"),
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
        cause.tells(format!(
            "the version's first call was {}, {after} before the first bad one",
            moment(first)
        ));
    }
    cause
}

fn model(known: &Known<'_>) -> Cause {
    let mut cause =
        Cause::named("Model or provider", "Did the provider change the model behind its name?");
    for own in &known.incidents {
        let text = format!(
            "{} reported {} ({}) from {}",
            quoted(&own.provider),
            quoted(&own.name),
            own.impact,
            moment(own.begins)
        );
        cause.tells(text);
    }
    if known.incidents.is_empty() && !known.args.provider_status.is_empty() {
        cause
            .against
            .push("the provider's status page reports no incident in this time".to_owned());
    }
    let Some(finding) = known.finding() else { return cause };
    if finding.outcome == "status:5xx" {
        cause.tells("it is failed calls (5xx) that became more frequent".to_owned());
    }
    if finding.is_a_limit() {
        cause.against.push("it is a limit that was met, and no answer that turned bad".to_owned());
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
    Cause::named(
        "Retrieval",
        "Did an index, a source or its ranking change? A proxy sees the texts, not where they came from.",
    )
}

fn data() -> Cause {
    Cause::named(
        "Data",
        "Did what users or systems send change? Compare captured inputs before and after.",
    )
}

fn infrastructure(known: &Known<'_>) -> Cause {
    let mut cause = Cause::named("Infrastructure (this proxy among it)", "What else was deployed?");
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
        // A fault of a proxy or its network hits everybody behind it.
        let narrow = ["prompt_version", "feature", "tenant"]
            .into_iter()
            .find(|name| finding.label(name).is_some());
        if let Some(name) = narrow.filter(|_| finding.outcome != "status:5xx") {
            let words = name.replace('_', " ");
            cause.against.push(format!(
                "calls of another {words} went through the same proxies, and did not turn bad"
            ));
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
    let mut cause = Cause::named(
        "Misuse, or a caller that runs away",
        "Is it one caller, or one text that goes round?",
    );
    if let Some(finding) = known.finding() {
        match (finding.label("tenant"), finding.tenants) {
            (Some(tenant), _) => {
                cause.tells(format!("it is calls of one tenant, {}", quoted(tenant)));
            }
            (None, 1) => cause.tells("all bad calls are of one tenant".to_owned()),
            (None, 0) => {}
            (None, many) => cause.against.push(format!("it hit {many} tenants")),
        }
        if finding.is_a_limit() {
            cause.tells(format!("the limit that was met is {}", quoted(&finding.outcome)));
        }
        if finding.outcome.contains("jailbreak") || finding.outcome.contains("injection") {
            cause
                .speaks_for
                .push(format!("the rule that became busy is {}", quoted(&finding.outcome)));
        }
    }
    if let Some(dearer) = known.scope.as_ref().and_then(|scope| scope.dearer.as_ref()) {
        let words =
            format!("{} {} spends more than before", dearer.label.0, quoted(&dearer.label.1));
        // A feature or a model may cost more for any reason.
        match dearer.label.0.as_str() {
            "tenant" | "user" | "key" => cause.tells(words),
            _ => cause.speaks_for.push(words),
        }
    }
    cause
}
