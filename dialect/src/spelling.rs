//! Keys in another case (`Messages`, `Tools`).
//!
//! Servers written in Go accept a member whatever the case of its key, most others do not. A request with such a member
//! has no single meaning, and is unreadable where a rule needs it. Only members that are read here by name are checked,
//! and only where a format has them: tool arguments, schemas and metadata have keys of the caller's own.

use std::ops::Range;

use super::Unreadable;
use crate::wire::find::same;
use crate::wire::json::{Kind, Value};

/// How many model names [`ROOT`] begins with.
const MODELS: usize = 4;

/// Where the members stand in [`ROOT`] below which a format has more of its own ([`super::SAID`] says why this is not its
/// list).
const READ: Range<usize> = 3..17;

/// Root members of a request that decisions depend on, in any dialect.
#[rustfmt::skip]
const ROOT: [&str; 60] = [
    "model", "models", "fallback", "fallbacks", "messages", "input", "contents", "system", "systemInstruction",
    "system_instruction", "tools", "functions", "toolConfig", "tool_config", "tool_choice", "mcp_servers", "prediction",
    "instructions", "prompt", "function_call", "web_search_options", "stream", "stream_options", "background", "n",
    "documents", "response_format", "text", "output_config", "output_format", "outputConfig", "max_tokens",
    "max_completion_tokens", "max_output_tokens", "max_tool_calls", "service_tier", "serviceTier", "modalities",
    "generationConfig", "generation_config", "cachedContent", "cached_content", "inferenceConfig",
    "additionalModelRequestFields", "promptVariables", "performanceConfig", "previous_response_id", "conversation",
    "speed", "inference_geo", "deferred", "suffix", "echo", "best_of", "message", "chat_history", "preamble", "user",
    "previous_interaction_id", "response_mime_type",
];

/// Members of turns, of their parts, and of tools.
#[rustfmt::skip]
const NESTED: [&str; 37] = [
    "role", "content", "parts", "type", "text", "name", "arguments", "input", "args", "output", "tool_calls",
    "function_call", "function", "custom", "functionCall", "functionResponse", "functionDeclarations",
    "function_declarations", "toolUse", "toolResult", "toolSpec", "systemTool", "toolAddition", "tools", "tool",
    "allowed_tools", "tool_names", "mcp_servers", "server_label", "max_uses", "model", "source", "data", "inlineData",
    "inline_data", "file_data", "tool_configuration",
];

/// Members whose keys are chosen by the caller.
fn is_free(name: &[u8]) -> bool {
    matches!(
        name,
        b"arguments"
            | b"args"
            | b"response"
            | b"json"
            | b"parameters"
            | b"parametersJsonSchema"
            | b"parameters_json_schema"
            | b"responseJsonSchema"
            | b"input_schema"
            | b"inputSchema"
            | b"output_schema"
            | b"outputSchema"
            | b"schema"
            | b"metadata"
            | b"headers"
            | b"variables"
            | b"structured_content"
            | b"structuredContent"
            | b"cache_control"
            | b"examples"
            | b"input_examples"
            | b"environment"
            | b"env"
    )
}

