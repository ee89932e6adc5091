//! Writes strings of JSON texts (RFC 8259 §7).

/// Adds text as a JSON string.
pub fn quote(text: &str, out: &mut String) {
    out.push('"');
    escape(text, |_| false, out);
    out.push('"');
}

/// Adds text as the content of a JSON string: escapes quotes, backslashes, control characters and those for which
/// `also` is true.
pub fn escape(text: &str, also: impl Fn(char) -> bool, out: &mut String) {
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if u32::from(c) < 0x20 || also(c) => {
                out.push_str("\\u");
                for shift in [12, 8, 4, 0] {
                    out.push(char::from_digit((u32::from(c) >> shift) & 0xf, 16).unwrap_or('0'));
                }
            }
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let text: String = (0..0x3000).filter_map(char::from_u32).collect();
        let mut written = String::new();
        quote(&text, &mut written);
        assert_eq!(crate::wire::json::decode(&written.as_bytes()[1..written.len() - 1]), text);
        let mut cautious = String::new();
        escape("a\u{2028}\u{7f}", |c| c > '~', &mut cautious);
        assert_eq!(cautious, "a\\u2028\\u007f");
    }
}
