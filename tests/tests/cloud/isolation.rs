//! Nobody sees or changes what is another organisation's: every route the server describes, called at random with
//! ids and credentials of others.
//!
//! `ISOLATION_CALLS` sets how many calls are made, `ISOLATION_SEED` repeats a run that failed.

mod body;
mod callers;
mod chance;
mod routes;
mod victim;
mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use conformance::cloud::OPEN_ROUTES;

use self::callers::{Caller, callers};
use self::chance::Chance;
use self::routes::{Routes, Sent};
use self::victim::{Snapshot, Victim};
use self::wire::Wire;
use crate::stage::Stage;

const CALLS: u64 = 100_000;
const TASKS: u64 = 12;

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// What all tasks share.
struct Attack {
    routes: Routes,
    callers: Vec<Caller>,
    victim: Victim,
    /// Addresses of the replicas.
    replicas: Vec<String>,
    left: AtomicU64,
    seed: u64,
}

/// Routes that answer 503 where there is no such thing.
const MAY_BE_MISSING: [&str; 3] = ["/api/config", "/api/config/proxy", "/api/shutdown"];

/// How long to wait before a call is made again that a busy server could not answer.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(9)];

/// How often each status was answered to callers that are known, and to others.
type Tally = BTreeMap<(bool, u16), u64>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_shows_or_changes_what_is_anothers() {
    let seed = variable("ISOLATION_SEED")
        .unwrap_or_else(|| u64::from_le_bytes(uuid::Uuid::new_v4().as_bytes()[..8].try_into().unwrap()));
    let calls = variable("ISOLATION_CALLS").unwrap_or(CALLS);
    let stage = Stage::new().await;
    let victim = Victim::new(&stage).await;
    let callers = callers(&stage, &victim).await;
    for path in ["/api/traces", "/api/spans", "/api/projects", "/api/org/members"] {
        let own = stage.call("GET", path).bearer(&victim.token).send().await;
        assert!(victim.seen_in(&own.text, "").is_some(), "what must not be seen is there: {path}");
    }
    let heard = Arc::new(AtomicU64::new(0));
    let listener = |replica: usize| {
        let url = format!("{}/api/events", stage.stack.replicas[replica].api);
        tokio::spawn(listen(url, callers[1].token(), Arc::clone(&heard)))
    };
    let listeners = [listener(0), listener(1)];
    let before = victim.snapshot(&stage).await;
    assert_same(&before, &victim.snapshot(&stage).await, "looking at it");
    let routes = Routes::read(&stage.call("GET", "/api/openapi.json").send().await.body);
    let replicas = stage.stack.apis().iter().map(|url| url.replace("http://", "")).collect();
    let attack = Arc::new(Attack { routes, callers, victim, replicas, left: AtomicU64::new(calls), seed });
    eprintln!("{calls} calls of {} routes with seed {seed}", attack.routes.count());
    let started = Instant::now();
    let tasks: Vec<_> = (0..TASKS).map(|task| tokio::spawn(Arc::clone(&attack).run(task))).collect();
    let mut tally = Tally::new();
    for task in tasks {
        for (kind, count) in task.await.unwrap_or_else(|error| panic!("with ISOLATION_SEED={seed}: {error}"))
        {
            *tally.entry(kind).or_default() += count;
        }
    }
    eprintln!("{:?}: (known, status) {tally:?}", started.elapsed());
    assert!(tally.values().sum::<u64>() >= calls);
    for (known, status) in [(true, 200), (true, 201), (true, 403), (true, 404), (false, 401)] {
        assert!(tally.get(&(known, status)).is_some_and(|count| *count > calls / 1_000), "{known} {status}");
    }
    for listener in listeners {
        listener.abort();
        assert!(!listener.await.is_err_and(|error| error.is_panic()), "with ISOLATION_SEED={seed}");
    }
    assert!(heard.load(Ordering::Relaxed) > calls / 10, "bytes of events");
    let after = attack.victim.snapshot(&stage).await;
    assert_same(&before, &after, &format!("ISOLATION_SEED={seed}"));
    attack.victim.still_works(&stage).await;
}

#[track_caller]
fn assert_same(before: &Snapshot, after: &Snapshot, by: &str) {
    for ((name, before), (other, after)) in before.iter().zip(after) {
        assert_eq!(name, other);
        assert_eq!(before, after, "{name} was changed by {by}");
    }
    assert_eq!(before.len(), after.len());
}

