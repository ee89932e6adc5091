//! All texts of one answer (or of one request), and the pieces of them that frames carry.

mod words;

use std::collections::HashMap;

use super::args::Args;
use super::held::{Held, HeldPiece};
use super::hold_reason::HoldReason;
use super::place::{Change, Place as Written, changed};
use super::rules::Rules;
use super::running::{Running, Span, Stop, TextId};
use super::unknown::{Next, Place};
use crate::context::record::Record;
use crate::dialect::{Item, Role, Shape, TextKey};
use crate::limits;
use crate::search::Hit;
use crate::wire::edit::Edit;
use crate::wire::json::Doc;
use crate::wire::text::Decoded;

/// The texts that are open, or that something which waits still needs.
#[derive(Debug, Default)]
pub struct Texts {
    /// In the order of their numbers.
    running: Vec<Running>,
    /// The same.
    args: Vec<Args>,
    next: TextId,
    /// Places that no dialect knows.
    places: HashMap<TextKey, Place>,
    /// The number of the frame that is read.
    frame: u64,
    /// Running texts that a rule has changed, for the signatures over them.
    changed: Vec<TextKey>,
    /// Re-used.
    hits: Vec<Hit>,
    decoded: Decoded,
}

/// More texts are open than may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany;

impl Texts {
    /// Scans one item that a dialect found, and adds to `pieces` what may yet be changed in it.
    ///
    /// # Errors
    /// [`TooMany`] open texts ([`limits::OPEN_TEXTS`]).
    pub fn read(
        &mut self,
        item: &Item,
        doc: &Doc,
        payload: &[u8],
        rules: &Rules,
        pieces: &mut Vec<HeldPiece>,
        record: &mut Record,
    ) -> Result<(), TooMany> {
        let Item::Text { node, shape, role, text: key, signed, erase } = *item else {
            return Ok(());
        };
        let Some(value) = doc.value(payload, node) else { return Ok(()) };
        if !rules.look_at(role) {
            return Ok(());
        }
        let place = match shape {
            Shape::Key => value.key_span().map(Written::Content),
            Shape::Number => Some(Written::Number(value.span())),
            Shape::Text => value.content_span().map(Written::Content),
            Shape::Json => value.content_span().map(Written::Args),
            Shape::File => value.content_span().map(Written::File),
            Shape::Seal => value.content_span().map(Written::Seal),
        };
        let Some(place) = place else { return Ok(()) };
        let erase = erase.and_then(|node| doc.value(payload, node)).map(|value| {
            let with = if value.content_span().is_some() { "\"\"" } else { "null" };
            (value.span(), with)
        });
        let piece = HeldPiece { text: 0, key, start: 0, end: 0, place, call: None, signed, erase };
        if let Written::Seal(_) = piece.place {
            pieces.push(piece);
            return Ok(());
        }
        let mut decoded = std::mem::take(&mut self.decoded);
        let text = piece.place.text(payload, &mut decoded);
        let fed = match piece.place {
            Written::Args(_) => self.feed_args(text, role, piece, rules, record),
            _ => self.feed(text, role, piece, rules, record),
        };
        self.decoded = decoded;
        pieces.extend(fed?.filter(|_| rules.acting(role).is_some()));
        Ok(())
    }

    /// Gives the piece back with its place in its text, if something may yet be done to it.
    fn feed(
        &mut self,
        text: &str,
        role: Role,
        mut piece: HeldPiece,
        rules: &Rules,
        record: &mut Record,
    ) -> Result<Option<HeldPiece>, TooMany> {
        if let Some(key) = piece.key.filter(|key| key.is_unknown()) {
            match self.place(key, text, role, &mut piece, rules, record)? {
                true => return Ok(Some(piece)),
                false => piece.key = None,
            }
        }
        let Some(key) = piece.key else {
            let mut whole = Running::new(self.number(), None, role);
            whole.feed(text, rules, record, &mut self.hits);
            whole.finish(rules, record, &mut self.hits);
            if !whole.touched_at_all() {
                return Ok(None);
            }
            (piece.text, piece.end) = (whole.id, whole.fed());
            self.running.push(whole);
            return Ok(Some(piece));
        };
        let open = self.running.iter().position(|text| text.key == Some(key) && !text.ended);
        let open = open.or_else(|| {
            let ended = self.running.iter().rposition(|text| text.key == Some(key))?;
            self.running.get_mut(ended)?.go_on().then_some(ended)
        });
        let at = match open {
            Some(at) => at,
            None => {
                self.room()?;
                let id = self.number();
                self.running.push(Running::new(id, Some(key), role));
                self.running.len() - 1
            }
        };
        let Some(running) = self.running.get_mut(at) else { return Ok(None) };
        (piece.text, piece.start) = (running.id, running.fed());
        running.feed(text, rules, record, &mut self.hits);
        piece.end = running.fed();
        Ok(Some(piece))
    }