/// Names, found by a hash that ignores case.
struct Spellings<const N: usize> {
    names: [&'static str; N],
    /// At the lowest bits of the hash, or the next free slot: the name's index, counted from 1.
    places: [u8; PLACES],
}

/// More than four times the number of names, so that a key that is not listed is nearly always recognised by the first
/// slot.
const PLACES: usize = 256;

/// The hash of a key; the same for keys that differ only in case.
#[inline(always)]
const fn place(key: &[u8]) -> usize {
    let [first, .., last] = key else { return key.len() };
    let (_, from_middle) = key.split_at(key.len() / 2);
    let middle = match from_middle {
        [middle, ..] => *middle,
        [] => 0,
    };
    // Upper and lower case differ in this bit.
    let (first, middle, last) = (*first | 0x20, middle | 0x20, *last | 0x20);
    let sum = (first as usize).wrapping_mul(31).wrapping_add(middle as usize).wrapping_mul(31);
    sum.wrapping_add(last as usize).wrapping_mul(31).wrapping_add(key.len()) % PLACES
}

static ROOT_NAMES: Spellings<{ ROOT.len() }> = Spellings::of(ROOT);
static NESTED_NAMES: Spellings<{ NESTED.len() }> = Spellings::of(NESTED);

impl<const N: usize> Spellings<N> {
    #[allow(
        clippy::indexing_slicing,
        reason = "evaluated by the compiler, which refuses what lies outside"
    )]
    const fn of(names: [&'static str; N]) -> Self {
        let mut places = [0; PLACES];
        let mut at = 0;
        while at < N {
            let mut place = place(names[at].as_bytes());
            while places[place] != 0 {
                place = (place + 1) % PLACES;
            }
            places[place] = at as u8 + 1;
            at += 1;
        }
        Self { names, places }
    }

    /// How the key is spelled, beside the listed names.
    fn spelled(&self, key: &[u8]) -> Spelled {
        let mut spelled = Spelled::Otherwise;
        let mut place = place(key);
        while let Some(number) = self.places.get(place).filter(|number| **number != 0) {
            let at = usize::from(*number) - 1;
            let name = self.names.get(at).map_or(&b""[..], |own| own.as_bytes());
            if same(key, name) {
                return Spelled::As(at);
            }
            if key.eq_ignore_ascii_case(name) {
                spelled = Spelled::InAnotherCase;
            }
            place = (place + 1) % PLACES;
        }
        spelled
    }
}

/// A key beside a list of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spelled {
    /// It is the name at this index.
    As(usize),
    /// It is one of them except for its case.
    InAnotherCase,
    /// It is none of them.
    Otherwise,
}

/// Checks that no member with an influence on decisions is spelled in another case, so that only some servers would
/// accept it.
///
/// # Errors
/// There is one.
pub(super) fn check(root: &Value<'_>) -> Result<(), Unreadable> {
    for member in root.children() {
        let name = member.key();
        match ROOT_NAMES.spelled(name) {
            Spelled::InAnotherCase => return Err(Unreadable { field: "" }),
            Spelled::As(at) if READ.contains(&at) && any_differs(&member) => {
                return Err(Unreadable { field: "" });
            }
            _ => {}
        }
        // Gateways use its members in place of the request's own. Models in it are found together with the others.
        let decides = |own: Value<'_>| ROOT.iter().skip(MODELS).any(|name| own.key_is(name));
        if name == b"extra_body" && member.children().any(decides) {
            return Err(Unreadable { field: "/extra_body" });
        }
    }
    Ok(())
}

fn any_differs(list: &Value<'_>) -> bool {
    let mut free_until = 0;
    list.descendants().any(|value| {
        if value.id() < free_until {
            return false;
        }
        let name = value.key();
        if is_free(name) || (name == b"input" && value.kind() == Kind::Object) {
            free_until = value.after();
        }
        !name.is_empty() && NESTED_NAMES.spelled(name) == Spelled::InAnotherCase
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reference implementation of the tables.
    fn spelled(key: &[u8], names: &[&str]) -> Spelled {
        match names.iter().position(|name| key == name.as_bytes()) {
            Some(at) => Spelled::As(at),
            None if names.iter().any(|name| key.eq_ignore_ascii_case(name.as_bytes())) => {
                Spelled::InAnotherCase
            }
            None => Spelled::Otherwise,
        }
    }

    #[test]
    fn every_spelling_of_a_name_is_told_from_it() {
        let changes: [fn(&str) -> String; 6] = [
            str::to_owned,
            str::to_uppercase,
            str::to_lowercase,
            |name| format!("{name}s"),
            |name| name.replace('_', "-"),
            |name| name.get(1..).unwrap_or_default().to_owned(),
        ];
        for name in ROOT.iter().chain(&NESTED).chain(&["", "x", "metadata"]) {
            let mut keys: Vec<String> = changes.iter().map(|change| change(name)).collect();
            // One letter in the other case, at each position.
            keys.extend((0..name.len()).map(|at| {
                let mut bytes = name.as_bytes().to_vec();
                bytes[at] ^= 0x20;
                String::from_utf8(bytes).unwrap()
            }));
            for key in keys.iter().map(String::as_bytes) {
                assert_eq!(ROOT_NAMES.spelled(key), spelled(key, &ROOT), "{key:?}");
                assert_eq!(NESTED_NAMES.spelled(key), spelled(key, &NESTED), "{key:?}");
            }
        }
    }
}
