//! The answer's side: its headers decide how its body is read.

use std::rc::Rc;

use super::answering::{Answering, FrameJudge};
use super::passed::{Passed, PassedEnd};
use super::{Exchange, Phase};
use crate::answer::readable::{
    Readable, before_events, looks_like_events, readable, status, stream_framing,
};
use crate::answer::{
    ChosenRules, ChunkOutput, CutReason, FrameContext, FrameLoop, KnownEvents, Output, Pipe,
    PipeSettings, Rules, ToolRules,
};
use crate::base::decimal::digits;
use crate::context::facts::{self, Headers, Now, seconds};
use crate::context::verdict::{HeaderEdit, ResponseVerdict, StreamVerdict, WholeVerdict};
use crate::counters::Unchecked;
use crate::dialect::{self, Ending, EndingHow, Reply};
use crate::lever::failsafe;
use crate::lever::other_traffic::remove_internal;
use crate::lever::running::{RunningStream, StreamStop};
use crate::limits;
use crate::mcp;
use crate::policy::document::{OnCut, OnUnreadable};
use crate::wire::frame::Framing;

impl Exchange {
    /// True if it matters whether an answer with these headers came from upstream or from the proxy.
    #[must_use]
    pub fn asks_who_answered(&self, headers: &Headers) -> bool {
        let ok = headers.value(":status").is_some_and(|status| status.starts_with(b"2"));
        matches!(self.phase, Phase::Body | Phase::Asked | Phase::Answering)
            && (!ok || !self.cx.program.limits.rules.is_empty())
    }

    /// The answer's headers have arrived, `:status` included. `local`: the proxy made the answer itself, without
    /// upstream (including its own time-outs and connection failures).
    pub fn response_headers(
        &mut self,
        headers: &Headers,
        local: bool,
        end: bool,
        now_ns: u64,
    ) -> ResponseVerdict {
        self.complete = end;
        let verdict = self.judge_headers(headers, local, end, now_ns);
        let answered = self.phase == Phase::Answered;
        self.capturing.headers(&mut self.cx, &verdict, headers, answered, now_ns);
        verdict
    }

    fn judge_headers(
        &mut self,
        headers: &Headers,
        local: bool,
        end: bool,
        now_ns: u64,
    ) -> ResponseVerdict {
        match self.phase {
            Phase::Answered => return ResponseVerdict::Untouched { edits: Vec::new() },
            Phase::New | Phase::Sniffing | Phase::Other | Phase::Over => {
                return ResponseVerdict::Untouched { edits: remove_internal(headers) };
            }
            Phase::Body => {
                let unasked = local && !(200..300).contains(&status(headers));
                if let Some(reply) = self.overtaken(unasked) {
                    return ResponseVerdict::Reply(reply);
                }
            }
            Phase::Asked | Phase::Answering => {}
        }
        let status = status(headers);
        self.cx.record.state("http.response.status_code", digits(u64::from(status)));
        self.charges.answer_begins(status, local);
        if let Some(mut reply) = failsafe::after(&mut self.cx, status, local, now_ns) {
            self.phase = Phase::Answered;
            reply.headers.extend(self.cx.own_headers());
            return ResponseVerdict::Reply(reply);
        }
        if let Some(mut reply) = self.cx.mcp_instead(status, end) {
            self.phase = Phase::Answered;
            reply.headers.extend(self.cx.own_headers());
            return ResponseVerdict::Reply(reply);
        }
        let mut edits = remove_internal(headers);
        if !self.cx.answer_speaks() {
            self.tools.rules = ToolRules::default();
        }
        let rules = self.guardrails.for_answer(&self.cx);
        // The proxy's own errors are not answers of a model; whatever has status 200 may be one.
        let ok = (200..300).contains(&status);
        let own_error = local && !ok;
        let metered = self.charges.wants_answer() && ok;
        let joins = self.cx.mcp.as_ref().is_some_and(|mcp| mcp.joins());
        let rounds = mcp::may_want_input(&self.cx);
        let nothing =
            rules.is_empty() && self.tools.rules.is_empty() && !metered && !joins && !rounds;
        let acts = !rules.acting.is_empty() || !self.tools.rules.acting.is_empty() || joins;
        let read = match own_error || end || (nothing && !ok) {
            true => Readable::Nothing,
            false => readable(&self.cx, headers, status),
        };
        let watched =
            !end && (self.watch.begin(&self.cx, headers, status) || self.capturing.wants_result());
        let framing = if ok { stream_framing(&self.cx, headers, &read) } else { None };
        let passes = framing.filter(|_| !facts::is_encoded(headers));
        self.streams = framing.is_some();
        let read = if nothing { Readable::Nothing } else { read };
        match read {
            Readable::Nothing => {
                self.phase = Phase::Over;
                self.show(&mut edits);
                self.passed = passes.map(Passed::new);
                match watched || self.passed.is_some() {
                    true => ResponseVerdict::Stream { edits },
                    false => ResponseVerdict::Untouched { edits },
                }
            }
            Readable::No(why) => {
                self.charges.answer_unreadable();
                self.unreadable(why, status, acts, edits, now_ns)
            }
            Readable::Stream(framing) => {
                self.open_answer(framing, rules);
                self.show(&mut edits);
                let acts = acts || self.charges.hides_usage() || self.charges.may_be_cut(&self.cx);
                if self.answer.as_ref().is_none_or(|answer| !answer.acts()) {
                    self.passed = Some(Passed::new(framing));
                }
                if acts && facts::values(headers, "content-length").next().is_some() {
                    edits.push(HeaderEdit::Remove("content-length".to_owned()));
                }
                ResponseVerdict::Stream { edits }
            }
            // Watching rules hold nothing: they see a whole answer as it passes.
            Readable::Whole if !acts => {
                self.open_answer(Framing::Json, rules);
                self.show(&mut edits);
                ResponseVerdict::Stream { edits }
            }
            Readable::Whole => {
                self.open_answer(Framing::Json, rules);
                let hold = self.cx.program.host_holds;
                if !hold {
                    self.show(&mut edits);
                    edits.push(HeaderEdit::Remove("content-length".to_owned()));
                }
                self.status = status;
                ResponseVerdict::Whole { hold, edits }
            }
        }
    }

