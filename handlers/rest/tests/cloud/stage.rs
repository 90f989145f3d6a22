//! Everything the handlers ask for, in memory, and requests to them.

use std::sync::Arc;

use adapter_memory::{MemoryBus, UlidIds};
use adapter_resend::{DEFAULT_FROM, Resend};
use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Request, StatusCode, header};
use rest::{
    Access, Authenticator, Cloud, CloudAuthenticator, Deps, Everyone, Passwords, Server, SessionKey, Site,
    WebhookSecret,
};
use serde_json::{Value, json};
use tower::ServiceExt;
use trace::host::Origins;
use trace::id::{OrgId, ProjectId, Scope};
use trace::identity::{MailJob, Plan};
use trace::keyring::{Keyring, preconfigured_keys};
use trace::ports::{Billing, Clock, JobQueue, Meter, Orgs, Revocation, Revocations, Usage};
use trace::quota::Quota;
use trace::record::Recorder;
use trace::testing::{
    CountingRandom, FixedClock, MemoryIdentity, MemoryJobs, MemoryLimiter, MemoryMeter, MemoryRevocations,
    MemoryStore,
};

pub(crate) const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
pub(crate) const OWN_KEY: &str = "tw_sk_operators-own-key";
pub(crate) const WEBHOOK_SECRET: &str = "polar_whs_secret";
pub(crate) const PASSWORD: &str = "correct horse";

/// What differs between stages.
#[derive(Default)]
pub(crate) struct Wishes {
    pub(crate) billing: Option<Arc<dyn Billing>>,
    pub(crate) webhook_secret: Option<&'static str>,
    pub(crate) origins: Option<&'static str>,
    pub(crate) no_mail: bool,
    pub(crate) authenticator: Option<Arc<dyn Authenticator>>,
}

pub(crate) struct Stage {
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) identity: Arc<MemoryIdentity>,
    pub(crate) meter: Arc<MemoryMeter>,
    pub(crate) limiter: Arc<MemoryLimiter>,
    pub(crate) jobs: Arc<MemoryJobs>,
    pub(crate) revocations: Arc<MemoryRevocations>,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) resend: service_emulators::Resend,
    mail: rest::jobs::MailPorts,
    router: Router,
}

/// Somebody who has logged in.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) token: String,
    pub(crate) org: String,
    pub(crate) project: String,
    pub(crate) user: String,
}

impl Login {
    pub(crate) fn of(answer: &Answer) -> Self {
        let text = |name: &str| answer.body[name].as_str().unwrap().to_owned();
        Self { token: text("token"), org: text("org_id"), project: text("project_id"), user: text("user_id") }
    }

    pub(crate) fn scope(&self) -> Scope {
        Scope { org: OrgId(self.org.parse().unwrap()), project: ProjectId(self.project.parse().unwrap()) }
    }
}

