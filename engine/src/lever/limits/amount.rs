//! How much a request may use, before it is sent.

use super::applies::count_of;
use super::charges::Charges;
use super::estimated_use::Read;
use crate::context::Context;
use crate::context::facts;
use crate::dialect;
use crate::dialect::spend::{Spending, is_ordinary};
use crate::policy::program::Program;
use crate::policy::program::label::LabelId;
use crate::policy::program::limit::{Limit, LimitUnit, NoPrice};

/// Where a call is served, according to its address: a location of Vertex, a region of Bedrock.
fn region(path: &str, host: &str) -> Option<String> {
    let mut segments = path.split('/').skip_while(|segment| *segment != "locations").skip(1);
    let of_path = segments.next();
    let of_host = || {
        let mut labels = host.split('.');
        let first = labels.next()?;
        match first.strip_suffix("-aiplatform") {
            Some(region) => Some(region),
            None if first.starts_with("bedrock-runtime") => labels.next(),
            None => None,
        }
    };
    of_path.or_else(of_host).filter(|region| !region.is_empty()).map(str::to_owned)
}

/// What the request says about its cost; `None` if it cannot be read.
pub(super) fn spending(cx: &Context, (view, doc, bytes): Read<'_>) -> Option<Spending> {
    let dialect = dialect::dialect(view.call.recognised.dialect);
    let mut spending = dialect.spending(&doc.root(bytes)).ok()?;
    by_headers(cx, &mut spending);
    Some(spending)
}

/// Adds what the request's headers say about its cost.
fn by_headers(cx: &Context, spending: &mut Spending) {
    let label = |id| cx.labels.get(id).text().unwrap_or_default();
    spending.region = region(label(LabelId::PATH), label(LabelId::HOST));
    let header = |name| facts::text(&cx.facts.headers, name);
    if spending.tier.is_none() {
        let tier = header("x-amzn-bedrock-service-tier").filter(|tier| !is_ordinary(tier));
        spending.tier = tier.map(|tier| tier.into_owned());
    }
    let latency = header("x-amzn-bedrock-performanceconfig-latency");
    if latency.is_some_and(|latency| latency == "optimized") {
        spending.extras.push(("latency=optimized".to_owned(), 0));
    }
}

impl Charges {
    /// What a limit is charged for this request; `None` if that cannot be read.
    pub(super) fn amount(
        &mut self,
        cx: &mut Context,
        program: &Program,
        limit: &Limit,
    ) -> Result<Option<u64>, NoPrice> {
        if matches!(limit.unit, LimitUnit::Requests | LimitUnit::Concurrent | LimitUnit::Calls) {
            return Ok(count_of(cx, limit.unit));
        }
        let Some(asked) = &self.asked else { return Ok(None) };
        if limit.unit == LimitUnit::Tokens {
            return Ok(Some(asked.input.saturating_add(asked.output)));
        }
        // Any of the models that the request names may answer: the most expensive is reserved, and all need a price.
        let limits = &program.limits;
        let mut dearest = None;
        let mut unpriced = false;
        for model in cx.labels.all(LabelId::MODEL) {
            let model = model.text().unwrap_or_default();
            let (cost, missing) =
                limits.prices.cost(model, &self.spending, limits.unpriced_is_free)?;
            unpriced |= !missing.is_empty();
            let worst = cost.worst(asked.input, asked.output);
            if dearest.as_ref().is_none_or(|(most, _)| worst > *most) {
                dearest = Some((worst, cost));
            }
        }
        let Some((worst, cost)) = dearest else { return Ok(None) };
        self.cost = Some(Box::new(cost));
        if unpriced {
            cx.record.count("hemostat_unpriced_total;action=count_zero");
        }
        Ok(Some(worst))
    }
}
