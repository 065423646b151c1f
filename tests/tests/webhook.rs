//! The webhook and the settings that direct it: a real receiver, real nodes, and a change while the daemon runs.

use std::net::Ipv4Addr;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use spark_core::webhook::{EVENT_HEADER, ID_HEADER, SIGNATURE_HEADER, signature};
use spark_e2e::fleet::{Fleet, FleetOptions, SMALL, SOLO, address_block};
use spark_e2e::receiver::{Receiver, Reply};
use spark_ipc::client::ClientError;
use spark_ipc::model::settings::SettingsChanged;
use spark_ipc::model::webhook::WebhookDelivery;

const SECRET: &str = "a-secret-of-the-hook";

async fn receiver() -> Result<Receiver> {
    let [_, b, c, _] = address_block().octets();
    Receiver::start(Ipv4Addr::new(127, b, c, 210)).await
}

fn fleet(receiver: &Receiver, models: Vec<&'static str>) -> Result<Fleet> {
    Fleet::start(&FleetOptions {
        nodes: 1,
        speed: 200.0,
        models,
        settings: vec![
            ("WEBHOOK_URL", receiver.url("/hook")),
            ("WEBHOOK_SECRET", SECRET.to_owned()),
            ("WEBHOOK_ALLOW_LOOPBACK", "true".to_owned()),
        ],
        ..FleetOptions::default()
    })
}

async fn change(fleet: &Fleet, changes: Value) -> Result<SettingsChanged> {
    Ok(fleet
        .daemon
        .client()
        .post("/api/settings", &changes)
        .await?)
}

async fn test(fleet: &Fleet) -> Result<WebhookDelivery> {
    let client = fleet.daemon.client();
    Ok(client.post("/api/webhook/test", &json!({})).await?)
}

#[tokio::test]
async fn a_swap_and_a_lost_node_are_told_signed_and_in_their_order() -> Result<()> {
    let mut receiver = receiver().await?;
    let mut fleet = fleet(&receiver, vec![SMALL])?;
    let swapped = fleet.daemon.swapped_when_settled(SMALL).await?;

    let started = receiver.next_of("swap.started").await?;
    let done = receiver.next_of("swap.done").await?;
    for delivery in [&started, &done] {
        let body = delivery.json()?;
        ensure!(delivery.path == "/hook", "{delivery:?}");
        ensure!(body["operation"] == swapped.id.to_string(), "{body}");
        ensure!(body["model"] == SMALL, "{body}");
        let expected = signature(SECRET, &delivery.body);
        ensure!(
            delivery.header(SIGNATURE_HEADER) == Some(expected.as_str()),
            "{delivery:?}"
        );
        ensure!(
            delivery.header(ID_HEADER) == body["id"].as_str(),
            "{delivery:?}"
        );
        ensure!(
            delivery.header(EVENT_HEADER) == body["event"].as_str(),
            "{delivery:?}"
        );
    }
    ensure!(started.json()?["id"] != done.json()?["id"]);

    let spark = fleet.sparks.first_mut().context("no node")?;
    spark.sshd.stop();
    let down = receiver.next_of("node.down").await?.json()?;
    ensure!(down["node"] == "spark1", "{down}");
    let spark = fleet.sparks.first_mut().context("no node")?;
    spark.sshd.restart()?;
    let up = receiver.next_of("node.up").await?.json()?;
    ensure!(up["node"] == "spark1", "{up}");
    Ok(())
}

#[tokio::test]
async fn a_failed_swap_is_told_with_its_cause() -> Result<()> {
    let mut receiver = receiver().await?;
    let fleet = fleet(&receiver, vec![SMALL])?;
    fleet.daemon.settled().await?;
    let spark = fleet.sparks.first().context("no node")?;
    spark.set_fault(&[
        "engine",
        "--stage",
        "weights",
        "--line",
        "torch.OutOfMemoryError: CUDA out of memory.",
    ])?;
    let end = fleet.daemon.swapped(SMALL).await?;
    let told = receiver.next_of("swap.failed").await?.json()?;
    ensure!(told["operation"] == end.id.to_string(), "{told}");
    ensure!(told["error"].is_string(), "{told}");
    let advice = end.advice.as_ref().context("no advice")?;
    ensure!(told["advice"]["id"] == advice.id.as_str(), "{told}");
    Ok(())
}

#[tokio::test]
async fn an_event_that_is_not_accepted_comes_again_with_the_same_id_and_then_the_next_one()
-> Result<()> {
    let mut receiver = receiver().await?;
    receiver.answer([Reply::Status(503), Reply::Status(200)]);
    let fleet = fleet(&receiver, vec![SMALL])?;
    fleet.daemon.swapped_when_settled(SMALL).await?;
    let first = receiver.next().await?;
    let second = receiver.next().await?;
    ensure!(
        first.header(ID_HEADER) == second.header(ID_HEADER),
        "{first:?} {second:?}"
    );
    ensure!(first.body == second.body);
    receiver.next_of("swap.done").await?;
    let told = |s: &spark_ipc::model::status::Status| {
        let webhook = s.webhook.clone();
        webhook.filter(|w| w.failed_total == 0 && w.dropped_total == 0)
    };
    ensure!(told(&fleet.daemon.status().await?).is_some());
    Ok(())
}

