//! `hemostat postmortem`: begins the report of an incident with what machines know: who was hit, how many, how long, at
//! what cost; the timeline from change to resolution; evidence for and against each kind of cause; and an alert as a
//! file.

mod alert;
mod args;
mod causes;
mod html;
mod known;
mod markdown;
mod sources;
mod timeline;

use std::io::Write;

use hemostat_engine::base::time;
use serde_json::{Value, json};

use crate::command::scope::condition::Conditions;
use crate::command::scope::survey::{Survey, Wanted};
use crate::command::scope::{BY, Report, document};
use crate::shared::access_log::Sources;
use crate::shared::error::Result;
use crate::shared::exit::Exit;
use crate::shared::files;
use crate::shared::report::page;
pub(crate) use args::Args;
use known::{Known, turned_bad};
use sources::{Activation, Event, Incident};
use timeline::Timeline;

pub(crate) fn run(args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit> {
    let period = args.records.period;
    let Some(all) = args.records.activations(&args.fleet, err)? else { return Ok(Exit::Failed) };
    let mut all = sources::activations(&all);
    all.sort_by_key(|own| (own.at, own.serial));
    let before =
        all.iter().rfind(|own| period.since.is_some_and(|since| own.at / 1000 < since)).cloned();
    all.retain(|own| period.contains(own.at));
    let scope = survey(args, err)?;
    let mut events = Vec::new();
    for file in &args.events {
        events.extend(sources::events(file)?.into_iter().filter(|event| period.contains(event.at)));
    }
    let mut incidents = Vec::new();
    for file in &args.provider_status {
        incidents.extend(
            sources::incidents(file)?
                .into_iter()
                .filter(|own| period.overlaps(own.begins, own.ends)),
        );
    }
    let timeline = Timeline::of(turned_bad(scope.as_ref()), scope.as_ref(), &all, &events);
    let known = Known { args, activations: all, before, events, incidents, scope, timeline };
    if let Some(path) = &args.alert {
        match alert::rule(&known) {
            Some(text) => files::replace(path, &text)?,
            None => writeln!(
                err,
                "hemostat: nothing turned bad in the log: there is no alert to write"
            )?,
        }
    }
    let text = markdown::report(&known);
    if let Some(path) = &args.html {
        files::replace(path, &html(&known, &text))?;
    }
    if args.json {
        writeln!(out, "{:#}", in_json(&known))?;
    } else {
        out.write_all(text.as_bytes())?;
    }
    Ok(Exit::Fine)
}

/// The facts of the report as JSON; times are RFC 3339.
fn in_json(known: &Known<'_>) -> Value {
    let at = |ms: u64| time::format(ms / 1000);
    let activation = |own: &Activation| {
        json!({"at": at(own.at), "serial": own.serial, "version": own.version, "issuer": own.issuer,
            "reason": own.reason, "rolls_back": own.rolls_back, "drill": own.drill})
    };
    let event = |own: &Event| json!({"at": at(own.at), "event": own.kind, "what": own.what, "count": own.count});
    let incident = |own: &Incident| {
        json!({"provider": own.provider, "name": own.name, "impact": own.impact,
            "begins": at(own.begins), "ends": own.ends.map(at)})
    };
    let moments = &known.timeline;
    json!({
        "title": known.args.title,
        "timeline": {"change": moments.change.map(at), "symptom": moments.symptom.map(at),
            "detection": moments.detection.map(at), "mitigation": moments.mitigation.map(at),
            "resolution": moments.resolution.map(at)},
        "activations": known.activations.iter().map(activation).collect::<Vec<_>>(),
        "events": known.events.iter().map(event).collect::<Vec<_>>(),
        "provider_incidents": known.incidents.iter().map(incident).collect::<Vec<_>>(),
        "scope": known.scope.as_ref().map(document),
    })
}

/// Surveys the access logs, if any are given.
fn survey(args: &Args, err: &mut dyn Write) -> Result<Option<Report>> {
    if args.records.access_log.is_empty() {
        return Ok(None);
    }
    let conditions = Conditions::parse(&args.conditions)?;
    let by = BY.map(str::to_owned).to_vec();
    let period = args.records.period;
    let mut survey = Survey::new(Wanted { by, conditions, period, against: None });
    survey.read(&Sources::find(&args.records.access_log)?, |_| {})?;
    survey.read.tell_broken_off(err)?;
    if let Some(file) = &args.records.history {
        survey.releases.tell(file)?;
    }
    if survey.all.calls == 0 {
        writeln!(err, "hemostat: {}", survey.nothing(&args.records.access_log))?;
        return Ok(None);
    }
    Ok(Some(Report::of(survey)))
}

/// The report as an HTML page: its Markdown, and the plots of `scope`.
fn html(known: &Known<'_>, text: &str) -> String {
    let mut body = html::html(text);
    if let Some(scope) = &known.scope {
        body.push_str("<h2>What the access log shows</h2>\n");
        body.push_str(&crate::command::scope::sections(scope));
    }
    page::page(&known.args.title, &body)
}
