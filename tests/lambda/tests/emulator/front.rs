//! HTTP in front of a function.

use crate::stage::{Stage, eventually};

#[tokio::test]
async fn a_request_and_its_answer_cross_unchanged() {
    let stage = Stage::new(|_| {}).await;
    let request = stage.client.post(format!("{}/echo?x=1&x=%20", stage.url.url));
    let request = request.header("accept", "a").header("accept", "b").header("cookie", "c=1; d=2");
    let answer = request.header("content-type", "application/json").body("{}").send().await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["x-said"]), (201, &"yes".parse().unwrap()));
    let cookies: Vec<_> = answer.headers().get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
    let text = answer.text().await.unwrap();
    assert_eq!(text, "POST /echo x=1&x=%20 | accept a,b | cookie c=1; d=2 | text {}");
}

#[tokio::test]
async fn bytes_arrive_as_they_were_sent() {
    let stage = Stage::new(|_| {}).await;
    let request = stage.client.post(format!("{}/echo", stage.url.url)).body(vec![0xff; 1000]);
    let text = request.send().await.unwrap().text().await.unwrap();
    assert!(text.ends_with("| 1000 bytes"), "{text}");
}

#[tokio::test]
async fn a_streamed_answer_arrives_piece_by_piece() {
    let stage = Stage::new(|_| {}).await;
    let gate = stage.file("gate");
    let mut answer = stage.get(&format!("/stream?gate={gate}")).await;
    // The function cannot send the second piece before the first was read here.
    assert_eq!(answer.chunk().await.unwrap().unwrap(), "first");
    std::fs::write(gate, "").unwrap();
    assert_eq!(answer.chunk().await.unwrap().unwrap(), "second");
    assert_eq!(answer.chunk().await.unwrap(), None);
}

#[tokio::test]
async fn a_client_that_leaves_does_not_stop_the_function() {
    let stage = Stage::new(Stage::one).await;
    let (gate, done) = (stage.file("gate"), stage.file("done"));
    let mut answer = stage.get(&format!("/stream?gate={gate}&done={done}")).await;
    assert_eq!(answer.chunk().await.unwrap().unwrap(), "first");
    drop(answer);
    std::fs::write(gate, "").unwrap();
    eventually("the function ends", || std::path::Path::new(&done).exists()).await;
    assert_eq!(stage.text("/process").await, stage.function.figures()[0].process_id.unwrap().to_string());
}

#[tokio::test]
async fn a_request_that_is_too_large_with_base64_is_refused_before_the_function() {
    let stage = Stage::new(|_| {}).await;
    // Under 6 MB as it is, above it in base64.
    for (size, expected) in [(5 * 1024 * 1024, 413), (7 * 1024 * 1024, 413), (4 * 1024 * 1024, 201)] {
        let request = stage.client.post(format!("{}/echo", stage.url.url)).body(vec![0; size]);
        assert_eq!(request.send().await.unwrap().status(), expected, "{size}");
    }
    assert_eq!(stage.function.figures().iter().map(|figures| figures.invocations).sum::<usize>(), 1);
}

#[tokio::test]
async fn an_error_of_the_function_is_a_bad_gateway_and_the_instance_lives_on() {
    let stage = Stage::new(Stage::one).await;
    let answer = stage.get("/fail").await;
    assert_eq!(
        (answer.status(), answer.text().await.unwrap()),
        (502.try_into().unwrap(), "Internal Server Error".to_owned())
    );
    let failures = format!("{:?}", stage.function.failures());
    assert!(failures.contains("it went wrong"), "{failures}");
    stage.text("/process").await;
    assert_eq!(stage.function.figures().len(), 1);
}

#[tokio::test]
async fn a_streamed_answer_without_a_body_is_refused() {
    let stage = Stage::new(|_| {}).await;
    assert_eq!(stage.get("/empty").await.status(), 502);
    let failures = format!("{:?}", stage.function.failures());
    assert!(failures.contains("without a body"), "{failures}");
}
