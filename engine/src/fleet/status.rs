//! How the rate-limit services of a policy stand, for `status`.

use super::Table;
use crate::base::json_text::quote;
use crate::base::time;
use crate::policy::Program;

/// A JSON object: for each limit with `global` its service, and whether it answers.
#[must_use]
pub fn json(program: &Program, table: &Table) -> String {
    let mut out = String::from("{");
    for limit in &program.limits.rules {
        let Some(global) = &limit.global else { continue };
        if out.len() > 1 {
            out.push(',');
        }
        let service = &global.target.service;
        quote(&limit.rule.id, &mut out);
        out.push_str(":{\"cluster\":");
        quote(&service.cluster, &mut out);
        out.push_str(",\"domain\":");
        quote(&service.domain, &mut out);
        match table.failing_since(service) {
            None => out.push_str(",\"answers\":true}"),
            Some(since) => {
                out.push_str(",\"answers\":false,\"since\":");
                quote(&time::format(since / super::SECOND_NS), &mut out);
                out.push('}');
            }
        }
    }
    out.push('}');
    out
}
