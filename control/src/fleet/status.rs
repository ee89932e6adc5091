//! The state of a policy's rate-limit services, for `status`.

use super::{Asking, FleetTable};
use crate::base::json_text::quote;
use crate::base::time;
use crate::policy::Program;

/// A JSON object: for each limit with `global` its service, whether it answers, whether it reserves room, and whether
/// it seems not to know the limit.
#[must_use]
pub fn json(program: &Program, table: &FleetTable) -> String {
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
        let failing = table.failing_since(service);
        out.push_str(if failing.is_none() { ",\"answers\":true" } else { ",\"answers\":false" });
        if let Some(since) = failing {
            out.push_str(",\"since\":");
            quote(&time::format(since / super::SECOND_NS), &mut out);
        }
        if global.strict {
            let reserves = table.asking(service) == Asking::Reserve;
            out.push_str(if reserves { ",\"reserves\":true" } else { ",\"reserves\":false" });
        }
        if table.unknown_for(&global.target, &limit.rule.id).is_some() {
            out.push_str(",\"knows_limit\":false");
        }
        out.push('}');
    }
    out.push('}');
    out
}