    /// The same for a string at a place that no dialect knows. False: it is whole.
    fn place(
        &mut self,
        key: TextKey,
        text: &str,
        role: Role,
        piece: &mut HeldPiece,
        rules: &Rules,
        record: &mut Record,
    ) -> Result<bool, TooMany> {
        let next = match self.places.get_mut(&key) {
            Some(place) => place.next(text, self.frame),
            None => Next::New,
        };
        let known = self.places.get(&key).and_then(|place| place.text);
        let open = |running: &Running| Some(running.id) == known && !running.ended;
        let at = self.running.iter().position(open).filter(|_| next != Next::New);
        if next == Next::Label {
            if let Some(running) = at.and_then(|at| self.running.get_mut(at)) {
                running.finish(rules, record, &mut self.hits);
            }
            if let Some(place) = self.places.get_mut(&key) {
                place.text = None;
            }
            return Ok(false);
        }
        let (at, before) = match (at, next) {
            (Some(at), Next::Grown(before)) => (at, before),
            (Some(at), _) => (at, 0),
            (None, _) => {
                if !self.places.contains_key(&key) && self.places.len() >= limits::UNKNOWN_PLACES {
                    return Err(TooMany);
                }
                let id = self.number();
                self.running.push(Running::new(id, Some(key), role));
                self.places.insert(key, Place::new(id, text, self.frame));
                (self.running.len() - 1, 0)
            }
        };
        let (Some(place), Some(running)) = (self.places.get_mut(&key), self.running.get_mut(at))
        else {
            return Ok(false);
        };
        running.keeps = place.grows();
        piece.text = running.id;
        if before == 0 {
            place.base = running.fed();
        }
        piece.start = place.base;
        running.feed(text.get(before..).unwrap_or_default(), rules, record, &mut self.hits);
        piece.end = running.fed();
        Ok(true)
    }

    /// Another frame is read: texts at unknown places with which no frame has gone on for long are over.
    pub fn next_frame(&mut self, rules: &Rules, record: &mut Record) {
        self.frame += 1;
        let frame = self.frame;
        if self.places.is_empty() || !frame.is_multiple_of(limits::UNKNOWN_IDLE_FRAMES / 4) {
            return;
        }
        let over = |place: &Place| frame > place.seen_in + limits::UNKNOWN_IDLE_FRAMES;
        let gone: Vec<TextId> = self
            .places
            .values()
            .filter(|place| over(place))
            .filter_map(|place| place.text)
            .collect();
        self.places.retain(|_, place| !over(place));
        for text in self.running.iter_mut().filter(|text| !text.ended && gone.contains(&text.id)) {
            text.finish(rules, record, &mut self.hits);
        }
    }

    /// The same for a piece of tool arguments.
    fn feed_args(
        &mut self,
        text: &str,
        role: Role,
        mut piece: HeldPiece,
        rules: &Rules,
        record: &mut Record,
    ) -> Result<Option<HeldPiece>, TooMany> {
        let Some(key) = piece.key else {
            let mut whole = Args::new(self.number(), None, role);
            whole.feed(text, rules, record, &mut self.hits);
            piece.end = whole.fed();
            whole.finish(rules, record, &mut self.hits);
            if !whole.touched() {
                return Ok(None);
            }
            piece.text = whole.id;
            self.args.push(whole);
            return Ok(Some(piece));
        };
        let open = self.args.iter().position(|args| args.key == Some(key) && !args.ended);
        let at = match open {
            Some(at) => at,
            None => {
                self.room()?;
                let id = self.number();
                self.args.push(Args::new(id, Some(key), role));
                self.args.len() - 1
            }
        };
        let Some(args) = self.args.get_mut(at) else { return Ok(None) };
        (piece.text, piece.start) = (args.id, args.fed());
        args.feed(text, rules, record, &mut self.hits);
        piece.end = args.fed();
        Ok(Some(piece))
    }