    /// A chunk of a streamed answer (after [`ResponseVerdict::Stream`]).
    pub fn response_chunk(
        &mut self,
        chunk: &[u8],
        end: bool,
        now: impl Into<Now>,
    ) -> StreamVerdict {
        let now: Now = now.into();
        self.complete |= end;
        let verdict = self.judge_chunk(chunk, end, now);
        self.capturing.chunk(&mut self.cx, verdict.leaving(chunk), end, now);
        verdict
    }

    fn judge_chunk(&mut self, chunk: &[u8], end: bool, now: Now) -> StreamVerdict {
        let mut events = KnownEvents::Nothing;
        let mut out = Output::new(chunk);
        let was_cut = self.cut_ns;
        // Upstream had nothing more to send: there is nothing to end.
        let over = end && chunk.is_empty();
        let answer = self.answer.take();
        let left = match answer {
            Some(mut answer) => {
                if !self.tools.rules.acting.is_empty() {
                    answer.set_now(seconds(now.ns()));
                }
                self.make_room(&mut answer);
                if was_cut.is_none() && !over {
                    self.end_held(&mut answer, &mut out);
                }
                events = self.some_of_answer(&mut answer, chunk, end, &mut out, now);
                // Watching rules see the bytes pass: not even half an event waits for them.
                let left = if answer.acts() { out.left() } else { ChunkOutput::AsItCame };
                self.account(&answer);
                self.answer = Some(answer);
                left
            }
            None => ChunkOutput::AsItCame,
        };
        self.watch.chunk(chunk, events, now);
        let ended = if over { None } else { self.some_passed(chunk, now) };
        self.watch.holds(self.held_bytes() > 0, now);
        self.metered(end, now);
        if end {
            self.phase = Phase::Over;
        }
        match ended {
            Some(PassedEnd::With(bytes)) => return StreamVerdict::Replace(bytes),
            Some(PassedEnd::Lost) => return StreamVerdict::Reset,
            None => {}
        }
        match (was_cut, left) {
            (Some(cut_ns), _) if !end && self.ends_now(cut_ns, now.ns()) => StreamVerdict::Reset,
            (Some(_), _) => StreamVerdict::Replace(Vec::new()),
            (None, ChunkOutput::AsItCame) => StreamVerdict::Unchanged,
            (None, ChunkOutput::Bytes(bytes)) => StreamVerdict::Replace(bytes),
        }
    }

