//! Does a reranker put the right document first?

use serde_json::Value;

use super::{Reply, Verdict, shown};

pub(super) const QUERY: &str = "Which city is the capital of France?";
/// The right one is neither first nor last, so that an order that was merely kept does not pass.
pub(super) const DOCUMENTS: [&str; 3] = [
    "Bananas are rich in potassium.",
    "Paris is the capital of France.",
    "The train to the coast was late again.",
];
const RIGHT: u64 = 1;

/// Judges the ranking of [`DOCUMENTS`]: `results`, or a bare list as text-embeddings-inference gives it.
pub(super) fn judge(reply: &Reply<'_>) -> Verdict {
    let value: Value = serde_json::from_slice(reply.body).unwrap_or_default();
    let rows = [&value["results"], &value["data"], &value];
    let Some(rows) = rows.iter().find_map(|v| v.as_array()) else {
        return Verdict::wrong(format!("no ranking in its answer: {}", shown(reply.body)));
    };
    let scored: Vec<(u64, f64)> = rows.iter().filter_map(scored).collect();
    if scored.len() != DOCUMENTS.len() {
        let text = format!(
            "{} of {} documents have a score",
            scored.len(),
            DOCUMENTS.len()
        );
        return Verdict::wrong(text);
    }
    let score = |right: bool| {
        let scores = scored
            .iter()
            .filter(|(index, _)| (*index == RIGHT) == right);
        scores
            .map(|(_, score)| *score)
            .fold(f64::NEG_INFINITY, f64::max)
    };
    let (right, best_wrong) = (score(true), score(false));
    let figures = format!("{right:.3} for the right document, {best_wrong:.3} for the best other");
    if right > best_wrong {
        Verdict::Right(figures)
    } else {
        Verdict::wrong(format!("it ranks a wrong document first: {figures}"))
    }
}

fn scored(row: &Value) -> Option<(u64, f64)> {
    let score = ["relevance_score", "score"];
    let score = score.iter().find_map(|field| row[*field].as_f64())?;
    Some((row["index"].as_u64()?, score))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(body: &str) -> Verdict {
        judge(&Reply::ok(body.as_bytes()))
    }

    #[test]
    fn the_right_document_must_have_the_best_score() {
        for body in [
            r#"{"results": [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1}, {"index": 2, "relevance_score": 0.2}]}"#,
            r#"[{"index": 0, "score": -3.0}, {"index": 1, "score": 2.5}, {"index": 2, "score": -9.0}]"#,
            r#"{"data": [{"index": 0, "score": 0.0}, {"index": 1, "score": 1.0}, {"index": 2, "score": 0.5}]}"#,
        ] {
            assert!(matches!(verdict(body), Verdict::Right(_)), "{body}");
        }
        for body in [
            r#"{"results": [{"index": 0, "relevance_score": 0.9}, {"index": 1, "relevance_score": 0.1}, {"index": 2, "relevance_score": 0.2}]}"#,
            r#"{"results": [{"index": 0, "relevance_score": 0.5}, {"index": 1, "relevance_score": 0.5}, {"index": 2, "relevance_score": 0.5}]}"#,
            r#"{"results": [{"index": 1, "relevance_score": 0.9}]}"#,
            r#"{"results": []}"#,
            "{}",
            "",
        ] {
            assert!(matches!(verdict(body), Verdict::Wrong { .. }), "{body}");
        }
    }
}