    fn room(&self) -> Result<(), TooMany> {
        let known = |text: &&Running| !text.ended && !text.key.is_some_and(TextKey::is_unknown);
        let open = self.running.iter().filter(known).count()
            + self.args.iter().filter(|args| !args.ended).count();
        if open >= limits::OPEN_TEXTS { Err(TooMany) } else { Ok(()) }
    }

    fn number(&mut self) -> TextId {
        self.next += 1;
        self.next
    }

    /// A running text is complete.
    pub fn finish(&mut self, key: TextKey, rules: &Rules, record: &mut Record) {
        self.finish_where(|own| own.is_some_and(|own| own.ends_with(key)), rules, record);
    }

    /// All texts are complete.
    pub fn finish_all(&mut self, rules: &Rules, record: &mut Record) {
        self.finish_where(|_| true, rules, record);
    }

    fn finish_where(
        &mut self,
        which: impl Fn(Option<TextKey>) -> bool,
        rules: &Rules,
        record: &mut Record,
    ) {
        for text in self.running.iter_mut().filter(|text| !text.ended && which(text.key)) {
            text.finish(rules, record, &mut self.hits);
        }
        for args in self.args.iter_mut().filter(|args| !args.ended && which(args.key)) {
            args.finish(rules, record, &mut self.hits);
        }
    }

    /// Gives up on partial matches (`on_hold_limit: release`).
    pub fn release(&mut self, rules: &Rules) {
        self.running.iter_mut().for_each(|text| text.release(rules, &mut self.hits));
        self.args.iter_mut().for_each(|args| args.release(rules, &mut self.hits));
    }

    /// Decoded bytes that partial matches hold.
    #[must_use]
    pub fn held(&self) -> usize {
        self.running.iter().map(Running::held).sum::<usize>()
            + self.args.iter().map(Args::held).sum::<usize>()
    }

    /// All that came has left: texts that ended are forgotten, and what was found in the others.
    pub fn settle(&mut self) {
        let mut may_go_on = 0;
        self.running.retain(|text| {
            may_go_on += usize::from(text.ended && text.may_go_on());
            !text.ended || (text.may_go_on() && may_go_on <= limits::ENDED_TEXTS)
        });
        self.running.iter_mut().for_each(Running::settle);
        self.args.retain(|args| !args.ended);
        self.args.iter_mut().for_each(Args::settle);
    }

    fn text(&self, id: TextId) -> Option<&Running> {
        self.running.get(self.running.binary_search_by_key(&id, |text| text.id).ok()?)
    }

    fn args(&self, id: TextId) -> Option<&Args> {
        self.args.get(self.args.binary_search_by_key(&id, |args| args.id).ok()?)
    }

    /// What is still undecided in this frame, and keeps it (invariant 6); `None`: nothing.
    #[must_use]
    pub fn waits_for(&self, held: &mut Held<'_>) -> Option<HoldReason> {
        if let Some(call) = held.calls.first() {
            return Some(HoldReason::CallToScan(*call));
        }
        // What is decided stays so: it is asked once, however many frames come behind this one.
        while let Some(piece) = held.pieces.get(held.ready) {
            let waits = match piece.place {
                Written::Args(_) => {
                    let ready = |args: &Args| args.ready(piece.start..piece.end);
                    let waits = self.args(piece.text).is_some_and(|args| !ready(args));
                    waits.then(|| HoldReason::Arguments { call: piece.call.or(piece.key) })
                }
                _ => self.text(piece.text).map(Running::clear).and_then(|from| {
                    let waits = from < piece.end;
                    waits.then_some(HoldReason::PartialMatch { text: piece.key, from })
                }),
            };
            if waits.is_some() {
                return waits;
            }
            held.ready += 1;
        }
        None
    }

