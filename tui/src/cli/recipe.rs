//! `recipe`: how a model is launched. Every change is tried against the memory of the nodes, and written only
//! with `--save`.

use serde_json::json;
use spark_ipc::client::ClientError;
use spark_ipc::id::RepoId;
use spark_ipc::model::infer::Suggestion;
use spark_ipc::model::inventory::{FitVerdict, ModelList, RecipeSource};
use spark_ipc::model::recipe::{Recipe, RecipeChanged, RecipeFit, RecipeInForce};

use super::context::Context;
use super::failure::Failure;
use super::pick;
use crate::args::Recipe as Args;
use crate::exit::Exit;
use crate::format::bytes;
use crate::paint::{Line, Tone};
use crate::trouble::Trouble;
use crate::words;

const CONTEXT: &str = "--max-model-len";

pub(super) async fn run(context: &mut Context, args: Args) -> Result<Exit, Failure> {
    let list: ModelList = context.client.get("/api/models").await?;
    let repo = pick::model(&list.models, &args.model)?.repo.clone();
    if args.reset {
        let changed = context.client.delete(&path(&repo, "recipe")).await?;
        return told(context, &changed);
    }
    let start = Start::of(context, &repo).await?;
    let recipe = edited(&start.recipe, &args);
    let fit: RecipeFit = context.client.post(&path(&repo, "fit"), &recipe).await?;
    if args.save {
        refuse(&recipe, &fit)?;
        show(context, &start, &recipe, &fit)?;
        let changed = context.client.put(&path(&repo, "recipe"), &recipe).await?;
        return told(context, &changed);
    }
    if context.json {
        let body = json!({"recipe": recipe, "before": start.recipe, "fit": fit});
        context.print_json("spark.recipe_fit/1", &body)?;
    }
    show(context, &start, &recipe, &fit)?;
    Ok(if is_well(&fit) {
        Exit::Done
    } else {
        Exit::Degraded
    })
}

fn path(repo: &RepoId, what: &str) -> String {
    format!("/api/models/{repo}/{what}")
}

/// Where the editing starts from.
struct Start {
    recipe: Recipe,
    /// Who wrote it.
    source: &'static str,
    /// Each value with its reason, where the recipe was inferred.
    reasons: Vec<String>,
}

impl Start {
    /// The recipe in force, else the one that is inferred from the model's files.
    async fn of(context: &Context, repo: &RepoId) -> Result<Self, Failure> {
        match context
            .client
            .get::<RecipeInForce>(&path(repo, "recipe"))
            .await
        {
            Ok(known) => Ok(Self {
                recipe: known.recipe,
                source: match known.source {
                    RecipeSource::Bundled => "bundled",
                    RecipeSource::Override => "your own",
                },
                reasons: Vec::new(),
            }),
            Err(ClientError::Api(error)) if error.code == spark_ipc::ErrorCode::NotFound => {
                Self::inferred(context, repo).await
            }
            Err(other) => Err(other.into()),
        }
    }

    async fn inferred(context: &Context, repo: &RepoId) -> Result<Self, Failure> {
        let suggestion: Suggestion = context
            .client
            .get(&path(repo, "recipe?suggest=true"))
            .await?;
        let reasons = suggestion.flags.iter();
        let reasons = reasons.map(|f| format!("{}  {}", f.word(), f.reason));
        let reasons = reasons.collect();
        let recipe = suggestion.recipe.ok_or_else(|| {
            let warnings = suggestion.warnings.iter().map(|w| w.message.clone());
            let why = warnings.collect::<Vec<_>>().join("; ");
            let text = format!("no recipe can be inferred for {repo}: {why}");
            Trouble::new(Exit::Failed, "no_recipe", text)
        })?;
        Ok(Self {
            recipe,
            source: "inferred, not confirmed yet",
            reasons,
        })
    }
}

/// `recipe` with the changes of the command line.
fn edited(recipe: &Recipe, args: &Args) -> Recipe {
    let mut recipe = recipe.clone();
    let named = [
        (CONTEXT, args.context.clone()),
        (
            "--gpu-memory-utilization",
            args.share.map(|s| s.to_string()),
        ),
        ("--max-num-seqs", args.seqs.map(|n| n.to_string())),
    ];
    let named = named
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name}={}", value?)));
    for word in named.chain(args.flag.iter().cloned()) {
        put(&mut recipe.flags, word);
    }
    recipe
        .flags
        .retain(|f| !args.unset.iter().any(|u| name(f) == name(u)));
    for flag in &args.allow {
        if !recipe.allow.contains(flag) {
            recipe.allow.push(flag.clone());
        }
    }
    recipe
}

/// Puts a flag in the place of the one with its name, or at the end.
fn put(flags: &mut Vec<String>, word: String) {
    match flags.iter_mut().find(|f| name(f) == name(&word)) {
        Some(old) => *old = word,
        None => flags.push(word),
    }
}

fn name(flag: &str) -> &str {
    flag.split_once('=').map_or(flag, |(name, _)| name)
}

/// Whether it could be launched: no fault, and room for it.
fn is_well(fit: &RecipeFit) -> bool {
    fit.faults.is_empty() && !is_too_large(fit)
}

fn is_too_large(fit: &RecipeFit) -> bool {
    fit.fit.verdict == FitVerdict::DoesNotFit || fit.memory.fits == Some(false)
}

