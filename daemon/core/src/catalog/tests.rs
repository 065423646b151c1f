//! A broken entry is named with its place and costs itself alone.

use super::*;

const GOOD: &str = "
recipes:
  - id: one
    repo: Org/One
    image: eugr/spark-vllm:latest
  - id: two
    repo: Org/Two
    image: eugr/spark-vllm:latest
    flags:
      - --max-model-len=4096
";

fn ids(catalog: &Catalog) -> Vec<&str> {
    catalog
        .entries()
        .iter()
        .map(|e| e.recipe.id.as_str())
        .collect()
}

/// Loads `text` as the file, with one bundled recipe behind it.
fn load(text: &str) -> Catalog {
    let bundled = "recipes: [{id: bundled, repo: a/b, image: x}]";
    Catalog::load(bundled, Some(text), None)
}

#[test]
fn every_bundled_recipe_is_sound_and_says_where_it_comes_from() {
    let catalog = Catalog::load(BUNDLED, None, None);
    assert_eq!(catalog.errors(), &[] as &[String]);
    assert_eq!(catalog.entries().len(), 29);
    assert!(catalog.entries().iter().all(|e| e.recipe.source.is_some()));
    let small = RepoId::new("Qwen/Qwen3-0.6B").unwrap();
    assert_eq!(catalog.for_repo(&small).len(), 1);
}

#[test]
fn a_mistake_in_one_entry_leaves_the_others() {
    let cases = [
        (
            "    image: eugr/spark-vllm:latest\n  - id: two",
            "    imag: x\n  - id: two",
            "models.yaml:5:5: ",
        ),
        ("repo: Org/One", "repo: 'not a repo'", "models.yaml:4:11: "),
        ("    repo: Org/One", "\trepo: Org/One", "models.yaml:4:"),
        ("repo: Org/One", "repo: \"Org/One", "models.yaml:"),
        (
            "--max-model-len=4096",
            "--max-modell-len=4096",
            "models.yaml:6:5: recipe two: flags[0]: --max-modell-len is not a flag of vLLM 0.32.0. Did you mean --max-model-len?",
        ),
    ];
    for (from, to, expected) in cases {
        let text = GOOD.replacen(from, to, 1);
        assert_ne!(text, GOOD);
        let catalog = load(&text);
        assert_eq!(ids(&catalog).len(), 1, "{to}: {:?}", catalog.errors());
        assert_eq!(catalog.errors().len(), 1, "{to}");
        assert!(
            catalog.errors()[0].starts_with(expected),
            "{to}: {:?}",
            catalog.errors()
        );
    }
}

#[test]
fn a_file_that_cannot_be_read_leaves_the_bundled_recipes() {
    for text in [
        "recipes: {",
        "recipe:\n  - id: one\n",
        "version: [1\nrecipes:\n  - id: one\n",
        "just words",
    ] {
        let catalog = load(text);
        assert_eq!(ids(&catalog), ["bundled"], "{text}");
        assert!(
            catalog.errors()[0].starts_with("models.yaml:"),
            "{:?}",
            catalog.errors()
        );
    }
}

#[test]
fn an_empty_list_is_no_mistake() {
    for text in ["", "# nothing\n", "recipes:\n", "recipes: []\n"] {
        let catalog = load(text);
        assert_eq!(catalog.errors(), &[] as &[String], "{text:?}");
        assert_eq!(ids(&catalog), [] as [&str; 0], "{text:?}");
    }
}

#[test]
fn an_id_is_used_once() {
    let catalog = load(&GOOD.replace("id: two", "id: one"));
    assert_eq!(ids(&catalog), ["one"]);
    assert_eq!(
        catalog.errors(),
        ["models.yaml:6:5: the id one is used twice; the first one stays"]
    );
}

#[test]
fn overrides_replace_by_id_and_come_first_for_their_repository() {
    let overrides = r#"{"recipes":[
        {"id":"two","repo":"Org/Two","image":"mine","port":8001},
        {"id":"mine","repo":"Org/One","image":"mine"},
        {"id":"bad","repo":"Org/One","image":"mine","ports":1}]}"#;
    let catalog = Catalog::load("", Some(GOOD), Some(overrides));
    assert_eq!(
        catalog
            .get(&RecipeId::new("two").unwrap())
            .unwrap()
            .recipe
            .port,
        8001
    );
    let for_one = catalog.for_repo(&RepoId::new("org/one").unwrap());
    let order: Vec<_> = for_one
        .iter()
        .map(|e| (e.recipe.id.as_str(), e.source))
        .collect();
    assert_eq!(
        order,
        [
            ("mine", RecipeSource::Override),
            ("one", RecipeSource::Bundled)
        ]
    );
    assert!(
        catalog.errors()[0].starts_with("overrides:4:9: unknown field `ports`"),
        "{:?}",
        catalog.errors()
    );
}

#[test]
fn the_recipe_in_force_is_the_first_that_the_nodes_are_enough_for() {
    let duo = "{id: duo, repo: Org/M, image: x, nodes: 2}";
    let (solo, other) = (
        "{id: solo, repo: Org/M, image: x}",
        "{id: other, repo: Org/O, image: x}",
    );
    let cases = [
        (format!("[{duo}, {solo}, {other}]"), 2, Some("duo")),
        (format!("[{duo}, {solo}, {other}]"), 1, Some("solo")),
        (format!("[{other}, {solo}, {duo}]"), 2, Some("solo")),
        (format!("[{duo}]"), 1, Some("duo")),
        (format!("[{other}]"), 2, None),
    ];
    for (recipes, nodes, expected) in cases {
        let catalog = load(&format!("recipes: {recipes}"));
        let found = catalog.in_force(&RepoId::new("org/m").unwrap(), nodes);
        let id = found.map(|e| e.recipe.id.as_str());
        assert_eq!(id, expected, "{nodes} nodes, {recipes}");
    }
}

#[test]
fn fields_are_held_against_their_rules() {
    let mut recipe = load(GOOD).entries()[0].recipe.clone();
    recipe.nodes = 0;
    recipe.port = 29_501;
    recipe.served_name = Some("-x".to_owned());
    recipe.env.insert("LD_PRELOAD".to_owned(), "x".to_owned());
    let paths: Vec<String> = check::problems(&recipe)
        .into_iter()
        .map(|p| p.path)
        .collect();
    assert_eq!(
        paths,
        ["/nodes", "/port", "/served_name", "/env/LD_PRELOAD"]
    );
}

#[test]
fn the_schema_in_the_docs_has_the_fields_of_the_type() {
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../../../../docs/models.schema.json")).unwrap();
    let recipe = &schema["properties"]["recipes"]["items"];
    assert_eq!(recipe["additionalProperties"], serde_json::json!(false));
    let documented: Vec<&String> = recipe["properties"].as_object().unwrap().keys().collect();
    let whole = load(GOOD).entries()[0].recipe.clone();
    let value = serde_json::to_value(&whole).unwrap();
    let fields: Vec<&String> = value.as_object().unwrap().keys().collect();
    assert_eq!(documented, fields);

    let manual = include_str!("../../../../docs/models.md");
    assert!(
        fields.iter().all(|f| manual.contains(&format!("`{f}`"))),
        "docs/models.md names every field"
    );
    let required: Vec<&str> = recipe["required"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|v| v.as_str())
        .collect();
    for field in &required {
        let text = GOOD.replacen(&format!("{field}: "), &format!("x{field}: "), 1);
        assert_eq!(load(&text).errors().len(), 1, "{field} is required");
    }
    assert_eq!(required, ["id", "repo", "image"]);
}