    /// Part of the answer has arrived. At its end the charges are settled.
    fn metered(&mut self, end: bool, now: Now) {
        if end {
            self.charges.end();
            self.settle();
        } else {
            self.charges.renew(&mut self.cx, now);
        }
    }

    /// True if nothing is gained by reading a cut answer to its end: its cost is known, or spent.
    fn ends_now(&self, cut_ns: u64, now_ns: u64) -> bool {
        let cut = self.answer.as_ref().and_then(|answer| answer.cut());
        matches!(cut, Some(CutReason::Spent))
            || now_ns.saturating_sub(cut_ns) > limits::DRAIN_NS
            || self.charges.is_spent()
            || self.cx.program.on_cut == OnCut::Cancel
            || self.stop_cancels()
    }

    /// What this answer's caller asked, if the answer passes as a stream.
    #[must_use]
    pub fn running(&self) -> Option<RunningStream> {
        if self.streams { RunningStream::of(&self.cx) } else { None }
    }

    /// A rule of another policy ends this stream: at its next byte, if it comes before the host has reset it.
    pub fn stop(&mut self, stop: StreamStop) {
        stop.tell(&mut self.cx.record);
        if !stop.is_shadow() && self.stop.is_none() && self.cut_ns.is_none() {
            self.cx.record.count("hemostat_streams_ended_total");
            self.stop = Some(stop);
        }
    }

    /// True if the policy that ended the answer says `on_cut: cancel`.
    fn stop_cancels(&self) -> bool {
        self.stop.as_ref().is_some_and(|stop| stop.cancel)
    }

    /// Ends an answer that is held frame by frame: what waits is judged as if upstream had ended it.
    fn end_held(&mut self, answer: &mut Answering, out: &mut Output<'_>) {
        let Some(stop) = self.stop.clone().filter(|_| self.passed.is_none()) else { return };
        let Answering { frames, judge } = answer;
        let mut around = FrameContext { frames, out, record: &mut self.cx.record };
        match judge {
            FrameJudge::Nobody => {}
            FrameJudge::Model(pipe) => pipe.end_here(stop.cut(), &mut around),
            FrameJudge::Messages(messages) => {
                messages.end_here(stop.fallback.as_deref(), &mut around)
            }
        }
    }

    /// Bytes of an answer that is not held have arrived. One that is to end does so where its next frame begins: then this
    /// returns what leaves in place of the chunk.
    fn some_passed(&mut self, chunk: &[u8], now: Now) -> Option<PassedEnd> {
        if self.cut_ns.is_some() {
            return None;
        }
        let passed = self.passed.as_mut()?;
        let Some(stop) = &self.stop else {
            let others = self.answer.as_ref().map_or(0, |answer| answer.memory().1);
            passed.keep(&mut self.cx, &self.tools.rules, chunk, others);
            return None;
        };
        let ended = passed.end(&mut self.cx, &self.tools.rules, stop, chunk, now)?;
        self.passed = None;
        self.cut_ns = Some(now.ns());
        self.cx.memory.kept.set(0);
        if let Some(answer) = self.answer.as_mut().filter(|_| !self.guardrails.chosen.is_empty()) {
            // Rules that only count do not count what is not sent.
            answer.judge = FrameJudge::Nobody;
        }
        Some(ended)
    }

    /// The answer's body is complete (after [`ResponseVerdict::Whole`]); `None`: the host failed to provide it.
    pub fn response_body(&mut self, body: Option<&[u8]>, now_ns: u64) -> WholeVerdict {
        self.complete = body.is_some();
        let verdict = self.judge_body(body, now_ns);
        self.capturing.body(&mut self.cx, verdict.body.as_deref().or(body), now_ns);
        verdict
    }

