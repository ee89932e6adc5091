//! JUnit's XML, as CI systems read it.

use super::suite::Ended;
use crate::shared::report::page::escape;

/// All suites as one document. Control characters, which XML 1.0 has no way to write, are escaped as in a terminal.
pub(super) fn report(ran: &[Ended]) -> String {
    let count = |suite: &Ended| suite.cases.iter().filter(|case| !case.holds()).count();
    let failures: usize = ran.iter().map(count).sum();
    let tests: usize = ran.iter().map(|suite| suite.cases.len()).sum();
    let errors = ran.iter().filter(|suite| suite.refused.is_some()).count();
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"hemostat test\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\">\n"
    );
    for suite in ran {
        let name = escape(&suite.file);
        out.push_str(&format!(
            "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{}\" errors=\"{}\">\n",
            suite.cases.len() + usize::from(suite.refused.is_some()),
            count(suite),
            usize::from(suite.refused.is_some())
        ));
        if let Some(why) = &suite.refused {
            let why = escape(why);
            out.push_str(&format!("    <testcase classname=\"{name}\" name=\"the policy is acceptable\"><error message=\"the policy is not acceptable\">{why}</error></testcase>\n"));
        }
        for case in &suite.cases {
            let own = escape(&case.name);
            out.push_str(&format!("    <testcase classname=\"{name}\" name=\"{own}\""));
            if case.holds() {
                out.push_str("/>\n");
                continue;
            }
            let first = case.wrong.first().map(|why| escape(why)).unwrap_or_default();
            let all: Vec<String> = case.wrong.iter().map(|why| escape(why)).collect();
            out.push_str(&format!(
                "><failure message=\"{first}\">{}</failure></testcase>\n",
                all.join("\n")
            ));
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}
