//! `kill -9` of replicas while clients write.

use std::time::Duration;

use crate::load::Load;
use crate::stage::{Stage, eventually};

const KILLS: u64 = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_span_survives_the_death_of_replicas_once() {
    let mut stage = Stage::new().await;
    let load = Load::start(4, stage.stack.apis(), &stage.tenant.api_key);
    for round in 0..KILLS {
        // A different moment each time.
        tokio::time::sleep(Duration::from_millis(700 + round * 37)).await;
        drop(stage.stack.replicas.remove(0));
        let before = load.acknowledged();
        stage.stack.add_replica().await.unwrap();
        let more =
            async || (load.acknowledged() > before).then_some(()).ok_or_else(|| "nothing new".to_owned());
        eventually("the other replica takes what the dead one cannot", more).await;
        load.turn_to(stage.stack.apis()).await;
    }
    let told = load.finish().await;
    assert!(told.acknowledged.len() > 100, "only {} spans were written", told.acknowledged.len());
    assert!(told.doubtful > 0, "no request was cut off");
    stage.assert_has(&told).await;
    stage.assert_calm();
}
