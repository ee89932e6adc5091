//! Recognises MCP and A2A by the body, piece by piece, where headers do not tell: a JSON object (or a list of them)
//! with a `method` of theirs.
//!
//! It accepts more than JSON, never less: a body that some server takes for a call must be found. Case is ignored, and
//! so are bytes that other encodings put between letters (UTF-16, UTF-32).

use super::message::is_method;
use crate::limits;
use crate::wire::json::decode;
use crate::{DialectId, a2a};

/// What is known so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sniffed {
    /// Undecided.
    Open,
    /// It is a call of this protocol.
    Call(DialectId),
    /// It is not a call, whatever follows.
    Other,
}

/// The position within the members of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SniffState {
    /// A key comes next.
    Key,
    /// A value comes next, after an irrelevant key.
    Value,
    /// The value of `method` comes next.
    Method,
}

/// Searches a body for the first method.
#[derive(Debug)]
pub struct Sniffer {
    known: Sniffed,
    /// Search for MCP.
    mcp: bool,
    /// Search for A2A.
    a2a: bool,
    /// Open brackets.
    depth: usize,
    /// Depth of a message's members: 1, in a batch 2.
    level: usize,
    place: SniffState,
    in_string: bool,
    escaped: bool,
    /// The string that is being read, as it is written, if it may matter.
    text: Vec<u8>,
}

impl Default for Sniffer {
    fn default() -> Self {
        Self {
            known: Sniffed::Open,
            mcp: true,
            a2a: true,
            depth: 0,
            level: 1,
            place: SniffState::Key,
            in_string: false,
            escaped: false,
            text: Vec::new(),
        }
    }
}

impl Sniffer {
    /// Searches for these protocols only.
    #[must_use]
    pub fn of(mcp: bool, a2a: bool) -> Self {
        Self { mcp, a2a, ..Self::default() }
    }

    /// Reads the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) -> Sniffed {
        for &byte in bytes {
            if self.known != Sniffed::Open {
                break;
            }
            // Zeros of wide encodings, and byte order marks.
            if matches!(byte, 0 | 0xEF | 0xBB | 0xBF | 0xFE | 0xFF)
                && !(self.in_string && byte != 0)
            {
                continue;
            }
            if self.in_string { self.string(byte) } else { self.between(byte) }
        }
        self.known
    }

    fn between(&mut self, byte: u8) {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => {}
            b'{' | b'[' => {
                if self.depth == 0 {
                    self.level = if byte == b'[' { 2 } else { 1 };
                }
                self.depth = self.depth.saturating_add(1);
                self.place = SniffState::Key;
            }
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0 {
                    self.known = Sniffed::Other;
                }
            }
            _ if self.depth == 0 => self.known = Sniffed::Other,
            b'"' => {
                self.in_string = true;
                self.text.clear();
            }
            b',' if self.depth == self.level => self.place = SniffState::Key,
            _ => {}
        }
    }

    fn string(&mut self, byte: u8) {
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' => self.escaped = true,
            b'"' => {
                self.in_string = false;
                if self.depth == self.level {
                    self.member();
                }
                return;
            }
            _ => {}
        }
        if self.depth == self.level && self.text.len() < limits::SNIFFED_NAME_BYTES {
            self.text.push(byte);
        }
    }

    /// A string among the members of a message is complete.
    fn member(&mut self) {
        let text = decode(&self.text);
        self.place = match self.place {
            SniffState::Key if text.eq_ignore_ascii_case("method") => SniffState::Method,
            SniffState::Method => {
                // A method of both is decided once the whole body has arrived.
                if self.mcp && is_method(&text) {
                    self.known = Sniffed::Call(DialectId::Mcp);
                } else if self.a2a && a2a::is_method(&text) {
                    self.known = Sniffed::Call(DialectId::A2a);
                }
                SniffState::Value
            }
            _ => SniffState::Value,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sniff(body: &[u8]) -> Sniffed {
        Sniffer::default().feed(body)
    }

    #[test]
    fn calls_however_they_are_written() {
        for body in [
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#,
            r#" {"params":{"method":"x","a":[{"b":"}\""}]},"method" : "tools\/call""#,
            r#"[{"id":1},{"id":2,"METHOD":"Tools/List""#,
            r#"{"m\u0065thod":"\u0074ools/call""#,
            r#"{"method":"x","method":"tools/call""#,
            "\u{feff}{\"method\":\"initialize\"",
            r#"{"a":1,,"method":"tools/call",}"#,
        ] {
            assert_eq!(sniff(body.as_bytes()), Sniffed::Call(DialectId::Mcp), "{body}");
            let wide: Vec<u8> = body.encode_utf16().flat_map(u16::to_be_bytes).collect();
            assert_eq!(sniff(&wide), Sniffed::Call(DialectId::Mcp), "{body} in UTF-16");
        }
    }

    #[test]
    fn other_traffic() {
        for body in [
            "",
            "--boundary",
            "\u{1f}\u{8b}zip",
            "<html>",
            r#"{"jsonrpc":"2.0","method":"eth_call","params":["tools/call"]}"#,
            r#"{"params":{"method":"tools/call"}}"#,
            r#"{"a":"method","b":"tools/call"}"#,
            r#"{"method":{"method":"tools/call"}}"#,
            r#"["method","tools/call"]"#,
            r#"{"query":"{\"method\":\"tools/call\"}"}"#,
            r#"[[{"method":"tools/call"}]]"#,
        ] {
            let known = sniff(body.as_bytes());
            assert_ne!(known, Sniffed::Call(DialectId::Mcp), "{body}");
            assert!(body.is_empty() || known == Sniffed::Other, "{body}");
        }
    }

    proptest! {
        #[test]
        fn where_it_is_cut_does_not_matter(body in r#"([{}\[\],:" \\]|"method"|"tools/call"|a|\\u006d)*"#, at: prop::sample::Index) {
            let at = at.index(body.len() + 1);
            let mut sniffer = Sniffer::default();
            sniffer.feed(&body.as_bytes()[..at]);
            prop_assert_eq!(sniffer.feed(&body.as_bytes()[at..]), sniff(body.as_bytes()));
        }

        #[test]
        fn every_call_that_parses_is_found(before in "[a-z]{0,8}", value in any::<u8>(), upper: bool) {
            let key = if upper { "Method" } else { "method" };
            let mut object = serde_json::Map::new();
            object.insert(before, serde_json::json!([value, {"x": "}"}]));
            object.insert(key.to_owned(), serde_json::json!("tools/call"));
            let body = serde_json::Value::Object(object).to_string();
            prop_assert_eq!(sniff(body.as_bytes()), Sniffed::Call(DialectId::Mcp));
        }
    }
}