    fn judge_body(&mut self, body: Option<&[u8]>, now_ns: u64) -> WholeVerdict {
        let asked = self.cx.call.as_ref().is_some_and(|call| call.stream);
        if let Some(body) = body.filter(|body| asked && looks_like_events(body)) {
            // A stream that claims to be JSON. A caller that asked for a stream reads it as one; for others it is not an answer.
            let rules = self.guardrails.for_answer(&self.cx);
            self.open_answer(Framing::Sse, rules);
            return match self.judge_chunk(body, true, Now::At(now_ns)) {
                StreamVerdict::Unchanged => self.whole(None),
                StreamVerdict::Replace(bytes) => self.whole(Some(bytes)),
                _ => self.whole(Some(Vec::new())),
            };
        }
        let (whole, done) = body.map_or((None, &[][..]), |body| {
            let (whole, done) = before_events(body);
            (Some(whole), done)
        });
        if let Some(whole) = whole.filter(|_| !done.is_empty()) {
            // A document with the end of a stream appended: what follows it carries no text.
            let verdict = self.judge_body(Some(whole), now_ns);
            let body = verdict.body.unwrap_or_else(|| whole.to_vec());
            return self.whole(Some([&body, done].concat()));
        }
        self.phase = Phase::Over;
        let (Some(mut answer), Some(body)) = (self.answer.take(), body) else {
            self.charges.answer_unreadable();
            let refuse = self.cx.program.on_unreadable != Some(OnUnreadable::Pass);
            self.cx.record.unchecked(Unchecked::Host, refuse);
            let body = refuse.then(|| self.blocked(now_ns).body);
            return self.whole(body);
        };
        self.watch.chunk(body, KnownEvents::Nothing, Now::At(now_ns));
        let mut out = Output::new(body);
        answer.set_now(seconds(now_ns));
        self.all_of_answer(&mut answer, body, &mut out);
        let cut = answer.cut().cloned();
        self.answer = Some(answer);
        self.metered(true, Now::At(now_ns));
        match (cut, out.left()) {
            (None, ChunkOutput::AsItCame) => self.whole(None),
            (None, ChunkOutput::Bytes(bytes)) => self.whole(Some(bytes)),
            (Some(cut), _) => {
                let reply = self.in_place(&cut, now_ns);
                self.whole(Some(reply.body))
            }
        }
    }

    /// What replaces a whole answer.
    fn in_place(&mut self, cut: &CutReason, now_ns: u64) -> Reply {
        if !(200..300).contains(&self.status) {
            // An error stays an error: only its text is withheld.
            return self.cx.error(self.status, "content_blocked", "the error's text was withheld");
        }
        match cut {
            CutReason::Fallback(fallback) => self.cx.canned(&Rc::clone(fallback)),
            CutReason::Blocked | CutReason::Spent => self.blocked(now_ns),
        }
    }

    /// The dialect's content-filter stop as a whole answer.
    fn blocked(&self, now_ns: u64) -> Reply {
        if let Some(reply) = self.cx.mcp_blocked() {
            return reply;
        }
        match &self.cx.call {
            Some(call) => dialect::dialect(call.recognised.dialect).blocked(
                call,
                self.cx.record.decision(),
                seconds(now_ns),
            ),
            None => self.cx.error(503, "content_blocked", "blocked"),
        }
    }

    fn whole(&mut self, body: Option<Vec<u8>>) -> WholeVerdict {
        let mut edits = Vec::new();
        if self.cx.program.host_holds {
            self.show(&mut edits);
            if let Some(body) = &body {
                edits.push(HeaderEdit::Set("content-length".to_owned(), body.len().to_string()));
                for stale in ["etag", "content-md5", "digest", "content-digest"] {
                    edits.push(HeaderEdit::Remove(stale.to_owned()));
                }
            }
        }
        WholeVerdict { edits, body }
    }

    /// The answer has been cut: appends its ending.
    #[cold]
    pub(super) fn after_cut(&mut self, answer: &mut Answering, out: &mut Output<'_>, now_ns: u64) {
        self.cut_ns = Some(now_ns);
        let Answering { frames, judge: FrameJudge::Model(pipe) } = answer else { return };
        out.push(&pipe.ending(frames, self.cx.record.decision(), seconds(now_ns)));
        match pipe.cut() {
            Some(CutReason::Spent) => self.charges.tell_cut(&mut self.cx),
            Some(CutReason::Fallback(fallback)) if fallback.handoff => self.cx.record.handoff(),
            _ => {}
        }
    }

