//! Vectors and scores as embedding and rerank servers give them, well or with a fault.

use serde_json::{Value, json};

use crate::engine::EngineFault;
use crate::likeness;

/// The vectors of `texts` from a model with `length` numbers, cut to `wanted` of them.
pub(crate) fn of(
    fault: Option<&EngineFault>,
    texts: &[String],
    length: usize,
    wanted: usize,
) -> Vec<Vec<f64>> {
    let (length, wanted) = match fault {
        Some(EngineFault::WrongDimension) => (length / 2, wanted / 2),
        _ => (length, wanted),
    };
    let one = |text: &String| match fault {
        Some(EngineFault::Empty) => vec![0.0; wanted],
        // Every text is the same to a broken kernel.
        Some(EngineFault::Garbage) => likeness::vector("▁", wanted),
        _ => {
            let mut vector = likeness::vector(text, length);
            vector.truncate(wanted);
            likeness::unit(vector)
        }
    };
    texts.iter().map(one).collect()
}

/// `data` of `OpenAI`'s answer.
pub(crate) fn list(vectors: &[Vec<f64>], as_base64: bool) -> Vec<Value> {
    let entry = |(index, vector): (usize, &Vec<f64>)| {
        let embedding = if as_base64 {
            json!(base64(&floats(vector)))
        } else {
            json!(vector)
        };
        json!({"object": "embedding", "index": index, "embedding": embedding})
    };
    vectors.iter().enumerate().map(entry).collect()
}

/// Index and score of every document, the best first.
pub(crate) fn ranked(
    fault: Option<&EngineFault>,
    query: &str,
    documents: &[String],
) -> Vec<(usize, f64)> {
    let score = |document: &String| match fault {
        Some(EngineFault::Garbage) => 1.0 - likeness::relevance(query, document),
        Some(EngineFault::Empty) => 0.0,
        _ => likeness::relevance(query, document),
    };
    let mut ranked: Vec<(usize, f64)> = documents.iter().map(score).enumerate().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    ranked
}

/// The numbers as little-endian `f32`.
#[expect(clippy::cast_possible_truncation, reason = "the wire has f32")]
fn floats(vector: &[f64]) -> Vec<u8> {
    vector
        .iter()
        .flat_map(|x| (*x as f32).to_le_bytes())
        .collect()
}

/// Base64 in the standard alphabet, padded.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let index = bits >> (18 - 6 * place) & 63;
            let letter = ALPHABET.get(index as usize).copied().unwrap_or(b'=');
            let there = place <= group.len();
            out.push(char::from(if there { letter } else { b'=' }));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_little_endian_f32() {
        assert_eq!(base64(&floats(&[1.0, -0.5, 0.25])), "AACAPwAAAL8AAIA+");
        assert_eq!(
            (base64(b"M"), base64(b"Ma")),
            ("TQ==".to_owned(), "TWE=".to_owned())
        );
    }

    #[test]
    fn a_cut_vector_is_of_unit_length_again() {
        let texts = ["a cat sleeps".to_owned()];
        let vector = &of(None, &texts, 1024, 256)[0];
        let norm: f64 = vector.iter().map(|x| x * x).sum();
        assert!(vector.len() == 256 && (norm - 1.0).abs() < 1e-9);
    }

    #[test]
    fn faults_show_in_vectors_and_scores() {
        let texts = ["a cat".to_owned(), "stock market".to_owned()];
        let with = |fault: EngineFault| of(Some(&fault), &texts, 64, 64);
        assert_eq!(with(EngineFault::WrongDimension)[0].len(), 32);
        assert!(with(EngineFault::Empty)[0].iter().all(|x| x.abs() < 1e-12));
        let garbage = with(EngineFault::Garbage);
        assert_eq!(garbage[0], garbage[1]);
        let best = |fault: Option<EngineFault>| ranked(fault.as_ref(), "cats", &texts)[0].0;
        assert_eq!((best(None), best(Some(EngineFault::Garbage))), (0, 1));
    }
}
