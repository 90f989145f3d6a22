//! A standard queue of SQS.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::Notify;

use crate::signature::{ACCOUNT, REGION};

/// How a queue behaves.
#[derive(Clone)]
pub struct QueueOptions {
    /// How long a message that was received stays hidden.
    pub visibility_timeout: Duration,
    /// Where a message goes that was received this often without being deleted.
    pub dead_letters: Option<(Arc<Queue>, u32)>,
}

impl Default for QueueOptions {
    fn default() -> Self {
        Self { visibility_timeout: Duration::from_secs(30), dead_letters: None }
    }
}

/// A message.
#[derive(Clone, Debug)]
pub struct Message {
    /// Stays the same whenever it is received.
    pub id: String,
    /// What was sent.
    pub body: String,
    /// Proof of having received it, changes each time.
    pub receipt: String,
    /// How often it was received.
    pub received: u32,
    pub(crate) sent_at: SystemTime,
    pub(crate) first_received_at: Option<SystemTime>,
    visible_at: Instant,
}

/// A queue in memory.
pub struct Queue {
    name: String,
    options: QueueOptions,
    messages: Mutex<Vec<Message>>,
    has_changed: Notify,
    is_losing: AtomicBool,
    sent: AtomicUsize,
}

impl Queue {
    /// Returns an empty queue.
    pub fn new(name: &str, options: QueueOptions) -> Arc<Self> {
        Arc::new(Self {
            name: name.to_owned(),
            options,
            messages: Mutex::default(),
            has_changed: Notify::new(),
            is_losing: AtomicBool::new(false),
            sent: AtomicUsize::new(0),
        })
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Lets messages that are sent get lost, or no longer. Their senders are told that they were sent.
    pub fn lose(&self, is_losing: bool) {
        self.is_losing.store(is_losing, Ordering::SeqCst);
    }

    /// Returns how many messages were sent, the lost ones too.
    pub fn sent(&self) -> usize {
        self.sent.load(Ordering::SeqCst)
    }

    /// Returns the messages that are there, hidden ones too.
    pub fn messages(&self) -> Vec<Message> {
        self.lock().clone()
    }

    /// Adds a message that shows after a delay, and returns its id.
    pub fn send(&self, body: &str, delay: Duration) -> String {
        let id = uuid::Uuid::new_v4().to_string();
        self.sent.fetch_add(1, Ordering::SeqCst);
        if !self.is_losing.load(Ordering::SeqCst) {
            self.add(Message {
                id: id.clone(),
                body: body.to_owned(),
                receipt: String::new(),
                received: 0,
                sent_at: SystemTime::now(),
                first_received_at: None,
                visible_at: Instant::now() + delay,
            });
        }
        id
    }

    /// Takes up to `most` messages that show, and hides them. Does not wait.
    pub fn receive(&self, most: usize) -> Vec<Message> {
        let now = Instant::now();
        let mut messages = self.lock();
        if let Some((dead_letters, times)) = &self.options.dead_letters {
            let is_dead = |message: &mut Message| message.visible_at <= now && message.received >= *times;
            for mut message in messages.extract_if(.., is_dead) {
                message.received = 0;
                message.visible_at = now;
                dead_letters.add(message);
            }
        }
        let mut taken = Vec::new();
        for message in messages.iter_mut().filter(|message| message.visible_at <= now).take(most) {
            message.received += 1;
            message.receipt = uuid::Uuid::new_v4().to_string();
            message.first_received_at.get_or_insert_with(SystemTime::now);
            message.visible_at = now + self.options.visibility_timeout;
            taken.push(message.clone());
        }
        taken
    }

    /// Takes messages and waits until there are some.
    pub(crate) async fn wait(&self, most: usize) -> Vec<Message> {
        loop {
            let changed = self.has_changed.notified();
            let taken = self.receive(most);
            if !taken.is_empty() {
                return taken;
            }
            let next = self.lock().iter().map(|message| message.visible_at).min();
            match next {
                Some(next) => {
                    let _ = tokio::time::timeout_at(next.into(), changed).await;
                }
                None => changed.await,
            }
        }
    }

    /// Deletes a message with its last receipt. Returns whether it was there.
    pub fn delete(&self, receipt: &str) -> bool {
        let mut messages = self.lock();
        let before = messages.len();
        messages.retain(|message| message.receipt != receipt);
        messages.len() < before
    }

    /// The name functions are told.
    pub(crate) fn arn(&self) -> String {
        format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{}", self.name)
    }

    fn add(&self, message: Message) {
        self.lock().push(message);
        self.has_changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Message>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_is_never_deleted_goes_to_the_dead_letters() {
        let dead_letters = Queue::new("dead", QueueOptions::default());
        let options = QueueOptions {
            visibility_timeout: Duration::ZERO,
            dead_letters: Some((Arc::clone(&dead_letters), 2)),
        };
        let queue = Queue::new("queue", options);
        let id = queue.send("poison", Duration::ZERO);
        for times in 1..=2 {
            let received = queue.receive(10);
            assert_eq!((received.len(), received[0].received), (1, times));
        }
        assert!(queue.receive(10).is_empty());
        assert_eq!((queue.messages().len(), dead_letters.messages()[0].id.clone()), (0, id));
    }

    #[test]
    fn a_received_message_is_hidden_and_deleted_by_its_last_receipt() {
        let queue = Queue::new("queue", QueueOptions::default());
        queue.send("a", Duration::ZERO);
        queue.send("later", Duration::from_hours(1));
        let received = queue.receive(10);
        assert_eq!(received.len(), 1);
        assert!(queue.receive(10).is_empty());
        assert!(queue.delete(&received[0].receipt));
        assert!(!queue.delete(&received[0].receipt));
        assert_eq!(queue.messages().len(), 1);
    }
}