    /// A body that no rule can look at: refused where an enforced rule needed it.
    fn unreadable(
        &mut self,
        why: Unchecked,
        status: u16,
        acts: bool,
        mut edits: Vec<HeaderEdit>,
        now_ns: u64,
    ) -> ResponseVerdict {
        // An error page from something between here and the model is not the model's answer: no rule needs it.
        let is_answer = (200..300).contains(&status) || why == Unchecked::Encoding;
        let pass = self.cx.program.on_unreadable == Some(OnUnreadable::Pass);
        let refuse = is_answer && acts && !pass;
        self.cx.record.unchecked(why, refuse);
        if !refuse {
            self.phase = Phase::Over;
            self.show(&mut edits);
            return ResponseVerdict::Untouched { edits };
        }
        let mut reply = self.refused_answer(now_ns);
        self.phase = Phase::Answered;
        reply.headers.extend(self.cx.own_headers());
        ResponseVerdict::Reply(reply)
    }

    /// The content-filter stop in the form that the caller asked for.
    fn refused_answer(&self, now_ns: u64) -> Reply {
        let Some(call) = self.cx.call.as_ref().filter(|call| call.stream) else {
            return self.blocked(now_ns);
        };
        let (framing, content_type) = match call.recognised.json_stream {
            Framing::JsonArray => (Framing::JsonArray, "application/json"),
            Framing::EventStream => (Framing::EventStream, "application/vnd.amazon.eventstream"),
            Framing::NdJson => (Framing::NdJson, "application/x-ndjson"),
            _ => (Framing::Sse, "text/event-stream; charset=utf-8"),
        };
        let ending = Ending {
            before: Vec::new(),
            how: EndingHow::Blocked,
            decision: self.cx.record.decision().to_owned(),
            now: seconds(now_ns),
        };
        let mut answer = dialect::dialect(call.recognised.dialect).answer(call, framing);
        Reply {
            status: 200,
            headers: vec![("content-type", content_type.to_owned())],
            body: answer.ending(&ending).written(framing),
        }
    }

    /// Begins to read the answer's body.
    fn open_answer(&mut self, framing: Framing, chosen: ChosenRules) {
        self.phase = Phase::Answering;
        self.charges.open_meter(&self.cx, framing);
        let Some(call) = &self.cx.call else { return };
        let dialect = dialect::dialect(call.recognised.dialect);
        let mut reader = None;
        let judge = if self.cx.is_mcp() {
            match mcp::open_messages(&mut self.cx, &self.tools.rules, framing, &chosen) {
                Some(messages) => FrameJudge::Messages(messages),
                None => return,
            }
        } else {
            reader = Some(dialect.answer(call, framing));
            let hidden = self.charges.hides_usage().then_some(dialect);
            // A whole answer is not ended in its middle.
            let limited = framing != Framing::Json && self.charges.may_be_cut(&self.cx);
            if chosen.is_empty() && self.tools.rules.is_empty() && hidden.is_none() && !limited {
                if !self.charges.is_metered() {
                    return;
                }
                FrameJudge::Nobody
            } else {
                let settings = PipeSettings {
                    on_hold_limit: self.cx.program.on_hold_limit,
                    block_unreadable: self.cx.program.on_unreadable != Some(OnUnreadable::Pass),
                };
                let rules = Rules::new(Rc::clone(&self.cx.program), chosen);
                let pipe = Pipe::new(rules, self.tools.calls(&self.cx), settings);
                FrameJudge::Model(pipe.hiding_usage(hidden).limited(limited))
            }
        };
        let mut frames = FrameLoop::new(framing, reader);
        if self.reads_every_frame {
            frames = frames.without_repeats();
        }
        self.answer = Some(Box::new(Answering { frames, judge }));
    }

    /// Adds the filter's headers to the answer.
    fn show(&self, edits: &mut Vec<HeaderEdit>) {
        for (name, value) in self.cx.own_headers() {
            edits.retain(|edit| *edit != HeaderEdit::Remove(name.to_owned()));
            edits.push(HeaderEdit::Set(name.to_owned(), value));
        }
    }
}
