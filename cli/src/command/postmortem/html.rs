//! Converts the report's Markdown to HTML: only what [`super::markdown`] writes, not the whole language.

use crate::shared::report::page::{class, escape};

/// The report as HTML: headings, tables, lists, paragraphs, emphasis. Everything else stays text.
pub(super) fn html(text: &str) -> String {
    let mut out = String::new();
    let mut table = false;
    let mut list = false;
    for line in text.lines() {
        let (row, item) = (line.starts_with('|'), line.trim_start().starts_with("- "));
        if table && !row {
            out.push_str("</table></div>\n");
        }
        if list && !item {
            out.push_str("</ul>\n");
        }
        // The first row of a table is its header.
        let cell = if row && !table { "th" } else { "td" };
        if row && !table {
            out.push_str("<div class=\"wide\"><table class=\"told\">\n");
        }
        if item && !list {
            let checks = if line.starts_with("- [ ]") { " class=\"checks\"" } else { "" };
            out.push_str(&format!("<ul{checks}>\n"));
        }
        (table, list) = (row, item);
        if let Some(title) = line.strip_prefix("# ") {
            out.push_str(&format!("<h1>{}</h1>\n", inline(title)));
        } else if let Some(title) = line.strip_prefix("## ") {
            out.push_str(&format!("<h2>{}</h2>\n", inline(title)));
        } else if row {
            if !line.starts_with("|---") && !line.starts_with("| ---") {
                out.push_str("<tr>");
                for text in cells(line) {
                    let how = match cell {
                        "th" => " scope=\"col\"",
                        _ if text.contains('T') => class(&text),
                        _ => "",
                    };
                    out.push_str(&format!("<{cell}{how}>{}</{cell}>", inline(&text)));
                }
                out.push_str("</tr>\n");
            }
        } else if item {
            let text = line.trim_start().trim_start_matches("- ");
            let deep = if line.starts_with(' ') {
                " style=\"margin-left: 2rem; list-style: disc\""
            } else {
                ""
            };
            out.push_str(&format!(
                "<li{deep}>{}</li>\n",
                inline(&text.replacen("[ ]", "\u{2610}", 1))
            ));
        } else if !line.trim().is_empty() {
            out.push_str(&format!("<p>{}</p>\n", inline(line)));
        }
    }
    if table {
        out.push_str("</table></div>\n");
    }
    if list {
        out.push_str("</ul>\n");
    }
    out
}

/// The cells of a row; an escaped bar belongs to the text.
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut cell, mut escaped) = (Vec::new(), String::new(), false);
    for c in line.trim().trim_start_matches('|').chars() {
        match (escaped, c) {
            (false, '|') => {
                cells.push(std::mem::take(&mut cell).trim().replacen("[ ]", "\u{2610}", 1))
            }
            _ => cell.push(c),
        }
        escaped = c == '\\' && !escaped;
    }
    cells
}

/// Emphasis and code that the report itself wrote; a character behind a backslash stands for itself.
fn inline(text: &str) -> String {
    let (mut out, mut plain) = (String::new(), String::new());
    let (mut strong, mut faint, mut code) = (false, false, false);
    let mut chars = text.chars().peekable();
    let flush =
        |plain: &mut String, out: &mut String| out.push_str(&escape(&std::mem::take(plain)));
    while let Some(c) = chars.next() {
        match c {
            '\\' if !code => plain.extend(chars.next()),
            '*' if !code => {
                flush(&mut plain, &mut out);
                if chars.next_if_eq(&'*').is_some() {
                    strong = !strong;
                    out.push_str(if strong { "<strong>" } else { "</strong>" });
                } else {
                    faint = !faint;
                    out.push_str(if faint { "<em class=\"faint\">" } else { "</em>" });
                }
            }
            '`' => {
                flush(&mut plain, &mut out);
                code = !code;
                out.push_str(if code { "<code>" } else { "</code>" });
            }
            c => plain.push(c),
        }
    }
    flush(&mut plain, &mut out);
    for (open, end) in [(code, "</code>"), (faint, "</em>"), (strong, "</strong>")] {
        if open {
            out.push_str(end);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::markdown::{cell, said};
    use super::*;
    use crate::command::scope::words::quoted;

    #[test]
    fn what_others_write_stays_text_in_both() {
        let hostile = "a|b `c` <script>alert(1)</script> *d* [e](javascript:f) \\ \u{1b}[2J";
        let row = format!("| {} | {} |", cell(hostile), cell("x|y"));
        let page = html(&format!("# {}\n\n| a | b |\n|---|---|\n{row}\n", cell(hostile)));
        assert!(
            !page.contains("<script") && !page.contains("<em") && !page.contains("<code"),
            "{page}"
        );
        assert_eq!(page.matches("<td>").count(), 2, "{page}");
        assert!(page.contains("<td>x|y</td>") && !page.contains('\u{1b}'), "{page}");
    }

    #[test]
    fn names_in_our_sentences_are_code_and_hostile_ones_stay_text() {
        let page =
            |name: &str| html(&format!("- for: {}\n", said(&format!("of {}, *so*", quoted(name)))));
        assert_eq!(
            page("check_out"),
            "<ul>\n<li>for: of <code>check_out</code>, *so*</li>\n</ul>\n"
        );
        for hostile in ["a|b", "<script>", "a\\", "", "a`b*c*", "\u{1b}[2J"] {
            let page = page(hostile);
            assert!(
                !page.contains("<script") && !page.contains("<em") && !page.contains('\u{1b}'),
                "{page}"
            );
            assert!(page.matches("<code").count() == page.matches("</code>").count(), "{page}");
        }
    }
}
