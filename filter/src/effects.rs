//! What the engine asks for besides moving bytes, each done where it belongs.

use hemostat_engine::exchange::Effect;
use hemostat_engine::policy::Program;

use crate::host::{self, Level};
use crate::telemetry::{self, Trouble};
use crate::{capture, notify};

/// Carries out what the engine asks for besides moving bytes.
pub fn apply(effects: Vec<Effect>) {
    // Nearly every piece of an answer has none.
    if !effects.is_empty() {
        carry_out(effects);
    }
}

/// The same, of what comes of no one exchange: its events go where this policy sends them.
pub fn apply_for(program: &Program, mut effects: Vec<Effect>) {
    // Asked after every callback, and nearly always there is nothing.
    if effects.is_empty() {
        return;
    }
    for effect in &mut effects {
        if let Effect::Event(event) = effect {
            event.origin = notify::origin(program);
        }
    }
    apply(effects);
}

fn carry_out(effects: Vec<Effect>) {
    for effect in effects {
        match effect {
            Effect::Count(name) => telemetry::count_by(name, 1),
            Effect::CountBy(name, amount) => telemetry::count_by(name, amount),
            Effect::Observe(name, value) => telemetry::observe(name, value),
            Effect::Log(text) => telemetry::line(Level::Info, &text),
            Effect::Event(event) => notify::raise(*event),
            Effect::Capture(captured) => capture::push(*captured),
            Effect::State(key, value) => {
                if let Err(error) = host::set_property(&key, value.as_bytes()) {
                    Trouble { call: "set_property", error }.report();
                }
            }
        }
    }
}