/// Listens as somebody else during all of it, and panics when it hears the victim.
async fn listen(url: String, token: String, heard: Arc<AtomicU64>) {
    let client = reqwest::Client::new();
    loop {
        let mut response = client.get(&url).bearer_auth(&token).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let mut tail = Vec::new();
        while let Ok(Some(piece)) = response.chunk().await {
            heard.fetch_add(piece.len() as u64, Ordering::Relaxed);
            tail.extend_from_slice(&piece);
            let text = String::from_utf8_lossy(&tail);
            assert!(!text.contains(victim::MARK), "an event of the victim: {text}");
            let keep = tail.len().min(64);
            tail.drain(..tail.len() - keep);
        }
    }
}

impl Attack {
    async fn run(self: Arc<Self>, task: u64) -> Tally {
        let mut chance = Chance::new(self.seed.wrapping_add(task.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        let mut wires: Vec<Wire> = self.replicas.iter().map(|address| Wire::new(address)).collect();
        let mut tally = Tally::new();
        for number in 0.. {
            if self
                .left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
                .is_err()
            {
                break;
            }
            let (caller, sent) = self.any(&mut chance);
            let wire = chance.pick_mut(&mut wires);
            let (mut status, mut answer) = wire.call(&sent.bytes).await;
            let mut pauses = PAUSES.iter();
            // A machine that is busy with other things may take longer than a store is waited for.
            while status == 503
                && !MAY_BE_MISSING.contains(&sent.path.as_str())
                && self.victim.seen_in(&answer, &String::from_utf8_lossy(&sent.bytes)).is_none()
                && let Some(pause) = pauses.next()
            {
                *tally.entry((caller.is_known, status)).or_default() += 1;
                tokio::time::sleep(*pause).await;
                (status, answer) = wire.call(&sent.bytes).await;
            }
            if let Err(problem) = self.judge(caller, &sent, status, &answer) {
                let request = String::from_utf8_lossy(&sent.bytes);
                panic!(
                    "{problem}\ntask {task}, call {number}, as {}\n{request}\n\n{status}\n{answer}",
                    caller.name
                );
            }
            *tally.entry((caller.is_known, status)).or_default() += 1;
        }
        tally
    }

    /// Returns a random call by a random caller.
    fn any(&self, chance: &mut Chance) -> (&Caller, Sent) {
        loop {
            let (caller, route) = (chance.pick(&self.callers), self.routes.any(chance));
            if caller.may_try(&route.method, &route.path) {
                return (caller, route.request(chance, &self.routes, &self.victim, caller));
            }
        }
    }

    /// Says what is wrong with an answer.
    fn judge(&self, caller: &Caller, sent: &Sent, status: u16, answer: &str) -> Result<(), String> {
        let request = String::from_utf8_lossy(&sent.bytes);
        if let Some(found) = self.victim.seen_in(answer, &request) {
            return Err(format!("the answer shows {found}"));
        }
        let is_refused = status == caller.refusal;
        match (sent.is_guarded, caller.is_known) {
            (true, false) if !is_refused => return Err(format!("{} is not {}", status, caller.refusal)),
            (true, true) if status == 401 => return Err("a caller who is known is refused".to_owned()),
            _ => {}
        }
        let may_be_missing = MAY_BE_MISSING.contains(&sent.path.as_str());
        match status {
            500 | 502 | 504 => Err("the server failed".to_owned()),
            202 => Err("the server was stopped".to_owned()),
            503 if !may_be_missing => Err("the server has no answer".to_owned()),
            _ => Ok(()),
        }
    }
}

#[tokio::test]
async fn every_route_asks_for_credentials_unless_it_is_described_as_open() {
    let stage = Stage::new().await;
    let described = stage.call("GET", "/api/openapi.json").send().await;
    let routes = Routes::read(&described);
    let mut open = Vec::new();
    for route in routes.all() {
        let path = route.path.replace(['{', '}'], "x");
        for replica in 0..2 {
            let call = || stage.on(replica, &route.method, &path);
            let anonymous = call().send().await;
            let broken = call().header("authorization", "Bearer").send().await;
            if route.is_guarded {
                assert_eq!(anonymous.code(), (401, "missing_auth"), "{} {path}", route.method);
                assert_eq!(broken.code(), (401, "invalid_auth"), "{} {path}", route.method);
            } else {
                let name = format!("{} {path}", route.method);
                let is_login = path.ends_with("/login") || path.ends_with("/accept-invite");
                assert!(anonymous.status != 401 || is_login, "{name}: {}", anonymous.text);
                open.push(name);
            }
        }
    }
    open.sort();
    open.dedup();
    assert_eq!(open, OPEN_ROUTES);
}
