//! A recipe as a form sends it: every fault at once, each with its field, its value and its fix.

use serde_json::{Map, Value};
use spark_ipc::id::{RecipeId, RepoId};
use spark_ipc::model::preflight::Confirmation;
use spark_ipc::model::recipe::{Recipe, RecipeFault};
use spark_ipc::text::clean_line;

use super::{Catalog, check};
use crate::flags;

/// What a form says.
#[derive(Debug, Clone, PartialEq)]
pub struct Form {
    /// The fields that could be read, the others at their defaults.
    pub recipe: Recipe,
    pub faults: Vec<RecipeFault>,
    /// What nobody has said yes to.
    pub confirm: Vec<Confirmation>,
}

impl Form {
    /// The recipe, or everything that keeps it from being confirmed.
    pub fn confirmed(self) -> Result<Recipe, Vec<RecipeFault>> {
        let mut faults = self.faults;
        faults.extend(self.confirm.iter().map(open));
        if faults.is_empty() {
            Ok(self.recipe)
        } else {
            Err(faults)
        }
    }
}

/// Reads the fields of a recipe for `repo`. Without an id it is that of the recipe in force there, else one made
/// from the name; `null` is the same as absent. `None` when not even the needful can be made up.
pub fn read(
    catalog: &Catalog,
    repo: &RepoId,
    nodes_available: usize,
    body: &Map<String, Value>,
) -> Option<Form> {
    let id = usual_id(catalog, repo, nodes_available)?;
    let needful = needful(&id, repo);
    let mut told = needful.clone();
    let mut faults = Vec::new();
    for (name, value) in body.iter().filter(|(_, value)| !value.is_null()) {
        let mut alone = needful.clone();
        alone.insert(name.clone(), value.clone());
        match serde_json::from_value::<Recipe>(Value::Object(alone)) {
            Ok(_) => {
                told.insert(name.clone(), value.clone());
            }
            Err(error) => faults.push(unreadable(name, value, &error)),
        }
    }
    if body.get("image").is_none_or(Value::is_null) {
        faults.push(missing_image());
    }
    let recipe: Recipe = serde_json::from_value(Value::Object(told)).ok()?;
    faults.extend(misplaced(catalog, repo, &recipe));
    let found = check::problems(&recipe);
    // A field that could not be read has its default, about which nothing is to be said.
    let told_already = |f: &RecipeFault| faults.iter().any(|known| known.path == f.path);
    let new: Vec<_> = found.into_iter().filter(|f| !told_already(f)).collect();
    faults.extend(new);
    Some(Form {
        confirm: flags::unconfirmed(&recipe, &[]),
        recipe,
        faults,
    })
}

/// The id of the recipe in force, else the name of the repository where that is free.
fn usual_id(catalog: &Catalog, repo: &RepoId, nodes_available: usize) -> Option<RecipeId> {
    if let Some(entry) = catalog.in_force(repo, nodes_available) {
        return Some(entry.recipe.id.clone());
    }
    let whole = repo.as_str().replace('/', "-");
    let candidates = [repo.name(), whole.as_str()];
    let ids = candidates.iter().filter_map(|name| slug(name));
    ids.into_iter().find(|id| catalog.get(id).is_none())
}

fn slug(name: &str) -> Option<RecipeId> {
    let lower = name.to_ascii_lowercase();
    RecipeId::new(lower.chars().take(64).collect::<String>()).ok()
}

/// Any image stands for one that was not told, so that the other fields can be looked at.
fn needful(id: &RecipeId, repo: &RepoId) -> Map<String, Value> {
    let text = |s: &str| Value::from(s);
    Map::from_iter([
        ("id".to_owned(), text(id.as_str())),
        ("repo".to_owned(), text(repo.as_str())),
        ("image".to_owned(), text("unknown")),
    ])
}

fn unreadable(name: &str, value: &Value, error: &serde_json::Error) -> RecipeFault {
    let fields = [
        "id",
        "repo",
        "title",
        "kind",
        "image",
        "nodes",
        "executor",
        "served_name",
        "port",
    ];
    let others = ["flags", "env", "allow", "need_gib", "source", "notes"];
    let mut known = fields.iter().chain(&others).copied();
    let is_field = known.clone().any(|field| field == name);
    let (code, message, fix) = if is_field {
        let what = clean_line(&error.to_string(), 300);
        ("invalid", format!("{name}: {what}"), fix_of(name))
    } else {
        let near = flags::nearest(name, &mut known);
        let fix = near.map(|n| format!("Did you mean {n}?"));
        let name = clean_line(name, 80);
        (
            "field_unknown",
            format!("A recipe has no field {name}"),
            fix,
        )
    };
    let name = clean_line(name, 80).replace('~', "~0").replace('/', "~1");
    RecipeFault {
        path: format!("/{name}"),
        code: code.to_owned(),
        value: Some(clean_line(&value.to_string(), 200)),
        message,
        fix,
    }
}

