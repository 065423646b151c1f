//! Launching a service's container, once, and taking it away again.

use spark_core::advice::{Evidence, first_cause};
use spark_core::launch::verify_round_trip;
use spark_core::services::StartPlan;
use spark_core::shell::{EnvName, EnvValue, HomePath, Remote};

use super::super::super::hands::{self, Done};
use super::super::super::job::JobRun;
use super::super::super::run::Halt;
use super::{LINK_BACK, TRIES, gone, own};

/// Makes a folder of the login user's; `open` lets the container's own user write there.
const FOLDER: &str =
    "mkdir -p -- \"$1\" || exit\n[ \"$2\" = open ] || exit 0\nchmod a+rwx -- \"$1\"";

/// The command still says what was planned, and its folders are there.
pub(super) async fn prepare(run: &JobRun, plan: &StartPlan) -> Result<((), Option<String>), Halt> {
    verify_round_trip(&plan.run.remote()).map_err(|error| {
        Halt::failed(format!(
            "the command of {} is refused: {error}",
            plan.service
        ))
    })?;
    for (path, open) in &plan.folders {
        folder(run, plan, path, *open).await?;
    }
    Ok(((), Some("the plan holds".to_owned())))
}

async fn folder(run: &JobRun, plan: &StartPlan, path: &str, open: bool) -> Result<(), Halt> {
    let remote = Remote::script("folder", FOLDER);
    let command = HomePath::checked(path).map(|path| {
        let remote = remote.arg(path);
        if open {
            remote.lit("open")
        } else {
            remote.lit("own")
        }
    });
    for _try in 0..TRIES {
        match hands::exec(&run.ctx, &plan.node, command.clone(), 30).await {
            Done::Ok(_) => return Ok(()),
            Done::Refused { stderr, .. } => {
                return Err(Halt::failed(format!(
                    "the folder {path} cannot be made on {}: {stderr}",
                    plan.node
                )));
            }
            Done::Unknown(_) => hands::link_back(&run.ctx, &plan.node, LINK_BACK).await?,
        }
    }
    Err(Halt::failed(format!("{} does not answer", plan.node)))
}

/// Runs the container, unless one of this operation is there already.
pub(super) async fn launch(run: &JobRun, plan: &StartPlan) -> Result<((), Option<String>), Halt> {
    if !own(run, &plan.node).await?.is_empty() {
        return Ok(((), Some(format!("{} was started before", plan.container))));
    }
    for id in &plan.leftovers {
        gone(run, &plan.node, id).await?;
    }
    let command = with_secrets(run, plan)?;
    for _try in 0..TRIES {
        match hands::exec(&run.ctx, &plan.node, Ok(command.clone()), 120).await {
            Done::Ok(_) => return Ok(((), Some(plan.container.to_string()))),
            Done::Refused { stderr, .. } => {
                if !own(run, &plan.node)
                    .await?
                    .iter()
                    .any(spark_core::units::ContainerFacts::running)
                {
                    return Err(refused(plan, &stderr));
                }
                return Ok(((), Some(format!("{} was started before", plan.container))));
            }
            Done::Unknown(_) => {
                hands::link_back(&run.ctx, &plan.node, LINK_BACK).await?;
                if !own(run, &plan.node).await?.is_empty() {
                    let told = format!("{} runs; the link had dropped", plan.container);
                    return Ok(((), Some(told)));
                }
            }
        }
    }
    Err(Halt::failed(format!(
        "{} does not answer, so it is not known whether {} runs",
        plan.node, plan.service
    )))
}

/// The command with its secrets in the environment of Docker's client, which gives them on by name.
fn with_secrets(run: &JobRun, plan: &StartPlan) -> Result<Remote, Halt> {
    let mut command = plan.run.remote();
    for name in &plan.secrets {
        let Some(secret) = run.ctx.secret(name) else {
            continue;
        };
        let checked = EnvName::checked(name)
            .ok()
            .zip(EnvValue::checked(secret.expose()).ok());
        let (name, value) =
            checked.ok_or_else(|| Halt::failed(format!("{name} is not one line of text")))?;
        command = command.secret(name, value);
    }
    Ok(command)
}

fn refused(plan: &StartPlan, stderr: &str) -> Halt {
    let evidence = Evidence {
        node: plan.node.clone(),
        rank: None,
        at: None,
        text: stderr.to_owned(),
    };
    let advice = first_cause(&[evidence], &[]);
    let why = advice.as_ref().map_or(stderr, |a| a.title.as_str());
    Halt::Failed {
        error: format!(
            "{} could not be started on {}: {why}",
            plan.service, plan.node
        ),
        advice: advice.map(Box::new),
    }
}

/// Removes every container of this operation; else says what may be left.
pub(super) async fn take_away(run: &JobRun, plan: &StartPlan) -> Result<(), String> {
    let mut last = format!("{} does not answer", plan.node);
    for attempt in 0..TRIES {
        if attempt > 0
            && hands::link_back(&run.ctx, &plan.node, LINK_BACK)
                .await
                .is_err()
        {
            break;
        }
        match hands::containers_of(&run.ctx, &plan.node, run.id()).await {
            Err(why) => last = why,
            Ok(found) if found.is_empty() => return Ok(()),
            Ok(found) => {
                for container in found {
                    if let Done::Refused { stderr, .. } | Done::Unknown(stderr) =
                        hands::remove(&run.ctx, &plan.node, &container.id).await
                    {
                        last = stderr;
                    }
                }
            }
        }
    }
    Err(format!(
        "a container of {} may be left on {}: {last}",
        plan.service, plan.node
    ))
}