fn server(clock: &FixedClock, mode: &'static str) -> Server {
    Server {
        mode,
        backend: "turbopuffer",
        instance_id: "test".to_owned(),
        version: "0",
        region: None,
        started_at: clock.now(),
        metrics: None,
        shutdown: None,
        is_open: Arc::new(|| true),
        stopping: tokio_util::sync::CancellationToken::new(),
        config: None,
        proxy: None,
    }
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with(Wishes::default()).await
    }

    pub(crate) async fn with(wishes: Wishes) -> Self {
        let clock = Arc::new(FixedClock::default());
        let identity = Arc::new(MemoryIdentity::new(clock.clone()));
        let meter = Arc::new(MemoryMeter::default());
        let limiter = Arc::new(MemoryLimiter::new(clock.clone()));
        let jobs = Arc::new(MemoryJobs::new(clock.clone()));
        let revocations = Arc::new(MemoryRevocations::default());
        let random = Arc::new(CountingRandom::default());
        let store = Arc::new(MemoryStore::default());
        let resend = service_emulators::Resend::start("re_1").await.unwrap();
        let origins = wishes.origins.map_or(Origins::Any, Origins::listed);
        let cloud = Arc::new(Cloud {
            calls_per_second: 100,
            accounts: identity.clone(),
            orgs: identity.clone(),
            projects: identity.clone(),
            keys: identity.clone(),
            invites: identity.clone(),
            resets: identity.clone(),
            meter: meter.clone(),
            limiter: limiter.clone(),
            revocations: revocations.clone(),
            random: random.clone(),
            passwords: Arc::new(Passwords::with_cost(random.clone(), 16, 1)),
            mail: (!wishes.no_mail).then(|| jobs.clone() as Arc<dyn JobQueue>),
            billing: wishes.billing,
            webhook_secret: wishes.webhook_secret.map(|secret| WebhookSecret::parse(secret).unwrap()),
            session_key: SessionKey::new(SECRET),
            site: Site {
                app_url: "https://app.example".to_owned(),
                origins: origins.clone(),
                cookie_domain: None,
            },
        });
        let all: Arc<dyn Revocations> = revocations.clone();
        let quota = Quota::new(identity.clone(), meter.clone(), jobs.clone(), clock.clone(), &all);
        let (own, _) = preconfigured_keys(OWN_KEY);
        let keyring = Arc::new(Keyring::new(identity.clone(), clock.clone(), all, &own));
        let authenticator = CloudAuthenticator::new(cloud.clone(), keyring, clock.clone());
        let bus = Arc::new(MemoryBus::new(&*clock));
        let recorder = Recorder::new(store.clone(), bus.clone(), Arc::default());
        let router = rest::router(Deps {
            recorder: recorder.within(Arc::new(quota)),
            spans: store.clone(),
            payloads: store.clone(),
            rollups: store.clone(),
            events: bus,
            clock: clock.clone(),
            ids: Arc::new(UlidIds::new()),
            authenticator: wishes.authenticator.unwrap_or(Arc::new(authenticator)),
            cloud: Some(cloud),
            server: server(&clock, "cloud"),
            access: Access { origins, hosts: None },
        });
        let mail = rest::jobs::MailPorts {
            accounts: identity.clone(),
            orgs: identity.clone(),
            invites: identity.clone(),
            resets: identity.clone(),
            mailer: Arc::new(Resend::new(&resend.url, "re_1".to_owned(), DEFAULT_FROM.to_owned()).unwrap()),
            random,
            clock: clock.clone(),
            app_url: "https://app.example".to_owned(),
        };
        Self { clock, identity, meter, limiter, jobs, revocations, store, resend, mail, router }
    }

    pub(crate) fn call(&self, method: &str, path: &str) -> Call {
        Call::new(self.router.clone(), method, path)
    }

    pub(crate) async fn sign_up(&self, email: &str) -> Login {
        let body = json!({"email": email, "password": PASSWORD});
        let answer = self.call("POST", "/api/auth/signup").json(&body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        Login::of(&answer)
    }

    /// Signs somebody up whose organisation may have members.
    pub(crate) async fn sign_up_on(&self, plan: Plan, email: &str) -> Login {
        let login = self.sign_up(email).await;
        self.identity.set_plan(login.scope().org, plan).await.unwrap();
        self.revocations.publish(Revocation::Org { id: login.scope().org }).await.unwrap();
        login
    }

    pub(crate) async fn key(&self, login: &Login, scopes: &[&str]) -> String {
        let body = json!({"name": "k", "scopes": scopes});
        let answer = self.call("POST", "/api/org/api-keys").bearer(&login.token).json(&body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        answer.body["key"].as_str().unwrap().to_owned()
    }

    /// Invites somebody who accepts at once.
    pub(crate) async fn join(&self, by: &Login, email: &str, role: &str) -> Login {
        let body = json!({"email": email, "role": role});
        let answer = self.call("POST", "/api/org/invites").bearer(&by.token).json(&body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        let token = self.mailed_token().await;
        let body = json!({"token": token, "password": PASSWORD});
        let answer = self.call("POST", "/api/auth/accept-invite").json(&body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        Login::of(&answer)
    }

    /// Does the work of the mail worker and returns what became of each job.
    pub(crate) async fn work(&self) -> Vec<Result<(), rest::jobs::JobError>> {
        let minute = std::time::Duration::from_mins(1);
        let mut results = Vec::new();
        for leased in self.jobs.lease(&[MailJob::KIND], minute, 100).await.unwrap() {
            let result = rest::jobs::run_mail_job(&self.mail, &leased.job).await;
            match &result {
                Ok(()) => assert!(self.jobs.complete(&leased).await.unwrap()),
                Err(error) => {
                    let delay = std::time::Duration::ZERO;
                    assert!(self.jobs.fail(&leased, &error.to_string(), delay).await.unwrap());
                }
            }
            results.push(result);
        }
        results
    }

    /// Sends the mails that wait and returns the token in the newest.
    pub(crate) async fn mailed_token(&self) -> String {
        self.work().await;
        self.resend.sent().last().unwrap().token().unwrap().to_owned()
    }

    pub(crate) async fn use_up(&self, login: &Login, spans: u64) {
        let used = Usage { spans, ..Usage::default() };
        self.meter.add(&login.scope(), used, self.clock.now()).await.unwrap();
    }
}

/// Returns port 3000 in local mode.
pub(crate) fn local() -> Router {
    let clock = Arc::new(FixedClock::default());
    let (store, bus) = (Arc::new(MemoryStore::default()), Arc::new(MemoryBus::new(&*clock)));
    rest::router(Deps {
        recorder: Recorder::new(store.clone(), bus.clone(), Arc::default()),
        spans: store.clone(),
        payloads: store.clone(),
        rollups: store,
        events: bus,
        clock: clock.clone(),
        ids: Arc::new(UlidIds::new()),
        authenticator: Arc::new(Everyone),
        cloud: None,
        server: server(&clock, "local"),
        access: Access { origins: Origins::Loopback, hosts: Some(Arc::default()) },
    })
}

/// A request that is being put together.
pub(crate) struct Call {
    router: Router,
    request: http::request::Builder,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Call {
    pub(crate) fn new(router: Router, method: &str, path: &str) -> Self {
        let request = Request::builder().method(method).uri(path).header(header::HOST, "localhost");
        Self { router, request }
    }

    pub(crate) fn header(self, name: impl AsRef<str>, value: &str) -> Self {
        Self { request: self.request.header(name.as_ref(), value), ..self }
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn cookie(self, token: &str) -> Self {
        self.header("cookie", &format!("session={token}"))
    }

    pub(crate) async fn json(self, body: &Value) -> Answer {
        self.header("content-type", "application/json").body(body.to_string()).await
    }

    pub(crate) async fn send(self) -> Answer {
        self.body(String::new()).await
    }

    pub(crate) async fn body(self, body: String) -> Answer {
        let response = self.router.oneshot(self.request.body(Body::from(body)).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let is_json = parts
            .headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
        // A stream of events would not end.
        let body =
            if is_json { axum::body::to_bytes(body, 1 << 24).await.unwrap() } else { Vec::new().into() };
        let body = serde_json::from_slice(&body).unwrap_or_default();
        Answer { status: parts.status, headers: parts.headers, body }
    }
}

impl Answer {
    /// Returns the status and the code of an error.
    pub(crate) fn code(&self) -> (u16, &str) {
        (self.status.as_u16(), self.body["code"].as_str().unwrap_or_default())
    }

    pub(crate) fn set_cookie(&self) -> Option<&str> {
        self.headers.get(header::SET_COOKIE).map(|value| value.to_str().unwrap())
    }
}
