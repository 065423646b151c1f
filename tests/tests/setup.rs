//! The first-time set-up of a model, and the whole pre-flight, on simulated Sparks behind real OpenSSH servers.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use spark_e2e::fleet::{Fleet, FleetOptions, PAIR, SMALL};
use spark_ipc::ErrorCode;
use spark_ipc::client::ClientError;
use spark_ipc::model::infer::Suggestion;
use spark_ipc::model::inventory::{FitVerdict, ModelState};
use spark_ipc::model::operation::{OperationStarted, OperationState};
use spark_ipc::model::preflight::{Preflight, PreflightState};
use spark_ipc::model::recipe::{RecipeChanged, RecipeFit};

/// Complete on the disks, and in no bundled recipe.
const NEW: &str = "Qwen/Qwen2.5-14B-Instruct-AWQ";

async fn started(models: Vec<&'static str>, nodes: usize) -> Result<Fleet> {
    let options = FleetOptions {
        models,
        nodes,
        ..FleetOptions::default()
    };
    let fleet = Fleet::start(&options)?;
    fleet.daemon.settled().await?;
    Ok(fleet)
}

/// The refusal that a request must have met.
fn refusal<T>(result: Result<T, ClientError>) -> Result<spark_ipc::ApiError> {
    match result {
        Ok(_) => bail!("it was not refused"),
        Err(ClientError::Api(error)) => Ok(*error),
        Err(other) => Err(other.into()),
    }
}

fn path(what: &str) -> String {
    format!("/api/models/{NEW}/{what}")
}

async fn state(fleet: &Fleet) -> Result<ModelState> {
    let models = fleet.daemon.models().await?;
    let model = models.models.iter().find(|m| m.repo.as_str() == NEW);
    Ok(model.context("it is not listed")?.state)
}

#[tokio::test]
async fn a_model_on_disk_is_set_up_edited_confirmed_and_answers() -> Result<()> {
    let fleet = started(vec![NEW], 1).await?;
    let client = fleet.daemon.client();
    assert_eq!(state(&fleet).await?, ModelState::NeedsSetup);
    let blocked = refusal(
        client
            .post::<_, Value>("/api/swap", &json!({"repo": NEW}))
            .await,
    )?;
    assert_eq!(blocked.fields[0].path, "needs_setup", "{blocked:?}");

    let suggestion: Suggestion = client.get(&path("recipe?suggest=true")).await?;
    let recipe = suggestion.recipe.context("nothing was suggested")?;
    let mut form = serde_json::to_value(&recipe)?;
    let flags = form["flags"].as_array_mut().context("no flags")?;
    flags.retain(|f| !f.as_str().is_some_and(|f| f.starts_with("--max-model-len")));
    flags.push("--max-model-len=16k".into());
    form["served_name"] = "house-model".into();

    let fit: RecipeFit = client.post(&path("fit"), &form).await?;
    assert_eq!(fit.faults, [], "the suggestion has no fault");
    assert!(
        matches!(fit.nodes[0].verdict, FitVerdict::Fits | FitVerdict::Tight),
        "{fit:?}"
    );
    assert_eq!(fit.memory.context_tokens, 16_000);

    let changed: RecipeChanged = client.put(&path("recipe"), &form).await?;
    assert_eq!(
        changed
            .in_force
            .context("nothing is in force")?
            .recipe
            .repo
            .as_str(),
        NEW
    );
    let ready = |s: &spark_ipc::model::status::Snapshot| {
        let mut models = s.models.models.iter();
        models.any(|m| m.repo.as_str() == NEW && m.state == ModelState::Ready)
    };
    fleet.daemon.wait_for("the model is ready", ready).await?;
    let end = fleet.daemon.swapped(NEW).await?;
    assert_eq!(
        end.state,
        OperationState::Succeeded,
        "{:?} {:?}",
        end.error,
        end.advice
    );
    let (model, text) = fleet.daemon.ask("What is 12*17?").await?;
    assert_eq!(model, "house-model");
    assert!(text.contains("204"), "{text:?}");
    assert!(fleet.daemon.log().contains("a recipe was confirmed"));
    Ok(())
}

