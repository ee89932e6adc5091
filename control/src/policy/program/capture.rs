//! Which exchanges are captured, compiled.

use std::rc::Rc;

use super::label::LabelTable;
use super::rule::Rule;
use crate::limits;
use crate::policy::document::{CaptureTo, CapturedTexts, Document};

/// Which exchanges are sent where, and which of their texts.
#[derive(Debug, Clone)]
pub struct Capture {
    /// The selector of the exchanges.
    pub rule: Rule,
    /// What the model was asked.
    pub input: bool,
    /// What the caller got.
    pub output: bool,
    /// Arguments of tool calls, in either.
    pub tool_args: bool,
    /// The most text of one exchange, in bytes.
    pub max_bytes: usize,
    /// Where they are sent.
    pub to: Rc<CaptureTo>,
}

impl Capture {
    pub(super) fn compile(document: &Document, labels: &LabelTable) -> Vec<Rc<Self>> {
        let rules = document.capture.rules.iter().map(|written| {
            let has = |what: CapturedTexts| written.what.contains(&what);
            let max = written.max_bytes.unwrap_or(limits::CAPTURE_BYTES);
            Rc::new(Self {
                rule: Rule::compile(&written.rule, document, labels),
                input: has(CapturedTexts::Input),
                output: has(CapturedTexts::Output),
                tool_args: has(CapturedTexts::ToolArgs),
                max_bytes: usize::try_from(max).unwrap_or(usize::MAX),
                to: Rc::new(written.to.clone()),
            })
        });
        rules.collect()
    }

    /// True if anything of the answer is wanted.
    #[must_use]
    pub fn answer(&self) -> bool {
        self.output || self.tool_args
    }
}
