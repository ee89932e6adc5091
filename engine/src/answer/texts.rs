//! All texts of one answer (or of one request), and the pieces of them in its frames.

mod again;
mod clean;
mod judged;
mod places;
mod settle;
mod words;

pub use judged::ActedRules;
pub use words::FedPiece;

use self::clean::CleanTexts;
use super::args::ArgsReader;
use super::held::HeldPiece;
use super::many_by_key::ManyByKey;
use super::numbered::Numbered;
use super::place::Location as Written;
use super::rules::Rules;
use super::running::{AnswerStop, GrowingText, TextId};
use super::slices::slices;
use super::unknown::UnknownPlace;
use super::whole_args::WholeArgs;
use crate::base::sorted_map::SortedMap;
use crate::context::record::Record;
use crate::dialect::{Item, Role, TextKey, ValueShape};
use crate::limits;
use crate::search::Hit;
use crate::wire::json::{Doc, NodeId};
use crate::wire::text::Decoded;

/// A map by key with at most [`limits::OPEN_TEXTS`] entries. Ordered, not hashed, since a model chooses the keys.
pub(super) type ByKey<V> = SortedMap<TextKey, V>;

/// The texts that are open, or that something which waits still needs.
#[derive(Debug, Default)]
pub struct OpenTexts {
    running: Numbered<GrowingText>,
    args: Numbered<ArgsReader>,
    next: TextId,
    /// Those of `running` that continue, at places that a dialect knows.
    open: ByKey<TextId>,
    /// Those of `running` that have ended in the middle of a possible match, and may continue nevertheless.
    ended: ManyByKey,
    /// Those of `args` that continue.
    open_args: ByKey<TextId>,
    /// Places that no dialect knows.
    places: ByKey<UnknownPlace>,
    /// Bytes of long strings that the places keep.
    kept: usize,
    /// None of the places was last seen before this frame.
    oldest: u64,
    /// The number of the current frame.
    frame: u64,
    /// Running texts that a rule has changed, for the signatures over them.
    changed: ByKey<()>,
    /// A string of the current frame that continues a text, although its place repeats the text.
    rest: Option<(NodeId, TextKey)>,
    /// Some clients reject the current frame: its texts may not be part of the running ones.
    refused: bool,
    /// Arguments with a stop in them; of several with the same key, those with the first rule's stop.
    stops: ManyByKey,
    /// Memory of `running` and `args`.
    taken: usize,
    /// Decoded bytes that wait in both.
    held: usize,
    /// Those of `running` that have ended since the last settlement, or in which something was found, each once.
    touched: Vec<TextId>,
    /// Those of `args` that have grown or ended since then, each once.
    touched_args: Vec<TextId>,
    /// Whole texts without a hit; `None` if none are remembered.
    clean: Option<CleanTexts>,
    /// Reused buffer.
    hits: Vec<Hit>,
    decoded: Decoded,
    whole_args: WholeArgs,
}

/// Too many texts are open, or more was found in them than can be remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany;

/// What a piece did to its text.
#[derive(Debug, Clone, Copy)]
struct Grown {
    /// Where the piece begins in the text.
    start: u64,
    /// Where it ends.
    end: u64,
    /// What was found still fits.
    fits: bool,
    /// Nothing was found that is still to be changed, and nothing is live.
    decided: bool,
}

impl Grown {
    const NOTHING: Self = Self { start: 0, end: 0, fits: true, decided: false };
}

impl OpenTexts {
    /// Remembers whole texts without a hit, since they may be repeated.
    pub fn remember(&mut self) {
        self.clean.get_or_insert_default();
    }

