//! Traffic that is not a call of a dialect, and headers that belong to this filter alone.

use crate::context::Context;
use crate::context::facts::{self, seconds};
use crate::context::verdict::HeaderEdit;
use crate::dialect::Reply;
use crate::policy::document::Mode;
use crate::policy::program::selector::Holds;
use crate::policy::program::{OtherTraffic, Program};

/// Prefix of headers that only this filter writes and reads; those of callers and upstreams are removed.
const INTERNAL: &[u8] = b"x-hemostat-";

/// The lane that is closed to this request.
pub(crate) fn lane<'p>(cx: &Context, program: &'p Program) -> Option<&'p OtherTraffic> {
    let now = seconds(cx.facts.now_ns);
    let lane = program.other_traffic.iter().find(|lane| {
        lane.rule.mode_at(now) != Mode::Disabled
            && lane.rule.selector.holds(&cx.labels) == Holds::Yes
    });
    lane.filter(|lane| lane.block)
}

/// 403, unless the lane is in shadow mode.
pub(crate) fn close(cx: &mut Context, lane: &OtherTraffic) -> Option<Reply> {
    let shadow = lane.rule.mode == Mode::Shadow;
    cx.record.action(&lane.rule.id, "block", shadow);
    let message = format!("this lane is closed by rule `{}`", lane.rule.id);
    (!shadow).then(|| cx.error(403, "lane_closed", &message))
}

/// Edits that remove internal headers, in either direction.
pub(crate) fn remove_internal(headers: &facts::Headers) -> Vec<HeaderEdit> {
    let internal = |name: &[u8]| {
        name.get(..INTERNAL.len()).is_some_and(|own| own.eq_ignore_ascii_case(INTERNAL))
    };
    // A single letter rules out nearly all other headers.
    let names = headers.iter().map(|(name, _)| name);
    let names = names.filter(|name| matches!(name.get(2), Some(b'h' | b'H')) && internal(name));
    let mut names: Vec<&[u8]> = names.collect();
    // A caller may send as many of them as the host accepts.
    names.sort_unstable();
    names.dedup();
    let names = names.into_iter().filter_map(|name| std::str::from_utf8(name).ok());
    names.map(|name| HeaderEdit::Remove(name.to_owned())).collect()
}
