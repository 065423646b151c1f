//! The image of a service: log in where it is NVIDIA's, see that there is a build for ARM, pull it.

use std::time::Duration;

use spark_core::services::StartPlan;
use spark_core::shell::{EnvName, EnvValue, Remote};
use spark_core::transfer::image::{self as registry, InRegistry};
use spark_core::transfer::{JobName, job};
use spark_ipc::model::operation::Advice;
use spark_ipc::text::clean_line;

use super::super::super::hands::{self, Done};
use super::super::super::job::JobRun;
use super::super::super::run::Halt;
use super::super::detached::{self, Detached, Growth, Share, ready};
use super::{LINK_BACK, TRIES};

/// The key goes from the environment through a pipe of the shell's own: it is in no argument vector and no file
/// of ours. `$oauthtoken` is the literal user name that NVIDIA asks for.
const LOGIN: &str =
    "printf '%s' \"$NGC_API_KEY\" | docker login nvcr.io --username '$oauthtoken' --password-stdin";

/// Logs the node in to NVIDIA's registry. Docker keeps the login; doing it again changes nothing.
pub(super) async fn log_in(run: &JobRun, plan: &StartPlan) -> Result<((), Option<String>), Halt> {
    let key = run.ctx.ngc_api_key.get();
    let key = key.ok_or_else(|| Halt::failed("NGC_API_KEY is not set any more"))?;
    let command = EnvName::checked("NGC_API_KEY")
        .and_then(|name| Ok((name, EnvValue::checked(key.expose())?)))
        // The value is the key itself, so the error may not show it.
        .map_err(|_invalid| Halt::failed("NGC_API_KEY is not one line of text"))
        .map(|(name, value)| {
            Remote::script("ngc-login", LOGIN)
                .secret(name, value)
                .timeout(60)
        })?;
    for _try in 0..TRIES {
        match hands::exec(&run.ctx, &plan.node, Ok(command.clone()), 70).await {
            Done::Ok(_) => {
                let told = "logged in at nvcr.io; Docker keeps the key on the node in ~/.docker/config.json, \
                            base64 and not encrypted";
                return Ok(((), Some(told.to_owned())));
            }
            Done::Refused { stderr, .. } => return Err(refused(plan, &stderr)),
            Done::Unknown(_) => hands::link_back(&run.ctx, &plan.node, LINK_BACK).await?,
        }
    }
    Err(Halt::failed(format!("{} does not answer", plan.node)))
}

fn refused(plan: &StartPlan, stderr: &str) -> Halt {
    let said = clean_line(stderr, 300);
    let wrong_key = [
        "unauthorized",
        "Invalid credentials",
        "incorrect username",
        "denied",
    ]
    .iter()
    .any(|part| {
        stderr
            .to_ascii_lowercase()
            .contains(&part.to_ascii_lowercase())
    });
    if !wrong_key {
        return Halt::failed(format!(
            "the login at nvcr.io failed on {}: {said}",
            plan.node
        ));
    }
    let advice = Advice {
        id: "ngc_key".to_owned(),
        title: "NVIDIA's registry refuses the key".to_owned(),
        cause: "The NGC key is wrong, expired, or lacks the NGC Catalog service.".to_owned(),
        remedy: "Make a personal key at ngc.nvidia.com (Setup, Generate API key) and set it as NGC_API_KEY."
            .to_owned(),
        node: Some(plan.node.clone()),
        rank: None,
        evidence: vec![said],
    };
    Halt::Failed {
        error: advice.title.clone(),
        advice: Some(Box::new(advice)),
    }
}

/// The name of the pull on the node.
pub(super) fn job_name(run: &JobRun) -> Result<JobName, Halt> {
    JobName::of(run.id(), "image").map_err(|error| Halt::failed(error.to_string()))
}

/// Pulls the image, unless it is there.
pub(super) async fn bring(
    run: &mut JobRun,
    plan: &StartPlan,
    step: usize,
) -> Result<((), Option<String>), Halt> {
    if plan.image_present || present(run, plan).await {
        return Ok(((), Some("the image is there".to_owned())));
    }
    if plan.needs_arm64 {
        built_for_arm(run, plan).await?;
    }
    let name = job_name(run)?;
    let pull = Detached {
        node: plan.node.clone(),
        begin: ready(job::pull(&name, &plan.image)),
        name: name.clone(),
        growth: Growth::Layers,
        login: None,
        verb: "pulling",
    };
    pull.carry(run, step, Share::default()).await?;
    detached::forget(run, &plan.node, &name).await;
    Ok(((), Some(format!("{} was pulled", plan.image))))
}

async fn present(run: &JobRun, plan: &StartPlan) -> bool {
    let command = Remote::command("docker")
        .lit("image")
        .lit("inspect")
        .lit("--format={{.Id}}")
        .lit("--")
        .arg(&plan.image);
    matches!(
        hands::exec(&run.ctx, &plan.node, Ok(command), 30).await,
        Done::Ok(_)
    )
}

/// Asks the registry before gigabytes are pulled in vain. A registry that does not say lets the pull decide.
async fn built_for_arm(run: &JobRun, plan: &StartPlan) -> Result<(), Halt> {
    let command = registry::registry_command(&plan.image, None);
    let asked = hands::exec(&run.ctx, &plan.node, command, 70).await;
    let Done::Ok(output) = asked else {
        run.pause(Duration::ZERO).await?;
        return Ok(());
    };
    match registry::read_registry(&output) {
        Ok(InRegistry::NotForArm(built)) => Err(Halt::failed(format!(
            "{} is built for {} and not for linux/arm64, which a Spark needs; it was not pulled",
            plan.image,
            built.join(", ")
        ))),
        Ok(InRegistry::Listed(_) | InRegistry::Single { .. }) => Ok(()),
        Err(why) => {
            tracing::debug!(image = %plan.image, why, "the registry's manifest cannot be read");
            Ok(())
        }
    }
}
