//! What the adapter sends, and what it makes of Resend's answers.

#![expect(clippy::unwrap_used, reason = "tests")]

use adapter_resend::{DEFAULT_FROM, Resend};
use trace::identity::Email;
use trace::ports::{Mail, MailError, Mailer};

fn mail() -> Mail {
    Mail {
        to: Email::parse("ann@x.org").unwrap(),
        subject: "Hello".to_owned(),
        html: "<p>Hello</p>".to_owned(),
        text: "Hello".to_owned(),
    }
}

async fn stage(key: &str) -> (service_emulators::Resend, Resend) {
    let service = service_emulators::Resend::start("re_1").await.unwrap();
    let mailer = Resend::new(&service.url, key.to_owned(), DEFAULT_FROM.to_owned()).unwrap();
    (service, mailer)
}

#[tokio::test]
async fn a_mail_is_sent_as_it_is_and_once_per_key() {
    let (service, mailer) = stage("re_1").await;
    mailer.send(&mail(), "a").await.unwrap();
    mailer.send(&mail(), "a").await.unwrap();
    let sent = service.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].from.as_str(), sent[0].to.as_slice()), (DEFAULT_FROM, &["ann@x.org".to_owned()][..]));
    let texts = (sent[0].subject.as_str(), sent[0].html.as_str(), sent[0].text.as_str());
    assert_eq!(texts, ("Hello", "<p>Hello</p>", "Hello"));
    mailer.send(&mail(), "b").await.unwrap();
    assert_eq!(service.sent().len(), 2);
}

#[tokio::test]
async fn what_may_pass_is_told_from_what_will_not() {
    let (service, mailer) = stage("re_1").await;
    for (status, name, passes) in [
        (429, "rate_limit_exceeded", true),
        (500, "application_error", true),
        (503, "", true),
        (409, "concurrent_idempotent_requests", true),
        (409, "invalid_idempotent_request", false),
        (422, "validation_error", false),
    ] {
        service.fail_next(status, name);
        let error = mailer.send(&mail(), "a").await.unwrap_err();
        assert_eq!(matches!(error, MailError::Unavailable(_)), passes, "{status} {name}: {error}");
    }
    assert_eq!(service.sent().len(), 0);
}

#[tokio::test]
async fn a_wrong_key_can_be_put_right_and_is_not_told() {
    let (_service, mailer) = stage("re_secret").await;
    let error = mailer.send(&mail(), "a").await.unwrap_err();
    assert!(matches!(&error, MailError::Unavailable(told) if told.contains("invalid_api_key")), "{error}");
    assert!(!format!("{error:?}{mailer:?}").contains("re_secret"));
}

#[tokio::test]
async fn nobody_there_is_unavailable() {
    let mailer = Resend::new("http://127.0.0.1:1", "re_1".to_owned(), DEFAULT_FROM.to_owned()).unwrap();
    assert!(matches!(mailer.send(&mail(), "a").await, Err(MailError::Unavailable(_))));
}
