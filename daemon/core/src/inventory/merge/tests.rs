//! The menu's states, each the first that applies.

use spark_ipc::model::unit::Unit;

use super::*;
use crate::plan::tests::world::{TOTAL, disk_model, id, measured, run_unit, world};

fn state_of(
    first: Option<DiskState>,
    second: Option<DiskState>,
    recipes: &str,
    units: &[Unit],
    starting: bool,
) -> ModelState {
    let copy = |state: Option<DiskState>| -> Vec<DiskModel> {
        state
            .map(|state| DiskModel {
                state,
                ..disk_model("Org/Other")
            })
            .into_iter()
            .collect()
    };
    let (one, two) = (copy(first), copy(second));
    let (id1, id2) = (id(1), id(2));
    let list = |node, models| NodeList {
        node,
        models,
        total_bytes: Some(TOTAL),
    };
    let repo = [RepoId::new("Org/Other").unwrap()];
    let menu = merge(&MergeInput {
        nodes: &[list(&id1, &one), list(&id2, &two)],
        nodes_available: 2,
        catalog: &Catalog::load(recipes, None, None),
        units,
        starting: if starting { &repo } else { &[] },
        measured: &[],
        observed_at: None,
    });
    menu.models[0].state
}

const SOLO: &str = "recipes: [{id: r, repo: Org/Other, image: x}]";
const DUO: &str = "recipes: [{id: r, repo: Org/Other, image: x, nodes: 2}]";

#[test]
fn disks_and_recipes_decide_the_state() {
    use DiskState::{Complete, Downloading, NoWeights, Partial};
    let cases = [
        (Some(Complete), None, SOLO, ModelState::Ready),
        (Some(Complete), None, DUO, ModelState::Partial),
        (
            Some(Complete),
            Some(Downloading),
            DUO,
            ModelState::Downloading,
        ),
        (Some(Complete), Some(Complete), DUO, ModelState::Ready),
        (Some(Complete), Some(Partial), "", ModelState::NeedsSetup),
        (Some(Partial), None, SOLO, ModelState::Partial),
        (
            Some(Partial),
            Some(Downloading),
            "",
            ModelState::Downloading,
        ),
        (Some(NoWeights), None, SOLO, ModelState::NoWeights),
        (Some(DiskState::Empty), None, SOLO, ModelState::NoWeights),
    ];
    for (first, second, recipes, expected) in cases {
        assert_eq!(
            state_of(first, second, recipes, &[], false),
            expected,
            "{first:?} {second:?} {recipes}"
        );
    }
}

#[test]
fn units_and_operations_win_over_the_disk() {
    let mut world = world();
    run_unit(&mut world, "main", &[1], 1);
    let complete = Some(DiskState::Complete);
    assert_eq!(
        state_of(complete, None, SOLO, &world.units, false),
        ModelState::Running
    );
    world.units[0].state = UnitState::Unknown;
    assert_eq!(
        state_of(complete, None, SOLO, &world.units, false),
        ModelState::Running,
        "it answered, and its node cannot be reached"
    );
    world.units[0].ready_at = None;
    assert_eq!(
        state_of(complete, None, SOLO, &world.units, false),
        ModelState::Ready
    );
    world.units[0].state = UnitState::Loading;
    assert_eq!(
        state_of(complete, None, SOLO, &world.units, false),
        ModelState::Loading
    );
    assert_eq!(
        state_of(complete, None, SOLO, &[], true),
        ModelState::Loading
    );
    world.units[0].state = UnitState::Failed;
    assert_eq!(
        state_of(complete, None, SOLO, &world.units, false),
        ModelState::Ready
    );
}

#[test]
fn a_line_tells_all_nodes_recipes_and_launches() {
    let mut world = world();
    run_unit(&mut world, "main", &[2], 1);
    let (one, two) = (id(1), id(2));
    let mut small = disk_model("Org/Model-8B");
    small.size_bytes = 1;
    let (first, second) = (
        [small],
        [disk_model("Org/Model-8B"), disk_model("Org/Other")],
    );
    let list = |node, models| NodeList {
        node,
        models,
        total_bytes: Some(TOTAL),
    };
    let menu = merge(&MergeInput {
        nodes: &[list(&one, &first), list(&two, &second)],
        nodes_available: 2,
        catalog: &world.catalog,
        units: &world.units,
        starting: &[],
        measured: &[measured("Org/Model-8B", "solo", 30.0, None)],
        observed_at: None,
    });
    let [model, other] = menu.models.as_slice() else {
        panic!("{menu:?}")
    };
    assert_eq!(model.nodes.len(), 2);
    assert_eq!(model.size_bytes, 16 << 30);
    assert_eq!(model.recipe.as_ref().unwrap().as_str(), "solo");
    let others: Vec<&str> = model.alternatives.iter().map(AsRef::as_ref).collect();
    assert_eq!(others, ["duo", "ray"]);
    assert_eq!(model.parameters, Some(8_000_000_000));
    assert_eq!(model.fit.verdict, FitVerdict::Fits);
    assert_eq!(model.last_loaded.as_ref().unwrap().load_s.to_string(), "30");
    assert_eq!(other.running_on, [id(2)]);
}

#[test]
fn without_a_recipe_a_large_model_is_judged_for_two_nodes() {
    let large = [DiskModel {
        weight_bytes: 150 << 30,
        ..disk_model("Org/Large")
    }];
    let (one, two) = (id(1), id(2));
    let list = |node, models| NodeList {
        node,
        models,
        total_bytes: Some(TOTAL),
    };
    let menu = merge(&MergeInput {
        nodes: &[list(&one, &large), list(&two, &[])],
        nodes_available: 2,
        catalog: &Catalog::default(),
        units: &[],
        starting: &[],
        measured: &[],
        observed_at: None,
    });
    let fit = &menu.models[0].fit;
    assert_eq!((fit.nodes, fit.verdict), (2, FitVerdict::Fits));
}