fn fix_of(name: &str) -> Option<String> {
    let fix = match name {
        "nodes" | "need_gib" => "Write a whole number",
        "port" => "Write a port, e.g. 8000",
        "flags" | "allow" => "Write a list of texts",
        "env" => "Write names with texts as values",
        "image" => "Write an image as docker pull takes it, e.g. eugr/spark-vllm:latest",
        "kind" => {
            "Write chat, embedding, rerank, speech_to_text, text_to_speech, image, gguf or other"
        }
        "executor" => "Write mp or ray",
        "id" => "Write 1-64 of a-z 0-9 . _ -",
        _ => return None,
    };
    Some(fix.to_owned())
}

fn missing_image() -> RecipeFault {
    RecipeFault {
        path: "/image".to_owned(),
        code: "missing".to_owned(),
        value: None,
        message: "A recipe needs an image".to_owned(),
        fix: fix_of("image"),
    }
}

/// A repository other than that of the path, or an id that belongs to another repository.
fn misplaced(catalog: &Catalog, repo: &RepoId, recipe: &Recipe) -> Vec<RecipeFault> {
    let same = |a: &RepoId, b: &RepoId| a.as_str().eq_ignore_ascii_case(b.as_str());
    let fault = |path: &str, value: &str, message: String, fix: String| RecipeFault {
        path: path.to_owned(),
        code: "conflict".to_owned(),
        value: Some(value.to_owned()),
        message,
        fix: Some(fix),
    };
    let mut found = Vec::new();
    if !same(&recipe.repo, repo) {
        let told = recipe.repo.as_str();
        let message = format!("The recipe is for {told}, and the request for {repo}");
        found.push(fault("/repo", told, message, "Leave repo out".to_owned()));
    }
    let other = catalog
        .get(&recipe.id)
        .filter(|e| !same(&e.recipe.repo, repo));
    if let Some(entry) = other {
        let id = recipe.id.as_str();
        let message = format!("{id} is the id of a recipe for {}", entry.recipe.repo);
        found.push(fault("/id", id, message, "Choose another id".to_owned()));
    }
    found
}

fn open(danger: &Confirmation) -> RecipeFault {
    let Confirmation { name, why } = danger;
    RecipeFault {
        path: "/allow".to_owned(),
        code: "needs_yes".to_owned(),
        value: Some(name.clone()),
        message: format!("{name} {why}, and needs a yes"),
        fix: Some(format!(
            "Add {name} to allow if you trust where the model comes from"
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn catalog() -> Catalog {
        let text =
            "recipes: [{id: small, repo: Org/Small, image: x}, {id: other, repo: Org/O, image: x}]";
        Catalog::load(text, None, None)
    }

    fn form(repo: &str, body: Value) -> Form {
        let Value::Object(body) = body else {
            panic!("an object")
        };
        read(&catalog(), &RepoId::new(repo).unwrap(), 2, &body).unwrap()
    }

    fn told(form: &Form) -> Vec<(&str, &str)> {
        let faults = form.faults.iter();
        faults.map(|f| (f.path.as_str(), f.code.as_str())).collect()
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let form = form(
            "Org/Small",
            json!({
                "image": "Not An Image", "nodes": "two", "port": 29501, "imag": "x", "id": "other",
                "flags": ["--max-modell-len=1"], "env": {"HF_TOKEN": "x"}, "repo": "Org/Else",
            }),
        );
        let mut told = told(&form);
        told.sort_unstable();
        let expected = [
            ("/env/HF_TOKEN", "env_secret"),
            ("/flags/0", "flag_unknown"),
            ("/id", "conflict"),
            ("/imag", "field_unknown"),
            ("/image", "invalid"),
            ("/nodes", "invalid"),
            ("/port", "invalid"),
            ("/repo", "conflict"),
        ];
        assert_eq!(told, expected);
        let fix = |path: &str| {
            form.faults
                .iter()
                .find(|f| f.path == path)
                .unwrap()
                .fix
                .clone()
        };
        assert_eq!(fix("/imag").as_deref(), Some("Did you mean image?"));
        assert_eq!(fix("/nodes").as_deref(), Some("Write a whole number"));
    }

    #[test]
    fn the_id_is_that_in_force_or_made_from_the_name() {
        let id = |repo: &str| form(repo, json!({"image": "x", "title": null})).recipe.id;
        assert_eq!(id("Org/Small").as_str(), "small");
        assert_eq!(id("New/Model-7B").as_str(), "model-7b");
        assert_eq!(id("New/Other").as_str(), "new-other");
    }

    #[test]
    fn an_image_must_be_told() {
        assert_eq!(told(&form("Org/New", json!({}))), [("/image", "missing")]);
    }

    #[test]
    fn a_danger_keeps_it_from_being_confirmed_until_it_has_a_yes() {
        let body = |allow: &[&str]| json!({"image": "x", "flags": ["--trust-remote-code"], "allow": allow});
        let refused = form("Org/New", body(&[])).confirmed().unwrap_err();
        assert_eq!(refused[0].code, "needs_yes");
        let recipe = form("Org/New", body(&["--trust-remote-code"]))
            .confirmed()
            .unwrap();
        assert_eq!(recipe.allow, ["--trust-remote-code"]);
    }
}
