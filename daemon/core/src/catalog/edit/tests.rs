//! A changed entry says what was wanted, and everything else keeps every byte.

use proptest::prelude::*;

use super::*;

const FILE: &str = "\
# Our recipes.
version_note: |
recipes: # by hand
  # The small one.
  - id: small # do not rename
    repo: Org/Small
    image: eugr/spark-vllm:latest
    # More would not fit beside the speech model.
    flags:
      - --max-model-len=4096 # enough
      # Two people use it.
      - --max-num-seqs=2
    env:
      NCCL_DEBUG: \"INFO\" # while we look

  # The large one.
  - id: large
    repo: Org/Large
    image: eugr/spark-vllm:latest
    nodes: 2

# That is all.
";

fn file() -> String {
    FILE.replace("version_note: |\n", "")
}

fn recipe(id: &str) -> Recipe {
    let found = read(&file()).unwrap();
    let wanted = |f: &&Found| f.recipe.id.as_str() == id;
    found.iter().find(wanted).unwrap().recipe.clone()
}

fn ids(text: &str) -> Vec<String> {
    let found = read(text).unwrap();
    found.iter().map(|f| f.recipe.id.to_string()).collect()
}

#[test]
fn a_changed_recipe_keeps_the_comments_of_what_stays() {
    let mut small = recipe("small");
    small.flags = vec!["--max-model-len=4096".into(), "--max-num-seqs=4".into()];
    small.nodes = 2;
    small.title = Some("Small: fast".into());
    let made = put(&file(), &small).unwrap();
    let expected = file()
        .replace(
            "      # Two people use it.\n      - --max-num-seqs=2",
            "      - --max-num-seqs=4",
        )
        .replace(
            "while we look\n",
            "while we look\n    title: 'Small: fast'\n    nodes: 2\n",
        );
    assert_eq!(made, expected);
}

#[test]
fn a_field_that_goes_back_to_its_default_goes() {
    let mut large = recipe("large");
    large.nodes = 1;
    let made = put(&file(), &large).unwrap();
    assert_eq!(made, file().replace("    nodes: 2\n", ""));
}

#[test]
fn a_recipe_that_did_not_change_leaves_the_file_as_it_is() {
    assert_eq!(put(&file(), &recipe("small")).unwrap(), file());
}

#[test]
fn a_new_recipe_comes_last_and_before_the_closing_comment() {
    let mut new = recipe("large");
    new.id = RecipeId::new("new").unwrap();
    new.flags = vec!["--speculative-config={\"method\":\"mtp\"}".into()];
    new.allow = vec!["--trust-remote-code".into()];
    let made = put(&file(), &new).unwrap();
    let entry = "
  - id: new
    repo: Org/Large
    image: eugr/spark-vllm:latest
    nodes: 2
    flags:
      - '--speculative-config={\"method\":\"mtp\"}'
    allow:
      - --trust-remote-code
";
    assert_eq!(
        made,
        file().replace("    nodes: 2\n", &format!("    nodes: 2\n{entry}"))
    );
    assert_eq!(remove(&made, &[new.id]).unwrap(), file());
}

#[test]
fn an_empty_file_is_begun() {
    let small = recipe("small");
    for text in [
        "",
        "\n\n",
        "# nothing yet\n",
        "recipes:\n",
        "# a\nrecipes: []\n# b\n",
    ] {
        let made = put(text, &small).unwrap();
        assert_eq!(ids(&made), ["small"], "{text:?}");
        for comment in text.lines().filter(|l| l.starts_with('#')) {
            assert!(made.contains(comment), "{made}");
        }
    }
}

#[test]
fn entries_in_other_styles_are_written_anew() {
    let small = recipe("small");
    for text in [
        "recipes:\n  - {id: small, repo: Org/Small, image: x}\n  - id: b\n    repo: O/B\n    image: x\n",
        "recipes:\n-\n  id: small\n  repo: Org/Small\n  image: x\n- {id: b, repo: O/B, image: x}\n",
        "# top\n{\"recipes\":[{\"id\":\"small\",\"repo\":\"Org/Small\",\"image\":\"x\"},{\"id\":\"b\",\"repo\":\"O/B\",\"image\":\"x\"}]}",
    ] {
        let made = put(text, &small).unwrap();
        assert_eq!(ids(&made), ["small", "b"], "{made}");
        assert_eq!(text.starts_with("# top"), made.starts_with("# top"));
    }
}

#[test]
fn a_broken_file_is_not_changed() {
    for text in [
        "recipes: {",
        "recipes:\n  - id: small\n    imag: x\n",
        "other: 1\n",
    ] {
        let refused = put(text, &recipe("small"));
        assert!(matches!(refused, Err(EditError::Broken(_))), "{refused:?}");
        let refused = remove(text, &[RecipeId::new("small").unwrap()]);
        assert!(matches!(refused, Err(EditError::Broken(_))), "{refused:?}");
    }
}

#[test]
fn removing_leaves_the_others_and_all_comments() {
    let made = remove(&file(), &[RecipeId::new("small").unwrap()]).unwrap();
    assert_eq!(ids(&made), ["large"]);
    for comment in [
        "# Our recipes.",
        "# by hand",
        "# The large one.",
        "# That is all.",
    ] {
        assert!(made.contains(comment), "{made}");
    }
    let both = [
        RecipeId::new("small").unwrap(),
        RecipeId::new("large").unwrap(),
    ];
    assert_eq!(ids(&remove(&file(), &both).unwrap()), [] as [&str; 0]);
}

proptest! {
    /// Whatever the texts of a recipe are, the file says them, and the other entry stays as it was.
    #[test]
    fn what_is_put_is_what_is_read(
        title in "\\PC{0,40}", notes in "(?s).{0,60}", flag in "--[a-z-]{1,12}=[ -~]{0,30}",
        value in "[ -~]{0,20}", nodes in 1u32..4, again in any::<bool>()
    ) {
        let mut small = recipe(if again { "small" } else { "large" });
        small.title = Some(title);
        small.notes = Some(notes.replace('\0', ""));
        small.flags.push(flag);
        small.nodes = nodes;
        small.env.insert("X".into(), value);
        // What YAML itself cannot hold is refused, never written wrong.
        if let Ok(made) = put(&file(), &small) {
            let found = read(&made).unwrap();
            prop_assert!(found.iter().any(|f| f.recipe == small));
            prop_assert!(made.contains("# That is all."));
            prop_assert_eq!(found.len(), 2);
        }
    }
}
