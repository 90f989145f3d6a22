//! An emulator in the process of a test.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::counters::Counters;
use crate::faults::Rule;
use crate::service::Service;
use crate::settings::Settings;
use crate::{admin, server};

/// A running emulator; dropping it stops it.
///
/// It has threads of its own, so that a test may pause its clock or block.
pub struct Emulator {
    /// Base address of the API, such as `http://127.0.0.1:40123`.
    pub url: String,
    /// Base address of the switches over HTTP.
    pub admin_url: String,
    control: Arc<Control>,
    runtime: Option<Runtime>,
}

/// What switches reach.
pub(crate) struct Control {
    pub(crate) service: Arc<Service>,
    wanted: watch::Sender<bool>,
    is_listening: watch::Receiver<bool>,
}

impl Control {
    pub(crate) async fn stop(&self) {
        self.turn(false).await;
    }

    pub(crate) async fn resume(&self) {
        self.turn(true).await;
    }

    async fn turn(&self, on: bool) {
        self.wanted.send_replace(on);
        let mut is_listening = self.is_listening.clone();
        // The listener is gone only when the emulator is: there is nothing left to wait for.
        let _ = is_listening.wait_for(|listening| *listening == on).await;
    }
}

impl Emulator {
    /// Starts an emulator on free ports of the loopback address.
    ///
    /// # Panics
    ///
    /// When the machine has no free port or no thread left.
    pub async fn start() -> Self {
        Self::start_with(Settings::default()).await
    }

    /// Starts an emulator with these settings on free ports of the loopback address.
    ///
    /// # Panics
    ///
    /// When the machine has no free port or no thread left.
    pub async fn start_with(settings: Settings) -> Self {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self::bind(settings, any, any).await.expect("a test machine has free ports")
    }

    /// Starts an emulator on these addresses.
    pub async fn bind(settings: Settings, api: SocketAddr, admin: SocketAddr) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("turbopuffer-emulator")
            .enable_all()
            .build()?;
        let bound = runtime.spawn(async move {
            let api = TcpListener::bind(api).await?;
            let admin = TcpListener::bind(admin).await?;
            Ok::<_, io::Error>((api.local_addr()?, api, admin.local_addr()?, admin))
        });
        let bound = bound.await.map_err(io::Error::other).flatten();
        let (address, api, admin_address, admin) = match bound {
            Ok(bound) => bound,
            Err(error) => {
                runtime.shutdown_background();
                return Err(error);
            }
        };
        let service = Arc::new(Service::new(settings));
        let (wanted, is_wanted) = watch::channel(true);
        let (listens, is_listening) = watch::channel(true);
        runtime.spawn(server::serve(Arc::clone(&service), api, address, is_wanted, listens));
        let control = Arc::new(Control { service, wanted, is_listening });
        let router = admin::router(Arc::clone(&control));
        runtime.spawn(async move {
            // It ends with the runtime, whose shutdown is the only way to stop it.
            let _ = axum::serve(admin, router).await;
        });
        Ok(Self {
            url: format!("http://{address}"),
            admin_url: format!("http://{admin_address}"),
            control,
            runtime: Some(runtime),
        })
    }

    /// Adds a rule that lets requests fail.
    pub fn fault(&self, rule: Rule) {
        self.control.service.faults().add(rule);
    }

    /// Removes all rules.
    pub fn clear_faults(&self) {
        self.control.service.faults().clear();
    }

    /// Rules that can still strike.
    pub fn faults(&self) -> Vec<Rule> {
        self.control.service.faults().rules().to_vec()
    }

    /// What the emulator was asked for so far.
    pub fn counters(&self) -> Counters {
        self.control.service.counters().clone()
    }

    /// Starts counting anew.
    pub fn reset_counters(&self) {
        *self.control.service.counters() = Counters::default();
    }

    /// The settings in force.
    pub fn settings(&self) -> Settings {
        (*self.control.service.settings()).clone()
    }

    /// Changes settings; requests under way keep the old ones.
    ///
    /// `query_slots` holds for namespaces that are first asked for afterwards.
    pub fn configure(&self, change: impl FnOnce(&mut Settings)) {
        let mut settings = self.settings();
        change(&mut settings);
        self.control.service.set_settings(settings);
    }

    /// Closes the port and resets all connections, as if the service were down; data is kept.
    pub async fn stop(&self) {
        self.control.stop().await;
    }

    /// Opens the same port again after a [`stop`](Self::stop).
    pub async fn resume(&self) {
        self.control.resume().await;
    }

    /// Forgets every namespace.
    pub fn wipe(&self) {
        self.control.service.wipe();
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // A runtime must not wait for its tasks inside another runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
