//! Output for a terminal: colours where wanted, and no foreign control characters.

use std::io::IsTerminal;

/// Colours words, or leaves them as they are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paint {
    on: bool,
}

impl Paint {
    /// Colours only on a terminal, and not under `NO_COLOR` (<https://no-color.org>).
    pub(crate) fn for_stdout() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self { on: std::io::stdout().is_terminal() && !refused && !dumb }
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    pub(crate) fn error(self, text: &str) -> String {
        self.paint("1;31", text)
    }

    pub(crate) fn warning(self, text: &str) -> String {
        self.paint("1;33", text)
    }

    pub(crate) fn good(self, text: &str) -> String {
        self.paint("1;32", text)
    }

    pub(crate) fn faint(self, text: &str) -> String {
        self.paint("2", text)
    }
}

/// Escapes foreign text for a terminal: control characters, and characters that reverse the direction of text, break
/// lines or are invisible. Two names that look alike must not be shown alike.
pub(crate) fn safe(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let hides = matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}');
        if c.is_control() || hides {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// The text, or a dash where there is none.
pub(crate) fn or_dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

/// `1 proxy`, `2 proxies`
pub(crate) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// A size for people, with the bytes: `1.5 MiB (1572864 bytes)`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [(u32, &str); 3] = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let Some((shift, unit)) = UNITS.into_iter().find(|(shift, _)| bytes >> shift > 0) else {
        return count(usize::try_from(bytes).unwrap_or(usize::MAX), "byte", "bytes");
    };
    let tenths = (bytes >> (shift - 10)).saturating_mul(10) >> 10;
    let (whole, rest) = (tenths / 10, tenths % 10);
    let rest = if rest == 0 { String::new() } else { format!(".{rest}") };
    format!("{whole}{rest} {unit} ({bytes} bytes)")
}

#[cfg(test)]
mod tests {
    use super::{safe, size};

    #[test]
    fn sizes_are_said_in_units_that_a_person_reads() {
        for (bytes, said) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (1023, "1023 bytes"),
            (1024, "1 KiB (1024 bytes)"),
            (1_048_577, "1 MiB (1048577 bytes)"),
            (1_572_864, "1.5 MiB (1572864 bytes)"),
            (3_221_225_472, "3 GiB (3221225472 bytes)"),
        ] {
            assert_eq!(size(bytes), said);
        }
        assert!(size(u64::MAX).contains("GiB"));
    }

    #[test]
    fn nothing_of_others_reaches_the_terminal_as_a_command() {
        assert_eq!(safe("a\x1b[2Jb\u{9b}c\u{202e}d é"), "a\\u{1b}[2Jb\\u{9b}c\\u{202e}d é");
        assert_eq!(safe("re\u{200b}fund\u{61c}\u{2028}"), "re\\u{200b}fund\\u{61c}\\u{2028}");
    }
}
