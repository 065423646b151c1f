//! How alike texts are, for the simulated embedding and rerank models.
//!
//! A text is a bag of words in a space whose axes are named by hashes. Words with the same stem or of the same
//! small family share axes, and so do parts of words, so that like texts point the same way. Little words
//! count little.

use sha2::{Digest as _, Sha256};

/// Words that say nothing about a subject.
const LITTLE: [&str; 30] = [
    "a", "an", "and", "are", "as", "at", "be", "by", "do", "for", "from", "how", "in", "is", "it",
    "its", "of", "on", "or", "that", "the", "this", "to", "was", "what", "which", "who", "will",
    "with", "you",
];

/// Words that mean nearly the same.
const FAMILIES: [&[&str]; 12] = [
    &["cat", "kitten", "feline", "kitty"],
    &["dog", "puppy", "hound"],
    &["sofa", "couch", "settee"],
    &["sleep", "nap", "doze", "rest", "slumber", "asleep"],
    &["car", "automobile", "vehicle"],
    &["quick", "fast", "rapid"],
    &["movie", "film"],
    &["awesome", "great", "wonderful"],
    &["stock", "share", "market", "finance", "revenue", "bank"],
    &["rain", "weather", "storm", "sunny"],
    &["sit", "lie", "rest"],
    &["buy", "purchase"],
];

/// A vector of unit length with `length` numbers; of length 0 for a text without words.
pub(crate) fn vector(text: &str, length: usize) -> Vec<f64> {
    let mut vector = vec![0.0; length];
    for word in words(text) {
        let weight = if LITTLE.contains(&word.as_str()) {
            0.15
        } else {
            1.0
        };
        add(&mut vector, stem(&word), weight);
        let family = FAMILIES.iter().find(|family| family.contains(&stem(&word)));
        if let Some([name, ..]) = family {
            add(&mut vector, &format!("family {name}"), 1.5);
        }
        for piece in word.as_bytes().windows(3) {
            add(&mut vector, &format!("piece {piece:?}"), weight * 0.2);
        }
    }
    unit(vector)
}

/// `vector` scaled to length 1.
pub(crate) fn unit(mut vector: Vec<f64>) -> Vec<f64> {
    let norm = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
    if norm > 0.0 {
        for x in &mut vector {
            *x /= norm;
        }
    }
    vector
}

/// How well `document` answers `query`, between 0 and 1.
pub(crate) fn relevance(query: &str, document: &str) -> f64 {
    let cosine = cosine(&vector(query, 512), &vector(document, 512));
    // A cross-encoder is decided: little in common is nearly 0, much is nearly 1.
    1.0 / (1.0 + (-12.0 * (cosine - 0.35)).exp())
}

/// The cosine of two unit vectors.
pub(crate) fn cosine(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn words(text: &str) -> impl Iterator<Item = String> {
    let lower = text.to_lowercase();
    let words: Vec<String> = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    words.into_iter()
}

/// The word without its commonest endings.
fn stem(word: &str) -> &str {
    ["ing", "es", "ed", "s"]
        .iter()
        .find_map(|ending| word.strip_suffix(ending).filter(|stem| stem.len() > 2))
        .unwrap_or(word)
}

/// Adds a feature at the places that its hash names.
fn add(vector: &mut [f64], feature: &str, weight: f64) {
    let length = vector.len();
    for pair in Sha256::digest(feature).as_slice().chunks_exact(3).take(6) {
        let place = usize::from(pair[0]) << 8 | usize::from(pair[1]);
        let sign = if pair[2].is_multiple_of(2) { 1.0 } else { -1.0 };
        if let Some(number) = vector.get_mut(place % length.max(1)) {
            *number += sign * weight;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alike(a: &str, b: &str) -> f64 {
        cosine(&vector(a, 1024), &vector(b, 1024))
    }

    #[test]
    fn like_texts_point_the_same_way() {
        assert!((alike("a cat sleeps", "a cat sleeps") - 1.0).abs() < 1e-9);
        for (a, near, far) in [
            ("a cat sleeps", "the cat slept", "stock market news"),
            (
                "A cat sleeps on the sofa.",
                "A kitten is napping on the couch.",
                "The central bank raised interest rates.",
            ),
            (
                "The new movie is awesome",
                "The new movie is so great",
                "The dog plays in the garden",
            ),
        ] {
            assert!(alike(a, near) > alike(a, far) + 0.1, "{a}");
        }
        assert!(vector("", 16).iter().all(|x| x.abs() < 1e-12));
    }

    #[test]
    fn the_answering_document_is_the_relevant_one() {
        let query = "What is the capital of France?";
        let right = relevance(query, "The capital of France is Paris.");
        for wrong in [
            "The Eiffel tower is made of iron.",
            "Bananas are yellow.",
            "The capital of Brazil is Brasilia.",
        ] {
            assert!(right > relevance(query, wrong), "{wrong}");
        }
        assert!(right > 0.8 && relevance(query, "Bananas are yellow.") < 0.1);
    }
}