/// What does not fit or has a fault is not saved.
fn refuse(recipe: &Recipe, fit: &RecipeFit) -> Result<(), Trouble> {
    if let Some(fault) = fit.faults.first() {
        let text = format!("not saved: {}: {}", fault.path, fault.message);
        let trouble = Trouble::new(Exit::Failed, "invalid", text);
        return Err(match &fault.fix {
            Some(fix) => trouble.hint(fix.clone()),
            None => trouble,
        });
    }
    if !is_too_large(fit) {
        return Ok(());
    }
    let text = format!(
        "not saved: {} does not fit: {}",
        recipe.repo, fit.fit.reason
    );
    let trouble = Trouble::new(Exit::Failed, "does_not_fit", text);
    Err(match fit.memory.largest_context_tokens {
        Some(tokens) => trouble.hint(format!("the largest context that fits: --context {tokens}")),
        None => trouble,
    })
}

fn show(
    context: &mut Context,
    start: &Start,
    recipe: &Recipe,
    fit: &RecipeFit,
) -> Result<(), Failure> {
    if context.json || context.quiet {
        return Ok(());
    }
    context.out.lines(&about(start))?;
    context.out.lines(&difference(&start.recipe, recipe))?;
    context.out.lines(&estimate(fit))
}

fn about(start: &Start) -> Vec<Line> {
    let recipe = &start.recipe;
    let label = |name: &str| Line::of(Tone::Dim, format!("{name:<8}"));
    let place = format!("{} node(s), port {}", recipe.nodes, recipe.port);
    let mut lines = vec![
        Line::of(Tone::Strong, recipe.repo.as_str()),
        label("recipe")
            .add(Tone::Plain, recipe.id.as_str())
            .add(Tone::Dim, format!("  {}", start.source)),
        label("image").add(Tone::Plain, recipe.image.as_str()),
        label("on").add(Tone::Plain, place),
    ];
    let reasons = start.reasons.iter();
    lines.extend(reasons.map(|r| Line::of(Tone::Dim, format!("  {r}"))));
    lines
}

/// The flags: what goes, what comes, and what stays.
fn difference(before: &Recipe, after: &Recipe) -> Vec<Line> {
    let gone = before.flags.iter().filter(|f| !after.flags.contains(f));
    let gone = gone.map(|f| Line::of(Tone::Bad, format!("- {f}")));
    let now = after.flags.iter().map(|flag| {
        if before.flags.contains(flag) {
            Line::of(Tone::Dim, format!("  {flag}"))
        } else {
            Line::of(Tone::Good, format!("+ {flag}"))
        }
    });
    gone.chain(now).collect()
}

fn estimate(fit: &RecipeFit) -> Vec<Line> {
    let verdict = if is_too_large(fit) {
        FitVerdict::DoesNotFit
    } else {
        fit.fit.verdict
    };
    let word = words::fit(verdict).span();
    let text = format!("  {}", fit.fit.reason);
    let mut lines = vec![Line::of(word.tone, word.text).add(Tone::Plain, text)];
    let memory = &fit.memory;
    let parts = format!(
        "a node needs {}: weights {}, cache {} for {} tokens, engine {}",
        bytes(memory.need_bytes),
        bytes(memory.weights_bytes),
        bytes(memory.kv_bytes),
        memory.context_tokens,
        bytes(memory.contexts_bytes),
    );
    lines.push(Line::of(Tone::Dim, format!("  {parts}")));
    if let Some(tokens) = memory.largest_context_tokens {
        let text = format!("  largest context that fits: {tokens} tokens");
        lines.push(Line::of(Tone::Dim, text));
    }
    for fault in &fit.faults {
        let text = format!("✖ {}: {}", fault.path, fault.message);
        lines.push(Line::of(Tone::Bad, text));
        let fix = fault.fix.iter();
        lines.extend(fix.map(|fix| Line::of(Tone::Dim, format!("  fix: {fix}"))));
    }
    let questions = fit.confirm.iter();
    lines.extend(questions.map(|c| {
        let text = format!("▲ {} needs your yes: --allow={}", c.name, c.name);
        Line::of(Tone::Warn, text)
    }));
    lines
}

/// What is in force now.
fn told(context: &mut Context, changed: &RecipeChanged) -> Result<Exit, Failure> {
    if context.json {
        return context.print_json("spark.recipe/1", changed);
    }
    let text = match &changed.in_force {
        Some(known) => format!(
            "✔ {} launches {} from the next swap on",
            known.recipe.id, known.recipe.repo
        ),
        None => "✔ No recipe is in force any more".to_owned(),
    };
    context.out.line(&Line::of(Tone::Good, text))?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn recipe(flags: &[&str]) -> Recipe {
        serde_json::from_value(json!({"id": "r", "repo": "a/b", "image": "i", "flags": flags}))
            .unwrap()
    }

    fn after(flags: &[&str], words: &[&str]) -> Vec<String> {
        let words = ["x", "recipe", "b"].iter().chain(words);
        let args = crate::args::Args::try_parse_from(words).unwrap();
        match args.command {
            Some(crate::args::Command::Recipe(args)) => edited(&recipe(flags), &args).flags,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_changed_flag_keeps_its_place_and_a_new_one_comes_last() {
        let before = ["--max-model-len=8k", "--enforce-eager"];
        let words = ["--context", "16k", "--seqs", "4", "--share", "0.5"];
        assert_eq!(
            after(&before, &words),
            [
                "--max-model-len=16k",
                "--enforce-eager",
                "--gpu-memory-utilization=0.5",
                "--max-num-seqs=4"
            ]
        );
        let words = ["--unset=--enforce-eager", "--flag=--max-model-len=4k"];
        assert_eq!(after(&before, &words), ["--max-model-len=4k"]);
    }

    #[test]
    fn the_difference_is_shown_as_one() {
        let [before, after] = [recipe(&["--a=1", "--b"]), recipe(&["--a=2", "--b"])];
        let lines = difference(&before, &after);
        let text: Vec<String> = lines.iter().map(Line::text).collect();
        assert_eq!(text, ["- --a=1", "+ --a=2", "  --b"]);
    }
}
