//! The frame of a page: head, style, and the escaping of foreign text.

use crate::shared::terminal::safe;

/// Escapes foreign text for HTML, in elements and quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in safe(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

/// A sentence with foreign names between backticks, which become code.
pub(crate) fn sentence(text: &str) -> String {
    let part = |(at, part): (usize, &str)| match at % 2 {
        0 => escape(part),
        _ => format!("<code>{}</code>", escape(part)),
    };
    text.split('`').enumerate().map(part).collect()
}

/// A page with this body, which is HTML already.
pub(crate) fn page(title: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
}

/// A table. Cells are escaped. The first column holds names, whatever they look like; columns of numbers are
/// right-aligned, with their heads.
pub(crate) fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let mut out = String::from("<div class=\"wide\"><table>\n<thead><tr>");
    for (at, head) in heads.iter().enumerate() {
        let cells = rows.iter().filter_map(|row| row.get(at));
        let number = at > 0 && !rows.is_empty() && cells.clone().all(|cell| is_number(cell));
        let class = if number { " class=\"n\"" } else { "" };
        out.push_str(&format!("<th scope=\"col\"{class}>{}</th>", escape(head)));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        out.push_str("<tr>");
        for (at, cell) in row.iter().enumerate() {
            let class = if at > 0 { class(cell) } else { "" };
            out.push_str(&format!("<td{class}>{}</td>", escape(cell)));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table></div>\n");
    out
}

fn is_number(cell: &str) -> bool {
    cell.chars().all(|c| c.is_ascii_digit() || " ,.$%<-".contains(c))
}

/// The class of a cell: numbers are right-aligned, and times are not wrapped.
pub(crate) fn class(cell: &str) -> &'static str {
    if hemostat_engine::base::time::parse(cell).is_ok() {
        " class=\"t\""
    } else if is_number(cell) && !cell.is_empty() {
        " class=\"n\""
    } else {
        ""
    }
}

/// Colours have a contrast of at least 4.5 against their background in both schemes.
const STYLE: &str = "\
:root { color-scheme: light dark; --ground: #fff; --ink: #1b1f24; --faint: #59636e; --line: #d1d9e0; --panel: #f6f8fa;
  --alarm: #b42318; --c0: #0b63ce; --c1: #b54708; --c2: #067647; --c3: #6941c6; --c4: #c11574; --c5: #475467; }
@media (prefers-color-scheme: dark) { :root { --ground: #0f1318; --ink: #e6eaef; --faint: #9aa6b2; --line: #30363d;
  --panel: #171c23; --alarm: #ff8a80; --c0: #6cb2ff; --c1: #ffb169; --c2: #5fd49a; --c3: #bda6ff; --c4: #ff9ad5; --c5: #b0bac6; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 72rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.4rem; line-height: 1.3; margin: 0 0 .5rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p { margin: .4rem 0; } .faint { color: var(--faint); } .lead { font-size: 1.15rem; }
.alarm { border-left: 4px solid var(--alarm); padding: .5rem .9rem; background: var(--panel); }
.tiles { display: flex; flex-wrap: wrap; gap: .6rem; margin: 1rem 0; padding: 0; list-style: none; }
.tiles li { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: .5rem .8rem; }
.tiles b { display: block; font-size: 1.2rem; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .87rem; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
td:first-child:not(.t) { white-space: normal; overflow-wrap: anywhere; min-width: 6rem; }
td.t { font-variant-numeric: tabular-nums; width: 1%; } th.n { text-align: right; } ul.checks { list-style: none; padding-left: 0; }
table.told td:not(.t) { white-space: normal; }
@media (max-width: 40rem) { td:not(.n):not(.t) { white-space: normal; overflow-wrap: anywhere; } td:not(.n):not(.t):not(:empty) { min-width: 7rem; } }
th { color: var(--faint); font-weight: 600; } td.n { text-align: right; font-variant-numeric: tabular-nums; }
figure { margin: 1.2rem 0; overflow-x: auto; } figcaption { font-weight: 600; } figcaption, .legend { position: sticky; left: 0; }
svg { width: 100%; min-width: 38rem; height: auto; display: block; } .wide + .wide { margin-top: 1.2rem; }
svg text { fill: var(--faint); font: 11px system-ui, sans-serif; } .axis { stroke: var(--line); stroke-width: 1; }
.release { stroke: var(--faint); stroke-width: 1; stroke-dasharray: 4 3; } .begin { stroke: var(--alarm); stroke-width: 1.5; }
.s { fill: none; stroke-width: 1.8; stroke-linejoin: round; } .s0 { stroke: var(--c0); } .s1 { stroke: var(--c1); }
.s2 { stroke: var(--c2); } .s3 { stroke: var(--c3); } .s4 { stroke: var(--c4); } .s5 { stroke: var(--c5); }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1rem; font-size: .85rem; margin: .2rem 0; padding: 0; list-style: none; }
.legend i { display: inline-block; width: 1.2rem; height: 0; border-top: 3px solid; vertical-align: middle; margin-right: .4rem; }
.legend .s0 { border-color: var(--c0); } .legend .s1 { border-color: var(--c1); } .legend .s2 { border-color: var(--c2); }
.legend .s3 { border-color: var(--c3); } .legend .s4 { border-color: var(--c4); } .legend .s5 { border-color: var(--c5); }
@media print { .wide { overflow: visible; } figure, tr { break-inside: avoid; } }
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_others_is_markup() {
        let hostile = "</title><script>alert(1)</script>\"'&\u{202e}\u{0}";
        let page = page(hostile, &table(&[hostile], &[vec![hostile.to_owned()]]));
        assert!(!page.contains("<script"), "{page}");
        assert_eq!(page.matches("</title>").count(), 1);
        assert!(page.chars().all(|c| c == '\n' || !c.is_control()));
    }
}
