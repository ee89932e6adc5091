//! What leaves an exchange beside bytes, and where its events say that they come from.

use std::rc::Rc;

use super::Exchange;
use crate::context::verdict::Effect;
use crate::event::Origin;

impl Exchange {
    /// Takes what is to be counted, logged, stored and told since the last call.
    pub fn effects(&mut self) -> Vec<Effect> {
        let mut effects = self.cx.record.take();
        let mut origin: Option<Rc<Origin>> = None;
        for effect in &mut effects {
            if let Effect::Event(event) = effect {
                let origin = origin.get_or_insert_with(|| Rc::new(self.cx.origin()));
                event.origin = Rc::clone(origin);
            }
        }
        effects
    }
}
