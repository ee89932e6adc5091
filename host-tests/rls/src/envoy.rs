//! `envoy.service.ratelimit.v3`, with the semantics that envoyproxy/ratelimit documents: counters by fixed windows in
//! Redis, every descriptor charged, over where what is counted *after* the charge is above the limit, and a descriptor's
//! own `hits_addend` of zero only asks.

use std::time::{SystemTime, UNIX_EPOCH};

use redis::aio::ConnectionManager;
use serde::Deserialize;

use crate::messages::{Duration, OK, OVER_LIMIT, RateLimit, Request, Response, Status};

/// A file of the service: one domain.
#[derive(Debug, Clone, Deserialize)]
pub struct Domain {
    pub domain: String,
    pub descriptors: Vec<Rule>,
}

/// A node of its tree.
#[derive(Debug, Clone, Deserialize)]
pub struct Rule {
    pub key: String,
    #[serde(default)]
    pub value: Option<String>,
    #[serde(default)]
    pub rate_limit: Option<Rate>,
    #[serde(default)]
    pub descriptors: Vec<Rule>,
}

/// How much.
#[derive(Debug, Clone, Deserialize)]
pub struct Rate {
    pub unit: String,
    pub requests_per_unit: u32,
}

impl Rate {
    /// Seconds of the window, and the unit's number in answers.
    fn window(&self) -> (u64, i32) {
        match self.unit.as_str() {
            "second" => (1, 1),
            "minute" => (60, 2),
            "hour" => (3600, 3),
            _ => (86_400, 4),
        }
    }
}

/// The service.
pub struct Envoy {
    redis: ConnectionManager,
    domains: Vec<Domain>,
}

impl Envoy {
    pub async fn new(redis: &str, domains: Vec<Domain>) -> Result<Self, String> {
        let client = redis::Client::open(redis).map_err(|error| error.to_string())?;
        let redis = crate::connect(client).await?;
        Ok(Self { redis, domains })
    }

    /// `ShouldRateLimit`
    pub async fn should(&self, request: &Request) -> Result<Response, String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut statuses = Vec::new();
        for descriptor in &request.descriptors {
            let entries: Vec<(&str, &str)> =
                descriptor.entries.iter().map(|e| (e.key.as_str(), e.value.as_str())).collect();
            let Some(rate) = self.rate(&request.domain, &entries) else {
                statuses.push(Status { code: OK, ..Status::default() });
                continue;
            };
            let hits = descriptor
                .hits_addend
                .map_or(u64::from(request.hits_addend.max(1)), |hits| hits.value);
            let (seconds, unit) = rate.window();
            let window = now / seconds * seconds;
            let mut key = format!("{}_", request.domain);
            entries.iter().for_each(|(name, value)| key.push_str(&format!("{name}_{value}_")));
            key.push_str(&window.to_string());
            let mut redis = self.redis.clone();
            let (after,): (u64,) = redis::pipe()
                .cmd("INCRBY")
                .arg(&key)
                .arg(hits)
                .cmd("EXPIRE")
                .arg(&key)
                .arg(seconds)
                .ignore()
                .query_async(&mut redis)
                .await
                .map_err(|error| error.to_string())?;
            let limit = u64::from(rate.requests_per_unit);
            statuses.push(Status {
                code: if after > limit { OVER_LIMIT } else { OK },
                current_limit: Some(RateLimit { requests_per_unit: rate.requests_per_unit, unit }),
                limit_remaining: u32::try_from(limit.saturating_sub(after)).unwrap_or(u32::MAX),
                duration_until_reset: Some(Duration {
                    seconds: i64::try_from(window + seconds - now).unwrap_or_default(),
                    nanos: 0,
                }),
            });
        }
        let over = statuses.iter().any(|status| status.code == OVER_LIMIT);
        Ok(Response { overall_code: if over { OVER_LIMIT } else { OK }, statuses })
    }

    /// The limit of a descriptor: the tree is walked by its entries, by key and value first, then by key alone.
    fn rate(&self, domain: &str, entries: &[(&str, &str)]) -> Option<&Rate> {
        let mut rules = &self.domains.iter().find(|own| own.domain == domain)?.descriptors;
        let mut found = None;
        for (key, value) in entries {
            let exact = |rule: &&Rule| rule.key == *key && rule.value.as_deref() == Some(*value);
            let any = |rule: &&Rule| rule.key == *key && rule.value.is_none();
            let rule = rules.iter().find(exact).or_else(|| rules.iter().find(any))?;
            found = rule.rate_limit.as_ref();
            rules = &rule.descriptors;
        }
        found
    }
}
