//! The sections `rollback`, `switch`, `tools`, `limits` and related ones, as people write them.

use super::rule::{Globs, RuleDocument};

/// What a model costs, in micro-dollars per million tokens (so that one token of a model at a dollar per million costs
/// exactly 1).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Price {
    /// Input.
    pub input: u64,
    /// Output.
    pub output: u64,
    /// Input that was read from a cache; `None`: like `input`.
    pub cached_input: Option<u64>,
    /// Input that was written to a cache; `None`: twice `input`.
    pub cache_write: Option<u64>,
    /// Input that was written to a cache for an hour; `None`: the greater of `cache_write` and twice `input`.
    pub cache_write_1h: Option<u64>,
    /// Other prices for a request with more than this many input tokens.
    pub above: Option<Above>,
    /// Surcharges, in millionths: a name with `=` is a factor on the whole, any other dollars per use.
    pub surcharge: Vec<(String, u64)>,
}

/// `above`: what a model costs if its input is long. Prices that are not named increase like `input`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Above {
    /// Input tokens, including cached and written ones, up to which the ordinary price holds.
    pub tokens: u64,
    /// Input.
    pub input: u64,
    /// Output.
    pub output: u64,
    /// Input that was read from a cache.
    pub cached_input: Option<u64>,
    /// Input that was written to a cache.
    pub cache_write: Option<u64>,
    /// Input that was written to a cache for an hour.
    pub cache_write_1h: Option<u64>,
}

/// `unpriced`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unpriced {
    /// 403, naming what has no price.
    #[default]
    Reject,
    /// It costs nothing, and is counted.
    CountZero,
}

/// `notify`: one JSON POST per event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notify {
    /// The proxy's cluster.
    pub cluster: String,
    /// The path.
    pub path: String,
    /// The authority.
    pub authority: String,
}

/// Lever 1: roll prompt, model or configuration back.
#[derive(Debug, Clone)]
pub struct Rollback {
    /// Id, selector, mode.
    pub rule: RuleDocument,
    /// What is set.
    pub set: RollbackSet,
}

/// `set` of a rollback rule.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RollbackSet {
    /// The model that is asked.
    pub model: Option<String>,
    /// JSON texts by JSON pointer (decoded segments).
    pub body: Vec<(Vec<String>, String)>,
    /// Headers (lower case).
    pub headers: Vec<(String, String)>,
    /// Labels, written back to where they were read from.
    pub labels: Vec<(String, String)>,
}

/// Lever 2: another provider or model.
#[derive(Debug, Clone)]
pub struct Switch {
    /// Id, selector, mode.
    pub rule: RuleDocument,
    /// The value of `x-hemostat-upstream`.
    pub upstream: Option<String>,
    /// The model that is asked there.
    pub model: Option<String>,
}

/// Lever 4.
#[derive(Debug, Clone)]
pub struct ToolRuleDocument {
    /// Id, selector, mode.
    pub rule: RuleDocument,
    /// Globs on the tool's name.
    pub tools: Globs,
    /// What to do.
    pub action: ToolAction,
    /// Conditions on arguments, by JSON pointer (decoded segments).
    pub when_args: Vec<(Vec<String>, Argument)>,
    /// The arguments that an approval is for; empty: all.
    pub id_args: Vec<Vec<String>>,
    /// It holds only while the tool's definition has another digest.
    pub pin: Option<String>,
}

/// A condition on one argument: all its tests must pass.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Argument {
    /// Greater than this.
    pub gt: Option<f64>,
    /// Less than this.
    pub lt: Option<f64>,
    /// Equal to this.
    pub eq: Option<Scalar>,
    /// Matches.
    pub glob: Option<Globs>,
    /// Whether it exists.
    pub exists: Option<bool>,
}

/// A value without parts.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// Text.
    Text(String),
    /// A number.
    Number(f64),
    /// `true` or `false`
    Bool(bool),
}

/// `do` of a tools rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToolAction {
    /// Treated as if there were no rule.
    Allow,
    /// Removed.
    Deny,
    /// Only with a grant.
    Approve,
}

/// Lever 5.
#[derive(Debug, Clone)]
pub struct LimitDocument {
    /// Id, selector, mode.
    pub rule: RuleDocument,
    /// Labels whose values have separate accounts.
    pub per: Vec<String>,
    /// How much.
    pub allow: LimitAllowance,
    /// How much at once; `None`: the amount.
    pub burst: Option<u64>,
    /// Fractions of the cap that raise an event, in millionths.
    pub warn_at: Vec<u64>,
    /// What happens above the cap.
    pub over: OverDocument,
    /// End a running stream that exceeds its reservation.
    pub cut_when_spent: bool,
    /// Accounts start anew when it changes.
    pub epoch: u64,
    /// Count in a rate-limit service too.
    pub global: Option<GlobalDocument>,
}

/// `allow` of a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitAllowance {
    /// How much of what.
    pub amount: Amount,
    /// In what period; `None` for `concurrent`.
    pub every: Option<Window>,
}

/// How much of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// Requests.
    Requests(u64),
    /// Tokens, in and out.
    Tokens(u64),
    /// Micro-dollars.
    Usd(u64),
    /// Requests in flight.
    Concurrent(u64),
    /// Tool calls.
    Calls(u64),
}

/// The window of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// A token bucket that fills in this many seconds.
    Seconds(u64),
    /// A calendar day in UTC.
    Day,
    /// A calendar month in UTC.
    Month,
}

/// `over`
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum OverDocument {
    /// 429
    #[default]
    Reject,
    /// The canned answer with this id.
    Fallback(String),
    /// This model instead.
    Downgrade(String),
}

/// `global`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GlobalDocument {
    /// The service's domain.
    pub domain: String,
    /// The proxy's cluster.
    pub cluster: String,
    /// Its protocol.
    pub api: GlobalApi,
    /// How often settled usage is reported, in milliseconds.
    pub sync_every_ms: u64,
    /// Ask before each request.
    pub strict: bool,
    /// What to do while the service does not answer.
    pub on_error: OnSilence,
}

/// `on_error` of `global`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnSilence {
    /// The cap of this process alone applies.
    #[default]
    Local,
    /// Every request is admitted.
    Open,
    /// No request is admitted.
    Closed,
}

/// `api` of `global`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GlobalApi {
    /// `kuadrant.service.ratelimit.v1`
    Limitador,
    /// `envoy.service.ratelimit.v3`
    Envoy,
}
