//! Strings at places that no dialect knows: whether each is whole, or continues what came at its place before.

use std::ops::RangeInclusive;

use super::{OpenTexts, TooMany};
use crate::answer::held::HeldPiece;
use crate::answer::rules::Rules;
use crate::answer::running::TextId;
use crate::answer::unknown::{NextString, UnknownPlace};
use crate::context::record::Record;
use crate::dialect::{Role, TextKey};
use crate::limits;

impl OpenTexts {
    /// Reads the next piece of a string at a place that no dialect knows. False if it is whole.
    pub(super) fn place(
        &mut self,
        key: TextKey,
        text: &str,
        role: Role,
        piece: &mut HeldPiece,
        rules: &Rules,
        record: &mut Record,
    ) -> Result<bool, TooMany> {
        let room = limits::UNKNOWN_KEPT_BYTES.saturating_sub(self.kept);
        let (next, known) = match self.places.get_mut(&key) {
            Some(place) => {
                let before = place.kept();
                let next = place.next(text, self.frame, room);
                self.kept = (self.kept + place.kept()).saturating_sub(before);
                (next, place.text)
            }
            None => (NextString::New, None),
        };
        if next == NextString::Label {
            if let Some(id) = known {
                self.end_text(id, rules, record);
            }
            if let Some(place) = self.places.get_mut(&key) {
                place.text = None;
            }
            return Ok(false);
        }
        let (id, before) = match (known.filter(|_| next != NextString::New), next) {
            (Some(id), NextString::Grown(before)) => (id, before),
            (Some(id), _) => (id, 0),
            (None, _) => {
                if !self.places.contains_key(&key) && self.places.len() >= limits::UNKNOWN_PLACES {
                    return Err(TooMany);
                }
                let id = self.begin(key, role);
                let place = UnknownPlace::new(id, text, self.frame, room);
                self.kept += place.kept();
                if let Some(before) = self.places.insert(key, place) {
                    self.kept = self.kept.saturating_sub(before.kept());
                }
                (id, 0)
            }
        };
        let (grows, base) =
            self.places.get(&key).map_or((false, 0), |place| (place.grows(), place.base));
        let Some(running) = self.running.get_mut(id) else { return Ok(false) };
        running.keeps = grows;
        let fed = running.fed();
        piece.text = id;
        piece.start = if before == 0 { fed } else { base };
        if let Some(place) = self.places.get_mut(&key) {
            place.base = piece.start;
        }
        let grown = self.grow(id, text.get(before..).unwrap_or_default(), rules, record);
        piece.end = grown.end;
        if grown.fits { Ok(true) } else { Err(TooMany) }
    }

    /// The texts at these places are complete.
    pub(super) fn end_places(
        &mut self,
        keys: RangeInclusive<TextKey>,
        rules: &Rules,
        record: &mut Record,
    ) {
        if self.places.is_empty() {
            return;
        }
        for (_, place) in self.places.take_range(keys) {
            self.kept = self.kept.saturating_sub(place.kept());
            if let Some(id) = place.text {
                self.end_text(id, rules, record);
            }
        }
    }

    /// Another frame is read: texts at unknown places that no frame has continued for long are over.
    #[inline]
    pub fn next_frame(&mut self, rules: &Rules, record: &mut Record) {
        self.frame += 1;
        self.rest = None;
        self.refused = false;
        if !self.places.is_empty() {
            self.end_idle_places(rules, record);
        }
    }

    /// Some clients reject the frame that is read next, and ignore its texts.
    pub fn is_refused(&mut self) {
        self.refused = true;
    }

    fn end_idle_places(&mut self, rules: &Rules, record: &mut Record) {
        let (frame, idle) = (self.frame, limits::UNKNOWN_IDLE_FRAMES);
        if !frame.is_multiple_of(idle / 4) || frame <= self.oldest + idle {
            return;
        }
        let mut gone: Vec<TextId> = Vec::new();
        self.oldest = frame;
        self.places.retain(|_, place| {
            let over = frame > place.seen_in + idle;
            match over {
                true => {
                    gone.extend(place.text);
                    self.kept = self.kept.saturating_sub(place.kept());
                }
                false => self.oldest = self.oldest.min(place.seen_in),
            }
            !over
        });
        gone.into_iter().for_each(|id| self.end_text(id, rules, record));
    }
}
