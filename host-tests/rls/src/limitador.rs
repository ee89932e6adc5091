//! `kuadrant.service.ratelimit.v1`, by the engine of the server that offers it: the `limitador` crate. Its
//! storage is a Redis; the crate's own client of it needs RocksDB to compile, so the storage is written here: counters
//! that begin to expire with their first hit, as there.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use limitador::counter::Counter;
use limitador::limit::{Context, Limit};
use limitador::reservation::{ReservationId, ReservationLimits};
use limitador::storage::{AsyncCounterStorage, AsyncStorage, Authorization, StorageErr};
use limitador::{AsyncRateLimiter, AsyncRateLimiterBuilder};
use redis::aio::ConnectionManager;

use crate::messages::{
    CommitRequest, CommitResponse, Descriptor, OK, OVER_LIMIT, Request, ReserveRequest,
    ReserveResponse, Response,
};

/// The engine.
pub struct Limitador(AsyncRateLimiter);

impl Limitador {
    /// Limits as they stand in the server's own file. `longest`: of a reservation, if not the crate's own.
    pub async fn new(
        redis: &str,
        limits: Vec<Limit>,
        longest: Option<Duration>,
    ) -> Result<Self, String> {
        let client = redis::Client::open(redis).map_err(|error| error.to_string())?;
        let redis = crate::connect(client).await?;
        let storage = AsyncStorage::with_counter_storage(Box::new(Counters(redis)));
        let own = ReservationLimits::default();
        let bounds = ReservationLimits { max_ttl: longest.unwrap_or(own.max_ttl), ..own };
        let limiter = AsyncRateLimiterBuilder::new(storage).reservation_limits(bounds).build();
        for limit in limits {
            limiter.add_limit(limit);
        }
        Ok(Self(limiter))
    }

    /// `CheckRateLimit`: whether one more would pass.
    pub async fn check(&self, request: &Request) -> Result<Response, String> {
        let namespace = request.domain.as_str().into();
        let result = self.0.is_rate_limited(&namespace, &context(&request.descriptors), 1).await;
        let limited = result.map_err(|error| error.to_string())?.limited;
        Ok(Response { overall_code: if limited { OVER_LIMIT } else { OK }, statuses: Vec::new() })
    }

    /// `Report`: counts, and says yes.
    pub async fn report(&self, request: &Request) -> Result<Response, String> {
        let namespace = request.domain.as_str().into();
        let hits = u64::from(request.hits_addend.max(1));
        let updated =
            self.0.update_counters(&namespace, &context(&request.descriptors), hits).await;
        updated.map_err(|error| error.to_string())?;
        Ok(Response { overall_code: OK, statuses: Vec::new() })
    }

    /// `Reserve`: holds room.
    pub async fn reserve(&self, request: &ReserveRequest) -> Result<ReserveResponse, String> {
        let namespace = request.domain.as_str().into();
        let ttl = request.ttl.map(|ttl| Duration::from_secs(ttl.seconds.unsigned_abs()));
        let context = context(&request.descriptors);
        let reserved = self.0.reserve(&namespace, &context, request.amount, ttl).await;
        let reserved = reserved.map_err(|error| error.to_string())?;
        let code = if reserved.limited { OVER_LIMIT } else { OK };
        let id = reserved.reservation_id.map(|id| id.to_string());
        Ok(ReserveResponse { code, reservation_id: id.unwrap_or_default() })
    }

    /// `Commit`: counts, and gives the room back.
    pub async fn commit(&self, request: &CommitRequest) -> Result<CommitResponse, String> {
        let namespace = request.domain.as_str().into();
        let id = ReservationId::from(request.reservation_id.clone());
        let context = context(&request.descriptors);
        let done =
            self.0.commit_reservation(&namespace, &context, Some(&id), request.actual_amount).await;
        let done = done.map_err(|error| error.to_string())?;
        Ok(CommitResponse { reservation_released: done.reservation_released })
    }
}

