//! Recipes: the one in force, a change of it, and whether one would fit.

use axum::Json;
use axum::extract::State;
use axum::routing::{get, post};
use serde::Serialize;
use serde_json::{Map, Value};
use spark_ipc::ErrorBody;
use spark_ipc::id::RecipeId;
use spark_ipc::model::infer::Suggestion;
use spark_ipc::model::recipe::{Recipe, RecipeChanged, RecipeFit, RecipeInForce};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::web::Web;
use crate::web::actor::Actor;
use crate::web::extract::{JsonBody, Pairs, PathRepo};
use crate::web::fault::Fault;

/// As with the other routes of models, a repository without an organisation has `/api/models/{name}` alone.
pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default()
        .routes(routes!(recipe, put_recipe, remove_recipe))
        .routes(routes!(fit))
        .route(
            "/api/models/{org}/recipe",
            get(recipe).put(put_recipe).delete(remove_recipe),
        )
        .route("/api/models/{org}/fit", post(fit))
}

/// The recipe in force and where it comes from; with `?suggest=true` the one that is inferred from the model's
/// files, each value with its reason (a `Suggestion`).
#[utoipa::path(
    get, path = "/api/models/{org}/{name}/recipe", tag = "models",
    params(("org" = String, Path), ("name" = String, Path), ("suggest" = Option<bool>, Query)),
    responses(
        (status = 200, body = RecipeAnswer), (status = 400, body = ErrorBody),
        (status = 404, body = ErrorBody),
    )
)]
async fn recipe(
    State(web): State<Web>,
    PathRepo(repo): PathRepo,
    Pairs(pairs): Pairs,
) -> Result<Json<RecipeAnswer>, Fault> {
    let suggest = one_pair(&pairs, "suggest")?;
    Ok(Json(match suggest.as_deref() {
        None | Some("false") => {
            RecipeAnswer::InForce(Box::new(web.app().models.recipe(repo).await?))
        }
        Some("true") => RecipeAnswer::Suggested(Box::new(web.app().recipes.suggest(&repo).await?)),
        Some(_) => return Err(Fault::invalid("suggest", "it is true or false")),
    }))
}

/// Either answer about a recipe.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum RecipeAnswer {
    InForce(Box<RecipeInForce>),
    Suggested(Box<Suggestion>),
}

/// Confirms a recipe: stores it in `MODELS_OVERRIDES`, where it comes first for this model. `id` and `repo` may be
/// left out. Every faulty field is told at once; what is dangerous must be named in `allow`.
#[utoipa::path(
    put, path = "/api/models/{org}/{name}/recipe", tag = "models", request_body = Recipe,
    params(("org" = String, Path), ("name" = String, Path)),
    responses(
        (status = 200, body = RecipeChanged),
        (status = 400, description = "`fields` has every fault.", body = ErrorBody),
        (status = 409, description = "The file has mistakes and was not written.", body = ErrorBody),
    )
)]
async fn put_recipe(
    State(web): State<Web>,
    PathRepo(repo): PathRepo,
    Actor(actor): Actor,
    JsonBody(body): JsonBody<Map<String, Value>>,
) -> Result<Json<RecipeChanged>, Fault> {
    Ok(Json(web.app().recipes.put(&repo, &body, &actor).await?))
}

/// Takes back the recipes of your own for this model, or with `?recipe=` only that one; then the bundled one is
/// in force again, if there is one.
#[utoipa::path(
    delete, path = "/api/models/{org}/{name}/recipe", tag = "models",
    params(("org" = String, Path), ("name" = String, Path), ("recipe" = Option<RecipeId>, Query)),
    responses(
        (status = 200, body = RecipeChanged), (status = 404, body = ErrorBody),
        (status = 409, description = "The file has mistakes and was not written.", body = ErrorBody),
    )
)]
async fn remove_recipe(
    State(web): State<Web>,
    PathRepo(repo): PathRepo,
    Actor(actor): Actor,
    Pairs(pairs): Pairs,
) -> Result<Json<RecipeChanged>, Fault> {
    let only = one_pair(&pairs, "recipe")?.map(|id| id.parse::<RecipeId>());
    let only = only.transpose();
    let only = only.map_err(|error| Fault::invalid("recipe", error.to_string()))?;
    let changed = web.app().recipes.remove(&repo, only.as_ref(), &actor).await;
    Ok(Json(changed?))
}

/// Whether a recipe as it is being written would fit on each node, and what is wrong with it. Changes nothing.
#[utoipa::path(
    post, path = "/api/models/{org}/{name}/fit", tag = "models", request_body = Recipe,
    params(("org" = String, Path), ("name" = String, Path)),
    responses(
        (status = 200, body = RecipeFit), (status = 400, body = ErrorBody),
        (status = 404, body = ErrorBody),
    )
)]
async fn fit(
    State(web): State<Web>,
    PathRepo(repo): PathRepo,
    JsonBody(body): JsonBody<Map<String, Value>>,
) -> Result<Json<RecipeFit>, Fault> {
    Ok(Json(web.app().recipes.fit(&repo, &body)?))
}

/// The value of the one parameter that a call takes.
fn one_pair(pairs: &[(String, String)], known: &str) -> Result<Option<String>, Fault> {
    if let Some((name, _)) = pairs.iter().find(|(name, _)| name != known) {
        let name = spark_ipc::text::clean_line(name, 80);
        let message = format!("there is no such parameter; {known} is one");
        return Err(Fault::invalid(&name, message));
    }
    Ok(pairs.last().map(|(_, value)| value.clone()))
}
