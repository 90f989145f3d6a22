//! The adapter against a real Redis, which `TEST_REDIS_URL` names.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use adapter_redis::{Link, PolledBus, PolledRevocations, RedisBus, RedisLimiter};
use futures_util::StreamExt;
use trace::event::Event;
use trace::id::{OrgId, ProjectId, Scope, TraceId};
use trace::identity::ApiKeyId;
use trace::ports::{
    Delivery, EventBus, RateLimiter, Revocation, Revocations, Sequence, Subscription, Verdict, Window,
};
use trace::testing::{MemoryStore, event_bus_contract, queueing_bus_contract};

fn url() -> String {
    std::env::var("TEST_REDIS_URL")
        .expect("TEST_REDIS_URL is not set: run eval \"$(scripts/services.sh start)\"")
}

fn link(url: &str) -> Arc<Link> {
    Arc::new(Link::new(url).unwrap())
}

/// A bus as one instance has it, listening.
fn instance(url: &str, name: &str) -> (RedisBus, adapter_redis::RedisRevocations) {
    let (bus, revocations, work) = RedisBus::new(link(url), Arc::new(MemoryStore::default()), name);
    tokio::spawn(work);
    (bus, revocations)
}

fn new_scope() -> Scope {
    Scope { org: OrgId(uuid::Uuid::new_v4()), project: ProjectId(uuid::Uuid::new_v4()) }
}

fn event(number: usize) -> Event {
    Event::TraceDeleted(TraceId::parse(&number.to_string()).unwrap())
}

async fn next(stream: &mut Subscription) -> Delivery {
    tokio::time::timeout(Duration::from_secs(10), stream.next()).await.expect("an event comes").unwrap()
}

async fn expect(stream: &mut Subscription, number: usize) -> Sequence {
    match next(stream).await {
        Delivery::Event(sequence, got) => {
            assert_eq!(*got, event(number));
            sequence
        }
        Delivery::Resync => panic!("resync instead of event {number}"),
    }
}

/// A Redis of its own, to be stopped and started again on the same port.
struct OwnRedis {
    port: u16,
    child: Child,
}

impl OwnRedis {
    fn start() -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { port, child: Self::spawn(port) }
    }

    fn spawn(port: u16) -> Child {
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::sleep(Duration::from_millis(10));
        }
        child
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    fn stop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn start_again(&mut self) {
        self.child = Self::spawn(self.port);
    }
}

impl Drop for OwnRedis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bus_keeps_the_contract() {
    let own = OwnRedis::start();
    let (bus, _revocations) = instance(&own.url(), "a");
    event_bus_contract(&bus, None).await;
    queueing_bus_contract(&bus).await;
}

#[tokio::test]
async fn instances_hear_each_other_in_one_order() {
    let (one, _) = instance(&url(), "one");
    let (two, _) = instance(&url(), "two");
    let scope = new_scope();
    let mut at_one = one.subscribe(&scope, None).await.unwrap();
    let mut at_two = two.subscribe(&scope, None).await.unwrap();
    for number in 0..50 {
        let bus = if number % 2 == 0 { &one } else { &two };
        bus.publish(&scope, vec![event(number)]).await.unwrap();
    }
    for number in 0..50 {
        assert_eq!(expect(&mut at_one, number).await, expect(&mut at_two, number).await);
    }
}

