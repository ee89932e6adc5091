//! The tool calls of an answer as they arrive: their names, their arguments, and whether they leave.

mod approval;
mod arguments;
mod kept;
mod names;

pub use approval::Approvals;
pub(crate) use approval::id as approval_of;
pub(crate) use kept::kept;
pub(crate) use names::shown_name;

use std::rc::Rc;

use super::texts::ByKey;
use crate::context::record::Record;
use crate::counters::Unchecked;
use crate::dialect::{ArgsForm, CallName, Item, StoppedCall, TextKey};
use crate::event;
use crate::limits;
use crate::policy::Program;
use crate::policy::program::tools::{Args, ToolVerdict};
use crate::wire::json::Doc;
use arguments::CallArguments;
use names::CallNames;

/// The tools rules that hold for an exchange, by index, ascending.
#[derive(Debug, Clone, Default)]
pub struct ToolRules {
    /// Enforced ones.
    pub acting: Vec<usize>,
    /// Shadow ones.
    pub watching: Vec<usize>,
}

impl ToolRules {
    /// True if no rule holds.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.acting.is_empty() && self.watching.is_empty()
    }

    /// All of them, in the policy's order: what would apply if shadow rules acted.
    #[must_use]
    pub fn all(&self) -> Vec<usize> {
        let mut all = [self.acting.as_slice(), &self.watching].concat();
        all.sort_unstable();
        all
    }
}

/// The calls of one answer.
#[derive(Debug)]
pub struct Calls {
    program: Rc<Program>,
    rules: ToolRules,
    approvals: Approvals,
    /// The decision id, for the ids of texts that replace calls.
    decision: String,
    calls: Vec<AnsweredCall>,
    /// The index in `calls` of each.
    by_key: ByKey<usize>,
    /// How many were stopped.
    stops: usize,
    /// How often a call that no longer had to wait had to wait again.
    reopened: u64,
    /// Memory of the arguments.
    taken: usize,
    /// The maximum of that memory.
    room: usize,
    /// The answer is complete: anything further is another one, whose calls are counted anew.
    over: bool,
}

/// One call.
#[derive(Debug)]
struct AnsweredCall {
    key: TextKey,
    names: CallNames,
    given: CallArguments,
    state: CallState,
    /// The text that replaces it once it was stopped, which is final.
    stopped: Option<StoppedCall>,
    /// The id under which a grant approved it.
    granted: Option<String>,
    watched: bool,
}

/// The state of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CallState {
    /// It is not known yet whether it leaves.
    Waiting,
    /// It is known.
    Judged,
    /// It is complete; anything further under its key is a repetition, or another call.
    Over,
}

impl Calls {
    /// An answer without calls so far.
    #[must_use]
    pub fn new(
        program: Rc<Program>,
        rules: ToolRules,
        approvals: Approvals,
        decision: String,
    ) -> Self {
        Self {
            program,
            rules,
            approvals,
            decision,
            calls: Vec::new(),
            by_key: ByKey::new(),
            stops: 0,
            reopened: 0,
            taken: 0,
            room: limits::CALLS_BYTES,
            over: false,
        }
    }

    /// True if a rule may stop a call: only then is anything held.
    #[must_use]
    pub fn act(&self) -> bool {
        !self.rules.acting.is_empty()
    }

    /// True if any rule looks at calls.
    #[must_use]
    pub fn look(&self) -> bool {
        !self.rules.is_empty()
    }

    /// Unix time in seconds, for grants.
    pub fn set_now(&mut self, now: u64) {
        self.approvals.now = now;
    }

    /// The text that replaces this call, if it was stopped.
    #[must_use]
    pub fn stopped(&self, call: TextKey) -> Option<&StoppedCall> {
        self.get(call)?.stopped.as_ref()
    }

    /// True if any call was stopped.
    #[must_use]
    pub fn any_stopped(&self) -> bool {
        self.stops > 0
    }

