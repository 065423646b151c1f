//! Do vectors mean anything? Texts that are alike must point more alike than texts that are not.

use serde_json::Value;

use super::{Reply, Verdict, shown};

/// Two texts that say the same, and one about something else; in this order.
pub(super) const TEXTS: [&str; 3] = [
    "A cat is sleeping on the warm sofa.",
    "The cat sleeps on a warm sofa.",
    "Stock prices fell sharply after the bank raised interest rates.",
];

/// Judges the vectors of [`TEXTS`]; `expected` is their length at an earlier probe of the same model.
pub(super) fn judge(reply: &Reply<'_>, expected: Option<usize>) -> Verdict {
    let vectors = match read(reply.body) {
        Ok(vectors) => vectors,
        Err(error) => return Verdict::wrong(error),
    };
    let [first, alike, other] = vectors;
    let dimensions = first.len();
    if alike.len() != dimensions || other.len() != dimensions {
        return Verdict::wrong("its vectors differ in length");
    }
    if let Some(before) = expected.filter(|n| *n != dimensions) {
        return Verdict::wrong(format!(
            "its vectors have {dimensions} numbers, before they had {before}"
        ));
    }
    let (Some(near), Some(far)) = (cosine(&first, &alike), cosine(&first, &other)) else {
        return Verdict::wrong("its vectors are all zero, or not numbers");
    };
    let figures = format!("{near:.2} for like texts, {far:.2} for unlike ones");
    if near > far {
        Verdict::Right(format!("{dimensions} dimensions; {figures}"))
    } else {
        Verdict::wrong(format!("its vectors do not tell texts apart: {figures}"))
    }
}

/// Length of the vectors of an answer.
pub(super) fn dimensions(body: &[u8]) -> Option<usize> {
    read(body).ok().map(|[first, ..]| first.len())
}

/// The three vectors, in the order of their `index`.
fn read(body: &[u8]) -> Result<[Vec<f64>; 3], String> {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let rows = value["data"].as_array();
    let rows = rows.ok_or_else(|| format!("no vectors in its answer: {}", shown(body)))?;
    let mut found: [Option<Vec<f64>>; 3] = [None, None, None];
    for (place, row) in rows.iter().enumerate() {
        let index = row["index"].as_u64().and_then(|i| usize::try_from(i).ok());
        let numbers = row["embedding"].as_array().into_iter().flatten();
        let vector: Vec<f64> = numbers.map(|n| n.as_f64().unwrap_or(f64::NAN)).collect();
        if let Some(slot) = found.get_mut(index.unwrap_or(place)) {
            *slot = Some(vector).filter(|v| !v.is_empty());
        }
    }
    match found {
        [Some(a), Some(b), Some(c)] => Ok([a, b, c]),
        _ => Err(format!("{} of 3 vectors came back", rows.len().min(3))),
    }
}

/// `None` when a vector has no direction.
fn cosine(a: &[f64], b: &[f64]) -> Option<f64> {
    let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    let norms = dot(a, a).sqrt() * dot(b, b).sqrt();
    let cosine = dot(a, b) / norms;
    (norms > 0.0 && cosine.is_finite()).then_some(cosine)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn verdict(vectors: &[&[f64]], expected: Option<usize>) -> Verdict {
        let data: Vec<Value> = vectors
            .iter()
            .enumerate()
            .map(|(i, v)| json!({"index": i, "embedding": v}))
            .collect();
        let body = json!({ "data": data }).to_string();
        judge(&Reply::ok(body.as_bytes()), expected)
    }

    #[test]
    fn like_texts_must_be_nearer_than_unlike_ones() {
        let (a, near, far) = ([1.0, 0.1], [0.9, 0.2], [-0.3, 1.0]);
        assert!(matches!(
            verdict(&[&a, &near, &far], None),
            Verdict::Right(_)
        ));
        assert!(matches!(
            verdict(&[&a, &near, &far], Some(2)),
            Verdict::Right(_)
        ));
        for (vectors, expected) in [
            (vec![&a[..], &far, &near], None),
            (vec![&a[..], &a, &a], None),
            (vec![&[0.0, 0.0][..], &near, &far], None),
            (vec![&a[..], &near], None),
            (vec![&a[..], &near, &[1.0]], None),
            (vec![&a[..], &near, &far], Some(1024)),
        ] {
            let verdict = verdict(&vectors, expected);
            assert!(
                matches!(verdict, Verdict::Wrong { .. }),
                "{vectors:?}: {verdict:?}"
            );
        }
    }

    #[test]
    fn rows_are_taken_by_their_index() {
        let body = json!({"data": [
            {"index": 2, "embedding": [0.0, 1.0]}, {"index": 0, "embedding": [1.0, 0.0]},
            {"index": 1, "embedding": [1.0, 0.2]},
        ]});
        let text = body.to_string();
        assert!(matches!(
            judge(&Reply::ok(text.as_bytes()), None),
            Verdict::Right(_)
        ));
        assert_eq!(dimensions(text.as_bytes()), Some(2));
    }

    #[test]
    fn what_is_no_list_of_vectors_is_told() {
        for body in [
            "",
            "{}",
            "<html>",
            r#"{"data": [{"embedding": "AACAPw=="}, 1, 2]}"#,
        ] {
            let verdict = judge(&Reply::ok(body.as_bytes()), None);
            assert!(
                matches!(verdict, Verdict::Wrong { .. }),
                "{body}: {verdict:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn cosines_lie_between_minus_one_and_one_and_ignore_length(
            a in prop::collection::vec(-9.0..9.0_f64, 4), b in prop::collection::vec(-9.0..9.0_f64, 4), k in 0.1..50.0_f64
        ) {
            if let Some(c) = cosine(&a, &b) {
                prop_assert!((-1.000_001..=1.000_001).contains(&c));
                let longer: Vec<f64> = a.iter().map(|x| x * k).collect();
                prop_assert!((cosine(&longer, &b).unwrap() - c).abs() < 1e-6);
            }
        }
    }
}
