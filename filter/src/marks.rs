//! The values of counters when the release in force took effect, in the data that workers share.

use hemostat_engine::bundle::Marks;
use hemostat_engine::counters;
use hemostat_engine::policy::Program;

use crate::clock;
use crate::host::shared;
use crate::telemetry;

fn key(scope: &str) -> String {
    format!("hemostat.release.marks.{scope}")
}

fn now_ms() -> u64 {
    clock::now_ns() / 1_000_000
}

fn counts(program: &Program) -> Vec<(String, u64)> {
    let names = counters::of(program).into_iter();
    names.map(|name| (telemetry::read(&name), name)).map(|(count, name)| (name, count)).collect()
}

/// A release has taken effect: rates are counted from here on, unless another thread has marked it already. Where the host
/// does not keep the marks, status is shown without rates.
pub fn begin(scope: &str, stamp: u64, program: &Program) {
    let key = key(scope);
    let Ok(stored) = shared::get(&key) else { return };
    let known = stored.as_ref().and_then(|stored| Marks::decode(&stored.value));
    if known.is_some_and(|known| known.stamp == stamp) {
        return;
    }
    let marks = Marks::begin(stamp, now_ms(), &counts(program));
    let _ = shared::replace(&key, stored.as_ref(), &marks.encode());
}

/// Marks the counters for rates, where it is time and no other thread is faster. Gives when to look again (Unix
/// milliseconds).
pub fn turn(scope: &str, program: &Program) -> u64 {
    let key = key(scope);
    let now = now_ms();
    let Ok(Some(stored)) = shared::get(&key) else { return now };
    let Some(marks) = Marks::decode(&stored.value) else { return now };
    if !marks.is_due(now) {
        return marks.due_ms();
    }
    let next = marks.turned(now, &counts(program));
    let due = next.due_ms();
    let _ = shared::replace(&key, Some(&stored), &next.encode());
    due
}

/// The marks of a scope.
pub fn read(scope: &str) -> Option<Marks> {
    Marks::decode(&shared::get(&key(scope)).ok()??.value)
}
