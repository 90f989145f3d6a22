//! The proxy in the cloud: keys, plans, and targets of its own network.

use std::sync::Arc;

use proxy::{KeyHolders, Reach, Settings};
use serde_json::json;
use trace::id::Scope;
use trace::identity::{ApiKeyText, Email, Permissions};
use trace::keyring::Keyring;
use trace::ports::{Accounts, ApiKeys, Clock, Meter, NewAccount, NewApiKey, Revocations, Usage};
use trace::quota::Quota;
use trace::testing::{FixedClock, MemoryIdentity, MemoryJobs, MemoryMeter, MemoryRevocations};

use crate::calls::{CHAT, COMPLETION};
use crate::support::{Answer, Provider, Proxy};

const PATH: &str = "/v1/chat/completions";

struct Cloud {
    proxy: Proxy,
    meter: Arc<MemoryMeter>,
    clock: Arc<FixedClock>,
    scope: Scope,
    key: String,
    read_only: String,
}

impl Cloud {
    async fn start(provider: &Provider, reach: Reach) -> Self {
        let clock = Arc::new(FixedClock::default());
        let identity = Arc::new(MemoryIdentity::new(clock.clone()));
        let (meter, jobs) = (Arc::new(MemoryMeter::default()), Arc::new(MemoryJobs::new(clock.clone())));
        let revocations: Arc<dyn Revocations> = Arc::new(MemoryRevocations::default());
        let account = NewAccount {
            email: Email::parse("a@x.org").unwrap(),
            name: String::new(),
            password_hash: String::new(),
            org_name: "Org".to_owned(),
            org_slug: "org".to_owned(),
        };
        let signed_up = identity.sign_up(account).await.unwrap().unwrap();
        let scope = Scope { org: signed_up.org, project: signed_up.project };
        let mut keys = Vec::new();
        for (number, permissions) in [(1, Permissions::WRITE), (2, Permissions::READ)] {
            let key = ApiKeyText::from_random([number; 24]);
            let new = NewApiKey {
                project: scope.project,
                name: "k".to_owned(),
                prefix: key.prefix().to_owned(),
                hash: key.hash(),
                permissions,
                expires_at: None,
            };
            identity.create_key(scope.org, new, None).await.unwrap();
            keys.push(key.reveal().to_owned());
        }
        let keyring = Keyring::new(identity.clone(), clock.clone(), revocations.clone(), &[]);
        let quota = Quota::new(identity, meter.clone(), jobs, clock.clone(), &revocations);
        let (keyring, quota) = (Arc::new(keyring), Arc::new(quota));
        let settings =
            Settings { target: Some(provider.url().parse().unwrap()), hosts: None, ..Settings::default() };
        let proxy = Proxy::with_deps(settings, |deps| {
            deps.admission = Arc::new(KeyHolders::new(keyring, quota.clone()));
            deps.recorder = deps.recorder.clone().within(quota);
            deps.client = proxy::http_client_within(reach).unwrap();
        });
        let [key, read_only] = keys.try_into().unwrap();
        Self { proxy: proxy.await, meter, clock, scope, key, read_only }
    }

    async fn post(&self, path: &str, headers: &str) -> Answer {
        self.proxy.post(path, headers, CHAT).await
    }
}

#[tokio::test]
async fn a_key_is_required_and_never_forwarded() {
    let provider = Provider::json("200 OK", COMPLETION).await;
    let cloud = Cloud::start(&provider, Reach::Everything).await;
    let code = |answer: &Answer| (answer.status, answer.json()["code"].clone());
    assert_eq!(code(&cloud.post(PATH, "").await), (401, json!("missing_auth")));
    let unknown = "x-traceway-api-key: tw_sk_0123456789abcdef\r\n";
    assert_eq!(code(&cloud.post(PATH, unknown).await), (401, json!("invalid_api_key")));
    let provider_key = "authorization: Bearer sk-provider\r\n";
    assert_eq!(code(&cloud.post(PATH, provider_key).await), (401, json!("missing_auth")));
    let read_only = format!("x-traceway-api-key: {}\r\n", cloud.read_only);
    assert_eq!(code(&cloud.post(PATH, &read_only).await), (403, json!("insufficient_scope")));
    assert!(provider.seen().is_empty(), "nothing was forwarded");
    for headers in ["x-traceway-api-key", "x-traceway-token"] {
        let headers = format!("{headers}: {}\r\n{provider_key}", cloud.key);
        assert_eq!(cloud.post(PATH, &headers).await.status, 200);
    }
    assert_eq!(cloud.post(&format!("{PATH}?token={}", cloud.key), provider_key).await.status, 200);
    for seen in provider.seen() {
        assert_eq!(seen.header("authorization"), Some("Bearer sk-provider"));
        assert!(!format!("{seen:?}").contains("tw_sk_"), "{seen:?}");
    }
    assert_eq!(cloud.proxy.recorded().await.len(), 3);
    assert_eq!(cloud.meter.usage(cloud.scope.org, cloud.clock.now()).await.unwrap().spans, 3);
}

#[tokio::test]
async fn a_call_beyond_the_plan_is_relayed_and_not_recorded() {
    let provider = Provider::json("200 OK", COMPLETION).await;
    let cloud = Cloud::start(&provider, Reach::Everything).await;
    let used = Usage { spans: 10_000, ..Usage::default() };
    cloud.meter.add(&cloud.scope, used, cloud.clock.now()).await.unwrap();
    let answer = cloud.post(PATH, &format!("x-traceway-api-key: {}\r\n", cloud.key)).await;
    assert_eq!((answer.status, answer.text()), (200, COMPLETION.to_owned()));
    assert_eq!(answer.header("x-traceway-span-id"), None);
    assert!(cloud.proxy.recorded().await.is_empty());
}

#[tokio::test]
async fn targets_of_the_own_network_are_refused_unless_they_are_excepted() {
    let provider = Provider::json("200 OK", COMPLETION).await;
    let cloud = Cloud::start(&provider, Reach::Public { except: Arc::default() }).await;
    let port = provider.url().rsplit(':').next().unwrap().to_owned();
    for host in ["127.0.0.1", "localhost", "127.1", "[::1]", "[::ffff:127.0.0.1]"] {
        let headers = format!("x-traceway-api-key: {}\r\nx-forward-url: http://{host}:{port}\r\n", cloud.key);
        let answer = cloud.post(PATH, &headers).await;
        assert_eq!((answer.status, &answer.json()["code"]), (403, &json!("forbidden")), "{host}");
    }
    assert!(provider.seen().is_empty());
    let cloud = Cloud::start(&provider, Reach::Public { except: Arc::new(["127.0.0.1".to_owned()]) }).await;
    let answer = cloud.post(PATH, &format!("x-traceway-api-key: {}\r\n", cloud.key)).await;
    assert_eq!(answer.status, 200);
}
