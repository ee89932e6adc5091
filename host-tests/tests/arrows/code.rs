//! Rust sources as the words of their code: without comments, literals and what only tests see.

/// The words of a source: names, `::` as one word, and every other sign by itself. Comments, lifetimes, literals and items
/// under `#[cfg(test)]` are left out.
pub fn words(source: &str) -> Vec<&str> {
    without_tests(&all_words(source))
}

fn all_words(source: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            '"' => string(rest),
            'r' if rest.starts_with("r\"") || rest.starts_with("r#") => raw_string(rest),
            'b' if rest.starts_with("b\"") => 1 + string(&rest[1..]),
            'b' if rest.starts_with("br\"") || rest.starts_with("br#") => {
                1 + raw_string(&rest[1..])
            }
            '\'' => character(rest),
            ':' if rest.starts_with("::") => {
                words.push(&rest[..2]);
                2
            }
            _ if is_of_a_name(first) => {
                let end = rest.find(|c| !is_of_a_name(c)).unwrap_or(rest.len());
                words.push(&rest[..end]);
                end
            }
            _ => {
                let end = first.len_utf8();
                if !first.is_whitespace() {
                    words.push(&rest[..end]);
                }
                end
            }
        };
        rest = &rest[length..];
    }
    words
}

fn is_of_a_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The length of a string literal.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of a raw string literal, or of the sign of a raw name.
fn raw_string(text: &str) -> usize {
    let signs = text[1..].chars().take_while(|c| *c == '#').count();
    if !text[1 + signs..].starts_with('"') {
        return 1 + signs;
    }
    let end = format!("\"{}", "#".repeat(signs));
    let begins = signs + 2;
    text[begins..].find(&end).map_or(text.len(), |at| begins + at + end.len())
}

/// The length of a character, or of a lifetime's tick.
fn character(text: &str) -> usize {
    let mut own = text.char_indices().skip(1);
    match (own.next(), own.next()) {
        (Some((_, '\\')), Some(_)) => own.find(|(_, c)| *c == '\'').map_or(1, |(at, _)| at + 1),
        (_, Some((at, '\''))) => at + 1,
        _ => 1,
    }
}

fn without_tests<'a>(words: &[&'a str]) -> Vec<&'a str> {
    const FOR_TESTS: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut own = Vec::new();
    let mut rest = words;
    while let Some((first, behind)) = rest.split_first() {
        if rest.starts_with(&FOR_TESTS) {
            rest = &rest[item(rest)..];
        } else {
            own.push(*first);
            rest = behind;
        }
    }
    own
}

/// How many words an item has, its attributes included: to its `;`, or to the end of its block.
fn item(words: &[&str]) -> usize {
    let mut depth = 0_usize;
    for (at, word) in words.iter().enumerate() {
        match *word {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => {
                depth = depth.saturating_sub(1);
                if depth == 0 && *word == "}" {
                    return at + 1;
                }
            }
            ";" if depth == 0 => return at + 1,
            _ => {}
        }
    }
    words.len()
}

#[test]
fn words_are_those_of_the_code() {
    let source = r##"
        //! super::comment
        use crate::a::{b, self as c}; /* crate::d */
        #[cfg(test)]
        mod tests { fn x() { crate::e::f() } }
        #[cfg(test)]
        mod more;
        fn g<'a>(x: &'a str) -> char { let _ = r#"crate::h "quoted" "#; let _ = b"\"crate::i"; '\'' }
        const J: char = '"'; const K: &str = "crate::k";
    "##;
    assert_eq!(
        words(source).join(" "),
        "use crate :: a :: { b , self as c } ; \
         fn g < a > ( x : & a str ) - > char { let _ = ; let _ = ; } \
         const J : char = ; const K : & str = ;"
    );
}