    /// Memory that the texts take, about, in bytes.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.running.capacity() * (size_of::<Running>() + size_of::<Span>())
            + self.args.iter().map(Args::memory).sum::<usize>()
    }

    /// The first stop in a frame that is ready: which piece, and where. Of two in one text the one that begins first,
    /// of two that begin together the first rule's. A redaction of something signed is a stop.
    #[must_use]
    pub fn first_stop(&self, held: &Held<'_>) -> Option<(usize, Stop)> {
        held.pieces.iter().enumerate().find_map(|(at, piece)| {
            let stop = match piece.place {
                Written::Args(_) => self.args(piece.text)?.stop(piece.start..piece.end),
                _ => self.text(piece.text)?.stop(piece.start, piece.end),
            };
            let sealed = || {
                let span = self.spans(piece).into_iter().next().filter(|_| piece.signed)?;
                Some(Stop { start: span.start, rule: span.rule })
            };
            Some((at, stop.or_else(sealed)?))
        })
    }

    /// The stop in the arguments of this call.
    #[must_use]
    pub fn call_stop(&self, call: TextKey) -> Option<Stop> {
        self.args
            .iter()
            .filter(|args| args.key == Some(call))
            .filter_map(Args::any_stop)
            .min_by_key(|stop| stop.rule)
    }

    fn spans(&self, piece: &HeldPiece) -> Vec<Span> {
        self.text(piece.text)
            .map(|text| text.spans(piece.start, piece.end).collect())
            .unwrap_or_default()
    }

    /// Adds the edits that the rules' redactions make in a piece, and records them.
    pub fn rewrite(
        &mut self,
        piece: &HeldPiece,
        payload: &[u8],
        rules: &Rules,
        edits: &mut Vec<Edit>,
        record: &mut Record,
    ) {
        let before = edits.len();
        match &piece.place {
            Written::Seal(_) => {
                if piece.key.is_some_and(|key| self.was_changed(key)) {
                    piece.place.empty(edits);
                }
                return;
            }
            // A rule that would change it stops (it counts as signed).
            Written::File(_) => return,
            Written::Args(_) => {
                let part = piece.start..piece.end;
                let Some(args) = self.args(piece.text) else { return };
                let changes = args.changes(part.clone(), rules);
                changes.iter().for_each(|change| rules.acted(change.rule, record));
                piece.place.write_args(payload, part, changes, edits);
            }
            _ => {
                let spans = self.spans(piece);
                spans.iter().for_each(|span| rules.acted(span.rule, record));
                let changes: Vec<Change<'_>> =
                    spans.iter().map(|span| piece.change(*span, rules, piece.end)).collect();
                if !changes.is_empty() {
                    piece.place.write(payload, &changes, edits);
                }
            }
        }
        if edits.len() == before {
            return;
        }
        if let Some((span, with)) = &piece.erase {
            edits.push(Edit { at: span.clone(), with: with.as_bytes().to_vec() });
        }
        if let Some(key) = piece.key {
            self.mark_changed(key);
        }
    }

    fn mark_changed(&mut self, key: TextKey) {
        if !self.changed.contains(&key) && self.changed.len() < limits::OPEN_TEXTS {
            self.changed.push(key);
        }
    }

    /// True if a rule has changed this running text. When too many were changed to remember, every one counts as
    /// changed: a signature too few is repaired by asking again, one too many is a false seal.
    fn was_changed(&self, key: TextKey) -> bool {
        self.changed.contains(&key) || self.changed.len() >= limits::OPEN_TEXTS
    }

    /// What of a frame that is being replaced still leaves: its running texts up to piece `at`, and that piece up to
    /// `end`, redacted. Texts that are whole in the frame leave with it or not at all, and so do tool arguments.
    #[must_use]
    pub fn before(
        &self,
        held: &Held<'_>,
        at: usize,
        end: u64,
        rules: &Rules,
    ) -> Vec<(TextKey, String)> {
        let payload = held.frame.payload_bytes();
        let mut decoded = Decoded::new();
        let mut before = Vec::new();
        for (number, piece) in held.pieces.iter().enumerate().take(at + 1) {
            let (Some(key), Written::Content(_)) = (piece.key, &piece.place) else { continue };
            let end = if number == at { end } else { piece.end };
            let text = piece.place.text(&payload, &mut decoded);
            let text = text.get(..piece.local(end)).unwrap_or_default();
            let changes: Vec<Change<'_>> = self
                .spans(piece)
                .iter()
                .filter(|span| span.start < end)
                .map(|span| piece.change(*span, rules, end))
                .collect();
            let text = changed(text, &changes);
            if !text.is_empty() {
                before.push((key, text));
            }
        }
        before
    }
}