#[tokio::test]
async fn a_receiver_that_never_answers_holds_nothing_up() -> Result<()> {
    let mut receiver = receiver().await?;
    receiver.answer(std::iter::repeat_n(Reply::Silence, 64));
    let fleet = fleet(&receiver, vec![SMALL, SOLO])?;
    fleet.daemon.swapped_when_settled(SMALL).await?;
    receiver.next().await?;
    let swapped = fleet.daemon.swapped(SOLO).await?;
    ensure!(swapped.error.is_none(), "{:?}", swapped.error);
    let webhook = fleet.daemon.status().await?.webhook.context("no webhook")?;
    ensure!(
        webhook.queued > 0 && webhook.delivered_total == 0,
        "{webhook:?}"
    );
    let ended = {
        let mut fleet = fleet;
        fleet.daemon.terminate()?
    };
    ensure!(ended.success(), "{ended}");
    Ok(())
}

#[tokio::test]
async fn address_and_secret_are_in_force_with_the_next_event() -> Result<()> {
    let mut receiver = receiver().await?;
    let fleet = fleet(&receiver, Vec::new())?;
    ensure!(test(&fleet).await?.delivered);
    ensure!(receiver.next_of("test").await?.path == "/hook");

    let changes = json!({"WEBHOOK_URL": receiver.url("/other?token=s3cret"), "WEBHOOK_SECRET": "another-secret"});
    change(&fleet, changes).await?;
    ensure!(test(&fleet).await?.delivered);
    let delivery = receiver.next_of("test").await?;
    ensure!(delivery.path == "/other", "{delivery:?}");
    let expected = signature("another-secret", &delivery.body);
    ensure!(delivery.header(SIGNATURE_HEADER) == Some(expected.as_str()));

    change(&fleet, json!({"WEBHOOK_URL": null, "WEBHOOK_SECRET": null})).await?;
    ensure!(test(&fleet).await?.delivered);
    ensure!(receiver.next_of("test").await?.path == "/hook");

    let client = fleet.daemon.client();
    let seen = [
        client.get::<Value>("/api/settings").await?.to_string(),
        client.get::<Value>("/api/status").await?.to_string(),
        fleet.daemon.log(),
    ];
    for text in seen {
        ensure!(
            !text.contains("s3cret") && !text.contains("another-secret") && !text.contains(SECRET),
            "{text}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn redirects_endless_answers_and_this_machine_lead_nowhere() -> Result<()> {
    let mut receiver = receiver().await?;
    let fleet = fleet(&receiver, Vec::new())?;
    receiver.answer([Reply::Redirect(receiver.url("/elsewhere")), Reply::Endless]);
    let redirected = test(&fleet).await?;
    ensure!(
        !redirected.delivered && redirected.status == Some(302),
        "{redirected:?}"
    );
    ensure!(receiver.next_of("test").await?.path == "/hook");
    ensure!(
        test(&fleet).await?.delivered,
        "an endless answer is cut off, and counts as its status says"
    );
    receiver.next_of("test").await?;

    // The daemon's own port, and loopback once it is not allowed.
    let own = format!("http://{}/api/swap", fleet.daemon.address());
    change(&fleet, json!({ "WEBHOOK_URL": own })).await?;
    ensure!(!test(&fleet).await?.delivered);
    let asked = json!({"WEBHOOK_URL": receiver.url("/hook"), "WEBHOOK_ALLOW_LOOPBACK": false});
    change(&fleet, asked).await?;
    let refused = test(&fleet)
        .await
        .err()
        .context("loopback was used without a yes")?;
    let ClientError::Api(error) = refused.downcast::<ClientError>()? else {
        bail!("another error");
    };
    ensure!(error.message.contains("no usable webhook"), "{error:?}");
    ensure!(receiver.is_empty(), "something went out all the same");
    Ok(())
}

#[tokio::test]
async fn a_change_of_settings_is_whole_or_not_at_all_and_outlives_a_kill() -> Result<()> {
    let receiver = receiver().await?;
    let mut fleet = fleet(&receiver, Vec::new())?;
    let before: Value = fleet.daemon.client().get("/api/settings").await?;

    let refused = change(
        &fleet,
        json!({"POLL_INTERVAL_S": 7, "DISK_RESERVE_GB": "plenty"}),
    )
    .await;
    let ClientError::Api(error) = refused
        .err()
        .context("nonsense was taken")?
        .downcast::<ClientError>()?
    else {
        bail!("another error");
    };
    ensure!(
        error.fields.iter().any(|f| f.path == "DISK_RESERVE_GB"),
        "{error:?}"
    );
    let after: Value = fleet.daemon.client().get("/api/settings").await?;
    ensure!(before == after, "half of it was taken");

    let changed = change(&fleet, json!({"POLL_INTERVAL_S": 7})).await?;
    fleet.daemon.kill()?;
    fleet.daemon.start()?;
    let later: Value = fleet.daemon.client().get("/api/settings").await?;
    let field = later["fields"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|f| f["key"] == "POLL_INTERVAL_S");
    ensure!(field.is_some_and(|f| f["value"] == 7), "{later}");
    ensure!(changed.applied == ["POLL_INTERVAL_S"], "{changed:?}");
    Ok(())
}
