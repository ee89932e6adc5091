//! What is done once everything that arrived has left: texts that have ended are forgotten, and so is what was found.
//! Only texts that something happened to are examined, since a stream may have a thousand others open.

use super::{OpenTexts, TextId};
use crate::answer::rules::Rules;
use crate::limits;

impl OpenTexts {
    /// Something happened to this text that is settled once everything has left.
    pub(super) fn touch(&mut self, id: TextId) {
        if let Some(text) = self.running.get_mut(id)
            && !std::mem::replace(&mut text.listed, true)
        {
            self.touched.push(id);
        }
    }

    /// The same for arguments.
    pub(super) fn touch_args(&mut self, id: TextId) {
        if let Some(args) = self.args.get_mut(id)
            && !std::mem::replace(&mut args.listed, true)
        {
            self.touched_args.push(id);
        }
    }

    /// Gives up partial matches (`on_hold_limit: release`).
    pub fn release(&mut self, rules: &Rules) {
        let (mut texts, mut args) = (Vec::new(), Vec::new());
        let (mut taken, mut held) = (0, 0);
        for (id, text) in self.running.iter_mut() {
            text.release(rules, &mut self.hits);
            texts.push(id);
            taken += text.memory();
            held += text.held();
        }
        for (id, own) in self.args.iter_mut() {
            own.release(rules, &mut self.hits);
            args.push(id);
            taken += own.memory();
            held += own.held();
        }
        (self.taken, self.held) = (taken, held);
        texts.into_iter().for_each(|id| self.touch(id));
        for id in args {
            self.touch_args(id);
            self.note_stop(id);
        }
    }

    /// Everything that arrived has left: texts that ended are forgotten, and what was found in the others.
    pub fn settle(&mut self) {
        if !self.touched.is_empty() {
            self.settle_texts();
        }
        if !self.touched_args.is_empty() {
            self.settle_args();
        }
    }

    fn settle_texts(&mut self) {
        let mut touched = std::mem::take(&mut self.touched);
        // The last first: if more may continue than are remembered, the first ones are kept.
        for id in touched.drain(..).rev() {
            let Some(text) = self.running.get_mut(id) else { continue };
            text.listed = false;
            let before = text.weight();
            let may_go_on = text.key.filter(|key| text.ended && self.ended.get(key) == Some(&id));
            let remembered = may_go_on.is_some() && self.ended.len() <= limits::ENDED_TEXTS;
            if text.ended && !remembered {
                may_go_on.map(|key| self.ended.remove(&key));
                self.running.remove(id);
                self.account(before, (0, 0));
                continue;
            }
            text.settle();
            let after = text.weight();
            self.account(before, after);
        }
        if touched.capacity() <= limits::SPARE_ENTRIES {
            self.touched = touched;
        }
    }

    fn settle_args(&mut self) {
        let mut touched = std::mem::take(&mut self.touched_args);
        for id in touched.drain(..) {
            let Some(args) = self.args.get_mut(id) else { continue };
            args.listed = false;
            let before = (args.memory(), args.held());
            if args.ended {
                let stopped = args.key.filter(|key| self.stops.get(key) == Some(&id));
                stopped.map(|key| self.stops.remove(&key));
                self.args.remove(id);
                self.account(before, (0, 0));
                continue;
            }
            args.settle();
            let after = (args.memory(), args.held());
            self.account(before, after);
        }
        if touched.capacity() <= limits::SPARE_ENTRIES {
            self.touched_args = touched;
        }
    }
}