    /// Scans one item that a dialect found, and adds to `pieces` what may still be changed in it.
    ///
    /// # Errors
    /// [`TooMany`] open texts ([`limits::OPEN_TEXTS`]), or too much in them ([`limits::FOUND_BYTES`]).
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
        let rest = self.rest.take_if(|(rest, _)| *rest == node).map(|(_, key)| key);
        let key = rest.or(key);
        let aside = rest.or(key.filter(|_| self.refused));
        let aside = aside.and_then(|key| self.step_aside(key));
        let Some(value) = doc.value(payload, node) else { return Ok(()) };
        if !rules.look_at(role) {
            return Ok(());
        }
        let place = match shape {
            ValueShape::Key => value.key_span().map(Written::Content),
            ValueShape::Number => Some(Written::Number(value.span())),
            ValueShape::Text => value.content_span().map(Written::Content),
            ValueShape::Json => value.content_span().map(Written::Args),
            ValueShape::File => value.content_span().map(Written::File),
            ValueShape::Seal => value.content_span().map(Written::Seal),
        };
        let Some(place) = place else { return Ok(()) };
        let erase = erase.and_then(|node| doc.value(payload, node)).map(|value| {
            let with = if value.content_span().is_some() { "\"\"" } else { "null" };
            (value.span(), with)
        });
        let piece = HeldPiece { signed, erase, ..HeldPiece::new(key, place) };
        if let Written::Seal(_) = piece.place {
            pieces.push(piece);
            return Ok(());
        }
        // Hits of watching rules are counted each time, so these search again.
        let whole = match &piece.place {
            Written::Content(at) if key.is_none() && rules.watching(role).is_none() => {
                payload.get(at.clone()).filter(|_| self.clean.is_some())
            }
            _ => None,
        };
        let known = |raw| self.clean.as_ref().is_some_and(|clean| clean.has(role, raw));
        if whole.is_some_and(known) {
            return Ok(());
        }
        let mut decoded = std::mem::take(&mut self.decoded);
        let text = piece.place.text(payload, &mut decoded);
        let fed = match piece.place {
            Written::Args(_) => self.feed_args(text, role, piece, rules, record),
            _ => self.feed(text, role, piece, rules, record),
        };
        self.decoded = decoded;
        if let Some(text) = aside.and_then(|id| self.running.get_mut(id)) {
            text.step_back();
        }
        if let (Ok(None), Some(raw), Some(clean)) = (&fed, whole, &mut self.clean) {
            clean.keep(role, raw);
        }
        pieces.extend(fed?.filter(|_| rules.acting(role).is_some()));
        Ok(())
    }

    /// Returns the piece with its range in its text, if something may still be done to it.
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
            if !rules.may_find(role, text) {
                return Ok(None);
            }
            let id = self.number();
            let mut whole;
            if text.len() <= limits::SHORT_TEXT_BYTES {
                whole = GrowingText::short(id, role, text, rules, record, &mut self.hits);
                self.fits(whole.memory())?;
            } else {
                whole = GrowingText::new(id, None, role);
                for slice in slices(text) {
                    whole.feed(slice, rules, record, &mut self.hits);
                    self.fits(whole.memory())?;
                }
                whole.finish(rules, record, &mut self.hits);
            }
            if !whole.touched_at_all() {
                return Ok(None);
            }
            (piece.text, piece.end) = (whole.id, whole.fed());
            self.account((0, 0), (whole.memory(), 0));
            whole.listed = true;
            self.touched.push(whole.id);
            self.running.push(whole.id, whole);
            return Ok(Some(piece));
        };
        let id = match self.open.get(&key) {
            Some(id) => *id,
            None => {
                let id = match self.reopen(key) {
                    Some(id) => id,
                    None => {
                        self.room()?;
                        self.begin(key, role)
                    }
                };
                self.open.insert(key, id);
                id
            }
        };
        piece.text = id;
        let grown = self.grow(id, text, rules, record);
        (piece.start, piece.end) = (grown.start, grown.end);
        if grown.fits { Ok(Some(piece)) } else { Err(TooMany) }
    }

    /// A text begins that will continue.
    fn begin(&mut self, key: TextKey, role: Role) -> TextId {
        let new = GrowingText::new(self.number(), Some(key), role);
        let id = new.id;
        self.account((0, 0), (new.memory(), 0));
        self.running.push(id, new);
        id
    }

    /// A text with this key that has ended continues, if its end may still match with what follows.
    fn reopen(&mut self, key: TextKey) -> Option<TextId> {
        let id = self.ended.remove(&key)?;
        let text = self.running.get_mut(id)?;
        let before = text.weight();
        let open = text.go_on();
        let after = text.weight();
        self.account(before, after);
        open.then_some(id)
    }

    /// A text continues.
    fn grow(&mut self, id: TextId, text: &str, rules: &Rules, record: &mut Record) -> Grown {
        let Some(running) = self.running.get_mut(id) else { return Grown::NOTHING };
        let (start, before) = (running.fed(), running.weight());
        let others = self.taken.saturating_sub(before.0);
        let (mut quiet, mut fits) = (running.is_decided(), true);
        for slice in slices(text) {
            running.feed(slice, rules, record, &mut self.hits);
            // Where nothing was found and nothing waits, before and after, it takes what it took.
            quiet &= running.is_decided();
            fits = quiet || others + running.memory() <= limits::FOUND_BYTES;
            if !fits {
                break;
            }
        }
        let (end, after) = (running.fed(), if quiet { before } else { running.weight() });
        let decided = fits && running.is_decided();
        if running.touched_at_all() && !std::mem::replace(&mut running.listed, true) {
            self.touched.push(id);
        }
        if before != after {
            self.account(before, after);
        }
        Grown { start, end, fits, decided }
    }

    /// Updates the totals after a text's memory and waiting bytes have changed.
    fn account(&mut self, before: (usize, usize), after: (usize, usize)) {
        self.taken = (self.taken + after.0).saturating_sub(before.0);
        self.held = (self.held + after.1).saturating_sub(before.1);
    }

    fn fits(&self, more: usize) -> Result<(), TooMany> {
        if self.taken + more > limits::FOUND_BYTES { Err(TooMany) } else { Ok(()) }
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
        let key = piece.key;
        if key.is_none() && !self.whole_args.may_find(text, role, rules) {
            return Ok(None);
        }
        let id = match key.and_then(|key| self.open_args.get(&key)) {
            Some(id) => *id,
            None => {
                if let Some(key) = key {
                    self.room()?;
                    self.open_args.insert(key, self.next + 1);
                }
                let id = self.number();
                let new = ArgsReader::new(key, role);
                self.account((0, 0), (new.memory(), 0));
                self.args.push(id, new);
                id
            }
        };
        self.touch_args(id);
        let mut hits = std::mem::take(&mut self.hits);
        let others = self.taken;
        let Some(args) = self.args.get_mut(id) else { return Ok(None) };
        let (start, before) = (args.fed(), (args.memory(), args.held()));
        let others = others.saturating_sub(before.0);
        let mut fits = true;
        for slice in slices(text) {
            args.feed(slice, rules, record, &mut hits);
            fits &= others + args.memory() <= limits::FOUND_BYTES;
            if !fits {
                break;
            }
        }
        (piece.text, piece.start, piece.end) = (id, start, args.fed());
        if key.is_none() {
            args.finish(rules, record, &mut hits);
        }
        let after = (args.memory(), args.held());
        let forgotten = key.is_none() && !args.touched();
        self.hits = hits;
        self.account(before, after);
        self.note_stop(id);
        if !fits {
            return Err(TooMany);
        }
        if forgotten {
            self.args.remove(id);
            self.account(after, (0, 0));
            return Ok(None);
        }
        Ok(Some(piece))
    }

    /// Remembers a stop in arguments under the key of their call.
    fn note_stop(&mut self, id: TextId) {
        let Some(args) = self.args.get(id) else { return };
        let (Some(key), Some(stop)) = (args.key, args.any_stop()) else { return };
        let first = self.call_stop(key).is_none_or(|other| stop.rule < other.rule);
        if first {
            self.stops.insert(key, id);
        }
    }

    /// The stop in the arguments of this call.
    #[must_use]
    pub fn call_stop(&self, call: TextKey) -> Option<AnswerStop> {
        self.args.get(*self.stops.get(&call)?)?.any_stop()
    }

    fn room(&self) -> Result<(), TooMany> {
        let open = self.open.len() + self.open_args.len();
        if open >= limits::OPEN_TEXTS { Err(TooMany) } else { Ok(()) }
    }

    fn number(&mut self) -> TextId {
        self.next += 1;
        self.next
    }

    /// A running text is complete. False if its arguments are not, whatever upstream says, since a value in them is
    /// open.
    pub fn finish(&mut self, key: TextKey, rules: &Rules, record: &mut Record) -> bool {
        if let Some(id) = self.open.remove(&key) {
            self.end_text(id, rules, record);
        }
        // The key of an item is less than those of its places, and stands for all of them.
        let last =
            if key.is_unknown() && key.b == 0 { TextKey { b: u32::MAX, ..key } } else { key };
        if key.is_unknown() {
            self.end_places(key..=last, rules, record);
        }
        let named = self.open_args.range(key..=last);
        let named: Vec<(TextKey, TextId)> = named.map(|(own, id)| (*own, *id)).collect();
        let mut over = true;
        for (own, id) in named {
            if self.args.get(id).is_some_and(ArgsReader::is_inside) {
                over = false;
            } else {
                self.open_args.remove(&own);
                self.end_args(id, rules, record);
            }
        }
        over
    }

    /// All texts are complete.
    pub fn finish_all(&mut self, rules: &Rules, record: &mut Record) {
        self.kept = 0;
        let places = std::mem::take(&mut self.places);
        let places = places.into_values().filter_map(|place| place.text);
        let texts = std::mem::take(&mut self.open).into_values().chain(places);
        texts.for_each(|id| self.end_text(id, rules, record));
        let args = std::mem::take(&mut self.open_args);
        args.into_values().for_each(|id| self.end_args(id, rules, record));
    }

    fn end_text(&mut self, id: TextId, rules: &Rules, record: &mut Record) {
        let mut hits = std::mem::take(&mut self.hits);
        if let Some(text) = self.running.get_mut(id).filter(|text| !text.ended) {
            let before = text.weight();
            text.finish(rules, record, &mut hits);
            let after = text.weight();
            let may_go_on = text.key.filter(|key| text.may_go_on() && !key.is_unknown());
            self.account(before, after);
            self.touch(id);
            if let Some(key) = may_go_on
                && let Some(before) = self.ended.insert(key, id)
            {
                self.touch(before);
            }
        }
        self.hits = hits;
    }

    fn end_args(&mut self, id: TextId, rules: &Rules, record: &mut Record) {
        let mut hits = std::mem::take(&mut self.hits);
        if let Some(args) = self.args.get_mut(id).filter(|args| !args.ended) {
            let before = (args.memory(), args.held());
            args.finish(rules, record, &mut hits);
            let after = (args.memory(), args.held());
            self.account(before, after);
            self.touch_args(id);
            self.note_stop(id);
        }
        self.hits = hits;
    }

    /// Decoded bytes that partial matches hold back.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held
    }

    /// Approximate memory of the texts, in bytes.
    #[must_use]
    #[inline]
    pub fn memory(&self) -> usize {
        let place = limits::UNKNOWN_TEXT_BYTES + size_of::<UnknownPlace>();
        self.taken + self.kept + self.places.len() * place
    }

    /// Nothing is open, and nothing is needed any more.
    pub fn forget(&mut self) {
        // Most texts have no hit, and nothing was kept of them.
        if self.memory() == 0 && self.touched.is_empty() && self.touched_args.is_empty() {
            return;
        }
        let whole = self.open.is_empty() && self.open_args.is_empty() && self.places.is_empty();
        if whole && self.ended.is_empty() && self.stops.is_empty() && self.changed.is_empty() {
            self.running.clear();
            self.args.clear();
            self.touched.clear();
            self.touched_args.clear();
            (self.taken, self.held, self.kept) = (0, 0, 0);
            return;
        }
        *self = Self {
            next: self.next,
            hits: std::mem::take(&mut self.hits),
            decoded: std::mem::take(&mut self.decoded),
            whole_args: std::mem::take(&mut self.whole_args),
            clean: self.clean.take(),
            ..Self::default()
        };
    }
}
