//! A confirmed recipe is on the disk and in force; what a person wrote is never lost.

use std::os::unix::fs::PermissionsExt as _;

use spark_ipc::id::RepoId;
use tempfile::TempDir;

use super::*;

const FILE: &str = "\
# Ours.
recipes:
  - id: one # first
    repo: Org/One
    image: x
";

struct Bench {
    folder: TempDir,
    tasks: Tasks,
    overrides: Overrides,
}

impl Bench {
    fn new(text: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = RecipeFiles {
            bundle: None,
            overrides: folder.path().join("models_overrides.yaml"),
        };
        if let Some(text) = text {
            fs::write(&files.overrides, text).unwrap();
        }
        let tasks = Tasks::new();
        let overrides = Overrides::start(files, &tasks);
        Self {
            folder,
            tasks,
            overrides,
        }
    }

    fn path(&self) -> PathBuf {
        self.overrides.file().to_owned()
    }

    fn text(&self) -> String {
        fs::read_to_string(self.path()).unwrap()
    }

    fn ids(&self, repo: &str) -> Vec<String> {
        let catalog = Arc::clone(&self.overrides.catalog().borrow());
        let found = catalog.for_repo(&RepoId::new(repo).unwrap());
        found.iter().map(|e| e.recipe.id.to_string()).collect()
    }

    async fn end(self) {
        assert!(self.tasks.shut_down(Duration::from_secs(10)).await);
    }
}

fn recipe(id: &str, repo: &str) -> Recipe {
    serde_json::from_value(serde_json::json!({"id": id, "repo": repo, "image": "x"})).unwrap()
}

#[tokio::test]
async fn a_recipe_is_stored_and_in_force_at_once() {
    let bench = Bench::new(Some(FILE));
    fs::set_permissions(bench.path(), fs::Permissions::from_mode(0o644)).unwrap();
    bench.overrides.put(recipe("two", "Org/Two")).await.unwrap();
    assert_eq!(bench.ids("Org/Two"), ["two"]);
    assert!(bench.text().starts_with(FILE), "{}", bench.text());
    let kept = fs::read_to_string(files::beside(&bench.path(), "bak")).unwrap();
    assert_eq!(kept, FILE);
    let mode = fs::metadata(bench.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644);

    let two = vec![RecipeId::new("two").unwrap()];
    bench.overrides.remove(two).await.unwrap();
    assert_eq!(bench.ids("Org/Two"), [] as [&str; 0]);
    assert_eq!(bench.text(), FILE);
    bench.end().await;
}

#[tokio::test]
async fn a_file_is_made_where_there_is_none() {
    let bench = Bench::new(None);
    bench.overrides.put(recipe("two", "Org/Two")).await.unwrap();
    assert_eq!(bench.ids("Org/Two"), ["two"]);
    assert!(bench.text().contains("- id: two"));
    bench.end().await;
}

#[tokio::test]
async fn a_broken_file_is_told_and_left_as_it_is() {
    let broken = FILE.replace("image: x", "imag: x");
    let bench = Bench::new(Some(&broken));
    let refused = bench.overrides.put(recipe("two", "Org/Two")).await;
    let error = refused.unwrap_err();
    assert_eq!(error.code, ErrorCode::Conflict);
    assert!(error.fields[0].message.starts_with("5:5: "), "{error:?}");
    assert_eq!(bench.text(), broken);
    assert!(!files::beside(&bench.path(), "bak").exists());
    bench.end().await;
}

#[tokio::test]
async fn a_link_stays_a_link() {
    let bench = Bench::new(None);
    let real = bench.folder.path().join("real.yaml");
    fs::write(&real, FILE).unwrap();
    std::os::unix::fs::symlink(&real, bench.path()).unwrap();
    bench.overrides.put(recipe("two", "Org/Two")).await.unwrap();
    assert!(fs::symlink_metadata(bench.path()).unwrap().is_symlink());
    assert!(fs::read_to_string(&real).unwrap().contains("- id: two"));
    bench.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_person_writes_comes_into_force() {
    let bench = Bench::new(Some(FILE));
    let mut catalog = bench.overrides.catalog();
    fs::write(bench.path(), FILE.replace("Org/One", "Org/Else")).unwrap();
    catalog.changed().await.unwrap();
    assert_eq!(bench.ids("Org/Else"), ["one"]);
    fs::write(bench.path(), "recipes: {").unwrap();
    catalog.changed().await.unwrap();
    assert_eq!(catalog.borrow().errors().len(), 1);
    bench.end().await;
}
