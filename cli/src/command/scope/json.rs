//! The report as JSON.

use serde_json::{Map, Value, json};

use super::against::Against;
use super::count::{Grouping, Sums, ratio};
use super::finding::Finding;
use super::releases::Release;
use super::report::Report;
use super::words::{self, moment};

/// The report as one document.
pub(crate) fn document(report: &Report) -> Value {
    let (survey, read) = (&report.survey, &report.survey.read);
    let groups: Vec<Value> = survey
        .groups
        .iter()
        .map(|group| {
            let rows = group.rows();
            let row = |(values, own): &(Vec<&str>, &Sums)| row(group, values, own, &survey.all);
            json!({
                "by": group.by.iter().map(|by| &by.name).collect::<Vec<_>>(),
                "values": group.len(),
                "rows": rows.iter().map(row).collect::<Vec<_>>(),
                "folded": sums(&group.folded),
            })
        })
        .collect();
    json!({
        "sentence": report.sentences().first(),
        "sentences": report.sentences(),
        "where": survey.conditions.words(),
        "all": sums(&survey.all),
        "by": groups,
        "findings": report.findings.iter().map(|one| finding(one, report.end())).collect::<Vec<_>>(),
        "spending": report.dearer.as_ref().map(|one| json!({
            "labels": {one.label.0.clone(): one.label.1}, "since": moment(one.since_ms),
            "until": one.until_ms.map(moment), "usd_an_hour": one.now,
            "usd_an_hour_before": one.before, "usd_more": one.more, "calls": one.calls,
            "sentence": words::spending(one, report.end()),
        })),
        "against": survey.against.as_ref().map(against),
        "releases": report.releases.iter().map(release).collect::<Vec<_>>(),
        "lines": {
            "read": read.lines, "calls": survey.all.calls, "other_traffic": read.other, "not_json": read.not_json,
            "too_long": read.too_long, "no_time": read.no_time, "doubled": read.doubled,
            "outside_time": survey.elsewhen, "outside_where": survey.elsewhere, "broken_off": read.broken_off,
        },
        "exact": {
            "counts": survey.groups.iter().all(|group| group.folded.calls == 0),
            "bucket_seconds": survey.grid.width_ms / 1000,
            "calls_not_followed": survey.unfollowed,
            "tenants": !survey.tenants_folded,
        },
    })
}

/// The comparison with another period.
fn against(against: &Against) -> Value {
    let groups: Vec<Value> = against
        .groups
        .iter()
        .map(|group| {
            let rows: Vec<Value> = group
                .rows()
                .iter()
                .map(|(values, own)| row(group, values, own, &against.all))
                .collect();
            json!({"by": group.by.iter().map(|by| &by.name).collect::<Vec<_>>(), "rows": rows})
        })
        .collect();
    json!({
        "since": moment(*against.window.start()), "until": moment(*against.window.end()),
        "all": sums(&against.all), "by": groups,
    })
}

/// A row of a group: the values that its calls share, and their sums.
fn row(group: &Grouping, values: &[&str], own: &Sums, all: &Sums) -> Value {
    let names = group.by.iter().zip(values);
    let labels: Map<String, Value> =
        names.map(|(by, value)| (by.name.clone(), (*value).into())).collect();
    let mut row = sums(own);
    put(&mut row, "labels", labels.into());
    put(&mut row, "share", ratio(own.calls, all.calls).into());
    row
}

fn put(map: &mut Value, key: &str, value: Value) {
    if let Some(map) = map.as_object_mut() {
        map.insert(key.to_owned(), value);
    }
}

fn sums(own: &Sums) -> Value {
    let at = |at: Option<u64>| at.map(moment);
    let usd = (own.priced > 0).then_some(own.micro_usd as f64 / 1e6);
    json!({
        "calls": own.calls, "hit": own.hit, "rate": own.rate(),
        "input_tokens": own.input, "cached_input_tokens": own.cached, "output_tokens": own.output,
        "usd": usd, "mean_duration_ms": (own.timed > 0).then(|| own.duration_ms / own.timed.max(1)),
        "first": at(own.first), "last": at(own.last),
        "first_hit": at(own.first_hit), "last_hit": at(own.last_hit),
    })
}

fn release(own: &Release) -> Value {
    json!({
        "serial": own.serial, "version": own.version, "since": moment(own.since), "in_force_before": own.before,
        "issuer": own.issuer, "reason": own.reason, "rolls_back": own.rolls_back, "all": sums(&own.sums),
    })
}

fn finding(own: &Finding, end: u64) -> Value {
    let labels: Map<String, Value> =
        own.labels.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    let beside = |(value, calls, bad): &(String, u64, u64)| json!({"value": value, "calls": calls, "hit": bad});
    json!({
        "sentence": words::sentence(own, end),
        "outcome": own.outcome, "labels": labels, "lever": own.lever,
        "since": moment(own.since_ms), "since_is_exact": own.exact, "until": own.until_ms.map(moment),
        "calls": own.calls, "hit": own.hit, "rate": own.rate(),
        "before": {"calls": own.calls_before, "hit": own.hit_before},
        "tenants": own.tenants, "tenants_at_least": own.tenants_at_least,
        "who": own.who.iter().map(|(tenant, calls)| json!({"tenant": tenant, "calls": calls})).collect::<Vec<_>>(),
        "first_decision": own.first_decision,
        "release": own.release.as_ref().map(|release| json!({
            "serial": release.serial, "version": release.version, "since": moment(release.since),
            "seconds_after": own.since_ms.saturating_sub(release.since) / 1000,
        })),
        "first_seen": own.first_seen_ms.map(moment),
        "beside": own.beside.iter().map(beside).collect::<Vec<_>>(),
        "log_likelihood_ratio": own.score,
    })
}
