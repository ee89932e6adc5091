//! The part of an exchange that one receiver gets: the texts that it wants, within its own bound.

use super::answer::CapturedAnswer;
use super::messages::{self, CapturedMessage, MessagePart, shorten, trim};
use super::request::CapturedRequest;
use super::tool::CapturedTool;
use crate::policy::program::capture::Capture;

/// Texts for one span.
#[derive(Debug, Clone, Default)]
pub struct Fitted {
    system: Vec<MessagePart>,
    input: Vec<CapturedMessage>,
    output: Vec<CapturedMessage>,
    /// Arguments and result of a tool call.
    arguments: Option<String>,
    result: Option<String>,
    /// What is incomplete: `input`, `output`, and for a tool call `arguments`, `result`, `calls`.
    pub cut: Vec<&'static str>,
}

/// Reduces what was gathered to what a rule wants and has room for. `lost`: part of the answer could not be read.
#[must_use]
pub fn fit(
    rule: &Capture,
    asked: &CapturedRequest,
    got: Option<&CapturedAnswer>,
    lost: bool,
) -> Fitted {
    let mut fitted = Fitted::default();
    let mut room = rule.max_bytes;
    if let Some(tool) = &asked.tool {
        return fit_tool(rule, asked, tool, got, lost);
    }
    if rule.input {
        let mut messages = asked.messages.clone();
        let mut system = vec![CapturedMessage { role: "system", parts: asked.system.clone() }];
        messages.iter_mut().chain(&mut system).for_each(|message| only(rule, message, true));
        let mut share = if rule.answer() { room / 2 } else { room };
        let all = share;
        let mut cut = trim(&mut messages, &mut share, true);
        cut |= trim(&mut system, &mut share, false);
        room -= all - share;
        if cut || asked.cut {
            fitted.cut.push("input");
        }
        fitted.input = messages;
        fitted.system = system.pop().map(|message| message.parts).unwrap_or_default();
    }
    if rule.answer() {
        let mut messages = got.map(CapturedAnswer::messages).unwrap_or_default();
        messages.iter_mut().for_each(|message| only(rule, message, rule.output));
        messages.retain(|message| !message.parts.is_empty());
        let cut = trim(&mut messages, &mut room, false);
        if cut || lost || got.is_some_and(CapturedAnswer::is_cut) {
            fitted.cut.push("output");
        }
        fitted.output = messages;
    }
    fitted
}

/// The same for a tool call. A result is a text that a model will be shown, so it counts as `input`, as it does for
/// guardrails.
fn fit_tool(
    rule: &Capture,
    asked: &CapturedRequest,
    tool: &CapturedTool,
    got: Option<&CapturedAnswer>,
    lost: bool,
) -> Fitted {
    let mut fitted = Fitted::default();
    let mut room = rule.max_bytes;
    if rule.tool_args {
        fitted.arguments.clone_from(&tool.arguments);
        let cut = fitted.arguments.as_mut().is_some_and(|text| shorten(text, &mut room));
        if cut || asked.cut {
            fitted.cut.push("arguments");
        }
    }
    if rule.input {
        fitted.result = got.and_then(|got| got.result()?.text.clone());
        let cut = fitted.result.as_mut().is_none_or(|text| shorten(text, &mut room));
        if cut || lost || got.is_some_and(CapturedAnswer::is_cut) {
            fitted.cut.push("result");
        }
    }
    if tool.more {
        fitted.cut.push("calls");
    }
    fitted
}

/// Removes what the rule does not want; `words`: it wants more than calls.
fn only(rule: &Capture, message: &mut CapturedMessage, words: bool) {
    message.parts.retain(|part| words || matches!(part, MessagePart::Call { .. }));
    if !rule.tool_args {
        for part in &mut message.parts {
            if let MessagePart::Call { arguments, .. } = part {
                *arguments = None;
            }
        }
    }
}

impl Fitted {
    /// The GenAI attributes that carry the texts, in JSON. `finish`: why the answer ended.
    #[must_use]
    pub fn attributes(&self, finish: &str) -> Vec<(&'static str, String)> {
        let mut all = Vec::new();
        if !self.system.is_empty() {
            all.push(("gen_ai.system_instructions", messages::parts_to_json(&self.system)));
        }
        if !self.input.is_empty() {
            all.push(("gen_ai.input.messages", messages::to_json(&self.input, None)));
        }
        if !self.output.is_empty() {
            all.push(("gen_ai.output.messages", messages::to_json(&self.output, Some(finish))));
        }
        let tool = [
            ("gen_ai.tool.call.arguments", &self.arguments),
            ("gen_ai.tool.call.result", &self.result),
        ];
        all.extend(tool.into_iter().filter_map(|(key, json)| Some((key, json.clone()?))));
        all
    }
}