#[tokio::test]
async fn a_wrong_flag_is_refused_and_a_dangerous_one_needs_a_yes() -> Result<()> {
    let fleet = started(vec![NEW, SMALL], 1).await?;
    let client = fleet.daemon.client();
    let mut form = json!({"image": "eugr/spark-vllm:latest", "flags": ["--max-modell-len=8192"]});
    let refused = refusal(client.put::<_, Value>(&path("recipe"), &form).await)?;
    assert_eq!(refused.code, ErrorCode::Invalid);
    assert_eq!(refused.fields[0].path, "/flags/0");
    assert!(
        refused.fields[0]
            .message
            .ends_with("Did you mean --max-model-len?"),
        "{refused:?}"
    );

    form["flags"] = json!(["--gpu-memory-utilization=0.5", "--trust-remote-code"]);
    let refused = refusal(client.put::<_, Value>(&path("recipe"), &form).await)?;
    assert_eq!(refused.fields[0].path, "/allow", "{refused:?}");
    form["allow"] = json!(["--trust-remote-code"]);
    let _changed: RecipeChanged = client.put(&path("recipe"), &form).await?;

    // A recipe that a person wrote by hand has no yes yet: then the request must have it.
    let by_hand = "recipes:\n  - id: by-hand\n    repo: Qwen/Qwen3-0.6B\n    image: eugr/spark-vllm:latest\n    \
                   flags: [--gpu-memory-utilization=0.2, --max-model-len=8192, --trust-remote-code]\n";
    std::fs::write(fleet.daemon.data().join("models_overrides.yaml"), by_hand)?;
    let read = |s: &spark_ipc::model::status::Snapshot| {
        let mut models = s.models.models.iter();
        models.any(|m| m.recipe.as_ref().is_some_and(|r| r.as_str() == "by-hand"))
    };
    fleet
        .daemon
        .wait_for("the file is read again", read)
        .await?;
    let mut wish = json!({"repo": SMALL});
    let preflight: Preflight = client.post("/api/preflight", &wish).await?;
    assert_eq!(preflight.confirm[0].name, "--trust-remote-code");
    let blocked = refusal(client.post::<_, Value>("/api/swap", &wish).await)?;
    assert_eq!(blocked.fields[0].path, "needs_yes", "{blocked:?}");
    wish["allow"] = json!(["--trust-remote-code"]);
    let started: OperationStarted = client.post("/api/swap", &wish).await?;
    let end = fleet.daemon.ended_operation(&started.operation.id).await?;
    assert_eq!(
        end.state,
        OperationState::Succeeded,
        "{:?} {:?}",
        end.error,
        end.advice
    );
    Ok(())
}

#[tokio::test]
async fn comments_of_the_file_are_kept_and_the_bundled_recipe_comes_back() -> Result<()> {
    let fleet = started(vec![SMALL, NEW], 1).await?;
    let client = fleet.daemon.client();
    let file = fleet.daemon.data().join("models_overrides.yaml");
    let by_hand = "# Our own.\nrecipes:\n  # For the classroom.\n  - id: mine # keep\n    repo: Org/Mine\n    image: x\n";
    std::fs::write(&file, by_hand)?;
    let form = json!({"image": "eugr/spark-vllm:latest", "flags": ["--max-model-len=4096"]});
    let of_small = format!("/api/models/{SMALL}/recipe");
    let changed: RecipeChanged = client.put(&of_small, &form).await?;
    let in_force = changed.in_force.context("nothing is in force")?;
    assert_eq!(in_force.recipe.flags, ["--max-model-len=4096"]);
    let text = std::fs::read_to_string(&file)?;
    assert!(text.starts_with(by_hand), "{text}");

    let changed: RecipeChanged = client.delete(&of_small).await?;
    let in_force = changed.in_force.context("the bundled one is gone")?;
    assert_eq!(
        in_force.source,
        spark_ipc::model::inventory::RecipeSource::Bundled
    );
    assert_eq!(std::fs::read_to_string(&file)?, by_hand);
    Ok(())
}

#[tokio::test]
async fn the_preflight_shows_every_item_and_the_other_node_is_taken() -> Result<()> {
    let fleet = started(vec![SMALL, PAIR], 2).await?;
    let client = fleet.daemon.client();
    let preflight: Preflight = client
        .post("/api/preflight", &json!({"repo": PAIR}))
        .await?;
    let not_ok: Vec<_> = preflight
        .checks
        .iter()
        .filter(|c| c.state != PreflightState::Ok)
        .collect();
    assert_eq!(
        not_ok,
        [] as [&spark_ipc::model::preflight::PreflightCheck; 0]
    );
    let names = |node: Option<&str>| {
        let of_node = preflight
            .checks
            .iter()
            .filter(|c| c.node.as_ref().map(AsRef::as_ref) == node);
        of_node.map(|c| c.name.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(names(None), ["busy", "flags", "fabric", "command"]);
    let worker = [
        "ssh",
        "docker",
        "nvidia_runtime",
        "image",
        "model",
        "memory",
        "gpu_processes",
        "disk",
        "name",
        "clock",
        "gid",
        "fabric_frames",
    ];
    assert_eq!(names(Some("spark2")), worker);

    fleet.sparks[0].set_fault(&["low_memory", "--mib", "112000"])?;
    let short = async || -> Result<Preflight> {
        let wish = json!({"repo": SMALL, "nodes": ["spark1"]});
        Ok(client.post("/api/preflight", &wish).await?)
    };
    let named = short().await?;
    let blocker = named.blockers.first().context("it is not short")?;
    assert_eq!(blocker.code, "memory_short", "{:?}", named.blockers);
    let fix = blocker.fix.as_deref().unwrap_or_default();
    assert!(fix.ends_with("It would fit on spark2."), "{fix}");
    let open: Preflight = client
        .post("/api/preflight", &json!({"repo": SMALL}))
        .await?;
    assert_eq!(open.blockers, []);
    let plan = open.plan.context("no plan")?;
    assert_eq!(plan.nodes[0].as_str(), "spark2");
    assert_eq!(open.warnings[0].code, "placed_elsewhere");
    Ok(())
}