    /// Changes when a call that no longer had to wait, according to [`Calls::waits`], has to wait again.
    #[must_use]
    pub fn reopened(&self) -> u64 {
        self.reopened
    }

    /// Approximate memory in bytes.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.calls.capacity() * size_of::<AnsweredCall>() + self.taken
    }

    /// Sets how much room other answers leave for calls, in bytes: the arguments of a call that does not fit cannot be
    /// judged.
    pub fn set_room(&mut self, room: usize) {
        self.room = room.min(limits::CALLS_BYTES);
    }

    /// True if nothing of this call may leave yet.
    #[must_use]
    pub fn waits(&self, call: TextKey) -> bool {
        self.act() && self.get(call).is_some_and(|own| own.state == CallState::Waiting)
    }

    /// Reads what a dialect found. False if there are more calls than can be remembered.
    pub fn item(&mut self, item: &Item, doc: &Doc, payload: &[u8], record: &mut Record) -> bool {
        match *item {
            Item::CallPiece { call, .. } => return self.begin(call),
            Item::CallName { call, name, open } => {
                let text = |node| doc.value(payload, node).and_then(|value| value.as_str());
                let fits = self.name(
                    call,
                    match name {
                        CallName::Node(node) => (text(node).unwrap_or_default().into(), true),
                        CallName::Alias(node) => (text(node).unwrap_or_default().into(), false),
                        CallName::BuiltIn(name) => (name.to_owned(), false),
                    },
                    open,
                );
                if !fits && self.waits(call) {
                    record.unchecked(Unchecked::HoldLimit, true);
                    self.too_long(call);
                }
                self.try_name(call, record);
            }
            Item::CallArgs { call, node, form } => {
                let Some(value) = doc.value(payload, node) else { return true };
                let fits = self.taken.saturating_add(value.raw().len()) <= self.room;
                if let Some(own) = self.find(call) {
                    let before = own.given.memory();
                    own.given.take(&value, if fits { form } else { ArgsForm::Opaque });
                    let after = own.given.memory();
                    let piece = matches!(form, ArgsForm::Piece | ArgsForm::TextPiece);
                    // An empty first piece accompanies the name, and does not end it.
                    own.names.open &= piece && value.raw().len() <= 2;
                    self.account(before, after);
                }
                self.try_name(call, record);
            }
            Item::CallEnd { call } => self.end(call, record),
            Item::AnswerEnd => {
                self.end_all(record);
                self.over = true;
            }
            _ => {}
        }
        true
    }

    fn get(&self, key: TextKey) -> Option<&AnsweredCall> {
        self.calls.get(*self.by_key.get(&key)?)
    }

    fn find(&mut self, key: TextKey) -> Option<&mut AnsweredCall> {
        self.calls.get_mut(*self.by_key.get(&key)?)
    }

    fn account(&mut self, before: usize, after: usize) {
        self.taken = (self.taken + after).saturating_sub(before);
    }

    fn begin(&mut self, key: TextKey) -> bool {
        if std::mem::take(&mut self.over) {
            self.calls.clear();
            self.by_key.clear();
            (self.stops, self.taken) = (0, 0);
            self.reopened += 1;
        }
        let at = self.calls.len();
        let Some(call) = self.find(key) else {
            if at >= limits::OPEN_TEXTS {
                return false;
            }
            self.by_key.insert(key, at);
            self.calls.push(AnsweredCall {
                key,
                names: CallNames::default(),
                given: CallArguments::default(),
                state: CallState::Waiting,
                stopped: None,
                granted: None,
                watched: false,
            });
            // A waiting frame may already contain a piece of it: of the previous answer, or under its name.
            self.reopened += 1;
            return true;
        };
        if call.state == CallState::Over {
            // Judged again, by itself. A stop is final.
            call.names = CallNames::default();
            let given = std::mem::take(&mut call.given).memory();
            let stopped = call.stopped.is_some();
            call.state = if stopped { CallState::Judged } else { CallState::Waiting };
            self.account(given, 0);
            self.reopened += 1;
        }
        true
    }

    /// Adds a name. False if there are more than can be judged.
    fn name(&mut self, key: TextKey, (name, own): (String, bool), open: bool) -> bool {
        let mut reopened = false;
        let Some(call) = self.find(key) else { return true };
        let names = &mut call.names;
        let fits = names.pieces.len() + names.aliases.len() < limits::CALL_NAMES
            && names.bytes + name.len() <= limits::HELD_TEXT_BYTES;
        let bytes = name.len();
        // A repetition of the same name is not a piece of it, unless pieces are still arriving.
        let repeat = !open && names.pieces.last() == Some(&name);
        if own && !repeat {
            if fits {
                names.bytes += bytes;
                names.pieces.push(name);
            } else {
                call.given.spoil();
            }
            if call.state == CallState::Judged && call.stopped.is_none() {
                // More of a name whose call was released: judged again with it.
                call.state = CallState::Waiting;
                reopened = true;
            }
        } else if !own && !names.aliases.contains(&name) && fits {
            names.bytes += bytes;
            names.aliases.push(name);
        }
        call.names.open |= open && call.given.is_empty();
        self.reopened += u64::from(reopened);
        fits || repeat
    }

    /// Judges a call by its name, if that is complete and sufficient.
    fn try_name(&mut self, key: TextKey, record: &mut Record) {
        let Some(call) = self.get(key) else { return };
        if call.state != CallState::Waiting || call.names.open || call.names.pieces.is_empty() {
            return;
        }
        match self.judge(&self.rules.acting, call, None) {
            // Its id depends on its arguments.
            None | Some(ToolVerdict::Approve(_)) => {}
            Some(verdict) => {
                self.watch(key, None, record);
                self.settle(key, verdict, record);
            }
        }
    }

    /// The verdict of these rules on a call, under each name that it may have and with each form of its arguments.
    fn judge(
        &self,
        rules: &[usize],
        call: &AnsweredCall,
        args: Option<&[Args]>,
    ) -> Option<ToolVerdict> {
        let tools = &self.program.tools;
        let mut worst = ToolVerdict::Through(None);
        for candidate in call.names.candidates() {
            let mut names: Vec<&str> = call.names.aliases.iter().map(String::as_str).collect();
            if !candidate.is_empty() || names.is_empty() {
                names.insert(0, &candidate);
            }
            match args {
                None => worst = worst.strictest(tools.judge(rules, &names, None)?),
                Some(all) => {
                    for args in all {
                        worst = worst.strictest(tools.judge(rules, &names, Some(args))?);
                    }
                }
            }
        }
        Some(worst)
    }

    fn end(&mut self, key: TextKey, record: &mut Record) {
        let Some(at) = self.by_key.get(&key).copied() else { return };
        let Some(call) = self.calls.get_mut(at) else { return };
        let state = std::mem::replace(&mut call.state, CallState::Over);
        let before = call.given.memory();
        let args = call.given.forms();
        let after = call.given.memory();
        self.account(before, after);
        let Some(call) = self.calls.get(at) else { return };
        let nameless = call.names.tool().is_empty();
        self.watch(key, Some(&args), record);
        let Some(call) = self.calls.get(at) else { return };
        if state == CallState::Waiting && self.act() {
            if nameless {
                let text = format!("Tool call {}was stopped by policy", call.names.shown());
                record.action("tools", "deny", false);
                return self.stop(key, text);
            }
            let verdict = self.judge(&self.rules.acting, call, Some(&args));
            self.settle_with(key, verdict.unwrap_or(ToolVerdict::Through(None)), &args, record);
        }
    }

    /// Nothing more will arrive: every call is judged as it is.
    pub fn end_all(&mut self, record: &mut Record) {
        let open = self.calls.iter().filter(|call| call.state != CallState::Over);
        let open: Vec<TextKey> = open.map(|call| call.key).collect();
        open.into_iter().for_each(|call| self.end(call, record));
    }

    /// Denies a call that is too long to be seen as a whole.
    pub fn too_long(&mut self, key: TextKey) {
        if self.waits(key) {
            let shown = self.find(key).map(|call| call.names.shown()).unwrap_or_default();
            self.stop(key, format!("Tool call {shown}was stopped by policy: it is too long"));
        }
    }

    fn settle(&mut self, key: TextKey, verdict: ToolVerdict, record: &mut Record) {
        self.settle_with(key, verdict, &[], record);
    }

    fn settle_with(
        &mut self,
        key: TextKey,
        verdict: ToolVerdict,
        args: &[Args],
        record: &mut Record,
    ) {
        let program = Rc::clone(&self.program);
        let rule = |at: usize| program.tools.rules.get(at);
        let Some(call) = self.find(key) else { return };
        if call.state == CallState::Waiting {
            call.state = CallState::Judged;
        }
        let shown = call.names.shown();
        match verdict {
            ToolVerdict::Through(_) => {}
            ToolVerdict::Deny(at) => {
                if let Some(rule) = rule(at) {
                    record.action(&rule.rule.id, "deny", false);
                }
                self.stop(key, format!("Tool call {shown}was stopped by policy"));
            }
            ToolVerdict::Approve(at) => {
                let Some(rule) = rule(at) else { return };
                let tool = call.names.tool();
                let granted = call.granted.clone();
                let id = approval::id(&tool, &rule.id_args, args);
                let Some(id) = id else {
                    record.action(&rule.rule.id, "deny", false);
                    let why = "its arguments cannot be approved";
                    return self
                        .stop(key, format!("Tool call {shown}was stopped by policy: {why}"));
                };
                if granted.as_ref() == Some(&id) || self.repeats(key, &id) {
                    return;
                }
                let arguments = kept(&program, args);
                let asked = event::PendingCall { id: id.clone(), tool, arguments, tenant: None };
                match self.approvals.ask(&program.tools, asked, record) {
                    Ok(()) => {
                        record.action(&rule.rule.id, "granted", false);
                        if let Some(call) = self.find(key) {
                            call.granted = Some(id);
                        }
                    }
                    Err(refused) => {
                        record.action(&rule.rule.id, "approve", false);
                        let why =
                            refused.map(|why| format!(" ({})", why.told())).unwrap_or_default();
                        self.stop(key, format!("Tool call {shown}needs approval: {id}{why}"));
                    }
                }
            }
        }
    }

    fn stop(&mut self, key: TextKey, text: String) {
        let id = format!("{}_{}_{}", self.decision, key.a, key.b);
        if let Some(call) = self.find(key) {
            let new = call.stopped.is_none();
            call.stopped.get_or_insert(StoppedCall { call: key, text, id });
            if call.state == CallState::Waiting {
                call.state = CallState::Judged;
            }
            self.stops += usize::from(new);
        }
    }

    /// Counts what shadow rules would have done.
    fn watch(&mut self, key: TextKey, args: Option<&[Args]>, record: &mut Record) {
        if self.rules.watching.is_empty() {
            return;
        }
        let all = self.rules.all();
        let Some(call) = self.get(key).filter(|call| !call.watched) else { return };
        let Some(verdict) = self.judge(&all, call, args) else { return };
        let (ToolVerdict::Deny(at) | ToolVerdict::Approve(at)) = verdict else { return };
        if self.rules.watching.contains(&at)
            && let Some(rule) = self.program.tools.rules.get(at)
        {
            let word = if matches!(verdict, ToolVerdict::Deny(_)) { "deny" } else { "approve" };
            record.action(&rule.rule.id, word, true);
        }
        if let Some(call) = self.find(key) {
            call.watched = true;
        }
    }

    /// True for a call at an unexpected place that repeats one that was approved: it needs no approval of its own.
    fn repeats(&self, key: TextKey, id: &str) -> bool {
        let granted = |id: &str| self.calls.iter().any(|call| call.granted.as_deref() == Some(id));
        key.kind == TextKey::STRAY && granted(id)
    }
}
