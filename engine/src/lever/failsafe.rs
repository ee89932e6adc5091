//! Lever 6: answers in the model's place, before the model is asked or once its answer's status is known.

use std::rc::Rc;

use crate::context::Context;
use crate::context::facts::seconds;
use crate::dialect::Reply;
use crate::policy::document::Mode;
use crate::policy::program::selector::Holds;

/// Rules that are judged before the model is asked: the first that holds answers.
pub(crate) fn before(cx: &mut Context) -> Option<Reply> {
    let now = seconds(cx.facts.now_ns);
    let program = Rc::clone(&cx.program);
    for rule in program.failsafe.iter().filter(|rule| rule.upstream.is_none()) {
        let mode = rule.rule.mode_at(now);
        if mode == Mode::Disabled || rule.rule.selector.holds(&cx.labels) != Holds::Yes {
            continue;
        }
        let word = if rule.fallback.is_some() { "fallback" } else { "block" };
        let shadow = mode == Mode::Shadow;
        cx.record.action(&rule.rule.id, word, shadow);
        if !shadow {
            return Some(match &rule.fallback {
                Some(fallback) => cx.canned(fallback),
                None => {
                    cx.error(403, "content_blocked", &format!("blocked by rule `{}`", rule.rule.id))
                }
            });
        }
    }
    None
}

/// Rules that are judged when the answer's headers arrive: the first that holds answers.
pub(crate) fn after(cx: &mut Context, status: u16, local: bool, now_ns: u64) -> Option<Reply> {
    let program = Rc::clone(&cx.program);
    for rule in &program.failsafe {
        let Some(upstream) = &rule.upstream else { continue };
        let timed_out = local && matches!(status, 408 | 503 | 504);
        let fires = upstream.status.contains(&status) || (upstream.timeout && timed_out);
        let mode = rule.rule.mode_at(seconds(now_ns));
        let holds = rule.rule.selector.holds(&cx.labels) == Holds::Yes;
        if !fires || !holds || mode == Mode::Disabled {
            continue;
        }
        let word = if rule.fallback.is_some() { "fallback" } else { "block" };
        cx.record.action(&rule.rule.id, word, mode == Mode::Shadow);
        if mode == Mode::Enforce {
            return Some(match &rule.fallback {
                Some(fallback) => cx.canned(fallback),
                None => {
                    cx.error(403, "content_blocked", &format!("blocked by rule `{}`", rule.rule.id))
                }
            });
        }
    }
    None
}
