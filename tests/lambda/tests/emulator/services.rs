//! SQS and Secrets Manager, asked by requests that Amazon's own library signs.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use lambda_emulator::{ACCESS_KEY, QueueOptions, REGION, SECRET_KEY, Services};
use serde_json::{Value, json};

/// Sends a request that is signed with `secret`.
async fn call(services: &Services, target: &str, body: &Value, secret: &str) -> (u16, Value) {
    let (service, version) =
        if target.starts_with("AmazonSQS") { ("sqs", "1.0") } else { ("secretsmanager", "1.1") };
    let body = body.to_string();
    let mut request = http::Request::post(format!("{}/", services.url))
        .header("content-type", format!("application/x-amz-json-{version}"))
        .header("x-amz-target", target)
        .body(body.clone())
        .unwrap();
    let identity = Credentials::new(ACCESS_KEY, secret, None, None, "tests").into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(REGION)
        .name(service)
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
    let uri = request.uri().to_string();
    let signable = SignableRequest::new("POST", &uri, headers, SignableBody::Bytes(body.as_bytes())).unwrap();
    let (instructions, _) = sign(signable, &parameters).unwrap().into_parts();
    instructions.apply_to_request_http1x(&mut request);
    send(request).await
}

async fn send(request: http::Request<String>) -> (u16, Value) {
    let answer = reqwest::Client::new().execute(request.try_into().unwrap()).await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn a_message_is_sent_received_and_deleted() {
    let services = Services::start().await.unwrap();
    let queue = services.add_queue("jobs", QueueOptions::default());
    let url = services.queue_url(&queue);
    let body = json!({"QueueUrl": url, "MessageBody": "hello"});
    let (status, answer) = call(&services, "AmazonSQS.SendMessage", &body, SECRET_KEY).await;
    assert_eq!((status, &answer["MD5OfMessageBody"]), (200, &json!("5d41402abc4b2a76b9719d911017c592")));
    assert_eq!(queue.messages()[0].id, answer["MessageId"]);
    let (_, answer) =
        call(&services, "AmazonSQS.ReceiveMessage", &json!({"QueueUrl": url}), SECRET_KEY).await;
    let message = &answer["Messages"][0];
    assert_eq!(message["Body"], "hello");
    let body = json!({"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]});
    assert_eq!(call(&services, "AmazonSQS.DeleteMessage", &body, SECRET_KEY).await.0, 200);
    assert_eq!((queue.messages().len(), queue.sent()), (0, 1));
    let body = json!({"QueueUrl": format!("{url}x"), "MessageBody": "hello"});
    let (status, answer) = call(&services, "AmazonSQS.SendMessage", &body, SECRET_KEY).await;
    assert_eq!((status, &answer["__type"]), (400, &json!("com.amazonaws.sqs#QueueDoesNotExist")));
}

#[tokio::test]
async fn a_lost_message_is_acknowledged() {
    let services = Services::start().await.unwrap();
    let queue = services.add_queue("jobs", QueueOptions::default());
    queue.lose(true);
    let body = json!({"QueueUrl": services.queue_url(&queue), "MessageBody": "hello"});
    assert_eq!(call(&services, "AmazonSQS.SendMessage", &body, SECRET_KEY).await.0, 200);
    assert_eq!((queue.messages().len(), queue.sent()), (0, 1));
}

#[tokio::test]
async fn a_secret_is_read_by_its_arn() {
    let services = Services::start().await.unwrap();
    let arn = services.set_secret("traceway", r#"{"JWT_SECRET":"s"}"#);
    let target = "secretsmanager.GetSecretValue";
    let (status, answer) = call(&services, target, &json!({"SecretId": arn}), SECRET_KEY).await;
    assert_eq!((status, &answer["SecretString"]), (200, &json!(r#"{"JWT_SECRET":"s"}"#)));
    let (status, answer) = call(&services, target, &json!({"SecretId": "other"}), SECRET_KEY).await;
    assert_eq!((status, &answer["__type"]), (400, &json!("ResourceNotFoundException")));
}

#[tokio::test]
async fn requests_that_are_not_signed_with_the_key_are_refused() {
    let services = Services::start().await.unwrap();
    let arn = services.set_secret("traceway", "{}");
    let (target, body) = ("secretsmanager.GetSecretValue", json!({"SecretId": arn}));
    let (status, answer) = call(&services, target, &body, "another key").await;
    assert_eq!((status, &answer["__type"]), (403, &json!("InvalidSignatureException")));
    let unsigned = http::Request::post(format!("{}/", services.url))
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", target)
        .body(body.to_string())
        .unwrap();
    assert_eq!(send(unsigned).await.0, 403);
    assert_eq!(services.refused().len(), 2);
}