fn context(descriptors: &[Descriptor]) -> Context<'static> {
    let mut context = Context::default();
    let descriptors = descriptors.iter().map(|descriptor| {
        let entries = descriptor.entries.iter().map(|e| (e.key.clone(), e.value.clone()));
        entries.collect::<HashMap<_, _>>()
    });
    context.list_binding("descriptors".to_owned(), descriptors.collect());
    context
}

/// Counts a hit; the first one starts the window, where no reservation has.
const COUNT: &str = "local c = redis.call('incrby', KEYS[1], ARGV[2])
if redis.call('ttl', KEYS[1]) < 0 then redis.call('expire', KEYS[1], ARGV[1]) end
return c";

/// Holds room in all counters, or in none. A counter is two keys, what was counted and a hash of what is held (amount and
/// end by id), and two arguments, its window and its most; behind them stand the amount that must fit, the amount that is
/// held, for how many milliseconds, and the id.
const HOLD: &str = "local t = redis.call('time')
local now, n = t[1] * 1000 + math.floor(t[2] / 1000), #KEYS / 2
local asked, amount, ttl, id = unpack(ARGV, 2 * n + 1)
for i = 1, n do
  local sum = tonumber(asked) + (redis.call('get', KEYS[2 * i - 1]) or 0)
  for _, held in ipairs(redis.call('hvals', KEYS[2 * i])) do
    local own, ends = string.match(held, '(%d+) (%d+)')
    if tonumber(ends) > now then sum = sum + own end
  end
  if sum > tonumber(ARGV[2 * i]) then return 0 end
end
for i = 1, n do
  redis.call('set', KEYS[2 * i - 1], 0, 'NX', 'EX', ARGV[2 * i - 1])
  local ends = now + math.min(ttl, redis.call('pttl', KEYS[2 * i - 1]))
  redis.call('hset', KEYS[2 * i], id, string.format('%d %d', amount, ends))
end
return 1";

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
            Err(_) => Err(failed().await),
        }
    }
}

/// Where a storage's error would be given: the crate lets nobody make one, so it is a storage that does not answer.
async fn failed() -> StorageErr {
    std::future::pending().await
}

/// Where the reservations of a counter are.
fn held(counter: &Counter) -> String {
    format!("held:{}", key(counter))
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
            Err(_) => Err(failed().await),
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

    async fn reserve(
        &self,
        counters: &mut Vec<Counter>,
        id: &ReservationId,
        asked: u64,
        amount: u64,
        ttl: Duration,
    ) -> Result<Authorization, StorageErr> {
        let mut redis = self.0.clone();
        let mut hold = redis::cmd("EVAL");
        hold.arg(HOLD).arg(2 * counters.len());
        for counter in counters.iter() {
            hold.arg(key(counter)).arg(held(counter));
        }
        for counter in counters.iter() {
            hold.arg(counter.window().as_secs()).arg(counter.max_value());
        }
        let ttl = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        hold.arg(asked).arg(amount).arg(ttl).arg(id.as_str());
        let done: Result<u8, _> = hold.query_async(&mut redis).await;
        match done {
            Ok(0) => Ok(Authorization::Limited(None)),
            Ok(_) => Ok(Authorization::Ok),
            Err(_) => Err(failed().await),
        }
    }

    async fn release_reservation(
        &self,
        counters: &[Counter],
        id: &ReservationId,
    ) -> Result<bool, StorageErr> {
        const RELEASE: &str = "local held = redis.call('hget', KEYS[1], ARGV[1])
redis.call('hdel', KEYS[1], ARGV[1])
return held and tonumber(string.match(held, ' (%d+)')) > redis.call('time')[1] * 1000 and 1 or 0";
        let mut live = false;
        for counter in counters {
            let mut redis = self.0.clone();
            let mut release = redis::cmd("EVAL");
            release.arg(RELEASE).arg(1).arg(held(counter)).arg(id.as_str());
            let done: Result<u8, _> = release.query_async(&mut redis).await;
            match done {
                Ok(done) => live |= done == 1,
                Err(_) => return Err(failed().await),
            }
        }
        Ok(live)
    }
}