#[tokio::test]
async fn a_listener_goes_on_at_another_instance_without_a_gap() {
    let (one, _) = instance(&url(), "one");
    let (two, _) = instance(&url(), "two");
    let scope = new_scope();
    let mut stream = one.subscribe(&scope, None).await.unwrap();
    one.publish(&scope, (0..10).map(event).collect()).await.unwrap();
    let mut seen = Sequence(0);
    for number in 0..4 {
        seen = expect(&mut stream, number).await;
    }
    drop(stream);
    let mut stream = two.subscribe(&scope, Some(seen)).await.unwrap();
    one.publish(&scope, (10..20).map(event).collect()).await.unwrap();
    for number in 4..20 {
        expect(&mut stream, number).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_redis_is_away_an_instance_hears_itself_and_then_tells_to_reload() {
    let mut redis = OwnRedis::start();
    let (bus, _) = instance(&redis.url(), "a");
    let scope = new_scope();
    let mut stream = bus.subscribe(&scope, None).await.unwrap();
    bus.publish(&scope, vec![event(0)]).await.unwrap();
    expect(&mut stream, 0).await;
    redis.stop();
    let started = std::time::Instant::now();
    for number in 1..=20 {
        bus.publish(&scope, vec![event(number)]).await.unwrap();
    }
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    let mut last = Sequence(0);
    for number in 1..=20 {
        let sequence = expect(&mut stream, number).await;
        assert!(sequence > last, "sequences grow");
        last = sequence;
    }
    redis.start_again();
    let (other, _) = instance(&redis.url(), "b");
    let mut at_other = other.subscribe(&scope, Some(last)).await.unwrap();
    // What the other instance cannot know of it does not pretend to.
    assert_eq!(next(&mut at_other).await, Delivery::Resync);
    assert_eq!(next(&mut stream).await, Delivery::Resync, "others' events may have been missed");
    bus.publish(&scope, vec![event(21)]).await.unwrap();
    assert!(expect(&mut stream, 21).await > last, "sequences go on");
}

#[tokio::test]
async fn revocations_reach_every_instance() {
    let (_one, revoker) = instance(&url(), "one");
    let (_two, heard) = instance(&url(), "two");
    let mut stream = heard.subscribe();
    // The listener says so when it is connected.
    assert_eq!(stream.next().await, Some(Revocation::All));
    let revocation = Revocation::Key { id: ApiKeyId(uuid::Uuid::new_v4()) };
    revoker.publish(revocation.clone()).await.unwrap();
    let found = tokio::time::timeout(Duration::from_secs(5), async {
        while let Some(next) = stream.next().await {
            if next == revocation {
                return true;
            }
        }
        false
    });
    assert!(found.await.unwrap());
}

#[tokio::test]
async fn a_window_lets_exactly_so_many_through_at_all_instances_together() {
    let limiters = [RedisLimiter::new(link(&url())), RedisLimiter::new(link(&url()))];
    let key = uuid::Uuid::new_v4().to_string();
    let window = Window { max: 10, per: Duration::from_mins(1) };
    let checks = (0..50).map(|number| limiters[number % 2].check(&key, window));
    let verdicts = futures_util::future::join_all(checks).await;
    let allowed = verdicts.iter().filter(|verdict| matches!(verdict, Ok(Verdict::Allowed))).count();
    assert_eq!(allowed, 10);
    let Verdict::Limited(wait) = limiters[0].check(&key, window).await.unwrap() else { panic!("allowed") };
    assert!(wait > Duration::from_secs(50) && wait <= Duration::from_mins(1), "{wait:?}");
}

#[tokio::test]
async fn a_window_slides() {
    let limiter = RedisLimiter::new(link(&url()));
    let key = uuid::Uuid::new_v4().to_string();
    let window = Window { max: 2, per: Duration::from_secs(5) };
    assert_eq!(limiter.check(&key, window).await.unwrap(), Verdict::Allowed);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(limiter.check(&key, window).await.unwrap(), Verdict::Allowed);
    let Verdict::Limited(wait) = limiter.check(&key, window).await.unwrap() else { panic!("allowed") };
    assert!(wait <= Duration::from_secs(2), "until the first one leaves the window: {wait:?}");
    tokio::time::sleep(wait).await;
    assert_eq!(limiter.check(&key, window).await.unwrap(), Verdict::Allowed);
    assert!(matches!(limiter.check(&key, window).await.unwrap(), Verdict::Limited(_)));
}

#[tokio::test]
async fn an_unreachable_redis_is_an_error_and_quickly_so() {
    let limiter = RedisLimiter::new(link("redis://127.0.0.1:1"));
    let window = Window { max: 2, per: Duration::from_secs(1) };
    let started = std::time::Instant::now();
    for _ in 0..100 {
        assert!(limiter.check("x", window).await.is_err());
    }
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
}

/// A bus as a process has it that is frozen between requests.
fn polled(url: &str, name: &str) -> PolledBus {
    PolledBus::new(link(url), Arc::new(MemoryStore::default()), name)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_polled_bus_keeps_the_contract() {
    let own = OwnRedis::start();
    event_bus_contract(&polled(&own.url(), "a"), None).await;
}

#[tokio::test]
async fn processes_that_listen_and_those_that_ask_hear_each_other() {
    let (listening, _) = instance(&url(), "listening");
    let asking = polled(&url(), "asking");
    let scope = new_scope();
    let mut at_listening = listening.subscribe(&scope, None).await.unwrap();
    let mut at_asking = asking.subscribe(&scope, None).await.unwrap();
    for number in 0..20 {
        let bus: &dyn EventBus = if number % 2 == 0 { &listening } else { &asking };
        bus.publish(&scope, vec![event(number)]).await.unwrap();
    }
    for number in 0..20 {
        assert_eq!(expect(&mut at_listening, number).await, expect(&mut at_asking, number).await);
    }
}

#[tokio::test]
async fn what_redis_did_not_take_is_told_as_a_reload_by_the_polled_bus() {
    let mut redis = OwnRedis::start();
    let bus = polled(&redis.url(), "a");
    let scope = new_scope();
    bus.publish(&scope, vec![event(0)]).await.unwrap();
    let start = bus.newest(&scope).await.unwrap();
    redis.stop();
    assert!(bus.publish(&scope, vec![event(1)]).await.is_err());
    redis.start_again();
    let reader = polled(&redis.url(), "b");
    let mut stream = reader.subscribe(&scope, start).await.unwrap();
    while bus.publish(&scope, vec![event(2)]).await.is_err() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(next(&mut stream).await, Delivery::Resync);
}

#[tokio::test]
async fn processes_that_ask_drop_what_they_remember_after_a_revocation_and_when_redis_is_away() {
    let mut redis = OwnRedis::start();
    let (_, elsewhere) = instance(&redis.url(), "elsewhere");
    let here = PolledRevocations::new(link(&redis.url()));
    here.refresh().await;
    let mut heard = here.subscribe();
    let mut told = async || {
        here.refresh().await;
        futures_util::FutureExt::now_or_never(heard.next()).flatten()
    };
    assert_eq!(told().await, None, "nothing was revoked");
    elsewhere.publish(Revocation::Key { id: ApiKeyId(uuid::Uuid::new_v4()) }).await.unwrap();
    assert_eq!(told().await, Some(Revocation::All));
    assert_eq!(told().await, None, "once is enough");
    redis.stop();
    assert_eq!(told().await, Some(Revocation::All), "nobody can say");
    assert_eq!(told().await, Some(Revocation::All), "still");
}
