//! What people usually meant by text that is not YAML. The parser describes its own state; a person wants to know which
//! line to move, and where to.

/// What would be accepted instead of the text at a line (from 1), if that can be told.
pub(super) fn meant(info: &str, text: &str, line: usize) -> Option<String> {
    let written = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    let fixed = if info.contains("anchor") {
        "a glob that begins with `*`, or text that begins with `&`, stands in quotes"
    } else if written.trim_start().starts_with('\t') || info.contains("tab") {
        "indent with blanks, not tabs"
    } else if info.contains("unknown escape") {
        "a pattern stands in single quotes: a backslash means itself there"
    } else if info.contains("mapping values are not allowed") {
        return deeper_than_before(text, line).or_else(|| {
            Some("text with `: ` in it stands in quotes; else look at the indentation".to_owned())
        });
    } else if info.contains("unexpected character") {
        "text that begins with one of `@ % \\`` stands in quotes"
    } else if info.contains("did not find expected") {
        return indentation(text, line);
    } else if info.contains("illegal placement of ':'") {
        return unclosed(text, line.saturating_sub(1));
    } else {
        return None;
    };
    Some(fixed.to_owned())
}

/// A place where something begins that a later line may continue.
struct OpenEntry<'a> {
    /// Indentation, in blanks.
    indent: usize,
    /// The line it begins on, from 1.
    line: usize,
    /// The text there.
    text: &'a str,
    /// It is the dash of a list entry.
    dash: bool,
}

/// What is open before this line: the entries of lists and maps above it that nothing has closed.
fn open_before(text: &str, line: usize) -> Vec<OpenEntry<'_>> {
    let mut open: Vec<OpenEntry<'_>> = Vec::new();
    for (number, written) in text.lines().enumerate().take(line.saturating_sub(1)) {
        let mut rest = written.trim_start_matches(' ');
        if rest.trim().is_empty() || rest.starts_with('#') || rest == "---" {
            continue;
        }
        let indent = written.len() - rest.len();
        open.retain(|one| one.indent < indent);
        let mut at = indent;
        while let Some(item) = rest.strip_prefix("- ") {
            open.push(OpenEntry {
                indent: at,
                line: number + 1,
                text: rest.trim_end(),
                dash: true,
            });
            let inner = item.trim_start_matches(' ');
            at += 2 + item.len() - inner.len();
            rest = inner;
        }
        open.push(OpenEntry { indent: at, line: number + 1, text: rest.trim_end(), dash: false });
    }
    open
}

/// A line whose indentation matches nothing above it, or that continues a list without its dash.
fn indentation(text: &str, line: usize) -> Option<String> {
    let written = text.lines().nth(line.checked_sub(1)?)?;
    let indent = written.len() - written.trim_start_matches(' ').len();
    let open = open_before(text, line);
    if let Some(list) = open.iter().rev().find(|one| one.dash && one.indent == indent)
        && !written.trim_start().starts_with('-')
    {
        return Some(format!(
            "line {} began a list at this indentation: write `- ` before the next entry, or indent this line by {}, \
             to go on with that one",
            list.line,
            indent + 2
        ));
    }
    if open.iter().any(|one| one.indent == indent) {
        // The line itself is fine: the error is before it, such as a bracket or a quote that was never closed.
        return unclosed(text, line - 1);
    }
    let dashed = written.trim_start().starts_with("- ");
    let like = open.iter().rev().filter(|one| one.dash == dashed);
    let near = like.min_by_key(|one| one.indent.abs_diff(indent))?;
    Some(format!(
        "this line is indented by {indent}, and nothing above it is: indent it by {}, as line {} is (`{}`)",
        near.indent,
        near.line,
        short(near.text)
    ))
}

/// A key that is indented more than the one before it, which already has a value.
fn deeper_than_before(text: &str, line: usize) -> Option<String> {
    let indent = |written: &str| written.len() - written.trim_start_matches(' ').len();
    let lines: Vec<&str> = text.lines().take(line).collect();
    let (written, above) = lines.split_last()?;
    let before = above.iter().rposition(|above| !above.trim().is_empty())?;
    let above = *above.get(before)?;
    let begins = above.trim_start_matches(' ').strip_prefix("- ").map_or(0, |_| 2);
    let wanted = indent(above) + begins;
    if indent(written) <= wanted || above.trim_end().ends_with(':') || !above.contains(": ") {
        return None;
    }
    Some(format!(
        "this line is indented by {}, and line {} (`{}`), which has its value already, by {wanted}: indent both alike; \
         text with `: ` in it stands in quotes",
        indent(written),
        before + 1,
        short(above.trim())
    ))
}

/// The last of this many lines with a bracket that is not closed on it.
fn unclosed(text: &str, lines: usize) -> Option<String> {
    let count = |line: &str, set: [char; 2]| line.matches(set).count();
    let numbered = text.lines().enumerate().take(lines);
    let (number, line) =
        numbered.filter(|(_, line)| count(line, ['[', '{']) > count(line, [']', '}'])).last()?;
    Some(format!("is a bracket of line {} (`{}`) closed?", number + 1, short(line.trim())))
}

/// Text for a message: long text is cut.
fn short(text: &str) -> String {
    const SHOWN: usize = 40;
    match text.char_indices().nth(SHOWN) {
        Some((cut, _)) => format!("{}…", text.get(..cut).unwrap_or_default()),
        None => text.to_owned(),
    }
}
