use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{Capability, Guard, Instance, Mount, MountError, StartOptions};
use crate::cloud::{Stack, StackOptions, Tenant};

/// The product for teams: two replicas, an organisation without limits, requests alternating between the replicas.
#[derive(Debug, Default)]
pub struct CloudMount;

impl Guard for Stack {
    fn log(&self) -> String {
        Stack::log(self)
    }
}

impl CloudMount {
    async fn instance(options: &StartOptions) -> anyhow::Result<Instance> {
        let options = StackOptions { env: options.env.clone(), ..StackOptions::default() };
        let stack = Stack::start(options).await?;
        let tenant = Tenant::unlimited(&stack, "suite").await?;
        Ok(Instance {
            api: stack.apis(),
            proxy: stack.proxies().into_iter().next(),
            headers: vec![("authorization".to_owned(), format!("Bearer {}", tenant.api_key))],
            proxy_headers: vec![("x-traceway-api-key".to_owned(), tenant.api_key)],
            settle: Duration::ZERO,
            guard: Box::new(stack),
        })
    }
}

#[async_trait]
impl Mount for CloudMount {
    fn name(&self) -> &'static str {
        "cloud"
    }

    fn capabilities(&self) -> &[Capability] {
        &[
            Capability::Proxy,
            Capability::Grpc,
            Capability::Fresh,
            Capability::Settings,
            Capability::Dashboard,
            Capability::Listener,
        ]
    }

    async fn shared(&self) -> Result<Instance, MountError> {
        Self::instance(&StartOptions::default())
            .await
            .map_err(|error| MountError::Other(Arc::from(format!("{error:#}"))))
    }

    async fn fresh(&self, options: &StartOptions) -> Result<Instance, MountError> {
        Self::instance(options).await.map_err(|error| MountError::Other(Arc::from(format!("{error:#}"))))
    }
}
