//! `kuadrant.service.ratelimit.v1`, by the engine of the server that offers it: the `limitador` crate. Its
//! storage is a Redis; the crate's own client of it needs RocksDB to compile, so the storage is written here: counters
//! that begin to expire with their first hit, as there.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use limitador::counter::Counter;
use limitador::limit::{Context, Limit};
use limitador::reservation::ReservationId;
use limitador::storage::{AsyncCounterStorage, AsyncStorage, Authorization, StorageErr};
use limitador::{AsyncRateLimiter, AsyncRateLimiterBuilder};
use redis::aio::ConnectionManager;

use crate::messages::{OK, OVER_LIMIT, Request, Response};

/// The engine.
pub struct Limitador(AsyncRateLimiter);

impl Limitador {
    /// Limits as they stand in the server's own file.
    pub async fn new(redis: &str, limits: Vec<Limit>) -> Result<Self, String> {
        let client = redis::Client::open(redis).map_err(|error| error.to_string())?;
        let redis = crate::connect(client).await?;
        let storage = AsyncStorage::with_counter_storage(Box::new(Counters(redis)));
        let limiter = AsyncRateLimiterBuilder::new(storage).build();
        for limit in limits {
            limiter.add_limit(limit);
        }
        Ok(Self(limiter))
    }

    /// `CheckRateLimit`: whether one more would pass.
    pub async fn check(&self, request: &Request) -> Result<Response, String> {
        let namespace = request.domain.as_str().into();
        let result = self.0.is_rate_limited(&namespace, &context(request), 1).await;
        let limited = result.map_err(|error| error.to_string())?.limited;
        Ok(Response { overall_code: if limited { OVER_LIMIT } else { OK }, statuses: Vec::new() })
    }

    /// `Report`: counts, and says yes.
    pub async fn report(&self, request: &Request) -> Result<Response, String> {
        let namespace = request.domain.as_str().into();
        let hits = u64::from(request.hits_addend.max(1));
        let updated = self.0.update_counters(&namespace, &context(request), hits).await;
        updated.map_err(|error| error.to_string())?;
        Ok(Response { overall_code: OK, statuses: Vec::new() })
    }
}

fn context(request: &Request) -> Context<'static> {
    let mut context = Context::default();
    let descriptors = request.descriptors.iter().map(|descriptor| {
        let entries = descriptor.entries.iter().map(|e| (e.key.clone(), e.value.clone()));
        entries.collect::<HashMap<_, _>>()
    });
    context.list_binding("descriptors".to_owned(), descriptors.collect());
    context
}

/// Counts a hit; the first one starts the window.
const COUNT: &str = "local c = redis.call('incrby', KEYS[1], ARGV[2])
if c == tonumber(ARGV[2]) then redis.call('expire', KEYS[1], ARGV[1]) end
return c";

/// Counters in Redis.
struct Counters(ConnectionManager);

fn key(counter: &Counter) -> String {
    let mut conditions: Vec<String> = counter.limit().conditions().into_iter().collect();
    conditions.sort();
    let namespace: &str = counter.namespace().as_ref();
    format!(
        "{namespace}|{}|{conditions:?}|{:?}",
        counter.window().as_secs(),
        counter.set_variables()
    )
}

impl Counters {
    async fn value(&self, counter: &Counter) -> Result<u64, StorageErr> {
        let mut redis = self.0.clone();
        let got: Result<Option<u64>, _> =
            redis::cmd("GET").arg(key(counter)).query_async(&mut redis).await;
        match got {
            Ok(value) => Ok(value.unwrap_or(0)),
            Err(_) => Err(self.failed().await),
        }
    }

    /// An error of a storage: the crate lets nobody make one, but gives one for what a storage does not offer.
    async fn failed(&self) -> StorageErr {
        match self.release_reservation(&[], &ReservationId::new()).await {
            Err(error) => error,
            Ok(_) => std::process::abort(),
        }
    }
}

#[async_trait::async_trait]
impl AsyncCounterStorage for Counters {
    async fn is_within_limits(&self, counter: &Counter, delta: u64) -> Result<bool, StorageErr> {
        Ok(self.value(counter).await?.saturating_add(delta) <= counter.max_value())
    }

    async fn update_counter(&self, counter: &Counter, delta: u64) -> Result<(), StorageErr> {
        let mut redis = self.0.clone();
        let mut count = redis::cmd("EVAL");
        count.arg(COUNT).arg(1).arg(key(counter)).arg(counter.window().as_secs()).arg(delta);
        let counted: Result<u64, _> = count.query_async(&mut redis).await;
        match counted {
            Ok(_) => Ok(()),
            Err(_) => Err(self.failed().await),
        }
    }

    async fn check<'a>(
        &self,
        counters: &mut Vec<Counter>,
        delta: u64,
    ) -> Result<Authorization, StorageErr> {
        for counter in counters {
            if !self.is_within_limits(counter, delta).await? {
                return Ok(Authorization::Limited(counter.limit().name().map(str::to_owned)));
            }
        }
        Ok(Authorization::Ok)
    }

    async fn check_and_update<'a>(
        &self,
        counters: &mut Vec<Counter>,
        delta: u64,
    ) -> Result<Authorization, StorageErr> {
        let checked = self.check(counters, delta).await?;
        if matches!(checked, Authorization::Ok) {
            for counter in counters {
                self.update_counter(counter, delta).await?;
            }
        }
        Ok(checked)
    }

    async fn get_counters(&self, _: &HashSet<Arc<Limit>>) -> Result<HashSet<Counter>, StorageErr> {
        Ok(HashSet::new())
    }

    async fn delete_counters(&self, _: &HashSet<Arc<Limit>>) -> Result<(), StorageErr> {
        Ok(())
    }

    async fn clear(&self) -> Result<(), StorageErr> {
        Ok(())
    }
}
